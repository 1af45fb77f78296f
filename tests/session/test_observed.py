"""
READ where somebody listens: what it costs those who do not look at the bytes, and what those see who do.
"""

from typing import Any

from conchsftp.events import FileRead
from tests.session.support import DATA, FOR_READING, HandlerCase, opening, reading, string_at
from tests.session.versions import in_versions


@in_versions()
class ReadTests(HandlerCase):
    """An open file, and handlers of FileRead."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[FileRead] = []
        self.on(FileRead, self.seen.append)
        self.file = self.opened(opening(b"a", pflags=FOR_READING))
        self.source: Any = self.session.conversation.handles.get(self.file, object)

    def read(self, offset: int, length: int) -> bytes:
        """Read, and return what the client gets."""
        reply = self.one(reading(self.file, offset, length))
        self.assertEqual(reply[0], DATA)
        return string_at(reply, 5)

    def test_no_copy(self) -> None:
        """The bytes are read once, into a place of their own; a handler that asks how many they are copies nothing."""
        self.source.read = None
        self.assertEqual(self.read(2, 5), b"23456")
        (event,) = self.seen
        self.assertEqual((event.size, type(event.pieces[0])), (5, bytearray))
        self.assertEqual(event.data, b"23456")
        self.assertIs(event.data, event.data)

    def test_kept(self) -> None:
        """A handler that keeps the event has its bytes, whatever is read afterwards."""
        for offset in range(3):
            self.read(offset, 4)
        self.assertEqual([event.data for event in self.seen], [b"0123", b"1234", b"2345"])

    def test_end(self) -> None:
        """At the end there are fewer; a handler sees no more than the file has."""
        self.assertEqual(self.read(8, 100), b"89")
        self.assertEqual(self.seen[0].data, b"89")

    def test_would_block(self) -> None:
        """What cannot be read at once is read the other way."""
        self.source.into = lambda views, offset: None
        self.assertEqual(self.read(2, 5), b"23456")
        self.assertEqual(self.seen[0].data, b"23456")
