"""
How a request fails: by a code that the version has, and a text that helps the user and gives nothing away.
"""

import errno
import os
from struct import unpack_from
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.files.support import SameFileSystem
from tests.session.support import (
    CLOSE,
    FSETSTAT,
    FSTAT,
    LSTAT,
    MKDIR,
    OPENDIR,
    READDIR,
    READLINK,
    REALPATH,
    REMOVE,
    RENAME,
    RMDIR,
    SETSTAT,
    STAT,
    STATUS,
    extension,
    opening,
    reading,
    request,
    string,
    string_at,
    u32,
    writing,
)
from tests.session.versions import in_versions

READ, WRITE, CREAT, EXCL = 1, 2, 8, 0x20
CEILING = {3: 8, 4: 13, 5: 17, 6: 31}
# What a version that lacks a status says instead: a missing thing is missing, what was malformed is malformed, a disk
# that is read-only denies, all else has failed.
LOWERED = {
    3: {10: 2, 12: 3, 19: 2, 20: 5, 21: 2, 23: 5},
    4: {19: 2, 20: 5},
    5: {19: 2, 20: 5},
    6: {},
}
SECRET = "/srv/secret/place"
# What a user should learn of a failed system call.
TELLING = {
    "ENOSPC": "space",
    "EDQUOT": "quota",
    "EROFS": "read-only",
    "EACCES": "denied",
    "EEXIST": "exist",
    "ENOENT": "no such",
    "ENOTEMPTY": "not empty",
    "ENOTDIR": "not a directory",
    "EISDIR": "is a directory",
    "ENAMETOOLONG": "too long",
    "ELOOP": "links",
    "EFBIG": "too large",
    "EBUSY": "busy",
    "EMFILE": "too many open",
    "EXDEV": "same file system",
    "EIO": "disk",
}


class Failing(SameFileSystem):
    """
    REMOVE raises what it is told to.

    Attributes:
        problem: what that is.
    """

    problem: Exception = SFTPError(Status.FAILURE)

    def remove(self, path: str) -> None:
        raise self.problem


class FailingCase(WireCase):
    """A request that fails as a test wishes."""

    def make_files(self) -> Any:
        return Failing()

    def failed(self, problem: Exception) -> bytes:
        """Return the reply to a request that fails so."""
        self.files.problem = problem
        reply = self.one(request(REMOVE, 7, string(b"/f")))
        self.assertEqual(unpack_from(">BI", reply), (STATUS, 7))
        return reply


@in_versions()
@bug_class(14)
class CodeTests(FailingCase):
    """The code, and that there is a text with its language."""

    def expected(self, status: Status, version: int) -> int:
        """Return the code for a status in a version."""
        if status <= CEILING[version]:
            return int(status)
        return LOWERED[version].get(status, 4)

    def test_every_status_in_every_version(self) -> None:
        """Each status has a code that the version has, with a text and a language, and nothing behind them."""
        for version in CEILING:
            codec = Codec(version)
            for status in Status:
                for message in ("", "why"):
                    packet = codec.encode(7, StatusReply(status=status, message=message))
                    kind, number, code = unpack_from(">BII", packet, 4)
                    self.assertEqual(
                        (kind, number, code), (STATUS, 7, self.expected(status, version)), (version, status)
                    )
                    text = string_at(packet, 13)
                    self.assertTrue(text and text.decode("utf-8").isprintable())
                    self.assertEqual(packet[17 + len(text) :], string(b"en"))
                    self.assertEqual(text == b"why", bool(message))
                    self.assertEqual(int.from_bytes(packet[:4], "big"), len(packet) - 4)

    def test_in_a_session(self) -> None:
        """A client gets no code that its version does not have, whatever a file system raises."""
        for status in list(Status)[2:]:
            reply = self.failed(SFTPError(status))
            self.assertEqual(unpack_from(">I", reply, 5), (self.expected(status, self.version),))

    def test_text_of_what_was_lost(self) -> None:
        """Where the code cannot say it the text still does."""
        texts = {self.text(self.failed(SFTPError(status))) for status in (11, 14, 15, 17, 18, 24)}
        self.assertEqual(len(texts), 6)

    def test_every_request(self) -> None:
        """Every request that fails or succeeds without a result is answered with code, text and language."""
        path, handle, new = string(b"/none"), string(b"none"), string(b"/new")
        names = [request(kind, 1, path) for kind in (LSTAT, STAT, OPENDIR, READLINK, REMOVE, RMDIR)]
        names += [request(SETSTAT, 1, path, u32(0)), request(RENAME, 1, path, new), opening(b"/none", 1, READ)]
        for packet in names[:4] + names[5:]:
            self.assert_status(self.one(packet), Status.NO_SUCH_FILE, 1)
        handles = [request(kind, 1, handle) for kind in (CLOSE, FSTAT, READDIR)]
        handles += [request(FSETSTAT, 1, handle, u32(0)), reading(b"none", 0, 1, 1), writing(b"none", 0, b"x", 1)]
        for packet in handles:
            self.assert_status(self.one(packet), Status.INVALID_HANDLE, 1)
        for packet in (request(99, 1), extension(b"nobody@example.com", 1, b"x")):
            self.assert_status(self.one(packet), Status.OP_UNSUPPORTED, 1)
        self.assert_status(self.one(request(MKDIR, 1, new, u32(0))), Status.OK, 1)
        self.session.literal()
        self.assert_status(self.one(request(STAT, 1, u32(1000))), Status.BAD_MESSAGE, 1)

    def test_own_texts(self) -> None:
        """A text of the application reaches the client whole, in UTF-8, counted in bytes."""
        for text in ("Logs stay", "Größe überschritten", "配額", "x" * 1000):
            self.assertEqual(self.text(self.failed(SFTPError(Status.FAILURE, text))), text)


