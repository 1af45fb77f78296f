"""
Files as text: what is translated, and where reading and writing go on.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import settled
from conchsftp.files import text
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.files.supplied.sources import Stream
from conchsftp.files.text import as_text
from conchsftp.interfaces import IAbandoned, IReadInto, ISync, IWriteFrom
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status

BOTH = Access.READ_DATA | Access.WRITE_DATA
CRLF, LF, CR = b"\r\n", b"\n", b"\r"


class Slow:
    """A file whose calls wait until they are let go on, in any order."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.waiting: list[tuple[Deferred[Any], Any]] = []

    def read(self, offset: int, length: int) -> Any:
        """Wait, then read."""
        return self._later(lambda: self._file.read(offset, length))

    def write(self, offset: int, data: bytes) -> Any:
        """Wait, then write."""
        return self._later(lambda: self._file.write(offset, data))

    def close(self) -> None:
        """Close at once."""
        self._file.close()

    def _later(self, call: Any) -> Any:
        waiting: Deferred[Any] = Deferred()
        self.waiting.append((waiting, call))
        return waiting

    def go_on(self) -> None:
        """Let the first that waits go on."""
        waiting, call = self.waiting.pop(0)
        waiting.callback(call())


class TextCase(SynchronousTestCase):
    """One file in memory."""

    def begin(self, content: bytes = b"", newline: bytes = CRLF, access: Access = BOTH, flags: int = 0) -> Any:
        """Return a file as text."""
        self.files = MemoryFileSystem({"/f": content})
        self.raw: Any = self.files.open(
            "/f", access, OpenFlag(Disposition.OPEN_EXISTING) | OpenFlag(flags), Attributes()
        )
        return self.text(self.raw, newline, access, flags)

    def text(self, file: Any, newline: bytes = CRLF, access: Access = BOTH, flags: int = 0) -> Any:
        """Wrap a file."""
        reads, writes = bool(access & Access.READ_DATA), bool(access & Access.WRITE_DATA)
        return as_text(file, newline, reads=reads, writes=writes, appends=bool(flags))

    def read(self, file: Any, length: int) -> bytes:
        """Read; the offset must not matter."""
        data: bytes = settled(file.read(2**63, length))
        return data

    def write(self, file: Any, *pieces: bytes) -> None:
        """Write; the offset must not matter."""
        for piece in pieces:
            settled(file.write(2**62, piece))

    def all(self, file: Any, length: int) -> bytes:
        """Read to the end; every piece but the last must be full."""
        pieces = []
        while piece := self.read(file, length):
            pieces.append(piece)
        self.assertEqual({len(piece) for piece in pieces[:-1]} - {length}, set())
        return b"".join(pieces)


class ReadTests(TextCase):
    """From the disk to the wire."""

    def test_translated(self) -> None:
        """Every end of a line is that of the wire, however the pieces are cut, and pieces are full before the end."""
        content = b"one\n\ntwo\r\nthree\rfour\n" * 7
        for newline in (CRLF, CR, b"<br>", LF):
            for length in (1, 2, 3, 5, 8, 1000):
                file = self.begin(content, newline)
                self.assertEqual(self.all(file, length), content.replace(b"\n", newline), (newline, length))
                self.assertEqual(self.read(file, 5), b"")

    def test_grown(self) -> None:
        """At the end, what is appended can be read on."""
        file = self.begin(b"a\n")
        self.assertEqual(self.all(file, 100), b"a\r\n")
        self.files.open("/f", BOTH, OpenFlag(2), Attributes()).write(2, b"b\n")
        self.assertEqual(self.read(file, 100), b"b\r\n")

    def test_little_at_a_time(self) -> None:
        """No READ asks the file for more than the client wants: a long line or many short ones take no memory."""
        asked: list[int] = []
        file = self.begin(b"\n" * 1000)
        read = self.raw.read
        self.raw.read = lambda offset, length: asked.append(length) or read(offset, length)
        self.assertEqual(len(self.all(file, 10)), 2000)
        self.assertLessEqual(max(asked), 10)

    def test_streams(self) -> None:
        """What a handler supplies as a stream is text, too, and given up when the session is lost."""

        async def pieces() -> Any:
            yield b"a\nb"
            yield b"\nc"

        file = self.text(Stream(pieces()), access=Access.READ_DATA)
        self.assertTrue(IAbandoned.providedBy(file))
        self.assertEqual(self.all(file, 3), b"a\r\nb\r\nc")
        file.abandon()
        settled(file.close())


