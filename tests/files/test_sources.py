"""
Whole contents as open files: bytes, a reading function, an asynchronous iterator.
"""

from asyncio import CancelledError as AsyncioCancelledError
from collections.abc import AsyncIterator, Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import in_thread, settled
from conchsftp.files.supplied.sources import ByteSource, BytesSource, Means, Stream, Supplied
from conchsftp.interfaces import IAbandoned, IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status

CONTENT = bytes(range(256)) * 40
MIB = 1 << 20


async def pieces_of(content: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield a content in pieces."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


class SourceCase(SynchronousTestCase):
    """Help."""

    def setUp(self) -> None:
        self.clock = Clock()

    def opened(self, source: Supplied) -> Any:
        """Return a source as it is when a client has opened it."""
        source.attach(Means(clock=self.clock), reads=True)
        return source

    def result(self, found: Any) -> Any:
        """Return what is there, or will be when time has passed."""
        found = settled(found)
        while isinstance(found, Deferred) and not found.called and self.clock.getDelayedCalls():
            self.next_turn()
        return self.successResultOf(found) if isinstance(found, Deferred) else found

    def next_turn(self) -> None:
        """Make the calls that are due now, but none that they ask for."""
        for call in self.clock.getDelayedCalls():
            self.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)

    def refused(self, status: Status, call: Callable[..., Any], *args: Any) -> SFTPError:
        """Assert that a call fails with a status, at once or in its result; return the error."""
        try:
            found = settled(call(*args))
        except SFTPError as problem:
            error = problem
        else:
            error = self.failureResultOf(found, SFTPError).value
        self.assertEqual(error.status, status)
        return error


class AllSourcesTests(SourceCase):
    """What every source promises."""

    def sources(self, content: bytes, *, size: bool = True) -> list[Any]:
        """Return a source of each kind."""
        known = len(content) if size else None
        return [
            self.opened(BytesSource(content)),
            self.opened(ByteSource(known, lambda offset, length: content[offset : offset + length])),
            self.opened(ByteSource(known, lambda offset, length: content[offset : offset + min(length, 3)])),
            self.opened(Stream(pieces_of(content, 100), size=known)),
            self.opened(Stream(pieces_of(content, 5000), size=known)),
        ]

    def test_interface(self) -> None:
        """Each is an `IFile`."""
        for source in self.sources(CONTENT):
            verifyObject(IFile, source)
        verifyObject(IAbandoned, source)

    @given(content=st.binary(max_size=2000), length=st.integers(1, 700), known=st.booleans())
    def test_front_to_back(self, content: bytes, length: int, known: bool) -> None:
        """Reading until nothing comes gives the content; only the last piece is short."""
        for source in self.sources(content, size=known):
            found = []
            while data := self.result(source.read(sum(map(len, found)), length)):
                found.append(data)
            self.assertEqual(b"".join(found), content)
            self.assertEqual({len(data) for data in found[:-1]} - {length}, set())

    @given(
        content=st.binary(max_size=2000),
        readings=st.lists(st.tuples(st.integers(0, 2100), st.integers(1, 700)), max_size=20),
    )
    def test_any_order(self, content: bytes, readings: list[tuple[int, int]]) -> None:
        """As long as little lies between them, readings may come in any order, also past the end."""
        for source in self.sources(content):
            for offset, length in readings:
                self.assertEqual(self.result(source.read(offset, length)), content[offset : offset + length])

    def test_stat(self) -> None:
        """A size is told where it is known."""
        for source in self.sources(CONTENT):
            found = source.stat()
            self.assertEqual((found.type, found.size), (FileType.REGULAR, len(CONTENT)))
        self.assertEqual([source.stat().size for source in self.sources(CONTENT, size=False)][1:], [None] * 4)

    def test_mtime(self) -> None:
        """So is the time of the last change."""
        for source in (
            BytesSource(b"", mtime=7),
            ByteSource(0, lambda *_: b"", mtime=7),
            Stream(pieces_of(b"", 1), mtime=7),
        ):
            self.assertEqual(source.stat().mtime, 7)

    def test_nothing_is_written(self) -> None:
        """What can only be read refuses the rest."""
        for source in self.sources(CONTENT):
            self.refused(Status.PERMISSION_DENIED, source.write, 0, b"x")
            self.refused(Status.PERMISSION_DENIED, source.set_attributes, Attributes(size=0))

    def test_sizes_are_kept(self) -> None:
        """What gives more than it said ends where it said."""
        for source in (
            ByteSource(5, lambda offset, length: b"x" * (length + 9)),
            Stream(pieces_of(CONTENT, 100), size=5),
        ):
            self.assertEqual(len(self.result(self.opened(source).read(0, 100))), 5)
            self.assertEqual(self.result(source.read(5, 100)), b"")

    def test_ends_early(self) -> None:
        """What gives less than it said fails: a short file would look like a good one."""
        for source in (ByteSource(1000, lambda offset, length: b""), Stream(pieces_of(b"abc", 2), size=1000)):
            self.opened(source)
            problem = self.refused(Status.FAILURE, source.read, 0, 100)
            self.assertIn("of 1000 bytes", problem.message)


