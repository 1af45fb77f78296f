"""
What a session costs in bytes whose requests all wait: measured, not counted.
"""

import gc
import tracemalloc
from collections.abc import Iterable
from itertools import chain, cycle

from conchsftp.files.memory import MemoryFileSystem
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    LSTAT,
    OPENDIR,
    READDIR,
    RENAME,
    STAT,
    SessionCase,
    extension,
    opening,
    reading,
    request,
    string,
    writing,
)
from tests.session.versions import Interpreter, in_versions

MIB = 1 << 20
WINDOW = 2 * MIB
LONG = b"/" + b"\xf0" * 100_000


@in_versions()
class WaitingTests(SessionCase):
    """A window full of requests, none of which is answered."""

    def setUp(self) -> None:
        slow = SlowFileSystem(
            MemoryFileSystem({"/home/a": bytes(100)}), ["stat", "file.read", "file.write", "directory.read", "rename"]
        )
        self.gate = slow.gate
        self.begin(slow)
        self.file = self.opened(opening(b"a"))
        self.directory = self.opened(request(OPENDIR, 0, string(b"/home")))
        # A window is filled in pieces that end anywhere: what is asked is laid out before.
        self.session.literal()
        self.newer = Interpreter(self.version).to_server

    def cost(self, packets: Iterable[bytes]) -> float:
        """Send as many of these as the window takes, all at once; return how many MiB the session takes more."""
        taken, size = [], 0
        for packet in packets:
            size += len(packet)
            if size > WINDOW:
                break
            taken.append(packet)
        stream = b"".join(taken)
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for at in range(0, len(stream), 1 << 18):
            self.session.feed(stream[at : at + (1 << 18)])
        gc.collect()
        self.assertTrue(self.session.subsystem.busy)
        return (tracemalloc.get_traced_memory()[0] - before) / MIB

    def assert_bounded(self, *packets: bytes, most: float = 5) -> None:
        """Check what many of these cost, behind one that waits."""
        waiting, *asked = map(self.newer, (request(STAT, 0, string(b"a")), *packets))
        self.assertLess(self.cost(chain((waiting,), cycle(asked))), most)

    def test_small(self) -> None:
        """Requests that all wait for the file system."""
        self.assert_bounded(request(STAT, 1, string(b"a")))

    def test_reads(self) -> None:
        """READs, whose data counts as well."""
        self.assert_bounded(reading(self.file, 0, 1))

    def test_writes(self) -> None:
        """WRITEs that wait for each other: of a byte, and of as many as fit into a packet."""
        for size in (1, 32768, 255 * 1024):
            self.setUp()
            self.assert_bounded(writing(self.file, 0, bytes(size)))

    def test_listing(self) -> None:
        """READDIRs on one handle."""
        self.assert_bounded(request(READDIR, 1, string(self.directory)))

    def test_behind(self) -> None:
        """What is made at once, but cannot be answered before its turn."""
        self.assert_bounded(request(LSTAT, 1, string(b"a")))
        self.setUp()
        self.assert_bounded(request(CLOSE, 1, string(b"unknown")))

    def test_unknown(self) -> None:
        """Extended requests that mean nothing, small ones and large ones."""
        for size in (0, 200 * 1024):
            self.setUp()
            self.assert_bounded(extension(b"unknown@example.com", 1, bytes(size)))

    def test_part(self) -> None:
        """A part of the largest packet that stays one."""
        self.session.ask(self.newer(request(STAT, 0, string(b"a"))))
        self.assertLess(self.cost([string(bytes(256 * 1024))[: 128 * 1024]]), 0.3)

    def test_long_paths(self) -> None:
        """Paths that take as much as a packet, in a text that takes more than the bytes do."""
        self.assert_bounded(request(STAT, 1, string(LONG)), most=12)
        self.setUp()
        self.assert_bounded(request(RENAME, 1, string(LONG), string(LONG)), most=12)

    def test_given_back(self) -> None:
        """When all is answered, all is free again."""
        session = self.session
        self.cost([self.newer(request(STAT, 1, string(b"a")))] * 1000)
        before = tracemalloc.get_traced_memory()[0]
        self.gate.release_all()
        while session.clock.getDelayedCalls():
            session.next_turn()
        session.replies()
        session.channel.sent.clear()
        self.gate.begun.clear()
        gc.collect()
        self.assertFalse(session.subsystem.busy)
        self.assertLess(tracemalloc.get_traced_memory()[0] - before, -0.5 * MIB)
