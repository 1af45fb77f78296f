"""
What is told of the end of a connection: the documented number and the text.
"""

from errno import ETIMEDOUT

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.ending import Ending, by_client, lost
from conchsftp.ssh.leaving import Leaving
from conchsftp.ssh.numbers import Reason


class EndingTests(SynchronousTestCase):
    """How it ended, by whom."""

    def test_by_client(self) -> None:
        """A client that says goodbye, as 11 or as 13, ends in order; any other reason is 10054."""
        for reason in (Reason.BY_APPLICATION, Reason.CANCELLED_BY_USER):
            self.assertEqual(by_client(reason, "bye"), Ending(0, "OK"))
        text = "the client disconnected, reason 2: 'oh'"
        self.assertEqual(by_client(Reason.PROTOCOL_ERROR, "oh"), Ending(10054, text))

    def test_first(self) -> None:
        """Who says first why a connection ends, has said it."""
        leaving = Leaving()
        leaving.end_as(10060, "silence")
        leaving.end_as(10053, "afterwards")
        self.assertEqual(leaving.ending, Ending(10060, "silence"))

    def test_lost(self) -> None:
        """The end of the stream is one in order; else the number of what the system says counts, or 10054."""
        for problem in (None, ConnectionDone()):
            self.assertEqual(lost(problem), Ending(0, "OK"))
        timed_out = lost(OSError(ETIMEDOUT, "Connection timed out"))
        self.assertEqual(timed_out, Ending(10060, "connection lost: Connection timed out"))
        self.assertEqual(lost(ConnectionLost()), Ending(10054, "connection lost"))
