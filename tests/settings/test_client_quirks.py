"""
The setting ClientQuirks: how it is written, and what it refuses.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.client_quirks import CLIENT_QUIRKS, QUIRKS, Overrides
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp.clients import COLUMNS, Order, Override

MINE = "SSH-2.0-MyClient* symlinks=link-first packet=16384 versions=3"


class ClientQuirksTests(SynchronousTestCase):
    """Text and lists of texts."""

    def setUp(self) -> None:
        self.settings = Settings(TABLE)

    def test_text(self) -> None:
        """A list of texts, or one text with commas between them; the same comes back as text."""
        expected = Overrides(
            (
                Override("SSH-2.0-MyClient*", (("symlinks", Order.LINK_FIRST), ("packet", 16384), ("versions", 3))),
                Override("*", (("curve25519", False), ("rekeys", True))),
            )
        )
        other = "* curve25519=no REKEYS=Yes"
        for value in ([MINE, other], f"{MINE}, {other}", f" {MINE} ,{other},", expected):
            self.settings.set("ClientQuirks", value)
            self.assertEqual(self.settings.client_quirks, expected)
            self.assertEqual(CLIENT_QUIRKS.convert(self.settings.text("ClientQuirks")), expected)

    def test_config(self) -> None:
        """As a statement of `config()`, in which the text itself has equals signs."""
        self.assertEqual(self.settings.config(f"ClientQuirks={MINE}"), MINE)
        self.assertEqual(self.settings.config("ClientQuirks="), "")
        self.assertEqual(self.settings.client_quirks, Overrides())

    def test_every_column(self) -> None:
        """Every column of the table can be written, and read back, at its default."""
        self.assertEqual(list(QUIRKS), [column.name for column in COLUMNS])
        for column in COLUMNS:
            text = f"* {column.name}={QUIRKS[column.name].format(column.default)}"
            self.assertEqual(CLIENT_QUIRKS.convert(text).rows, (Override("*", ((column.name, column.default),)),))

    def test_mistakes(self) -> None:
        """An unknown name or value is refused with the nearest one, and nothing is changed."""
        self.settings.client_quirks = MINE
        for value, text in (
            ("SSH-X* symlink=link-first", "unknown quirk 'symlink'; did you mean symlinks?"),
            ("SSH-X* colour=red", "unknown quirk 'colour'; known are symlinks, packet, versions, curve25519, rekeys"),
            ("SSH-X* symlinks=link-frist", "symlinks: expected one of `target-first`, `link-first`; got 'link-frist'"),
            ("SSH-X* symlinks=link-frist", "; did you mean link-first?"),
            ("SSH-X* packet=1023", "packet: expected a whole number from 1024 to 262144; got 1023"),
            ("SSH-X* packet=262145", "packet: expected a whole number"),
            ("SSH-X* versions=2", "versions: expected a whole number from 3 to 6; got 2"),
            ("SSH-X* versions=7", "versions: expected a whole number"),
            ("SSH-X* rekeys=maybe", "rekeys: expected `True` or `False`"),
            ("SSH-X* packet", "expected NAME=VALUE after the pattern; got 'packet'"),
            ("SSH-X*", "expected a pattern"),
            ("packet=2048", "expected a pattern"),
            (7, "expected a list of texts"),
            ([7], "expected a list of texts"),
            (["X* packet=2048,Y* packet=2048"], "expected a list of texts"),
            (b"X* packet=2048", "expected a list of texts"),
        ):
            with self.subTest(value=value):
                problem = self.assertRaises(ServerError, self.settings.set, "ClientQuirks", value)
                self.assertIn("ClientQuirks: ", str(problem))
                self.assertIn(text, str(problem))
        self.assertEqual(self.settings.text("ClientQuirks"), MINE)

    def test_like_nobody(self) -> None:
        """A pattern that no version string can be like is a mistake; wildcards may stand for its beginning."""
        for pattern in ("*SSH_9", "ssh-2.0-x", "?SH-2.0*", "SS*"):
            CLIENT_QUIRKS.parse(f"{pattern} rekeys=no")
        for pattern in ("OpenSSH*", "OpenSSH_9.2"):
            problem = self.assertRaises(ValueError, CLIENT_QUIRKS.parse, f"{pattern} rekeys=no")
            self.assertIn("begin with SSH-2.0-", str(problem))

    def test_limits(self) -> None:
        """The ends of the ranges are taken."""
        for text in ("* packet=1024", "* packet=262144", "* versions=3", "* versions=6"):
            self.settings.client_quirks = text
            self.assertEqual(self.settings.text("ClientQuirks"), text)
