"""
Access control lists on disk: told, set, and never those of anything else.
"""

import os
from errno import ENOSPC
from functools import partial
from typing import Any
from unittest import SkipTest

from conchsftp.files.attributes.posix_acl import PosixACL, with_mask
from conchsftp.files.local import LocalFileSystem
from conchsftp.interfaces import IDetails
from conchsftp.sftp.acl import ACL, MOST_ENTRIES, Entry
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, ACLFlag, ACLSupport, EntryFlag, EntryType
from conchsftp.sftp.statuses import Status
from tests.files.case import ANY, BOTH, NONE, OLD, READ
from tests.files.local_case import LocalCase

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
R, W = Access.READ_DATA, Access.WRITE_DATA | Access.APPEND_DATA
BELOW = EntryFlag.FILE_INHERIT | EntryFlag.DIRECTORY_INHERIT | EntryFlag.INHERIT_ONLY
NAMED = with_mask(owner=6, group=4, other=0, users=((54321, 6),), groups=((54322, 4),))
# A number of a user that nobody has: it is told as digits, and digits are taken for it.
LIST = ACL(
    entries=(
        Entry(mask=R | W, who="OWNER@"),
        Entry(mask=R | W, who="54321"),
        Entry(mask=R, who="GROUP@"),
        Entry(mask=R, who="54322", flags=EntryFlag.IDENTIFIER_GROUP),
    )
)


def disk_has_lists(place: str) -> bool:
    """Whether a list can be set where a directory is: asked by setting one."""
    try:
        os.setxattr(place, ACCESS, PosixACL.of_mode(os.stat(place).st_mode).pack())
    except OSError:
        return False
    return True


def of(place: str) -> PosixACL:
    """Return what the system says of a file."""
    try:
        return PosixACL.parse(os.getxattr(place, ACCESS))
    except OSError:
        return PosixACL.of_mode(os.stat(place).st_mode)


def who(acl: ACL | None) -> list[tuple[str, int]]:
    """Return who is allowed something, with what is written and read of it."""
    assert acl is not None
    return [(each.who, each.mask & (R | W)) for each in acl.entries if each.type == EntryType.ALLOWED]


class ListCase(LocalCase):
    """Help: a disk that has lists, and a file system that tells them."""

    def setUp(self) -> None:
        super().setUp()
        if not disk_has_lists(self.root):
            raise SkipTest("the disk of the temporary directory has no access control lists")
        self.plain = self.files
        self.files = self.plain.detailed({"acl"})
        self.put("/a", b"a", mode=0o640)

    def place(self, name: str) -> str:
        return f"{self.root}/{name}"

    def set(self, path: str, acl: ACL, *, follow: bool = True, **others: Any) -> None:
        self.files.set_attributes(path, Attributes(acl=acl, **others), follow)


