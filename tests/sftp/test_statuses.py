"""Status codes, their texts, and what older versions get."""

import errno
import re
from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import (
    CEILING,
    ERRNOS,
    MISTAKE,
    ROWS,
    TEXTS,
    Status,
    lower,
    row_of_errno,
    status_of_errno,
)


class TableTests(SynchronousTestCase):
    """What must hold for all rows."""

    def test_every_status_has_a_row(self):
        """Every status has a text, and one row."""
        self.assertEqual([row.status for row in ROWS], list(Status))
        self.assertTrue(all(TEXTS[status] for status in Status))

    def test_numbers(self):
        """The codes are 0 to 31 without a gap."""
        self.assertEqual([int(status) for status in Status], list(range(32)))

    def test_lowering(self):
        """Every status has, in every version, one that the version knows; lowering twice changes nothing."""
        for version in VERSIONS:
            for status in Status:
                lowered = lower(status, version)
                self.assertLessEqual(lowered, CEILING[version])
                self.assertEqual(lower(lowered, version), lowered)
                if status <= CEILING[version]:
                    self.assertEqual(lowered, status)
                self.assertEqual(lowered == Status.OK, status == Status.OK)
                self.assertEqual(lowered == Status.EOF, status == Status.EOF)


class LowerTests(SynchronousTestCase):
    """Single statuses."""

    def test_unknown(self):
        """A number that is no status is a failure."""
        for number in (-1, 32, 1 << 40):
            self.assertEqual(lower(number, 6), Status.FAILURE)

    def test_limits(self):
        """The highest code of a version is sent as it is, the next one is not."""
        for version, highest in CEILING.items():
            self.assertEqual(lower(highest, version), highest)
            self.assertNotEqual(lower(highest + 1, version), highest + 1)

    def test_what_clients_act_on(self):
        """Version 3 clients know a missing file, an existing one and a read-only disk by these codes."""
        for status, code in (
            (Status.NO_SUCH_PATH, 2),
            (Status.FILE_ALREADY_EXISTS, 4),
            (Status.WRITE_PROTECT, 3),
            (Status.INVALID_HANDLE, 4),
            (Status.DIR_NOT_EMPTY, 4),
        ):
            self.assertEqual(lower(status, 3), code)


class VersionsTests(SynchronousTestCase):
    """Every status in every version."""

    # Status, then what versions 3 to 6 are sent: written down from the drafts, and from what clients of old versions
    # know how to handle, not made from the table.
    SENT = """
         0:  0  0  0  0    8:  8  8  8  8   16:  4  4 16 16   24:  4  4  4 24
         1:  1  1  1  1    9:  4  9  9  9   17:  4  4 17 17   25:  4  4  4 25
         2:  2  2  2  2   10:  2 10 10 10   18:  4  4  4 18   26:  4  4  4 26
         3:  3  3  3  3   11:  4 11 11 11   19:  2  2  2 19   27:  4  4  4 27
         4:  4  4  4  4   12:  3 12 12 12   20:  5  5  5 20   28:  4  4  4 28
         5:  5  5  5  5   13:  4 13 13 13   21:  2  4  4 21   29:  4  4  4 29
         6:  6  6  6  6   14:  4  4 14 14   22:  4  4  4 22   30:  4  4  4 30
         7:  7  7  7  7   15:  4  4 15 15   23:  5  4  4 23   31:  4  4  4 31
    """

    def test_sent(self):
        """The number on the wire, and the text of the status that is meant: it says more than the older number."""
        rows = re.findall(r"(\d+):((?: +\d+){4})", self.SENT)
        self.assertEqual(sorted(int(status) for status, _ in rows), list(range(32)))
        for status, numbers in rows:
            for version, number in zip(VERSIONS, map(int, numbers.split()), strict=True):
                packet = Codec(version).encode(7, StatusReply(status=int(status)))
                text = TEXTS[int(status)].encode()
                body = pack(">BII", 101, 7, number) + pack(">I", len(text)) + text + pack(">I", 2) + b"en"
                self.assertEqual(packet, pack(">I", len(body)) + body, (status, version))

    def test_own_text(self):
        """A text of the failing code is sent whatever the status becomes."""
        for version in VERSIONS:
            for status in Status:
                packet = Codec(version).encode(7, StatusReply(status=status, message="Why"))
                self.assertEqual(packet[13:20], b"\0\0\0\x03Why")
                self.assertEqual(packet[9:13], pack(">I", lower(status, version)))


