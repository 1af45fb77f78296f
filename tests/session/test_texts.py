"""
What users are told when something goes wrong: what happened, in words, and nothing of this machine.
"""

import errno
import os
from collections.abc import Iterator
from struct import unpack_from
from typing import Any

from twisted.internet.defer import fail
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.events import FileRemove, TransferFinished
from conchsftp.files.local import LocalFileSystem
from conchsftp.interfaces import IFileSystem
from conchsftp.session.handles import OpenDirectory, OpenFile
from conchsftp.session.on_handles import Abandon
from conchsftp.session.operations import OPERATIONS
from conchsftp.sftp import extended, requests
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import ERRNOS, MISTAKE, OTHER, TEXTS, Status, lower, row_of_errno
from tests.files.support import inline_workers
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    REMOVE,
    STATUS,
    Avatar,
    HandlerCase,
    SessionCase,
    extension,
    opening,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions
from tests.sftp.samples import SAMPLES

ABOUT_ITSELF = {extended.VersionSelect, extended.VendorId, extended.FilenameTranslationControl}
# What asks nothing of a file system, and what only some files can do.
APART = {Abandon, BadPacket, extended.Limits, extended.TextSeek, requests.Block, requests.Unblock}
APART |= ABOUT_ITSELF
# What an errno means only there.
MEANT = {
    ("MkDir", "ENOENT"): Status.NO_SUCH_PATH,
    ("Open", "ENOENT"): Status.NO_SUCH_PATH,
    ("SymLink", "ENOENT"): Status.NO_SUCH_PATH,
    ("Link", "ENOENT"): Status.NO_SUCH_PATH,
    ("Remove", "EBUSY"): Status.CANNOT_DELETE,
    ("Remove", "ETXTBSY"): Status.CANNOT_DELETE,
    ("RmDir", "EBUSY"): Status.CANNOT_DELETE,
    ("RmDir", "ETXTBSY"): Status.CANNOT_DELETE,
    ("RmDir", "EEXIST"): Status.DIR_NOT_EMPTY,
}
HANDLES = ("Read", "Write", "Close", "FStat", "FSetStat", "FSync", "CopyData", "FStatVFS", "MD5HashHandle")
HANDLES += ("CheckFileHandle", "CheckFile")


ABILITIES = {row.ability for row in OPERATIONS.values() if row.ability is not None}


def wire(version: int) -> list[tuple[bytes, type]]:
    """Return every request of a version, as on the wire, with what it is."""
    packets = [(string(each.packet), type(each.record)) for each in SAMPLES if version in each.versions]
    # The sample of one asks for another user.
    packets = [each for each in packets if each[1] not in {extended.HomeDirectory, *ABOUT_ITSELF}]
    return [*packets, (extension(b"home-directory", 7, string(b"")), extended.HomeDirectory)]


@implementer(IFileSystem, *ABILITIES)
class Failing:
    """A file system, a file and a directory of which every call fails, at once or later."""

    file_abilities = ()

    def __init__(self, problem: Exception, *, later: bool) -> None:
        self._problem = problem
        self._later = later

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._fail

    def extensions(self, version: int, offered: Any) -> Any:
        return ()

    def _fail(self, *args: Any) -> Any:
        if self._later:
            return fail(self._problem)
        raise self._problem