class ToldTests(ListCase):
    """What is told."""

    def test_ability(self) -> None:
        """A disk with lists is found out, and what is done of them said."""
        self.assertTrue(IDetails.providedBy(self.plain))
        self.assertIn("acl", self.plain.tells)
        self.assertIn("acl", self.plain.sets)
        self.assertEqual(self.plain.acl_support, ACLSupport.ALLOW | ACLSupport.DENY)

    def test_none(self) -> None:
        """A disk without lists neither tells nor sets any: /proc has none."""
        files = LocalFileSystem("/proc/self", workers=self.workers)
        self.assertNotIn("acl", files.tells | files.sets)
        self.assertEqual(files.acl_support, 0)

    def test_mode(self) -> None:
        """A file without a list tells its mode."""
        expected = [("OWNER@", R | W), ("GROUP@", R), ("EVERYONE@", 0)]
        self.assertEqual(who(self.files.stat("/a").acl), expected)

    def test_ways(self) -> None:
        """Every way of asking about one file tells its list; a listing tells none."""
        os.setxattr(self.place("a"), ACCESS, NAMED.pack())
        expected = [("OWNER@", R | W), ("54321", R | W), ("GROUP@", R), ("54322", R), ("EVERYONE@", 0)]
        file = self.files.open("/a", BOTH, ANY, NONE)
        self.addCleanup(file.close)
        for attributes in (self.files.stat("/a"), self.files.lstat("/a"), file.stat()):
            self.assertEqual(who(attributes.acl), expected)
        directory = self.files.list("/")
        self.assertEqual([attributes.acl for _, attributes in directory.read(9)], [None] * 3)
        self.assertIsNotNone(directory.stat().acl)
        directory.close()
        self.assertIsNone(self.plain.stat("/a").acl)

    def test_links(self) -> None:
        """A link has no list of its own, and lends none from outside."""
        os.symlink("a", self.place("in"))
        os.symlink("/etc", self.place("out"))
        self.assertIsNotNone(self.files.stat("/in").acl)
        self.assertIsNone(self.files.lstat("/in").acl)
        self.assertIsNone(self.files.lstat("/out").acl)
        self.refused(Status.NO_SUCH_FILE, self.files.stat, "/out")

    def test_root(self) -> None:
        """The root tells its own list, and `..` in it none of what is above."""
        os.setxattr(self.root, ACCESS, NAMED.pack())
        os.setxattr(self.root, DEFAULT, NAMED.pack())
        acl = self.files.stat("/").acl
        self.assertEqual([each.flags for each in acl.entries if each.who == "54321"], [0, BELOW])
        directory = self.files.list("/")
        self.assertEqual(dict(directory.read(2))[".."].acl, None)
        directory.close()

    def test_strange(self) -> None:
        """A list that is longer than a client may send is not told."""
        self.set("/a", LIST)
        many = with_mask(
            owner=6, group=4, other=0, users=tuple((70000 + at, 4) for at in range(MOST_ENTRIES)), groups=()
        )
        try:
            os.setxattr(self.place("a"), ACCESS, many.pack())
        except OSError:
            return  # nor would this disk keep it
        self.assertIsNone(self.files.stat("/a").acl)