class ByteSourceTests(SourceCase):
    """A reading function."""

    def test_waits(self) -> None:
        """It may return a Deferred or a coroutine."""
        waiting: Deferred[bytes] = Deferred()
        reading = settled(self.opened(ByteSource(4, lambda offset, length: waiting)).read(0, 4))
        self.assertNoResult(reading)
        waiting.callback(b"abcd")
        self.assertEqual(self.successResultOf(reading), b"abcd")

        async def read(offset: int, length: int) -> bytes:
            return b"abcd"[offset : offset + length]

        self.assertEqual(self.result(self.opened(ByteSource(4, read)).read(1, 2)), b"bc")

    def test_threads(self) -> None:
        """One that blocks runs in a thread, others do not."""
        called: list[Any] = []

        def run(function: Any, *args: Any) -> Any:
            called.append(args)
            return function(*args)

        for read in (in_thread(lambda offset, length: b"abcd"), lambda offset, length: b"abcd"):
            source = ByteSource(4, read)
            source.attach(Means(threads=run), reads=True)
            self.assertEqual(self.result(source.read(0, 4)), b"abcd")
        self.assertEqual(called, [(0, 4)])
        source = ByteSource(4, read, close=in_thread(lambda: None))
        source.attach(Means(threads=run), reads=True)
        source.close()
        self.assertEqual(called, [(0, 4), ()])

    def test_fails(self) -> None:
        """What it raises is the answer."""

        def read(offset: int, length: int) -> bytes:
            raise SFTPError(Status.NO_MEDIA)

        self.refused(Status.NO_MEDIA, self.opened(ByteSource(4, read)).read, 0, 4)

    def test_close(self) -> None:
        """It is told when the file is closed."""
        closed: list[bool] = []
        self.opened(ByteSource(0, lambda *_: b"", close=lambda: closed.append(True))).close()
        self.opened(ByteSource(0, lambda *_: b"")).close()
        self.assertEqual(closed, [True])