class WriteTests(TextCase):
    """From the wire to the disk."""

    def test_translated(self) -> None:
        """Exact separators only, however they are split over WRITEs."""
        sent = b"one\r\n\r\ntwo\r\r\nthree\rfour\nfive\n\r"
        for size in range(1, len(sent) + 1):
            file = self.begin()
            self.write(file, *(sent[at : at + size] for at in range(0, len(sent), size)))
            settled(file.close())
            self.assertEqual(self.files.get("/f"), sent.replace(b"\r\n", b"\n"), size)

    def test_longer_separators(self) -> None:
        """A separator that may begin within another one ends the first line that it can."""
        for newline in (b"aa", b"aab", b"\r", b"\r\r\n"):
            sent = b"xaaabaaaab\r\r\r\ny" + newline + b"aa\r\r"
            for size in (1, 2, 3, 100):
                file = self.begin(newline=newline)
                self.write(file, *(sent[at : at + size] for at in range(0, len(sent), size)))
                settled(file.close())
                self.assertEqual(self.files.get("/f"), sent.replace(newline, b"\n"), (newline, size))

    def test_untranslated(self) -> None:
        """Where lines end alike, nothing is kept back, and nothing is copied on its way."""
        file = self.begin(newline=LF)
        self.assertTrue(IReadInto.providedBy(file) and IWriteFrom.providedBy(file))
        settled(file.write_from((b"a\r", b"\n"), 77))
        self.assertEqual(self.files.get("/f"), b"a\r\n")
        buffer = bytearray(5)
        self.write(file, b"b")
        self.assertEqual(file.read_into((buffer,), 0), 0)
        again = self.text(self.files.open("/f", BOTH, OpenFlag(2), Attributes()), LF)
        self.assertEqual((again.read_into((buffer,), 99), bytes(buffer)), (4, b"a\r\nb\0"))

    def test_over_what_was_there(self) -> None:
        """The first WRITE begins at the start of the file, whatever its offset, and READ and WRITE take turns."""
        file = self.begin(b"a\nb\nc\n")
        self.assertEqual(self.read(file, 2), b"a\r")
        self.write(file, b"B\r\n")
        self.assertEqual(self.read(file, 100), b"c\r\n")
        self.assertEqual(self.files.get("/f"), b"a\nB\nc\n")

    def test_append(self) -> None:
        """What is appended goes to the end, and reading goes on where it was."""
        for newline in (CRLF, LF):
            file = self.begin(b"a\nb\n", newline, flags=OpenFlag.APPEND_DATA)
            self.assertEqual(self.read(file, 1 + len(newline)), b"a" + newline)
            self.write(file, b"c" + newline)
            self.assertEqual(self.read(file, 100), b"b" + newline + b"c" + newline)

    def test_kept_back(self) -> None:
        """A CR at the end of a WRITE is on the disk before anything else is done to the file."""
        for act in (
            lambda file: settled(file.read(0, 1)),
            lambda file: settled(file.sync()),
            lambda file: settled(file.set_attributes(Attributes(mtime=5))),
            lambda file: settled(file.close()),
        ):
            file = self.begin()
            self.write(file, b"a\r")
            self.assertEqual(self.files.get("/f"), b"a")
            act(file)
            self.assertEqual(self.files.get("/f"), b"a\r")

    def test_given_up(self) -> None:
        """Of what nobody completes, nothing is written any more."""
        file = self.begin()
        self.raw.abandon = lambda: None
        self.write(file, b"a\r")
        file.abandon()
        settled(file.close())
        self.assertEqual(self.files.get("/f"), b"a")

    def test_refused(self) -> None:
        """A WRITE that fails moves nothing; one to a file that is open for reading fails even if all is kept back."""
        file = self.begin(b"abc", access=Access.READ_DATA)
        for data in (b"x", b"\r"):
            with self.assertRaises(SFTPError) as caught:
                self.write(file, data)
            self.assertEqual(caught.exception.status, Status.PERMISSION_DENIED)
        self.assertEqual(self.read(file, 10), b"abc")

    def test_abilities(self) -> None:
        """It can what the file can, but nothing that goes past the translation."""
        file = self.begin()
        self.assertTrue(ISync.providedBy(file))
        self.assertFalse(IAbandoned.providedBy(file) or IReadInto.providedBy(file) or IWriteFrom.providedBy(file))


