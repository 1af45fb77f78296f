"""
Work in steps that can be stopped between two of them.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.interfaces import IStoppable
from conchsftp.sftp.statuses import Status


@implementer(IStoppable)
class Stoppable(Deferred[Any]):
    """
    The outcome of work that asks between its steps whether to go on.

    Args:
        work: called with this object, returns the coroutine that works.
    """

    def __init__(self, work: "Callable[[Stoppable], Coroutine[Any, Any, Any]]") -> None:
        super().__init__()
        self._stopped = False
        Deferred.fromCoroutine(work(self)).chainDeferred(self)

    def stop(self) -> None:
        self._stopped = True

    def cancel(self) -> None:
        """Fail at once; the work ends after its step."""
        self.stop()
        super().cancel()

    def go_on(self) -> None:
        """
        Return if the work is to go on.

        Raises:
            SFTPError: it was stopped.
        """
        if self._stopped:
            raise SFTPError(Status.FAILURE, "The session ended")
