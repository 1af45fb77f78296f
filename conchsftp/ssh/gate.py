"""
The gate between the socket and the messages of one connection: shut while an answer is computed or others are served.

While it is shut the socket is not read, and what comes all the same, from a transport that had it already, is kept.
Does not know who shuts it, nor what a message is.
"""

from conchsftp.ssh.outlet import Outlet

_REASON = "suspended"


class Gate:
    """
    Whether messages may be handled.

    Args:
        outlet: has the socket read, or not.

    Attributes:
        shut: whether they have to wait.
    """

    __slots__ = ("_early", "_outlet", "_times", "shut")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._early = bytearray()
        self._times = 0
        self.shut = False

    def close(self) -> None:
        """Let nothing through until `open()`; of several who shut it, each opens it."""
        self._times += 1
        self.shut = True
        self._outlet.read(False, _REASON)

    def open(self) -> None:
        """Let messages through again, if nobody else has it shut; what was kept is for the caller to fetch."""
        self._times -= 1
        self.shut = self._times > 0
        if not self.shut:
            self._outlet.read(True, _REASON)

    def keep(self, data: bytes | memoryview) -> None:
        """Keep what came too early, behind what is kept already."""
        self._early += data

    def fetch(self) -> bytes:
        """Return what was kept, once."""
        early = bytes(self._early)
        self._early.clear()
        return early
