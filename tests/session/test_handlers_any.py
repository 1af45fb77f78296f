"""
Handlers that do anything, at any time: one answer for each request, and everything is closed once.
"""

from collections.abc import AsyncIterator
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.events import DirList, DirRead, EventHub, FileOpen, FileRead, FileWrite, TransferFinished
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    HANDLE,
    LSTAT,
    OPENDIR,
    READDIR,
    RENAME,
    TO_CREATE,
    Avatar,
    Session,
    SessionCase,
    opening,
    reading,
    request,
    string,
    string_at,
    writing,
)

SLOW = ("open", "list", "lstat", "rename", "file.read", "file.write", "file.close", "directory.read", "directory.close")
EVENTS = ("FileOpen", "DirList", "FileRead", "FileWrite", "FileClose", "DirRead", "GetAttributes", "FileRename")


@implementer(IFile)
class Counted:
    """A file that a handler supplies, around another one or alone."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = inner
        self.closed = 0

    def read(self, offset: int, length: int) -> bytes:
        """Read something."""
        return b"abc"[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        """Take it."""

    def stat(self) -> Attributes:
        """Say how long it is."""
        return Attributes(size=3)

    def close(self) -> Any:
        """Close the one within as well."""
        self.closed += 1
        return None if self.inner is None else self.inner.close()


class Anything:
    """
    A session with handlers that do anything.

    Args:
        version: of the protocol.
        random: decides.
    """

    def __init__(self, version: int, random: Random) -> None:
        self.random = random
        self.waiting: list[Deferred[None]] = []
        self.supplied: list[Counted] = []
        self.running = 0
        files = MemoryFileSystem({"/home/a": b"0123456789" * 100, "/home/b": b"x", "/home/d/x": b""})
        self.slow = SlowFileSystem(files, random.sample(SLOW, random.randint(0, len(SLOW))))
        hub = EventHub(clock=None)
        for name in random.sample(EVENTS, random.randint(0, len(EVENTS))):
            hub.on(name, self.handle)
        if random.random() < 0.5:
            hub.on(TransferFinished, lambda event: None)
        avatar = Avatar(None if random.random() < 0.3 else self.slow)
        self.session = Session(self.slow, avatar=avatar, events=hub, version=version).greet()
        self.handles = [b"00000000", b"00000001"]
        self.asked = self.answered = 0

    def handle(self, event: Any) -> Any:
        """Handle an event, now or later."""
        return self.act_later(event) if self.random.random() < 0.3 else self.act(event)

    async def act_later(self, event: Any) -> None:
        """Handle an event when the test lets it."""
        await self.wait()
        self.act(event)

    def act(self, event: Any) -> None:
        """Do one thing, or nothing."""
        chance = self.random.random()
        if chance < 0.1:
            event.deny()
        elif chance < 0.15:
            raise SFTPError(Status.NO_MEDIA)
        elif chance < 0.2:
            event.status_code = self.random.choice((Status.OK, 99, None))
        elif chance < 0.25 and event.name in ("FileOpen", "DirList"):
            event.path = self.random.choice(("b", "/home/b", "../x", 5))
        elif chance < 0.7:
            self.supply(event)

    def supply(self, event: Any) -> None:
        """Do an operation, or put something in the place of what it has given."""
        if isinstance(event, FileOpen):
            if event.result is None:
                event.result = self.random.choice((self.made, self.pieces, lambda: b"abc", lambda: 5, lambda: None))()
            elif not event.before_exec:
                event.result = self.random.choice((lambda: self.made(event.result), lambda: b"abc", lambda: None))()
        elif isinstance(event, DirList):
            event.result = self.random.choice((self.names, lambda: ["a", "none"], lambda: 5, lambda: None))()
        elif isinstance(event, FileRead):
            event.data = b"other"
        elif isinstance(event, DirRead):
            event.entries = []
        elif isinstance(event, FileWrite):
            event.handled = True

    def made(self, inner: Any = None) -> Counted:
        """Return a file that is counted."""
        self.supplied.append(Counted(inner))
        return self.supplied[-1]

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield a content."""
        self.running += 1
        try:
            for _ in range(3):
                yield b"abc"
                await self.wait()
        finally:
            self.running -= 1

    async def names(self) -> AsyncIterator[str]:
        """Yield a listing."""
        self.running += 1
        try:
            for name in ("a", "none", "b"):
                yield name
                await self.wait()
        finally:
            self.running -= 1

    async def wait(self) -> None:
        """Wait until the test goes on; now and then not at all."""
        if self.random.random() < 0.5:
            self.waiting.append(Deferred())
            await self.waiting[-1]

    def ask(self) -> None:
        """Send a request."""
        self.asked += 1
        number, handle = self.asked, self.random.choice(self.handles)
        path = string(self.random.choice((b"a", b"b", b"d", b"none")))
        packet = self.random.choice(
            (
                opening(path[4:], number, self.random.choice((1, 2, 3, TO_CREATE))),
                opening(path[4:], number, 1),
                request(OPENDIR, number, path),
                request(READDIR, number, string(handle)),
                reading(handle, self.random.randrange(20), 9, number),
                writing(handle, self.random.randrange(20), b"abc", number),
                request(CLOSE, number, string(handle)),
                request(LSTAT, number, path),
                request(RENAME, number, path, string(b"c")),
            )
        )
        self.session.feed(packet)
        self.count(self.session.replies())

    def go_on(self) -> bool:
        """Let one thing go on that waits; return whether there was one."""
        held = self.slow.gate.waiting
        if self.waiting:
            turn = self.waiting.pop(self.random.randrange(len(self.waiting)))
            if not turn.called:
                turn.callback(None)
        elif held:
            self.slow.gate.release(self.random.randrange(len(held)))
        elif self.session.clock.getDelayedCalls():
            self.count(self.session.next_turn())
        else:
            return False
        self.count(self.session.replies())
        return True

    def count(self, replies: list[bytes]) -> None:
        """Count answers, and use the handles that come with them."""
        self.answered += len(replies)
        self.handles += [string_at(reply, 5) for reply in replies if reply[0] == HANDLE]


class AnythingTests(SessionCase):
    """What holds whatever handlers do."""

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(VERSIONS), st.randoms(use_true_random=False), st.booleans())
    def test_answered_and_closed(self, version: int, random: Random, lost: bool) -> None:
        """Each request has one answer, everything opened or supplied is closed once, and no generator is left."""
        anything = Anything(version, random)
        for _ in range(random.randint(1, 30)):
            if random.random() < 0.2:
                anything.go_on()
            else:
                anything.ask()
        if not lost:
            while anything.go_on():
                pass
            self.assertEqual(anything.answered, anything.asked)
        anything.session.lose()
        while anything.go_on():
            pass
        gate = anything.slow.gate
        self.assertEqual(len(anything.session.conversation.handles), 0)
        self.assertEqual((gate.opened, anything.running), (gate.closed, 0))
        self.assertEqual([file.closed for file in anything.supplied], [1] * len(anything.supplied))
        self.flushLoggedErrors()
