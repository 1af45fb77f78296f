"""
Extended requests that a file system brings.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import IExtendedRequests
from conchsftp.sftp.statuses import Status
from tests.session.support import GREETING, Avatar, Session, SessionCase, extension, string, string_at, u32
from tests.session.versions import in_versions


def pairs(packet: bytes) -> dict[bytes, bytes]:
    """Return the extension pairs of VERSION."""
    texts, at = [], 5
    while at < len(packet):
        texts.append(string_at(packet, at))
        at += 4 + len(texts[-1])
    return dict(zip(texts[::2], texts[1::2], strict=True))


class Asked(MemoryFileSystem):
    """Knows two requests."""

    file_abilities = (*MemoryFileSystem.file_abilities, IExtendedRequests)

    def extensions(self, version: int, offered: dict[bytes, bytes]) -> dict[bytes, bytes]:
        return {b"echo@example": b"%d" % version, b"copy-data": b"another", **offered}

    def extended_request(self, name: bytes, data: bytes) -> bytes | None:
        if name == b"silent@example":
            return None
        if name == b"echo@example":
            return data
        raise SFTPError(Status.OP_UNSUPPORTED, "Never heard of it")


@in_versions()
class OwnRequestTests(SessionCase):
    """A file system with extended requests of its own."""

    def test_served(self) -> None:
        """They are advertised beside ours, and answered with what the file system returns; None is OK."""
        session = Session(Asked(), version=self.version)
        (version,) = session.ask(string(b"\x01" + u32(self.version) + string(b"theirs") + string(b"7")))
        told = pairs(version)
        self.assertEqual(
            (told[b"echo@example"], told[b"copy-data"], told[b"theirs"]), (b"%d" % self.version, b"1", b"7")
        )
        self.session = session
        self.assertEqual(self.one(extension(b"echo@example", 7, b"\0text")), b"\xc9" + u32(7) + b"\0text")
        self.assert_status(self.one(extension(b"silent@example", 8)), Status.OK)
        self.assert_status(self.one(extension(b"other@example", 9)), Status.OP_UNSUPPORTED)

    def test_read_only(self) -> None:
        """Where nothing may be changed there are none: what they do is not known to us."""
        reader = Avatar(Asked())
        reader.read_only = True
        for session in (
            Session(Asked(), version=self.version, read_only=True),
            Session(avatar=reader, version=self.version),
        ):
            self.session = session
            (version,) = self.session.ask(GREETING)
            self.assertIn(b"copy-data", pairs(version))
            self.assertNotIn(b"echo@example", pairs(version))
            self.assert_status(self.one(extension(b"echo@example", 7, b"text")), Status.OP_UNSUPPORTED)

    def test_broken(self) -> None:
        """One that cannot say which is logged, and served without them."""

        class Broken(MemoryFileSystem):
            """Raises."""

            file_abilities = (*MemoryFileSystem.file_abilities, IExtendedRequests)

            def extensions(self, version: int, offered: Any) -> None:
                raise LookupError("lost")

        (version,) = Session(Broken(), version=self.version).ask(string(b"\x01" + u32(self.version)))
        self.assertIn(b"copy-data", pairs(version))
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
