"""The long name of version 3."""

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.listing import _offset, longname
from conchsftp.sftp.numbers import FileType

NOW = 1_112_000_000  # 28 March 2005, 08:53:20 UTC
THEN = 1_111_760_940  # 25 March 2005, 14:29 UTC
HALF_A_YEAR = 15_768_000

MJOS = {"owner": "mjos", "group": "staff", "link_count": 1}


class ListingTests(SynchronousTestCase):
    """`ls -l`, as clients expect it."""

    def setUp(self):
        zone = os.environ.get("TZ")
        self.addCleanup(self.zone, zone)
        self.zone("UTC")

    def zone(self, name):
        os.environ.pop("TZ", None) if name is None else os.environ.update(TZ=name)
        time.tzset()
        _offset.cache_clear()

    def line(self, name=b"t-filexfer", now=NOW, **fields):
        return longname(name, Attributes(**fields), now)

    def test_draft(self):
        """The example of the draft (filexfer-02, 7)."""
        line = self.line(type=FileType.REGULAR, permissions=0o755, size=348911, mtime=THEN, **MJOS)
        self.assertEqual(line, b"-rwxr-xr-x   1 mjos     staff      348911 Mar 25 14:29 t-filexfer")

    def test_half_a_year(self):
        """Up to half a year back the time of day is shown; before that, and in the future, the year."""
        for age, ends in ((0, b"14:29"), (HALF_A_YEAR - 1, b"14:29"), (HALF_A_YEAR, b" 2005"), (-1, b" 2005")):
            self.assertIn(b" Mar 25 " + ends + b" t-filexfer", self.line(now=THEN + age, mtime=THEN))

    def test_local_time(self):
        """Dates are those of the server's zone."""
        self.zone("IST-5:30")
        self.assertIn(b"Mar 25 19:59", self.line(mtime=THEN))

    def test_summer_time(self):
        """On the day when summer time begins, the hours before and after are both right."""
        self.zone("CET-1CEST,M3.5.0,M10.5.0/3")
        begins = 1_111_885_200  # 27 March 2005, 01:00 UTC
        for seconds, clock in ((-60, b"27 01:59"), (0, b"27 03:00"), (-6 * 3600, b"26 20:00"), (86400, b"28 03:00")):
            self.assertIn(b" Mar " + clock, self.line(mtime=begins + seconds, now=begins + 100_000))

    def test_west(self):
        """West of Greenwich it may still be yesterday."""
        self.zone("EST5")
        self.assertIn(b"Dec 31 19:00", self.line(mtime=0, now=1))
        self.assertIn(b"Dec 31  1969", self.line(mtime=0))

    def test_one_digit(self):
        """A day of one digit is right-aligned."""
        self.assertIn(b" Mar  1 00:00 ", self.line(mtime=1_109_635_200))

    def test_types(self):
        """The first character tells the type, and is one that clients know: FileZilla reads nothing else."""
        letters = dict(zip(FileType, b"-dl--scbp", strict=True))
        for file_type, letter in letters.items():
            self.assertEqual(self.line(type=file_type, permissions=0o644)[0], letter)

    def test_special_permissions(self):
        """Set-id and sticky bits have their letters."""
        self.assertTrue(self.line(type=FileType.DIRECTORY, permissions=0o1777).startswith(b"drwxrwxrwt "))
        self.assertTrue(self.line(type=FileType.REGULAR, permissions=0o6644).startswith(b"-rwSr-Sr-- "))

    def test_numbers(self):
        """Where there is no name for a number, the number is shown."""
        self.assertIn(b"   1 0        1000            0 ", self.line(uid=0, gid=1000))

    def test_nothing_known(self):
        """The columns keep their places where nothing is known."""
        self.assertEqual(self.line(), b"----------   1 ?        ?               0              t-filexfer")

    def test_wide(self):
        """A number that is too wide keeps its digits; a blank in a name is no new column."""
        line = self.line(size=10**12, link_count=12345, owner="domain users", group="a" * 20)
        self.assertEqual(line.split()[1:5], [b"12345", b"domain_users", b"a" * 20, b"1000000000000"])

    def test_control_characters(self):
        """A name with control characters stays on one line; other bytes are left alone."""
        self.assertTrue(self.line(b"a\nb\x1b[2J\x7f\xff \xc3\xa4").endswith(b" a?b?[2J?\xff \xc3\xa4"))
        self.assertIn(b" x?y ", self.line(owner="x\ny"))

    def test_impossible_times(self):
        """A time that no calendar has is blank, and nothing fails."""
        for mtime in (2**63 - 1, -(2**63), 10**12, -(10**12)):
            self.assertIn(b" 0" + b" " * 14 + b"t-filexfer", self.line(mtime=mtime))
