"""
Replies that others overtake: those to requests that take long.
"""

from twisted.internet.defer import Deferred

from conchsftp.events import ExtendedRequest
from tests.session.support import FSTAT, LSTAT, STAT, extension, numbers, opening, request, string, u64
from tests.session.test_subsystem_order import OrderCase
from tests.session.versions import in_versions


@in_versions()
class OvertakingTests(OrderCase):
    """Replies to what takes long are overtaken by those to what was asked after it."""

    def setUp(self) -> None:
        super().setUp()
        self.files.put("/home/b", b"")
        self.slow("file.copy_to", "lstat")
        self.source, self.target = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=2))

    def copying(self, number: int) -> bytes:
        """Lay out copy-data."""
        return extension(b"copy-data", number, string(self.source), u64(0), u64(0), string(self.target), u64(0))

    def test_overtaken(self) -> None:
        """What is about other files is answered meanwhile, in its own order; what is about these waits."""
        self.session.feed(
            self.copying(1),
            request(STAT, 2, string(b"/")),
            request(LSTAT, 3, string(b"/")),
            request(STAT, 4, string(b"/")),
            request(FSTAT, 5, string(self.target)),
        )
        self.assertEqual((self.gate.held, numbers(self.session.replies())), (["file.copy_to", "lstat"], [2]))
        self.gate.release(1)
        self.assertEqual(numbers(self.session.replies()), [3, 4])
        self.gate.release()
        copied, size = self.session.replies()
        self.assertEqual((numbers([copied, size]), self.size(size)), ([1, 5], 10))

    def test_not_held_up(self) -> None:
        """It waits for no other reply either, and when it is done at once it keeps its place."""
        self.session.feed(self.copying(1), request(LSTAT, 2, string(b"/")))
        self.gate.release()
        self.assertEqual(numbers(self.session.replies()), [1])
        self.gate.release()
        self.assertEqual(numbers(self.session.replies()), [2])
        self.gate.names = {"lstat"}
        self.session.feed(self.copying(3), request(STAT, 4, string(b"/")), self.copying(5))
        self.assertEqual(numbers(self.session.replies()), [3, 4, 5])
        self.session.feed(request(LSTAT, 6, string(b"/")), self.copying(7))
        self.assertEqual(numbers(self.session.replies()), [7])
        self.gate.release()
        self.assertEqual(numbers(self.session.replies()), [6])

    def test_own_order(self) -> None:
        """What takes long keeps its order among its kind: WinSCP asks for the hashes of several files at once."""
        self.files.put("/home/c", b"c")
        copy = extension(b"copy-file", 2, string(b"/home/c"), string(b"/home/d"), b"\0")
        self.gate.names = {"file.copy_to"}
        self.session.feed(self.copying(1))
        self.gate.names = set()
        self.session.feed(copy, request(STAT, 3, string(b"/")))
        self.assertEqual(numbers(self.session.replies()), [3])
        self.gate.release()
        self.assertEqual(numbers(self.session.replies()), [1, 2])

    def test_end_of_input(self) -> None:
        """The channel does not end before its reply."""
        self.session.feed(self.copying(1))
        self.session.subsystem.end_of_input()
        self.assertTrue(self.session.subsystem.busy)
        self.assertFalse(self.session.channel.ended)
        self.gate.release()
        self.assertEqual(numbers(self.session.replies()), [1])
        self.assertTrue(self.session.channel.ended)

    def test_lost(self) -> None:
        """When the session ends meanwhile, everything is closed behind it, and nothing is left."""
        self.session.feed(self.copying(1), request(FSTAT, 2, string(self.target)))
        self.session.lose()
        self.gate.release_all()
        self.assertEqual(self.gate.closed, 2)
        self.assertFalse(self.session.subsystem.busy)

    def test_waited_for(self) -> None:
        """Who waits until a lost session has done with everything waits for it, too."""
        deciding: Deferred[None] = Deferred()
        self.session.events.on(ExtendedRequest, lambda event: deciding if event.before_exec else None)
        self.session.feed(extension(b"copy-file", 1, string(b"/home/c"), string(b"/home/d"), b"\0"))
        self.session.lose()
        over = self.session.events.pending.over()
        self.assertNoResult(over)
        deciding.callback(None)
        self.successResultOf(over)

    def test_bounded(self) -> None:
        """It counts as all that is under way."""
        self.session.settings.set("MaxBytesInFlight", 2**19)
        self.session.feed(*(self.copying(number) for number in range(200)))
        before = self.session.channel.credited
        self.assertEqual(self.session.subsystem._in_flight, 2**19)
        self.gate.names = set()
        self.gate.release_all()
        self.assertEqual(sorted(numbers(self.session.replies())), list(range(200)))
        self.assertEqual(self.session.channel.credited, self.session.fed)
        self.assertLess(before, self.session.fed)
