"""
What an open file and an open directory have in common: a descriptor, its mount, and threads that may be using it.

What is read or written is not known here.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.changes import effort, wanted
from conchsftp.files.attributes.settable import Effort
from conchsftp.files.attributes.stat import of_stat
from conchsftp.sftp.attributes import Attributes
from conchsftp.workers import Mount, Workers, shield

R = TypeVar("R")
T = TypeVar("T")


class Descriptor:
    """
    An open descriptor. Used on the reactor's thread only.

    Args:
        descriptor: taken over.
        mount: where it is.
    """

    def __init__(self, descriptor: int, mount: Mount, workers: Workers, accounts: Accounts) -> None:
        self._fd = descriptor
        self._mount = mount
        self._workers = workers
        self._accounts = accounts
        self._working = 0
        self._closed: Deferred[None] | None = None

    def stat(self) -> "Attributes | Deferred[Attributes]":
        status = self._call(os.fstat, self._fd)
        return status.addCallback(self._attributes) if status.__class__ is Deferred else self._attributes(status)

    def set_attributes(self, attributes: Attributes) -> "None | Deferred[None]":
        takes = effort(attributes)
        if takes is Effort.LONG:
            return shield(self._use(self._workers.scans.run(_change, self._fd, attributes, self._accounts)))
        mount = self._accounts.mount if takes else self._mount
        return self._workers.call(mount, _change, self._fd, attributes, self._accounts, run=self._run)

    def close(self) -> "None | Deferred[None]":
        """Release the descriptor: not before every thread that uses it is done, or it would read another file."""
        if self._working:
            self._closed = Deferred()
            return self._closed
        return self._release()

    @property
    def closing(self) -> bool:
        """Whether close() has been called."""
        return self._closed is not None or self._fd < 0

    def _release(self) -> "None | Deferred[None]":
        descriptor, self._fd = self._fd, -1
        return self._workers.call(self._mount, self._close_now, descriptor)

    def _close_now(self, descriptor: int) -> None:
        """Close. A blocking call: writes to a file server may be held back until now."""
        os.close(descriptor)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Make a blocking call, where its mount says."""
        return self._workers.call(self._mount, function, *args, run=self._run)

    def _run(self, function: Callable[..., R], *args: Any) -> "Deferred[R]":
        """Make a blocking call in a thread."""
        return shield(self._use(self._workers.thread(function, *args)))

    def _use(self, work: "Deferred[R]") -> "Deferred[R]":
        """Stay open until a thread is done."""
        self._working += 1
        return work.addBoth(self._worked)

    def _worked(self, result: R) -> R:
        self._working -= 1
        if self._closed is not None and not self._working:
            closed, self._closed = self._closed, None
            maybeDeferred(self._release).chainDeferred(closed)  # type: ignore[arg-type]
        return result

    def _attributes(self, status: os.stat_result) -> Attributes:
        return of_stat(status, *self._accounts.names())


def then(result: "T | Deferred[T]", function: Callable[[T], Any]) -> Any:
    """Go on with a result, now or when it comes."""
    return result.addCallback(function) if isinstance(result, Deferred) else function(result)


def _change(descriptor: int, attributes: Attributes, accounts: Accounts) -> None:
    wanted(attributes, accounts).apply_to(descriptor)