class SetTests(ListCase):
    """What is set."""

    def test_many_names(self) -> None:
        """Many names are looked up in a thread, wherever the list goes: nobody else waits for the account database."""
        many = Attributes(acl=ACL(entries=tuple(Entry(mask=R, who=str(70000 + at)) for at in range(20))))
        file = self.files.open("/a", READ, OLD, NONE)
        results: list[Any] = []
        for ask in (
            lambda: self.files.set_attributes("/a", many, True),
            lambda: file.set_attributes(many),
            lambda: self.files.make_directory("/new", many),
            lambda: self.files.open("/b", BOTH, ANY, many),
        ):
            waiting = ask()
            self.assertEqual(waiting.called, 0)
            waiting.addCallback(results.append)
        self.workers.pool.work()
        self.assertEqual(len(results), 4)
        for each in (file, results[3]):
            each.close()
        for name in ("a", "b", "new"):
            self.assertEqual(len(of(self.place(name)).users), 20, name)

    def test_path_and_handle(self) -> None:
        """By path, through a link, by handle, for files and directories."""
        os.symlink("a", self.place("l"))
        os.mkdir(self.place("d"))
        file = self.files.open("/a", READ, OLD, NONE)
        directory = self.files.list("/d")
        for change in (
            lambda: self.set("/a", LIST),
            lambda: self.set("/l", LIST),
            lambda: file.set_attributes(Attributes(acl=LIST)),
        ):
            os.setxattr(self.place("a"), ACCESS, PosixACL.of_mode(0).pack())
            change()
            self.assertEqual(of(self.place("a")), NAMED)
        only_read = ACL(entries=tuple(Entry(mask=R, who=each.who, flags=each.flags) for each in LIST.entries))
        directory.set_attributes(Attributes(acl=only_read))
        self.assertEqual(of(self.place("d")).users, ((54321, 4),))
        file.close()
        directory.close()

    def test_and_back(self) -> None:
        """What is told can be set again, and changes nothing."""
        os.mkdir(self.place("d"))
        os.setxattr(self.place("d"), ACCESS, NAMED.pack())
        os.setxattr(self.place("d"), DEFAULT, NAMED.pack())
        self.set("/d", self.files.stat("/d").acl)
        self.assertEqual(of(self.place("d")), NAMED)
        self.assertEqual(PosixACL.parse(os.getxattr(self.place("d"), DEFAULT)), NAMED)

    def test_default(self) -> None:
        """Entries that are only inherited are the default list; without them there is none."""
        os.mkdir(self.place("d"))
        below = tuple(Entry(mask=R, who=each, flags=BELOW) for each in ("OWNER@", "GROUP@", "EVERYONE@"))
        self.set("/d", ACL(entries=(Entry(mask=R, who="EVERYONE@"), *below)))
        self.assertEqual(os.stat(self.place("d")).st_mode & 0o777, 0o444)
        self.assertEqual(PosixACL.parse(os.getxattr(self.place("d"), DEFAULT)), PosixACL.of_mode(0o444))
        self.set("/d", ACL(entries=(Entry(mask=R, who="EVERYONE@"),)))
        self.assertNotIn(DEFAULT, os.listxattr(self.place("d")))

    def test_half_refused(self) -> None:
        """Where the disk refuses the second of two lists, the first is what it was; by path and by handle."""
        set_one, remove_one = os.setxattr, os.removexattr

        def refuse(change: Any, place: Any, name: str, *args: Any) -> None:
            if name == DEFAULT:
                raise OSError(ENOSPC, "")
            change(place, name, *args)

        os.mkdir(self.place("d"), 0o750)
        below = tuple(Entry(mask=R, who=each, flags=BELOW) for each in ("OWNER@", "GROUP@", "EVERYONE@"))
        directory = self.files.list("/d")
        for before in (PosixACL.of_mode(0o750), NAMED):
            set_one(self.place("d"), ACCESS, before.pack())
            mode = os.stat(self.place("d")).st_mode
            self.patch(os, "setxattr", partial(refuse, set_one))
            self.patch(os, "removexattr", partial(refuse, remove_one))
            for entries in (below, ()):
                wanted = Attributes(acl=ACL(entries=(Entry(mask=R, who="EVERYONE@"), *entries)))
                for change in (
                    partial(self.files.set_attributes, "/d", wanted, True),
                    partial(directory.set_attributes, wanted),
                ):
                    self.assertEqual(self.assertRaises(OSError, change).errno, ENOSPC)
                    self.assertEqual((of(self.place("d")), os.stat(self.place("d")).st_mode), (before, mode))
        directory.close()

    def test_drop(self) -> None:
        """Without its list a file allows its group no more than before: what the mode shows is the mask."""
        os.setxattr(self.place("a"), ACCESS, NAMED.pack())
        self.assertEqual(os.stat(self.place("a")).st_mode & 0o777, 0o660)
        self.set("/a", ACL(flags=ACLFlag.CONTROL_INCLUDED))
        self.assertEqual(os.stat(self.place("a")).st_mode & 0o777, 0o640)
        self.assertNotIn(ACCESS, os.listxattr(self.place("a")))

    def test_deny_all(self) -> None:
        """A list that is there and has no entry denies all (filexfer-13, 7.8)."""
        self.set("/a", ACL())
        self.assertEqual(os.stat(self.place("a")).st_mode & 0o777, 0)

    def test_keep(self) -> None:
        """A list whose flags say that nothing of it is to change changes nothing."""
        os.setxattr(self.place("a"), ACCESS, NAMED.pack())
        self.set("/a", ACL(flags=ACLFlag(0)))
        self.assertEqual(of(self.place("a")), NAMED)

    def test_mode_too(self) -> None:
        """With a mode as well, the list decides about what it says, the mode about the rest (RFC 7530, 6.4.1.3)."""
        self.set("/a", LIST, permissions=0o4777)
        self.assertEqual(of(self.place("a")), NAMED)
        self.assertEqual(os.stat(self.place("a")).st_mode & 0o7777, 0o4660)
        file = self.files.open("/a", READ, OLD, NONE)
        file.set_attributes(Attributes(acl=LIST, permissions=0o777))
        file.close()
        self.assertEqual((of(self.place("a")), os.stat(self.place("a")).st_mode & 0o7777), (NAMED, 0o660))

    def test_refused(self) -> None:
        """What cannot be held exactly changes nothing, and nothing else of the request is done."""
        before = os.stat(self.place("a"))
        strange = ACL(entries=(Entry(mask=Access.WRITE_DATA, who="OWNER@"),))
        nobody = ACL(entries=(Entry(mask=R, who="nobody at all"),))
        for acl, status in ((strange, Status.OP_UNSUPPORTED), (nobody, Status.UNKNOWN_PRINCIPAL)):
            self.refused(status, self.set, "/a", acl)
            attributes = Attributes(acl=acl, size=0, permissions=0o777)
            self.refused(status, self.files.set_attributes, "/a", attributes, True)
        self.assertEqual(os.stat(self.place("a")), before)

    def test_links(self) -> None:
        """A link has no list to set, and what it leads to keeps its own; outside nothing can be set."""
        outside = os.path.abspath(self.mktemp())
        with open(outside, "wb"):
            pass
        os.symlink("a", self.place("in"))
        os.symlink(outside, self.place("out"))
        before = os.stat(outside), os.stat(self.place("a"))
        for name in ("/in", "/out"):
            self.refused(Status.OP_UNSUPPORTED, lambda name=name: self.set(name, LIST, follow=False))
        self.refused(Status.NO_SUCH_FILE, self.set, "/out", LIST)
        self.assertEqual((os.stat(outside), os.stat(self.place("a"))), before)


