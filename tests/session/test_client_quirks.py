"""
What a session does for single clients, and that the setting ClientQuirks overrides it.
"""

from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from tests.session.support import (
    NAME,
    OPENDIR,
    READDIR,
    SYMLINK,
    Session,
    SessionCase,
    request,
    string,
    unhex,
)
from tests.session.versions import in_versions

WINSCP, OPENSSH = b"SSH-2.0-WinSCP_release_6.3.5", b"SSH-2.0-OpenSSH_9.2p1"


class LinkedCase(SessionCase):
    """A session that makes a link."""

    def linked(self, client: bytes, quirks: str = "") -> str:
        """Send SYMLINK with the names `one` and `two`, and return which of them is the link now."""
        self.begin(client=client, client_quirks=quirks)
        self.one(request(SYMLINK, 1, string(b"one"), string(b"two")))
        for name, target in (("one", "two"), ("two", "one")):
            try:
                self.assertEqual(self.files.read_link(f"/home/{name}"), target)
            except OSError:
                continue
            self.files.remove(f"/home/{name}")
            return name
        return ""


@in_versions(3, 4, 5)
class SymlinkTests(LinkedCase):
    """The order of the names in SYMLINK."""

    def test_order(self) -> None:
        """By the table, unless the setting says otherwise."""
        self.assertEqual(self.linked(WINSCP), "one")
        self.assertEqual(self.linked(OPENSSH), "two")
        self.assertEqual(self.linked(WINSCP, "SSH-2.0-WinSCP* symlinks=target-first"), "two")
        self.assertEqual(self.linked(OPENSSH, "* symlinks=link-first"), "one")
        self.assertEqual(self.linked(OPENSSH, "*WinSCP* symlinks=link-first"), "two")


@in_versions(6)
class LinkTests(LinkedCase):
    """The order of the names in LINK, which took its place."""

    def test_order(self) -> None:
        """It is one for all, and no setting changes it; `two` is what the test sends as the path of the link."""
        for client in (WINSCP, OPENSSH):
            for quirks in ("", "* symlinks=link-first", "* symlinks=target-first"):
                self.assertEqual(self.linked(client, quirks), "two")


@in_versions()
class PacketTests(SessionCase):
    """The largest reply that a client takes."""

    def test_listing(self) -> None:
        """A listing is cut to it, and nothing of it is lost; without the setting it fits into 32 KiB."""
        for number in range(90):
            self.files.put(f"/many/{'x' * 200}{number:03}", b"")
        for quirks, most, replies in (("", 32768, 2), ("* packet=4096", 4096, 15), ("* packet=65536", 65536, 1)):
            with self.subTest(quirks=quirks):
                self.begin(client_quirks=quirks)
                handle = self.opened(request(OPENDIR, 1, string(b"/many")))
                sizes, names = [], 0
                while (reply := self.one(request(READDIR, 1, string(handle))))[0] == NAME:
                    sizes.append(len(reply))
                    names += int.from_bytes(reply[5:9], "big")
                self.assertEqual((len(sizes), names), (replies, 92))
                self.assertLessEqual(max(sizes), most)


class VersionTests(SessionCase):
    """The highest version that a client is answered with."""

    def answered(self, asked: int, quirks: str = "", highest: int = 6) -> int:
        """Return the version that a client which asks for one gets."""
        (reply,) = Session(self.files, client_quirks=quirks, protocol_version=highest).ask(unhex(f"01 {asked:08x}"))
        return int.from_bytes(reply[1:5], "big")

    def test_cap(self) -> None:
        """No more than the setting says, than the server speaks, or than was asked for."""
        for highest in (3, 4, 5, 6):
            self.assertEqual(self.answered(6, highest=highest), highest)
            self.assertEqual(self.answered(4, highest=highest), min(4, highest))
        self.assertEqual(Settings(TABLE).protocol_version, 3)
        self.assertEqual(self.answered(6, "* versions=4"), 4)
        self.assertEqual(self.answered(3, "* versions=4"), 3)
        self.assertEqual(self.answered(6, "SSH-2.0-Other* versions=4"), 6)
