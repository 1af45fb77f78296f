"""
Whole uploads: any order, any size, bounded, and handed over once they are complete.
"""

import tracemalloc
from collections.abc import Callable
from errno import ENOSPC
from typing import IO, Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import in_thread, settled
from conchsftp.files.supplied import sink
from conchsftp.files.supplied.sink import SpooledSink
from conchsftp.files.supplied.sources import Means
from conchsftp.interfaces import IAbandoned, IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

MIB = 1 << 20


class SinkCase(SynchronousTestCase):
    """Help."""

    def setUp(self) -> None:
        self.complete: list[tuple[bytes, int]] = []
        self.threaded: list[Any] = []
        self.memory = sink._memory.left

    def take(self, file: IO[bytes], size: int) -> None:
        """Keep an upload."""
        self.complete.append((file.read(), size))

    def run_in_thread(self, function: Any, *args: Any) -> "Deferred[Any]":
        """Note that a thread was used, and run it at once."""
        self.threaded.append(function)
        done: Deferred[Any] = Deferred()
        try:
            done.callback(function(*args))
        except Exception:
            done.errback()
        return done

    def opened(self, on_complete: Any = None, *, reads: bool = True, **options: Any) -> SpooledSink:
        """Return one that a client has opened."""
        made = SpooledSink(on_complete or self.take, **options)
        made.attach(Means(threads=self.run_in_thread), reads=reads)
        return made

    def done(self, call: Callable[..., Any], *args: Any) -> Any:
        """Return the result of a call."""
        result = settled(call(*args))
        return self.successResultOf(result) if isinstance(result, Deferred) else result

    def refused(self, status: Status, call: Callable[..., Any], *args: Any) -> None:
        """Assert that a call fails with a status."""
        self.assertEqual(self.assertRaises(SFTPError, settled, call(*args)).status, status)


class ContentTests(SinkCase):
    """What comes out is what was written."""

    def test_interface(self) -> None:
        """It is an `IFile`."""
        made = self.opened()
        verifyObject(IFile, made)
        verifyObject(IAbandoned, made)
        self.done(made.close)

    @given(
        initial=st.binary(max_size=50),
        most=st.integers(0, 300),
        steps=st.lists(
            st.one_of(
                st.tuples(st.just("write"), st.integers(0, 300), st.binary(min_size=1, max_size=100)),
                st.tuples(st.just("resize"), st.integers(0, 300), st.just(b"")),
                st.tuples(st.just("read"), st.integers(0, 400), st.just(b"")),
            ),
            max_size=20,
        ),
    )
    def test_model(self, initial: bytes, most: int, steps: list[tuple[str, int, bytes]]) -> None:
        """Writings, readings and changes of the size in any order are those of a file, in memory or on disk."""
        self.complete.clear()
        made = self.opened(initial=initial, max_memory=most)
        model = bytearray(initial)
        for step, number, data in steps:
            if step == "read":
                self.assertEqual(self.done(made.read, number, 77), bytes(model[number : number + 77]))
            elif step == "resize":
                self.done(made.set_attributes, Attributes(size=number))
                model[:] = model[:number].ljust(number, b"\0")
            else:
                self.done(made.write, number, data)
                model[:] = model.ljust(number, b"\0")
                model[number : number + len(data)] = data
            self.assertEqual(made.stat().size, len(model))
        self.done(made.close)
        self.assertEqual(self.complete, [(bytes(model), len(model))])
        self.assertEqual(sink._memory.left, self.memory)

    def test_far_reading(self) -> None:
        """However far behind its end something is read, there is nothing; in memory and on disk."""
        for most in (100, 0):
            made = self.opened(max_memory=most)
            self.done(made.write, 0, b"abc")
            for offset in (3, 2**62, 2**64 - 1):
                self.assertEqual(self.done(made.read, offset, 5), b"")
            self.done(made.close)

    def test_lent_data(self) -> None:
        """What was only lent is copied before anybody waits."""
        held: list[Any] = []
        made = SpooledSink(self.take, max_memory=0)
        made.attach(
            Means(threads=lambda f, *args: held.append((f, args, waiting := Deferred())) or waiting), reads=True
        )
        lent = bytearray(b"good")
        writing = settled(made.write(0, memoryview(lent)))
        lent[:] = b"evil"

        def finish() -> None:
            function, args, waiting = held.pop(0)
            waiting.callback(function(*args))

        finish()
        finish()
        self.successResultOf(writing)
        closing = settled(made.close())
        while held:
            finish()
        self.successResultOf(closing)
        self.assertEqual(self.complete, [(b"good", 4)])

    def test_for_writing_only(self) -> None:
        """Who has opened it for writing reads nothing, not even what was there at first."""
        made = self.opened(reads=False, initial=b"secret")
        self.refused(Status.PERMISSION_DENIED, made.read, 0, 9)
        self.done(made.close)

    def test_attributes(self) -> None:
        """Mode and times are kept for who wants to store them; else it says that they are not."""
        plain = self.opened()
        self.refused(Status.OP_UNSUPPORTED, plain.set_attributes, Attributes(mtime=5))
        kept = Attributes()
        asked = self.opened(attributes=kept)
        self.done(asked.set_attributes, Attributes(permissions=0o600, mtime=5, atime=6, size=3))
        self.assertEqual(kept, Attributes(permissions=0o600, mtime=5, atime=6))
        found = asked.stat()
        self.assertEqual((found.size, found.permissions, found.mtime), (3, 0o600, 5))
        for each in (plain, asked):
            self.done(each.close)


