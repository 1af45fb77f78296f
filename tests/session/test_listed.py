"""
Listings that handlers supply.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.events import (
    DirList,
    GetAttributes,
)
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    FSTAT,
    NAME,
    OPENDIR,
    READDIR,
    STATUS,
    HandlerCase,
    request,
    string,
    string_at,
)
from tests.session.versions import in_versions


@in_versions()
class ListingTests(HandlerCase):
    """DirList.result."""

    def listing(self, *, count: int = 10) -> list[tuple[bytes, bytes]]:
        """List the home directory; return names and long names."""
        handle = self.opened(request(OPENDIR, 1, string(b"")))
        found = []
        for _ in range(count):
            reply = self.one(request(READDIR, 2, string(handle)))
            if reply[0] == STATUS:
                self.assert_status(reply, Status.EOF)
                break
            self.assertEqual(reply[0], NAME)
            name = string_at(reply, 9)
            found.append((name, string_at(reply, 13 + len(name))))
        self.assert_status(self.one(request(CLOSE, 3, string(handle))), Status.OK)
        return found

    def names(self) -> list[bytes]:
        """List the home directory; return the names."""
        return [name for name, _ in self.listing()]

    def setUp(self) -> None:
        super().setUp()
        self.begin(events=self.session.events, dir_list_buffer_size=1)

    def supply(self, listing: Any, *, before: bool = True) -> None:
        """Have a handler supply a listing."""

        @self.on(DirList)
        def supply(event: DirList) -> None:
            if event.before_exec == before:
                event.result = listing() if callable(listing) else listing

    def test_shapes(self) -> None:
        """A listing is a text with a name in each line, names, pairs, a mapping, or comes in the course of time."""
        self.files.put("/home/b", b"")
        attributes = Attributes(type=FileType.REGULAR, size=5)

        async def arriving() -> AsyncIterator[Any]:
            yield "a"
            yield "b", attributes

        for listing in (
            "a\r\nb\r\n",
            "a\nb",
            ["a", "b"],
            [("a", attributes), "b"],
            {"a": attributes, "b": None},
            (name for name in "ab"),
            arriving,
        ):
            for before in (True, False):
                with self.subTest(listing=listing, before=before):
                    # A generator is used up once.
                    self.supply(listing if before or not hasattr(listing, "send") else list("ab"), before=before)
                    self.assertEqual(self.names(), [b"a", b"b"])

    def test_closed_early(self) -> None:
        """A generator of which a client does not want more is ended when it closes the directory, not some day."""
        ended: list[str] = []

        def names() -> Iterator[str]:
            try:
                yield from "ab"
            finally:
                ended.append("names")

        async def arriving() -> AsyncIterator[str]:
            try:
                for name in "ab":
                    yield name
            finally:
                ended.append("arriving")

        for made in (names(), arriving()):
            self.supply(made)
            self.assertEqual(len(self.listing(count=1)), 1)
            # They are still referred to from here.
            self.assertEqual(ended.pop(), made.__name__)

    def test_attributes(self) -> None:
        """Attributes that come with a name are shown; for others the file system is asked, or a handler says them."""

        @self.on(GetAttributes)
        def say(event: GetAttributes) -> None:
            self.calls.append((event.path, event.follow))
            if event.path == "/home/said":
                event.status_code, event.attributes = Status.OK, Attributes(type=FileType.REGULAR, size=77)

        self.supply([("given", Attributes(type=FileType.REGULAR, size=55)), "a", "said"])
        lines = dict(self.listing())
        self.assertIn(b" 55 ", lines[b"given"])
        self.assertIn(b" 10 ", lines[b"a"])
        self.assertIn(b" 77 ", lines[b"said"])
        self.assertEqual(self.calls, [("/home/a", False), ("/home/said", False)])

    def test_missing(self) -> None:
        """A name that does not exist is left out; one of which nothing can be learnt stays, and so do the others."""

        @self.on(GetAttributes)
        def fail(event: GetAttributes) -> None:
            if event.path == "/home/a":
                event.deny()

        self.supply(["none", "a", "b"])
        self.files.put("/home/b", b"")
        lines = dict(self.listing())
        self.assertEqual(list(lines), [b"a", b"b"])
        # Not even its size, which the file system told.
        self.assertNotIn(b" 10 ", lines[b"a"])

    def test_no_names(self) -> None:
        """What would lead elsewhere, or is no name, is left out; an empty listing is one."""
        self.supply(["", "..", ".", "x/y", "a\0", 5, "a"])
        self.assertEqual(self.names(), [b"a"])
        self.supply([])
        self.assertEqual(self.names(), [])

    def test_lazy(self) -> None:
        """Nothing is asked for before the client reads so far, and the client waits for what takes time."""
        asked: list[str] = []
        turn: Deferred[None] = Deferred()

        @self.on(GetAttributes)
        async def say(event: GetAttributes) -> None:
            asked.append(event.path)
            await turn

        self.supply(["a", "a", "a"])
        handle = self.opened(request(OPENDIR, 1, string(b"")))
        self.assertEqual(asked, [])
        self.assertEqual(self.session.ask(request(READDIR, 2, string(handle))), [])
        turn.callback(None)
        self.assertEqual([reply[0] for reply in self.session.replies()], [NAME])
        self.assertEqual(asked, ["/home/a"])

    def test_lost(self) -> None:
        """A session that is lost ends the iterator that its client waits for, and closes the directory."""
        over: list[str] = []
        closed: list[Any] = []

        async def arriving() -> AsyncIterator[str]:
            yield "a"
            try:
                await Deferred()
                yield "b"
            finally:
                over.append("over")

        self.on("FileClose", closed.append)
        self.supply(arriving)
        handle = self.opened(request(OPENDIR, 1, string(b"")))
        self.assertEqual(self.one(request(READDIR, 2, string(handle)))[0], NAME)
        self.assertEqual(self.session.ask(request(READDIR, 3, string(handle))), [])
        self.session.lose()
        self.assertEqual((over, len(closed)), (["over"], 1))

    def test_many_missing(self) -> None:
        """However many names are left out, others have their turn meanwhile, and the rest of the listing comes."""
        self.supply([*(f"none{number}" for number in range(450)), "a"])
        handle = self.opened(request(OPENDIR, 1, string(b"")))
        turns = 0
        replies = self.session.ask(request(READDIR, 2, string(handle)))
        while not replies:
            turns += 1
            replies = self.session.next_turn()
        self.assertEqual((turns, replies[0][0]), (2, NAME))

    def test_directory_itself(self) -> None:
        """Its attributes are those that the file system has."""
        self.supply(["a"])
        handle = self.opened(request(OPENDIR, 1, string(b"")))
        self.assertEqual(self.one(request(FSTAT, 2, string(handle)))[0], 105)

    def test_mistake(self) -> None:
        """What is no listing is a mistake; the directory that the file system has opened is closed."""
        slow = SlowFileSystem(MemoryFileSystem({"/home/a": b""}), [])
        for before, opened in ((True, 0), (False, 1)):
            self.begin(slow, events=self.session.events)
            self.supply(5, before=before)
            self.assert_status(self.one(request(OPENDIR, 1, string(b""))), Status.FAILURE)
            self.assert_logged(TypeError)
            self.assertEqual((slow.gate.opened, slow.gate.closed), (opened, opened))
            self.session.events.listeners.clear()
            self.session.events._added.clear()