@in_versions()
@bug_class(15)
class TextTests(FailingCase):
    """What a user is told."""

    def test_system_calls(self) -> None:
        """Each kind of failure is named in words, and in others than any other kind."""
        texts = {}
        for name, word in TELLING.items():
            number = getattr(errno, name)
            texts[name] = self.text(self.failed(OSError(number, os.strerror(number), SECRET, None, SECRET)))
            self.assertIn(word, texts[name].lower())
        self.assertEqual(len(set(texts.values())), len(texts), texts)

    def test_nothing_is_given_away(self) -> None:
        """No place on the disk, no errno and no name of a class, whatever the failure is."""
        for number in sorted(errno.errorcode):
            text = self.text(self.failed(OSError(number, os.strerror(number), SECRET)))
            self.check_harmless(text)
            self.assertNotIn(errno.errorcode[number], text)

    def test_mistakes(self) -> None:
        """What is wrong with the program is told to its operator, with all there is, and not to the client."""
        for problem in (KeyError(SECRET), ZeroDivisionError(SECRET), OSError(SECRET), ValueError(SECRET)):
            reply = self.failed(problem)
            self.assert_status(reply, Status.FAILURE)
            self.check_harmless(self.text(reply))
            (failure,) = self.flushLoggedErrors(type(problem))
            self.assertIn(SECRET, str(failure.value))

    def check_harmless(self, text: str) -> None:
        """Fail if a text says what is nobody's business."""
        for word in ("secret", "srv", "/", "Errno", "Error", "Exception", "Traceback", "None"):
            self.assertNotIn(word, text)

    def test_reasons_of_the_server(self) -> None:
        """Who may only read, and who has too much open, is told so."""
        self.session = self.begin(server=self.make_server(read_only=True))
        self.assertIn("read-only", self.text(self.one(request(MKDIR, 1, string(b"/d"), u32(0)))).lower())
        self.session = self.begin(server=self.make_server(max_handles=1))
        self.open(b"/f", WRITE | CREAT)
        self.assertIn("too many open", self.text(self.one(opening(b"/f", 1, WRITE))).lower())


@in_versions()
@bug_class(15)
class LocalTextTests(LocalWireCase):
    """What a user is told of a real disk."""

    def test_refusals(self) -> None:
        """Usual mistakes are named for what they are; the place of the folder shows nowhere."""
        self.put("/file", b"")
        self.files.make_directory("/folder", Attributes())
        self.put("/folder/file", b"")
        self.files.make_symlink("/loop", "loop")
        none = u32(0)
        for packet, word in (
            (request(MKDIR, 1, string(b"/folder"), none), "exist"),
            (request(MKDIR, 1, string(b"/" + b"n" * 256), none), "too long"),
            (request(RMDIR, 1, string(b"/folder")), "not empty"),
            (request(RMDIR, 1, string(b"/file")), "not a directory"),
            (request(REMOVE, 1, string(b"/folder")), "is a directory"),
            (opening(b"/folder", 1, WRITE), "is a directory"),
            (opening(b"/none", 1, READ), "no such"),
            (opening(b"/file", 1, WRITE | CREAT | EXCL), "exist"),
            (opening(b"/loop", 1, READ), "links"),
            (request(OPENDIR, 1, string(b"/file")), "not a directory"),
            (request(RENAME, 1, string(b"/file"), string(b"/folder")), "exist"),
            # REALPATH of version 6, asked as it is here, refuses nothing.
            (request(REALPATH if self.version < 6 else STAT, 1, string(b"/loop/x")), "links"),
            (request(STAT, 1, string(b"/a\0b")), "zero byte"),
        ):
            text = self.text(self.one(packet))
            self.assertIn(word, text.lower())
            self.assertNotIn("/", text)
            self.assertNotIn(os.path.basename(self.root), text)