class StreamTests(SourceCase):
    """An asynchronous iterator."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[Deferred[bytes]] = []
        self.over: list[str] = []

    async def slowly(self) -> AsyncIterator[bytes]:
        """Yield what the test brings, until that is nothing."""
        try:
            while True:
                self.asked.append(Deferred())
                piece = await self.asked[-1]
                if not piece:
                    return
                yield piece
        except CancelledError:
            self.over.append("cancelled")
            raise
        finally:
            self.over.append("over")

    def test_only_on_demand(self) -> None:
        """Nothing is made before somebody waits for it, and no more than that."""
        source = self.opened(Stream(self.slowly()))
        self.assertEqual(self.asked, [])
        readings = [source.read(0, 4), source.read(4, 4)]
        self.assertEqual(len(self.asked), 1)
        self.asked[0].callback(b"abcde")
        self.assertEqual(self.successResultOf(readings[0]), b"abcd")
        self.asked[1].callback(b"fghij")
        self.assertEqual(self.successResultOf(readings[1]), b"efgh")
        self.assertEqual(len(self.asked), 2)
        self.assertEqual(source.read(8, 2), b"ij")

    def test_end(self) -> None:
        """Who waits at the end gets what there is, and then nothing."""
        source = self.opened(Stream(self.slowly()))
        readings = [source.read(0, 4), source.read(4, 4)]
        self.asked[0].callback(b"ab")
        self.asked[1].callback(b"")
        self.assertEqual([self.successResultOf(reading) for reading in readings], [b"ab", b""])
        self.assertEqual(source.read(8, 4), b"")

    def test_far_ahead(self) -> None:
        """A download that is resumed begins where it was; what comes before is made and not kept."""
        content = bytes(MIB) + CONTENT
        source = self.opened(Stream(pieces_of(content, 1000)))
        reading = source.read(MIB, len(CONTENT))
        self.assertEqual(self.result(reading), CONTENT)
        self.assertLess(len(source._kept), 3 * 256 * 1024)

    def test_far_back(self) -> None:
        """What is gone cannot be read again; a reading further on still can."""
        source = self.opened(Stream(pieces_of(bytes(4 * MIB), 1000)))
        self.result(source.read(3 * MIB, 10))
        problem = self.refused(Status.FAILURE, source.read, 0, 10)
        self.assertIn("front to back", problem.message)
        self.assertEqual(self.result(source.read(3 * MIB + 10, 4)), bytes(4))

    def test_large_pieces(self) -> None:
        """What nobody has asked for yet is kept, however much comes at once."""
        content = CONTENT * 200
        source = self.opened(Stream(pieces_of(content, len(content))))
        found = [self.result(source.read(at, 30_000)) for at in range(0, len(content), 30_000)]
        self.assertEqual(b"".join(found), content)
        self.assertLess(len(source._kept), 3 * 256 * 1024)

    def test_turns(self) -> None:
        """An iterator that never waits lets others have their turn."""

        async def endless() -> AsyncIterator[bytes]:
            while True:
                self.clock.rightNow += 0.001
                yield bytes(1000)

        source = self.opened(Stream(endless()))
        reading = source.read(2**62, 10)
        for _ in range(20):
            self.next_turn()
        self.assertNoResult(reading)
        self.assertIn(source._made, range(200_000, 260_000))
        self.assertLess(len(source._kept), MIB)
        source.abandon()
        self.refused(Status.CONNECTION_LOST, lambda: reading)
        self.result(source.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fails(self) -> None:
        """What it raises is what the readings fail with; a mistake is told once."""
        for problem, rest in ((SFTPError(Status.NO_MEDIA), Status.NO_MEDIA), (KeyError("x"), Status.FAILURE)):
            source = self.opened(Stream(self.slowly()))
            readings = [source.read(at, 4) for at in (0, 4, 8)]
            self.asked[-1].callback(b"abcdef")
            self.assertEqual(self.successResultOf(readings[0]), b"abcd")
            self.asked[-1].errback(problem)
            self.failureResultOf(readings[1], type(problem))
            self.refused(rest, lambda reading=readings[2]: reading)
            self.refused(rest, source.read, 4, 4)

    def test_iterable(self) -> None:
        """What can be iterated over several times is begun once: each reading goes on where the last one ended."""

        class Pieces:
            async def __aiter__(self) -> AsyncIterator[bytes]:
                for piece in (b"a", b"b", b"c"):
                    yield piece

        source = self.opened(Stream(Pieces()))
        self.assertEqual([self.result(source.read(at, 1)) for at in range(3)], [b"a", b"b", b"c"])
        self.result(source.close())

    def test_cancelled(self) -> None:
        """An iterator that waits for a future of asyncio's which somebody cancels fails, and everybody is told."""
        asked: Deferred[bytes] = Deferred()

        async def waits() -> AsyncIterator[bytes]:
            yield await asked

        source = self.opened(Stream(waits()))
        readings = [source.read(at, 1) for at in range(2)]
        asked.errback(AsyncioCancelledError())
        for reading in readings:
            self.refused(Status.CONNECTION_LOST, lambda reading=reading: reading)
        self.result(source.close())

    def test_no_bytes(self) -> None:
        """What yields anything but bytes is a mistake."""

        async def one(piece: Any) -> AsyncIterator[Any]:
            yield piece

        for piece in ("text", [65, 66, 67, 68], 4):
            problem = self.failureResultOf(self.opened(Stream(one(piece))).read(0, 4), TypeError)
            self.assertIn("yields bytes", str(problem.value))

    def test_close(self) -> None:
        """The iterator comes to its end with the file."""
        source = self.opened(Stream(self.slowly()))
        reading = source.read(0, 2)
        self.asked[0].callback(b"abc")
        self.successResultOf(reading)
        self.result(source.close())
        self.assertEqual(self.over, ["over"])

    def test_close_unread(self) -> None:
        """One that never began, and one that cannot be closed, do no harm."""
        self.result(self.opened(Stream(self.slowly())).close())

        class Plain:
            def __aiter__(self) -> "Plain":
                return self

            async def __anext__(self) -> bytes:
                return b"x"

        source = self.opened(Stream(Plain()))
        self.result(source.read(0, 2))
        self.result(source.close())

    def test_abandoned(self) -> None:
        """When the session is lost, nobody waits any more, and the iterator is cancelled."""
        source = self.opened(Stream(self.slowly()))
        reading = source.read(0, 2)
        source.abandon()
        self.refused(Status.CONNECTION_LOST, lambda: reading)
        self.assertEqual(self.over, ["cancelled", "over"])
        self.result(source.close())


class AttributesTests(SynchronousTestCase):
    """Attributes that are easily made."""

    def test_of_file(self) -> None:
        """A regular file, with what is known; a time may have a fraction, and lie before 1970."""
        self.assertEqual(
            Attributes.of_file(size=3, mtime=5.25, uid=7),
            Attributes(type=FileType.REGULAR, permissions=0o644, size=3, mtime=5, mtime_ns=250_000_000, uid=7),
        )
        early = Attributes.of_file(mtime=-0.5)
        self.assertEqual((early.mtime, early.mtime_ns), (-1, 500_000_000))
        self.assertEqual(Attributes.of_file(), Attributes(type=FileType.REGULAR, permissions=0o644))

    def test_of_directory(self) -> None:
        """A directory."""
        self.assertEqual(Attributes.of_directory(), Attributes(type=FileType.DIRECTORY, permissions=0o755))
        self.assertEqual(Attributes.of_directory(mtime=9).mtime, 9)