class OrderTests(TextCase):
    """Requests that wait."""

    def test_in_order(self) -> None:
        """READs that were asked for together each go on where the last has ended."""
        for newline in (CRLF, LF):
            self.begin(b"ab\ncd\nef\n" * 50)
            slow = Slow(self.raw)
            file = self.text(slow, newline)
            answers = [settled(file.read(0, 7)) for _ in range(100)]
            while slow.waiting:
                self.assertEqual(len(slow.waiting), 1)
                slow.go_on()
            found = b"".join(self.successResultOf(answer) for answer in answers)
            self.assertEqual(found, (b"ab\ncd\nef\n" * 50).replace(b"\n", newline))

    def test_many(self) -> None:
        """However many wait for one, they go on one after the other, not inside each other."""
        self.begin(b"x" * 5000)
        slow = Slow(self.raw)
        file = self.text(slow, LF)
        first = settled(file.read(0, 1))
        answers = [settled(file.read(0, 1)) for _ in range(4999)]
        slow.read = self.raw.read  # type: ignore[method-assign]
        slow.go_on()
        self.assertEqual(self.successResultOf(first), b"x")
        self.assertEqual(b"".join(map(self.successResultOf, answers)), b"x" * 4999)

    def test_failure(self) -> None:
        """What fails lets the next go on, from where it was."""
        self.begin(b"a\nb\n")
        slow = Slow(self.raw)
        file = self.text(slow)
        answers = [settled(file.read(0, 3)) for _ in range(2)]
        slow.waiting.pop()[0].errback(OSError(5, "bad"))
        self.failureResultOf(answers[0], OSError)
        slow.go_on()
        self.assertEqual(self.successResultOf(answers[1]), b"a\r\n")


class SeekTests(TextCase):
    """Going to a line."""

    def seek(self, file: Any, line: int) -> Any:
        """Go there; return the status."""
        self.pauses = 0

        async def pause() -> None:
            self.pauses += 1

        try:
            settled(file.seek(line, pause))
        except SFTPError as problem:
            return problem.status
        return Status.OK

    def test_lines(self) -> None:
        """Line 0 is the beginning, others begin behind an end of a line; beyond the last is EOF, and nothing moves."""
        for newline in (CRLF, LF):
            file = self.begin(b"a\nbb\n\nc", newline)
            for line, rest in ((1, b"bb\n\nc"), (0, b"a\nbb\n\nc"), (2, b"\nc"), (3, b"c")):
                self.assertEqual(self.seek(file, line), Status.OK)
                self.assertEqual(self.read(file, 100), rest.replace(b"\n", newline))
            self.seek(file, 1)
            for line in (4, 5, 2**64 - 1):
                self.assertEqual(self.seek(file, line), Status.EOF)
            self.assertEqual(self.read(file, 2), b"bb")
        file = self.begin(b"a\n")
        self.assertEqual((self.seek(file, 1), self.seek(file, 2)), (Status.OK, Status.EOF))
        self.assertEqual(self.seek(self.begin(b""), 0), Status.OK)

    def test_long(self) -> None:
        """A long file is searched a piece at a time; lines may begin at the end of a piece."""
        self.patch(text, "_PIECE", 4)
        file = self.begin(b"abc\nd\n\n\n\nefg\n" * 3)
        lines = (b"abc\nd\n\n\n\nefg\n" * 3).split(b"\n")
        for line in range(len(lines)):
            self.assertEqual(self.seek(file, line), Status.OK)
            self.assertEqual(self.read(file, 100), b"\r\n".join(lines[line:]))
        self.assertEqual(self.pauses, 9)
        self.assertEqual(self.seek(file, len(lines)), Status.EOF)

    def test_after_half_a_separator(self) -> None:
        """What of the last READ was not sent is forgotten, and what of the last WRITE was kept is written."""
        file = self.begin(b"a\nb\n")
        self.assertEqual(self.read(file, 2), b"a\r")
        self.seek(file, 1)
        self.assertEqual(self.read(file, 1), b"b")
        self.write(file, b"\r")
        self.seek(file, 0)
        self.assertEqual(self.files.get("/f"), b"a\nb\r")

    def test_written_from_there(self) -> None:
        """An upload of text is resumed at a line."""
        file = self.begin(b"a\nhalf")
        self.seek(file, 1)
        self.write(file, b"whole\r\n")
        self.assertEqual(self.files.get("/f"), b"a\nwhole\n")

    def test_for_writing_only(self) -> None:
        """Nobody counts the lines of a file that is not open for reading."""
        self.assertEqual(self.seek(self.begin(b"a\n", access=Access.WRITE_DATA), 1), Status.OP_UNSUPPORTED)
