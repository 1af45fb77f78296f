"""
Threads for calls that may last as long as a person takes.

The reactor's pool is for short ones: a few that wait for somebody to type would leave none for reading files.
"""

from collections.abc import Callable
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread
from twisted.python.failure import Failure


class OwnThreads:
    """
    A thread for each call. How many there are is up to who calls.

    Args:
        reactor: IReactorFromThreads, where results arrive.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call a function in a thread. The process does not wait for it at its end."""
        done: Deferred[Any] = Deferred()

        def work() -> None:
            result: Any
            try:
                result = function(*args)
            except BaseException:
                result = Failure()
            self._reactor.callFromThread(done.callback, result)

        Thread(target=work, name="conchsftp", daemon=True).start()
        return done

    def wait(self, function: Callable[..., Any], *args: Any) -> Any:
        """In such a thread: call a function in the reactor's, and wait for what its Deferred has."""
        return blockingCallFromThread(self._reactor, function, *args)