class ErrnoTests(SynchronousTestCase):
    """What becomes of an errno, version by version."""

    ROWS = (
        ("ENOENT", 2, 2, 2, 2),
        ("ENOTDIR", 2, 2, 2, 19),
        ("EACCES", 3, 3, 3, 3),
        ("EPERM", 3, 3, 3, 3),
        ("EROFS", 3, 12, 12, 12),
        ("EEXIST", 4, 11, 11, 11),
        ("ENOTEMPTY", 4, 4, 4, 18),
        ("EISDIR", 4, 4, 4, 24),
        ("ENOSPC", 4, 4, 14, 14),
        ("EDQUOT", 4, 4, 15, 15),
        ("ELOOP", 2, 4, 4, 21),
        ("ENAMETOOLONG", 5, 5, 5, 20),
        ("EINVAL", 5, 4, 4, 23),
        ("EBADF", 4, 9, 9, 9),
        ("ENOSYS", 8, 8, 8, 8),
        ("EOPNOTSUPP", 8, 8, 8, 8),
        ("EXDEV", 4, 4, 4, 4),
        ("EMFILE", 4, 4, 4, 4),
        ("EIO", 4, 4, 4, 4),
    )

    def test_versions(self):
        """An errno is answered as OpenSSH's server answers it in version 3, and more precisely in newer ones."""
        for name, *codes in self.ROWS:
            status = status_of_errno(getattr(errno, name))
            self.assertEqual([lower(status, version) for version in VERSIONS], codes, name)

    def test_every_errno(self):
        """No errno is without a status, and none is OK or EOF."""
        for number in (None, 0, *errno.errorcode):
            self.assertGreater(status_of_errno(number), Status.EOF)

    def test_every_text(self):
        """Every errno has a text that a user understands: no word for programs, no path, no bare "Failure"."""
        for number, name in errno.errorcode.items():
            row = row_of_errno(number)
            for text in (row.text or TEXTS[row.status], MISTAKE):
                with self.subTest(name=name, text=text):
                    self.assertRegex(text, r"^[A-Z][a-z-]*( [a-z][a-z'-]*[,;:]?)+$")
                    self.assertNotRegex(text, r"(?i)error|exception|errno|failure|handle|parameter|argument|inode")

    def test_said(self):
        """What users have to know is said in so many words."""
        for name, word in (
            ("ENAMETOOLONG", "too long"),
            ("EDQUOT", "quota"),
            ("ENOSPC", "No space left"),
            ("EROFS", "Read-only"),
            ("EXDEV", "same file system"),
            ("EMFILE", "Too many open files"),
            ("EBUSY", "busy"),
            ("EFBIG", "too large"),
            ("ENOENT", "No such file"),
            ("EACCES", "Permission denied"),
        ):
            row = row_of_errno(getattr(errno, name))
            self.assertIn(word, row.text or TEXTS[row.status])

    def test_rows(self):
        """Every errno stands in the table once, and every row with a status of its own is tested above."""
        names = [row.name for row in ERRNOS]
        self.assertEqual(len(names), len(set(names)))
        said = {row.name for row in ERRNOS if row.status in _COMMON}
        self.assertLessEqual(said, {name for name, *_ in self.ROWS} | {"ENOTSUP", "EILSEQ"})


_COMMON = set(Status) - {Status.FAILURE, Status.NO_MEDIA, Status.FILE_CORRUPT}
