"""
What checkers have in common that read files, or ask others, in threads.

Only where that happens, and how much of it at once; what is asked is up to each of them.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from conchsftp.errors import ServerError
from conchsftp.workers import FewThreads, IWorkers

R = TypeVar("R")


class ThreadedChecker:
    """
    A checker whose work is done in threads.

    Args:
        workers: where it runs; None: where the server says to which the checker is given.

    Attributes:
        log: that of the server.
        most_at_once: how many threads it uses at most; what is more than that waits.
    """

    log: Logger = Logger()
    most_at_once: int = 4

    def __init__(self, workers: IWorkers | None = None) -> None:
        self._threads = FewThreads(workers, self.most_at_once) if workers is not None else None

    def use(self, workers: IWorkers) -> None:
        """Let the work be done by these from now on; servers call it."""
        self._threads = FewThreads(workers, self.most_at_once)

    def in_thread(self, function: Callable[..., R], *args: Any, credentials: Any = None) -> "Deferred[R]":
        """
        Call a function in a thread.

        Args:
            credentials: what it is done for: who asks often waits longest.
        Raises:
            ServerError: nobody has said which threads there are.
        """
        if self._threads is None:
            raise ServerError(0, f"{type(self).__name__} needs workers, or an SFTPServer that it is given to")
        return self._threads.run(function, *args, source=asker(credentials), late=self._late)

    def _late(self, result: Any) -> None:
        if isinstance(result, Failure):
            self.log.failure("a login could not be checked", failure=result)


def asker(credentials: Any) -> Hashable:
    """Return where credentials come from, as far as that is known: each source has its turn in the threads."""
    attempt = getattr(credentials, "attempt", None)
    return attempt.source if attempt is not None else None
