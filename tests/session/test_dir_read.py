"""
DirRead: what handlers see of a listing, and make of it.
"""

from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.errors import SFTPError
from conchsftp.events import DirRead
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import CLOSE, NAME, OPENDIR, READDIR, HandlerCase, request, string, string_at
from tests.session.versions import in_versions


def visible(event: DirRead) -> None:
    """Hide what begins with a dot."""
    event.entries = [(name, attributes) for name, attributes in event.entries if not name.startswith(".")]


class DirReadCase(HandlerCase):
    """A session with a folder of three files, and handlers."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("one", ".two", "three"):
            self.files.put(f"/few/{name}", b"abc")

    def asked(self, handle: bytes) -> bytes:
        """Ask for names and return the reply, however many turns it takes."""
        replies = self.session.ask(request(READDIR, 3, string(handle)))
        while not replies:
            self.assertTrue(self.session.clock.getDelayedCalls())
            replies = self.session.next_turn()
        self.assertEqual(len(replies), 1)
        return replies[0]

    def list(self, path: bytes) -> list[list[bytes]]:
        """List a folder and return the names of each reply."""
        handle = self.opened(request(OPENDIR, 0, string(path)))
        replies = []
        while (reply := self.asked(handle))[0] == NAME:
            names, at = [], 9
            for _ in range(int.from_bytes(reply[5:9], "big")):
                name = string_at(reply, at)
                at += 4 + len(name)
                line = string_at(reply, at)
                at += 4 + len(line) + 32
                names.append(name)
            self.assertEqual(at, len(reply))
            replies.append(names)
        self.assert_status(reply, Status.EOF)
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.OK)
        return replies


@in_versions()
class SeenTests(DirReadCase):
    """What handlers see."""

    def test_portions(self) -> None:
        """The folder, what stands for it, names with attributes; the last portion is empty."""
        seen: list[Any] = []
        self.on(DirRead, lambda event: seen.append((event.path, event.handle, event.found, list(event.entries))))
        self.list(b"/few")
        self.assertEqual([each[:3] for each in seen], [("/few", seen[0][1], 5), ("/few", seen[0][1], 0)])
        self.assertEqual(sorted(name for name, _ in seen[0][3]), [".", "..", ".two", "one", "three"])
        self.assertEqual(dict(seen[0][3])["one"].size, 3)

    def test_once(self) -> None:
        """Names that did not fit into a reply come with the next one, and handlers are not told of them again."""
        for number in range(150):
            self.files.put(f"/long/{number:0250}", b"")
        found: list[int] = []
        self.on(DirRead, lambda event: found.append(event.found))
        replies = self.list(b"/long")
        self.assertEqual(sum(found), 152)
        self.assertEqual(sum(map(len, replies)), 152)
        self.assertGreater(len(replies), len(found))

    def test_kept(self) -> None:
        """A handler that keeps the event finds in it what handlers left, as they wrote it."""
        kept: list[DirRead] = []
        self.on(DirRead, visible)
        self.on(DirRead, kept.append)
        self.list(b"/few")
        self.assertEqual([name for name, _ in kept[0].entries], ["one", "three"])


@in_versions()
class ChangedTests(DirReadCase):
    """What handlers make of it."""

    def test_hidden(self) -> None:
        """What is taken out is not seen."""
        self.on(DirRead, visible)
        self.assertEqual(self.list(b"/few"), [[b"one", b"three"]])

    def test_all_hidden(self) -> None:
        """A portion of which nothing is left is not the end; others have their turns while it goes on."""
        for number in range(20):
            self.files.put(f"/some/.{number:02}", b"")
        self.files.put("/some/last", b"")
        self.begin(events=self.session.events, dir_list_buffer_size=2)
        self.on(DirRead, visible)
        self.assertEqual(self.list(b"/some"), [[b"last"]])
        self.assertEqual(self.list(b"/home"), [[b"a"]])
        self.files.remove("/home/a")
        self.assertEqual(self.list(b"/home"), [])

    def test_all_hidden_slowly(self) -> None:
        """The same on a file system that waits, with handlers that wait."""
        files = SlowFileSystem(self.files, ["directory.read"])
        self.begin(files, events=self.session.events, dir_list_buffer_size=2)
        turns: list[Deferred[None]] = []

        async def hide(event: DirRead) -> None:
            turns.append(Deferred())
            await turns[-1]
            visible(event)

        self.on(DirRead, hide)
        handle = self.opened(request(OPENDIR, 0, string(b"/few")))
        self.session.feed(request(READDIR, 3, string(handle)))
        for _ in range(2):
            self.assertEqual(self.session.replies(), [])
            self.session.next_turn()
            files.gate.release()
            turns.pop().callback(None)
        self.assertEqual(self.session.replies()[0][:9], bytes.fromhex("68 00000003 00000001"))

    def test_lost_meanwhile(self) -> None:
        """A session that is lost meanwhile reads no further."""
        for number in range(20):
            self.files.put(f"/some/.{number:02}", b"")
        files = SlowFileSystem(self.files, [])
        session = self.begin(files, events=self.session.events, dir_list_buffer_size=2)
        self.on(DirRead, visible)
        handle = self.opened(request(OPENDIR, 0, string(b"/some")))
        session.feed(request(READDIR, 3, string(handle)))
        session.lose()
        while session.clock.getDelayedCalls():
            session.next_turn()
        self.assertEqual(files.gate.begun.count("directory.read"), 2)
        self.assertEqual(files.gate.closed, 1)

    def test_added(self) -> None:
        """Names can be added, more than fit into a reply, and without attributes."""
        names = [f"{number:03}" for number in range(300)]
        added = [(name, None) for name in names]
        self.on(DirRead, lambda event: setattr(event, "entries", added if event.found else ()))
        handle = self.opened(request(OPENDIR, 0, string(b"/few")))
        counts = []
        while (reply := self.asked(handle))[0] == NAME:
            counts.append(int.from_bytes(reply[5:9], "big"))
        self.assertEqual(sum(counts), 300)
        self.assertGreater(len(counts), 1)

    def test_corrected(self) -> None:
        """Attributes can be other ones."""

        def bigger(event: DirRead) -> None:
            event.entries = [(name, Attributes(size=7)) for name, _ in event.entries]

        self.on(DirRead, bigger)
        handle = self.opened(request(OPENDIR, 0, string(b"/few")))
        self.assertTrue(self.asked(handle).endswith(bytes.fromhex("00000001 0000000000000007")))

    def test_refused(self) -> None:
        """A handler may refuse, and one that fails does; what it should have judged is not shown afterwards."""
        for problem, status in ((SFTPError(Status.PERMISSION_DENIED), 3), (ZeroDivisionError(), 4)):
            calls: list[None] = []

            def refuse(event: DirRead, problem: Exception = problem, calls: list[None] = calls) -> None:
                calls.append(None)
                if len(calls) == 1:
                    raise problem

            self.on(DirRead, refuse)
            handle = self.opened(request(OPENDIR, 0, string(b"/few")))
            self.assert_status(self.asked(handle), Status(status))
            self.assert_status(self.asked(handle), Status.EOF)
            self.session.events.off(DirRead, refuse)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_nothing(self) -> None:
        """None instead of a list is the end as well, from a handler and from a file system."""
        self.on(DirRead, lambda event: event.found or setattr(event, "entries", None))
        handle = self.opened(request(OPENDIR, 0, string(b"/few")))
        self.assertEqual(self.asked(handle)[0], NAME)
        self.session.conversation.handles.get(handle, object).source.read = lambda count: None
        self.assert_status(self.asked(handle), Status.EOF)

    def test_no_names(self) -> None:
        """What leads elsewhere is no name of an entry, and left out; the listing goes on even if nothing is left."""
        wanted: list[str] = []

        def add(event: DirRead) -> None:
            names = ["../up", "/etc/passwd", "a/b", "", *wanted]
            event.entries = [(name, event.entries[0][1]) for name in names] if event.found else ()

        self.on(DirRead, add)
        self.assertEqual(self.list(b"/few"), [])
        wanted.append("good")
        self.assertEqual(self.list(b"/few"), [[b"good"]])

    def test_nonsense(self) -> None:
        """What cannot be sent is a mistake of the handler, and refused."""
        self.on(DirRead, lambda event: setattr(event, "entries", [1, 2]))
        handle = self.opened(request(OPENDIR, 0, string(b"/few")))
        self.assert_status(self.asked(handle), Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
