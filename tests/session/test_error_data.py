"""
What a refusal says beside its status: the names that nobody knows.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import SFTPError
from conchsftp.events import SetAttributes
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.replies import StatusReply, UnknownPrincipal
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession

NAMES = ("nobody@here", "ü")
SETTING = requests.SetStat(path=b"/a", attributes=Attributes(permissions=0o600))
TEXT = "556e6b6e6f776e2075736572206f722067726f7570"


class LayoutTests(SynchronousTestCase):
    """The bytes of it."""

    def lay_out(self, version: int, **options: Any) -> bytes:
        """Return the packet of a refusal that names somebody."""
        reply = UnknownPrincipal(status=Status.UNKNOWN_PRINCIPAL, names=NAMES, **options)
        return Codec(version).encode(7, reply)

    def test_names(self) -> None:
        """Versions 5 and 6 have the names behind the language tag, each a string (filexfer-05, 7; -13, 9.1)."""
        tail = f"00000010 00000015 {TEXT} 00000002 656e"
        names = "0000000b 6e6f626f64794068657265  00000002 c3bc"
        expected = bytes.fromhex(f"0000003d 65 00000007 {tail} {names}")
        for version in (5, 6):
            self.assertEqual(self.lay_out(version), expected)

    def test_nothing_below(self) -> None:
        """Versions 3 and 4 know neither the status nor data behind it."""
        expected = bytes.fromhex(f"00000028 65 00000007 00000004 00000015 {TEXT} 00000002 656e")
        for version in (3, 4):
            self.assertEqual(self.lay_out(version), expected)

    def test_own_text(self) -> None:
        """A text of its own and another language change nothing about what follows."""
        packet = self.lay_out(6, message="Who?", language="")
        self.assertEqual(packet[9:], bytes.fromhex("00000010 00000004 57686f3f 00000000 0000000b") + packet[29:])
        self.assertTrue(packet.endswith("nobody@here\0\0\0\x02ü".encode()))

    def test_none(self) -> None:
        """Without names there is none: the packet is that of the status."""
        plain = Codec(6).encode(7, StatusReply(status=Status.UNKNOWN_PRINCIPAL))
        empty = UnknownPrincipal(status=Status.UNKNOWN_PRINCIPAL, names=())
        self.assertEqual(Codec(6).encode(7, empty), plain)


class _Strict(MemoryFileSystem):
    """Refuses to set anything, for two names; the status is the test's."""

    status = Status.UNKNOWN_PRINCIPAL

    def set_attributes(self, path: str, attributes: Attributes, follow: bool) -> None:
        raise SFTPError(self.status, names=NAMES)


class RoadTests(SynchronousTestCase):
    """From who refuses to the client."""

    def answer(self, version: int, handlers: Any = None, status: Status = Status.UNKNOWN_PRINCIPAL) -> Any:
        """Ask for what is refused; return the reply."""
        files = _Strict()
        files.status = status
        session = MemorySession(SFTPAvatar("user", files=files), version=version, protocol_version=6)
        for handler in handlers or ():
            session.server.on("SetAttributes", handler)
        session.put("a", b"")
        reply = session.request(SETTING)
        assert isinstance(reply, StatusReply)
        return reply

    def names(self, *given: Any, **options: Any) -> Any:
        """Return what the client of version 6 is told beside the status."""
        return getattr(self.answer(6, *given, **options), "names", None)

    def test_versions(self) -> None:
        """The names that a file system raises arrive in versions 5 and 6, whether anybody listens or not."""
        for listeners in ([], [lambda event: None]):
            for version in VERSIONS:
                reply = self.answer(version, listeners)
                self.assertEqual(reply.status, lower(Status.UNKNOWN_PRINCIPAL, version))
                self.assertEqual(getattr(reply, "names", None), NAMES if version > 4 else None)

    def test_handler(self) -> None:
        """A handler that raises says them as well."""

        def refuse(event: SetAttributes) -> None:
            raise SFTPError(Status.UNKNOWN_PRINCIPAL, names=["eve"])

        self.assertEqual(self.names([refuse]), ("eve",))

    def test_other_status(self) -> None:
        """No other status has names behind it: nobody would know what they are."""
        self.assertIsNone(self.names(status=Status.PERMISSION_DENIED))

        def deny(event: SetAttributes) -> None:
            event.deny()

        self.assertIsNone(self.names([deny]))

    def test_corrected(self) -> None:
        """A handler that says afterwards that all is well is believed."""

        def correct(event: SetAttributes) -> None:
            event.status_code = Status.OK

        self.assertEqual(self.answer(6, [correct]).status, Status.OK)