class BoundsTests(SinkCase):
    """What a client can make grow."""

    def test_large(self) -> None:
        """A gigabyte does not stay in memory; the disk is touched by threads only."""
        made = self.opened(lambda file, size: self.complete.append((file.read(3), size)))
        tracemalloc.start()
        try:
            for at in range(0, 1024 * MIB, 64 * MIB):
                self.done(made.write, at, b"abc")
            self.done(made.write, 1024 * MIB - 3, b"end")
            for at in range(1000, 40 * MIB, MIB):
                self.done(made.write, at, bytes(MIB))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 8 * MIB)
        self.done(made.close)
        self.assertEqual(self.complete, [(b"abc", 1024 * MIB)])
        self.assertGreater(len(self.threaded), 50)

    def test_small_stays_in_memory(self) -> None:
        """What is small needs no thread."""
        made = self.opened(max_memory=10)
        self.done(made.write, 0, b"0123456789")
        self.done(made.close)
        self.assertEqual(self.threaded, [])

    def test_one_more(self) -> None:
        """One byte more goes to the disk."""
        made = self.opened(max_memory=10)
        self.done(made.write, 10, b"x")
        self.assertGreater(len(self.threaded), 0)
        self.done(made.close)
        self.assertEqual(self.complete, [(bytes(10) + b"x", 11)])

    def test_limit(self) -> None:
        """The limit counts where a file ends, one below and at it is good; far offsets take no room."""
        for at, good in ((8, True), (9, True), (10, False), (2**62, False), (2**64 - 1, False)):
            made = self.opened(limit=10)
            if good:
                self.done(made.write, at, b"x")
                self.done(made.close)
            else:
                self.refused(Status.QUOTA_EXCEEDED, made.write, at, b"x")
                self.refused(Status.QUOTA_EXCEEDED, made.close)
        self.assertEqual([size for _, size in self.complete], [9, 10])

    def test_limit_of_size(self) -> None:
        """Nor may its size be set beyond that; the upload itself can go on."""
        made = self.opened(limit=10)
        self.done(made.set_attributes, Attributes(size=10))
        self.refused(Status.QUOTA_EXCEEDED, made.set_attributes, Attributes(size=11))
        self.done(made.close)
        self.assertEqual(self.complete, [(bytes(10), 10)])

    def test_shared_memory(self) -> None:
        """All uploads share memory: when it is used up, small ones are on disk as well, and closing gives it back."""
        self.patch(sink, "_memory", sink._Budget(25))
        made = [self.opened() for _ in range(4)]
        for each in made:
            self.done(each.write, 0, b"0123456789")
        self.assertEqual([each._on_disk for each in made], [False, False, True, True])
        made[0].abandon()
        self.refused(Status.FAILURE, made[0].close)
        for each in made[1:]:
            self.done(each.close)
        self.assertEqual(self.complete, [(b"0123456789", 10)] * 3)
        self.assertEqual(sink._memory.left, 25)


class EndTests(SinkCase):
    """What happens at CLOSE."""

    def test_waits(self) -> None:
        """CLOSE waits for who takes the upload; the file is gone afterwards."""
        waiting: Deferred[None] = Deferred()
        files: list[Any] = []

        def store(file: Any, size: int) -> "Deferred[None]":
            files.append(file)
            return waiting

        closing = settled(self.opened(store).close())
        self.assertNoResult(closing)
        self.assertFalse(files[0].closed)
        waiting.callback(None)
        self.successResultOf(closing)
        self.assertTrue(files[0].closed)

    def test_coroutine(self) -> None:
        """It may be an `async def`."""

        async def store(file: Any, size: int) -> None:
            self.take(file, size)

        made = self.opened(store)
        self.done(made.write, 0, b"x")
        self.done(made.close)
        self.assertEqual(self.complete, [(b"x", 1)])

    def test_in_thread(self) -> None:
        """Or one that blocks."""
        store = in_thread(lambda file, size: self.take(file, size))
        self.done(self.opened(store).close)
        self.assertEqual((self.complete, self.threaded), ([(b"", 0)], [store]))

    def test_fails(self) -> None:
        """What it raises is the answer to CLOSE, and the file is gone all the same."""
        files: list[Any] = []

        def store(file: Any, size: int) -> None:
            files.append(file)
            raise SFTPError(Status.QUOTA_EXCEEDED, "no room")

        self.refused(Status.QUOTA_EXCEEDED, self.opened(store).close)
        self.assertTrue(files[0].closed)

    def test_abandoned(self) -> None:
        """An upload that is cut off is not handed over."""
        made = self.opened()
        self.done(made.write, 0, b"half")
        made.abandon()
        made.abandon()
        self.refused(Status.FAILURE, made.close)
        self.assertEqual(self.complete, [])

    def test_after_a_failure(self) -> None:
        """A WRITE that has failed makes the upload one that is never handed over, and CLOSE says so again."""

        def full(function: Any, *args: Any) -> Any:
            if function is sink._write_all:
                raise OSError(ENOSPC, "full")
            return function(*args)

        made = SpooledSink(self.take, max_memory=0)
        made.attach(Means(threads=full), reads=False)
        self.assertRaises(OSError, settled, made.write(0, b"x"))
        self.assertRaises(OSError, settled, made.write(0, b"x"))
        self.assertRaises(OSError, settled, made.close())
        self.assertEqual(self.complete, [])
