"""
The table of settings and the rows in it.
"""

import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import conchsftp.settings
from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.settings.kinds import TEXT
from conchsftp.settings.row import Index, Setting, Support
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE, Table


class TableTests(SynchronousTestCase):
    def test_twice(self):
        """A name cannot stand twice, not even in another spelling."""
        rows = [(Setting(name=name, kind=TEXT, default="", doc="A."),) for name in ("RootDirectory", "Rootdirectory")]
        self.assertRaises(ValueError, Table, {"A": rows[0], "B": rows[1]})

    def test_find(self):
        """A row is found under any spelling; an unknown name is an error."""
        self.assertEqual(TABLE.find("--root-directory").name, "RootDirectory")
        self.assertRaises(ServerError, TABLE.find, "Nothing")


class RowsTests(SynchronousTestCase):
    def test_summaries(self):
        """Every row has a first line that stands for itself in --help."""
        for row in TABLE:
            self.assertRegex(row.summary, r"[.;`)\w]$", row.name)
            self.assertLessEqual(len(row.summary), 120, row.name)

    def test_defaults_survive(self):
        """Every default of every profile comes back from its text."""
        for row in TABLE:
            for profile in ("modern", "compatible", "documented"):
                value = row.default_for(profile)
                self.assertEqual(row.kind.convert(row.kind.format(value)), value, row.name)

    def test_settings_can_be_made(self):
        """The defaults make settings, and no row hides one of their methods."""
        settings = Settings(TABLE)
        for row in TABLE:
            if row.read is None:
                default: Any = Secret(row.default) if row.secret else row.default
                empty = row.index is Index.POSITION
                self.assertEqual(settings.get(row.name), () if empty else default, row.name)
            self.assertFalse(hasattr(Settings, row.attribute), row.name)

    def test_somebody_reads_it(self):
        """No setting is without effect that does not say so: each is named outside of the settings, or computed."""
        package = Path(conchsftp.settings.__file__).parent.parent
        modules = (path for path in package.rglob("*.py") if path.parent.name != "settings")
        named = set(re.findall(r"\w+", "\n".join(path.read_text() for path in modules)))
        acting = (row for row in TABLE if row.support is Support.FULL and row.read is None)
        self.assertEqual([row.name for row in acting if named.isdisjoint((row.name, row.attribute))], [])

    def test_documented_profile(self):
        """AlgorithmProfile=documented brings every documented default back, except where the row says no."""
        settings = Settings(TABLE, algorithm_profile="documented")
        for row in TABLE:
            if row.why and row.restored and row.support is Support.FULL:
                self.assertEqual(settings.get(row.name), row.documented, row.name)

    def test_server_version_string(self):
        """The greeting begins with SSH-2.0-, has a name without space and `-`, and fits 255 bytes with CR LF."""
        settings = Settings(TABLE)
        self.assertRegex(settings.server_ssh_version_string, "^SSH-2.0-conchsftp_")
        for good in ("SSH-2.0-x", "SSH-2.0-IPWorks SSH Daemon 2024", "SSH-2.0-" + "x" * 245):
            settings.server_ssh_version_string = good
        for bad in ("SSH-2.0-", "SSH-1.99-x", "SSH-2.0-a-b", "SSH-2.0-x\r\n", "SSH-2.0-é", "SSH-2.0-" + "x" * 246):
            self.assertRaises(ServerError, settings.set, "ServerSSHVersionString", bad)