class MadeTests(ListCase):
    """What is made with a list."""

    def make(self, path: str, acl: ACL, **others: Any) -> None:
        self.files.open(path, BOTH, ANY, Attributes(acl=acl, **others)).close()

    def test_file_and_directory(self) -> None:
        """A list decides about the rights, whatever the mode says."""
        self.make("/b", LIST, permissions=0o777)
        self.files.make_directory("/d", Attributes(acl=ACL(entries=(Entry(mask=R, who="54321"),))))
        self.assertEqual(of(self.place("b")), NAMED)
        self.assertEqual(of(self.place("d")).users, ((54321, 4),))

    def test_there(self) -> None:
        """A file that is there keeps its own (filexfer-13, 8.1.1)."""
        self.make("/a", LIST)
        self.assertEqual(of(self.place("a")), PosixACL.of_mode(0o640))

    def test_refused(self) -> None:
        """What cannot have its list is not made."""
        strange = ACL(entries=(Entry(mask=Access.WRITE_DATA, who="OWNER@"),))
        self.refused(Status.OP_UNSUPPORTED, self.make, "/b", strange)
        self.refused(Status.OP_UNSUPPORTED, self.files.make_directory, "/d", Attributes(acl=strange))
        self.assertEqual(self.names("/"), ["a"])

    def test_umask(self) -> None:
        """The umask of the server takes from what named users and groups get, as from a mode."""
        self.files = LocalFileSystem(self.root, workers=self.workers, umask=0o027)
        self.make("/b", LIST)
        self.assertEqual(
            of(self.place("b")), with_mask(owner=6, group=4, other=0, users=((54321, 4),), groups=((54322, 4),))
        )

    def test_forced(self) -> None:
        """Modes that are forced hold, whatever a client asks."""
        self.files = LocalFileSystem(self.root, workers=self.workers, file_mode=0o600, force_modes=True)
        self.make("/b", LIST)
        self.assertEqual(of(self.place("b")), PosixACL.of_mode(0o600))

    def test_inherited(self) -> None:
        """A file that is made with a list in a directory that hands one down has its own."""
        os.mkdir(self.place("d"))
        os.setxattr(self.place("d"), DEFAULT, with_mask(owner=7, group=7, other=7, users=((1, 7),), groups=()).pack())
        self.make("/d/b", LIST)
        self.assertEqual(of(self.place("d/b")), NAMED)