@in_versions()
class EveryOperationTests(SessionCase):
    """Every operation, on file systems that fail in every way there is."""

    def failing(self, problem: Exception) -> Iterator[tuple[str, bytes]]:
        """Yield the name of each operation and its reply, where the file system fails."""
        for later in (False, True):
            files = Failing(problem, later=later)
            session = self.begin(files, temp_folder="/tmp").literal()
            for packet, kind in wire(self.version):
                if kind in APART:
                    continue
                opened: Any = OpenDirectory("/ab", files) if kind is requests.ReadDir else OpenFile("/ab", files)
                if kind.__name__ in HANDLES or kind is requests.ReadDir:
                    source = Failing(problem, later=later)
                    opened = type(opened)("/ab", source)
                    for handle in (b"abcd", b"abce"):
                        session.conversation.handles._open[handle] = opened
                with self.subTest(request=kind.__name__, problem=problem, later=later):
                    (reply,) = session.ask(packet)
                    yield kind.__name__, reply
                session.conversation.handles._open.clear()

    def assert_told(self, name: str, reply: bytes, status: Status, text: str) -> None:
        """Check the answer of an operation, that it says what happened, and no more than that."""
        self.assertEqual(reply[0], STATUS, name)
        said = string_at(reply, 9).decode()
        self.assertEqual(Status(unpack_from(">I", reply, 5)[0]), lower(status, self.version), name)
        self.assertIn(text, said)
        if "SetStat" not in name:
            self.assertEqual(said, text)
        self.assertNotIn(b"secret", reply)
        self.assertNotRegex(said, "Error|Exception|Traceback|^Failure$")

    def test_all(self) -> None:
        """The samples are of all operations but those that ask nothing of a file system."""
        kinds = {kind for version in VERSIONS for _, kind in wire(version)}
        self.assertEqual(kinds | APART, set(OPERATIONS))

    def test_errnos(self) -> None:
        """Of an OSError the user learns what its errno means, and neither of its paths."""
        for row in (*ERRNOS, OTHER):
            number = getattr(errno, row.name, 9999 if row is OTHER else None)
            if number is not None:
                row = row_of_errno(number)
                problem = OSError(number, os.strerror(number), "/secret/local/path", None, "/secret/other")
                for name, reply in self.failing(problem):
                    status = MEANT.get((name, row.name), row.status)
                    self.assert_told(name, reply, status, row.text or TEXTS[status])

    def test_statuses(self) -> None:
        """An SFTPError without a text is told in the words of its status, also where the version has no such status."""
        for status in Status:
            if status > Status.EOF:
                for name, reply in self.failing(SFTPError(status)):
                    self.assert_told(name, reply, status, TEXTS[status])

    def test_mistakes(self) -> None:
        """A mistake is told without a word of it, and logged with one traceback."""
        for name, reply in self.failing(KeyError("/secret/local/path")):
            self.assert_told(name, reply, Status.FAILURE, MISTAKE)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1, name)

    def test_on_disk(self) -> None:
        """Whatever is asked of a folder on disk, nothing that is sent names the folder."""
        root = os.path.join(self.mktemp(), "secret folder")
        os.makedirs(root)
        with open(os.path.join(root, "ab"), "w"):
            pass
        files = LocalFileSystem(root, workers=inline_workers())
        for _ in range(2):
            session = self.begin(files).literal()
            for packet, _ in wire(self.version):
                session.ask(packet)
            self.assertNotIn(b"secret", bytes(session.channel.sent))
            session.lose()


@in_versions()
class WordsTests(HandlerCase):
    """Single texts."""

    REMOVE_A = request(REMOVE, 7, string(b"a"))

    def said(self) -> str:
        return string_at(self.one(self.REMOVE_A), 9).decode()

    def test_quota(self) -> None:
        """An application that refuses by quota is understood in versions that have no such status, too."""
        self.on(FileRemove, lambda event: _raise(SFTPError(Status.QUOTA_EXCEEDED)))
        reply = self.one(self.REMOVE_A)
        self.assert_status(reply, Status.QUOTA_EXCEEDED)
        self.assertIn("quota", string_at(reply, 9).decode())

    def test_own_words(self) -> None:
        """The words of an application are sent as they are."""
        self.on(FileRemove, lambda event: _raise(SFTPError(Status.QUOTA_EXCEEDED, "Ask Ann for more space")))
        self.assertEqual(self.said(), "Ask Ann for more space")

    def test_read_only(self) -> None:
        """Who may change nothing is told whose fault it is: that of the account, or of the whole server."""
        avatar = Avatar(self.files)
        avatar.read_only = True
        self.begin(avatar=avatar)
        self.assertEqual(self.said(), "This account is read-only")
        self.begin(avatar=avatar, read_only=True)
        self.assertEqual(self.said(), "The server is read-only")

    def test_handler(self) -> None:
        """A mistake in a handler is told as one of the server, and logged once."""
        self.on(FileRemove, lambda event: _raise(KeyError("/secret")))
        self.assertEqual(self.said(), MISTAKE)
        self.assert_logged(KeyError)

    def test_every_version(self) -> None:
        """A status keeps its text in versions that have no such status, in whatever language it is sent."""
        for version in VERSIONS:
            for status in Status:
                for language in ("en", "de"):
                    packet = Codec(version).encode(7, StatusReply(status=status, language=language))
                    self.assertIn(TEXTS[status].encode(), packet)

    def test_transfers(self) -> None:
        """TransferFinished tells what the user was told."""
        told: list[str] = []
        self.on(TransferFinished, lambda event: told.append(event.error_message))
        files = SlowFileSystem(self.files, ["file.write"])
        self.begin(files, events=self.session.events)
        handle = self.opened(opening(b"a"))
        self.session.feed(writing(handle, 0, b"x"), request(CLOSE, 1, string(handle)))
        files.gate.fail(OSError(errno.EFBIG, "No", "/secret"))
        self.assertEqual(told, ["File too large"])


def _raise(problem: Exception, *args: Any) -> None:
    raise problem
