"""Status codes, their texts, and what older versions get."""

import errno

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.numbers import VERSIONS
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
