"""
The smaller parts: attributes from stat(2), accounts, large directories, system calls.
"""

import os
from dataclasses import fields
from errno import EEXIST
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files import local_directory
from conchsftp.files.attributes import accounts
from conchsftp.files.attributes.accounts import KEEP_SECONDS, MOST_KEPT, Accounts, Names
from conchsftp.files.attributes.changes import Changes
from conchsftp.files.attributes.settable import Mode, Owner, Size, Times
from conchsftp.files.attributes.stat import of_stat
from conchsftp.files.disk import calls
from conchsftp.files.local_directory import LARGE_BYTES, MANY_ENTRIES, LocalDirectory
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status
from conchsftp.workers import Mount
from tests.files.support import inline_workers, threaded_workers, write

NOBODY = Names(lambda number: None)


class StatTests(SynchronousTestCase):
    """From stat(2) to attributes."""

    def test_file(self) -> None:
        """Everything that is known of a file."""
        place = write(self.mktemp(), bytes(5000))
        os.chmod(place, 0o4751)
        os.utime(place, ns=(1_500_000_000_123_456_789, -1))
        status = os.stat(place)
        there = of_stat(status, Names(lambda uid: f"user{uid}"), Names(lambda gid: f"group{gid}"))
        self.assertEqual(
            there,
            Attributes(
                type=FileType.REGULAR,
                size=5000,
                allocation_size=status.st_blocks * 512,
                uid=status.st_uid,
                gid=status.st_gid,
                owner=f"user{status.st_uid}",
                group=f"group{status.st_gid}",
                permissions=0o4751,
                atime=1_500_000_000,
                atime_ns=123_456_789,
                mtime=-1,
                mtime_ns=999_999_999,
                ctime=int(status.st_ctime_ns // 10**9),
                ctime_ns=status.st_ctime_ns % 10**9,
                link_count=1,
            ),
        )

    def test_every_field(self) -> None:
        """Every field of the record is set: it is filled without its constructor."""
        there = of_stat(os.stat("/"), NOBODY, NOBODY)
        for field in fields(Attributes):
            getattr(there, field.name)

    def test_types(self) -> None:
        """Every kind of file has its type; one that nobody knows is UNKNOWN."""
        rows = {0o100000: 1, 0o040000: 2, 0o120000: 3, 0o140000: 6, 0o020000: 7, 0o060000: 8, 0o010000: 9, 0o030000: 5}
        for mode, file_type in rows.items():
            status = os.stat_result(
                (mode, 0, 0, 1, 0, 0, 0, 0, 0, 0),
                {"st_blocks": 0} | dict.fromkeys(("st_atime_ns", "st_mtime_ns", "st_ctime_ns"), 0),
            )
            self.assertEqual(of_stat(status, NOBODY, NOBODY).type, file_type)


class AccountsTests(SynchronousTestCase):
    """Names of users and groups."""

    def setUp(self) -> None:
        self.asked: list[int] = []
        self.patch(accounts, "_user_name", self.find)
        self.now = 0.0

    def find(self, uid: int) -> str | None:
        self.asked.append(uid)
        return f"user{uid}" if uid else None

    def test_kept(self) -> None:
        """A name is asked for once, also if there is none, and again after some minutes."""
        known = Accounts(inline_workers(), clock=lambda: self.now)
        for _ in range(3):
            self.assertEqual([known.user_name(5), known.user_name(0)], ["user5", None])
        self.assertEqual(self.asked, [5, 0])
        self.now += KEEP_SECONDS
        known.user_name(5)
        self.assertEqual(self.asked, [5, 0])
        self.now += 0.1
        known.user_name(5)
        self.assertEqual(self.asked, [5, 0, 5])

    def test_many(self) -> None:
        """Clients may ask for any number: not all of those are kept."""
        names = Accounts(inline_workers()).names()[0]
        for uid in range(3 * MOST_KEPT + 7):
            self.assertEqual(names[uid], f"user{uid}" if uid else None)
            self.assertLessEqual(len(names), MOST_KEPT)
        self.assertEqual(names[1], "user1")

    def test_slow(self) -> None:
        """A slow database is asked in a thread, once; until it answers there is no name."""
        workers: Any = threaded_workers()
        known = Accounts(workers, clock=lambda: self.now)
        self.assertEqual([known.user_name(5), known.user_name(5)], [None, None])
        workers.pool.work()
        self.assertEqual(known.user_name(5), "user5")
        self.assertEqual(self.asked, [5])

    def test_broken(self) -> None:
        """A database that fails is no reason to fail; it is logged."""

        def fail(uid: int) -> str | None:
            raise OSError("no database")

        self.patch(accounts, "_user_name", fail)
        workers: Any = threaded_workers()
        known = Accounts(workers)
        self.assertIsNone(known.user_name(5))
        workers.pool.work()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_numbers(self) -> None:
        """Numbers by name, with or without the domain of the machine, and by digits."""
        known = Accounts(inline_workers(), host="Files.Example.com")
        for domain in ("", "@files.example.com", "@FILES", "@example.com", "@localhost"):
            self.assertEqual(known.number_of_user(f"root{domain}"), 0, domain)
            self.assertEqual(known.number_of_group(f"12345{domain}"), 12345, domain)
        self.assertEqual(known.number_of_group("12345"), 12345)
        for name in ("nobody at all", "4294967295", "-1", "٣", "root\0", "1.5", "@", "@localhost", "root@", "5@"):
            self.assertRaises(SFTPError, known.number_of_user, name)

    def test_other_domains(self) -> None:
        """Who has the same name elsewhere is somebody else; the client is told the whole name."""
        known = Accounts(inline_workers(), host="files.example.com")
        for name in ("root@example.org", "root@com", "0@example.org", "root@files.example.com.evil"):
            for find in (known.number_of_user, known.number_of_group):
                problem = self.assertRaises(SFTPError, find, name)
                self.assertEqual((problem.status, problem.names), (Status.UNKNOWN_PRINCIPAL, (name,)))


class DirectoryTests(SynchronousTestCase):
    """Large directories."""

    def open(self, size: int) -> LocalDirectory:
        place = self.mktemp()
        write(f"{place}/a")
        status = os.stat(place)
        values = list(status)
        values[6] = size
        more = ("st_atime_ns", "st_mtime_ns", "st_ctime_ns", "st_blksize", "st_blocks", "st_rdev")
        large = os.stat_result(values, {name: getattr(status, name) for name in more})
        self.workers: Any = inline_workers()
        known = Accounts(self.workers)
        return LocalDirectory(
            os.open(place, os.O_RDONLY), Mount(), self.workers, known, status=large, above=os.stat("/")
        )

    def test_limit(self) -> None:
        """A directory that is large itself is read in threads, others inline."""
        directory = self.open(LARGE_BYTES)
        self.assertEqual(len(directory.read(9)), 3)  # type: ignore[arg-type]
        directory = self.open(LARGE_BYTES + 1)
        result = directory.read(9)
        assert isinstance(result, Deferred)
        closed = directory.close()
        assert isinstance(closed, Deferred)
        self.assertNoResult(closed)
        self.workers.pool.work()
        self.assertEqual([name for name, _ in self.successResultOf(result)], [".", "..", "a"])
        self.successResultOf(closed)

    def test_many_at_once(self) -> None:
        """Who wants many entries in one reply gets them from a thread, too."""
        directory = self.open(1)
        self.assertEqual(len(directory.read(MANY_ENTRIES)), 3)  # type: ignore[arg-type]
        directory = self.open(1)
        result = directory.read(MANY_ENTRIES + 1)
        assert isinstance(result, Deferred)
        self.workers.pool.work()
        self.assertEqual(len(self.successResultOf(result)), 3)

    def test_locale(self) -> None:
        """Names are UTF-8, whatever the locale makes of them."""
        self.patch(local_directory, "_NAMES_ARE_UTF8", False)
        directory = self.open(1)
        os.close(os.open("caf\udce9", os.O_CREAT, dir_fd=directory._fd))
        self.assertIn("caf\udce9", dict(directory.read(9)))  # type: ignore[arg-type]


class CallTests(SynchronousTestCase):
    """System calls that Python does not offer."""

    def test_open_beneath(self) -> None:
        """A directory below is opened; nothing is opened through a link, through `..`, or from the top."""
        open_beneath = calls.find_open_beneath()
        if open_beneath is None:
            self.skipTest("the kernel or a sandbox refuses openat2")
        place = os.path.abspath(self.mktemp())
        os.makedirs(f"{place}/a/b")
        os.symlink("a", f"{place}/l")
        root = os.open(place, os.O_PATH)
        self.addCleanup(os.close, root)
        opened = open_beneath(root, b"a/b")
        self.assertEqual(os.fstat(opened).st_ino, os.stat(f"{place}/a/b").st_ino)
        self.assertFalse(os.get_inheritable(opened))
        os.close(opened)
        for path in (b"l", b"l/b", b"a/../..", b"..", b"/", place.encode(), b"missing", b""):
            self.assertEqual(open_beneath(root, path), -1, path)

    def test_rename_exclusively(self) -> None:
        """A name that exists is not replaced."""
        rename = calls.find_rename_exclusively()
        if rename is None:
            self.skipTest("the C library has no renameat2")
        place = self.mktemp()
        write(f"{place}/a", b"a")
        write(f"{place}/b", b"b")
        root = os.open(place, os.O_RDONLY)
        self.addCleanup(os.close, root)
        self.assertEqual(self.assertRaises(OSError, rename, root, b"a", root, b"b").errno, EEXIST)
        rename(root, b"a", root, b"c")
        self.assertEqual(sorted(os.listdir(place)), ["b", "c"])


class ChangesTests(SynchronousTestCase):
    """Changing things by name."""

    def test_without_proc(self) -> None:
        """Where /proc is not mounted a mode is changed through the open file."""
        place = self.mktemp()
        write(f"{place}/a")
        root = os.open(place, os.O_RDONLY)
        self.addCleanup(os.close, root)

        def missing(what: Any, mode: int) -> None:
            if not isinstance(what, int):
                raise FileNotFoundError
            os.fchmod(what, mode)

        self.patch(os, "chmod", missing)
        Changes(Mode(0o612)).apply_at(root, b"a", os.stat(f"{place}/a"))
        self.assertEqual(os.stat(f"{place}/a").st_mode & 0o7777, 0o612)

    def test_became_a_link(self) -> None:
        """A name that has become a link meanwhile is not followed, whatever is changed."""
        place = self.mktemp()
        write(f"{place}/outside", b"abc")
        before = os.stat(f"{place}/outside")
        os.symlink("outside", f"{place}/a")
        root = os.open(place, os.O_RDONLY)
        self.addCleanup(os.close, root)
        for changes in map(Changes, (Mode(0o777), Size(1), Times(mtime=5), Owner(uid=os.getuid()))):
            try:
                changes.apply_at(root, b"a", before)
            except OSError:
                pass
        after = os.stat(f"{place}/outside")
        self.assertEqual((after.st_mode, after.st_size, after.st_mtime_ns), (before.st_mode, 3, before.st_mtime_ns))
        self.assertEqual(after.st_ctime_ns, before.st_ctime_ns)
