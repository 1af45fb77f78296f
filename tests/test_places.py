"""
Places: sources have their turns.
"""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.places import Places


class PlacesTests(SynchronousTestCase):
    """Two places."""

    def setUp(self) -> None:
        self.places = Places(2)
        self.order: list[str] = []

    def ask(self, source: str, times: int = 1) -> list[object]:
        """Ask for places; who gets one is noted."""
        return [self.places.acquire(source).addCallback(lambda _: self.order.append(source)) for _ in range(times)]

    def test_limit(self) -> None:
        """There are as many as there are; the next one is there when one is given back."""
        self.ask("a", 3)
        self.assertEqual((self.order, len(self.places)), (["a", "a"], 1))
        self.places.release()
        self.assertEqual((self.order, len(self.places)), (["a", "a", "a"], 0))
        for _ in range(2):
            self.places.release()
        self.ask("a", 3)
        self.assertEqual((len(self.order), len(self.places)), (5, 1))

    def test_turns(self) -> None:
        """Who asks a thousand times waits for the last one; who asks once has the next turn."""
        self.ask("many", 1000)
        self.ask("one")
        self.ask("two", 2)
        del self.order[:]
        for _ in range(6):
            self.places.release()
        self.assertEqual(self.order, ["many", "one", "two", "many", "two", "many"])

    def test_cancelled(self) -> None:
        """Who gives up is asked no more, and leaves nothing behind."""
        self.ask("a", 2)
        waiting = self.places.acquire("a")
        other = self.places.acquire("b")
        for each in (waiting, other):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual((len(self.places), self.places._waiting), (0, {}))
        self.places.release()
        self.ask("b")
        self.assertEqual(self.order, ["a", "a", "b"])
