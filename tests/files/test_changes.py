"""
SETSTAT on the local file system: what is refused keeps nothing else from being done.
"""

import os
from dataclasses import fields
from errno import EOPNOTSUPP, EPERM
from functools import partial
from typing import Any, ClassVar

from conchsftp.files.attributes import changes
from conchsftp.files.attributes.changing import Place
from conchsftp.files.attributes.settable import ROWS, Change
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.files.case import BOTH, NONE, OLD
from tests.files.local_case import LocalCase
from tests.files.support import as_nobody

WANTED = Attributes(size=3, permissions=0o604, atime=4, mtime=5)


def refusing(number: int) -> Any:
    """Return a call that the system refuses."""

    def call(*args: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    return call


class Extended(Change):
    """Somebody's attribute, as it would be added."""

    fields = ("extended",)
    done: ClassVar[list[Any]] = []

    def __init__(self, pairs: Any) -> None:
        self.pairs = pairs

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Any) -> Change | None:
        return None if attributes.extended is None else cls(attributes.extended)

    def apply(self, place: Place) -> None:
        self.done.append((self.pairs, os.stat(place.what, **place.how).st_mtime))
        raise OSError(EPERM, "")


class RowTests(LocalCase):
    """The classes of what can be set."""

    def test_fields(self) -> None:
        """Each asks for fields of the record, and no two for the same one; what they ask for can be set."""
        found = [field for kind in ROWS for field in kind.fields]
        self.assertLessEqual(set(found), {field.name for field in fields(Attributes)})
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual((changes.SETS_LISTS, changes.SETS_LISTS - changes.SETS), (set(found), {"acl"}))

    def test_new(self) -> None:
        """A class in its place is all that a new one takes: it has its turn, by path and by handle, and may fail."""
        self.patch(changes, "ROWS", (*ROWS[:1], Extended, *ROWS[1:]))
        self.patch(Extended, "done", [])
        self.put("/a")
        file = self.files.open("/a", BOTH, OLD, NONE)
        pairs = ((b"a", b"b"),)
        for number, change in enumerate((file.set_attributes, partial(self.files.set_attributes, "/a", follow=True))):
            os.utime(f"{self.root}/a", (1, 1))
            self.refused(Status.PERMISSION_DENIED, change, Attributes(extended=pairs, atime=4, mtime=5))
            self.assertEqual(Extended.done[number:], [(pairs, 1)])
            self.assertEqual(self.files.stat("/a").mtime, 5)
        file.close()


class RefusedChangeTests(LocalCase):
    """One of several changes is refused, by path and by handle."""

    def setUp(self) -> None:
        super().setUp()
        os.chmod(self.root, 0o777)

    def both_ways(self, attributes: Attributes, status: Status) -> None:
        """Ask by path and by handle; each time it is refused, and the size and the times are set all the same."""
        for by_handle in (False, True):
            self.put("/a", b"0123456789", 0o600)
            file = self.files.open("/a", BOTH, OLD, NONE)
            if by_handle:
                self.refused(status, file.set_attributes, attributes)
            else:
                self.refused(status, self.files.set_attributes, "/a", attributes, True)
            file.close()
            there = self.files.stat("/a")
            self.assertEqual((there.size, there.atime, there.mtime), (3, 4, 5))

    def test_mode(self) -> None:
        """A file system without permissions refuses a mode: the upload has its time none the less."""
        for name in ("chmod", "fchmod"):
            self.patch(os, name, refusing(EPERM))
        self.both_ways(WANTED, Status.PERMISSION_DENIED)

    def test_owner(self) -> None:
        """An owner that is not given keeps neither mode nor times from being set."""
        with as_nobody():
            wanted = Attributes(size=3, uid=0, gid=0, permissions=0o604, atime=4, mtime=5)
            self.both_ways(wanted, Status.PERMISSION_DENIED)
            self.assertEqual(self.files.stat("/a").permissions, 0o604)
            self.files.remove("/a")

    def test_unknown_owner(self) -> None:
        """The same for a name that nobody has, and a number that nobody can have."""
        for more, status in (
            ({"owner": "nobody at all"}, Status.UNKNOWN_PRINCIPAL),
            ({"uid": 0xFFFF_FFFF, "gid": 0}, Status.INVALID_PARAMETER),
        ):
            wanted = Attributes(size=3, permissions=0o604, atime=4, mtime=5, **more)  # type: ignore[arg-type]
            self.both_ways(wanted, status)
            self.assertEqual(self.files.stat("/a").permissions, 0o604)

    def test_first(self) -> None:
        """Of several refusals the first is told: size, owner, mode, times."""
        self.put("/a", b"0123456789")
        for name, number in (("chown", EPERM), ("chmod", EOPNOTSUPP)):
            self.patch(os, name, refusing(number))
            self.patch(os, f"f{name}", refusing(number))
        owned = Attributes(uid=1, gid=1, permissions=0o600, mtime=5)
        self.refused(Status.PERMISSION_DENIED, self.files.set_attributes, "/a", owned, True)
        self.refused(Status.OP_UNSUPPORTED, self.files.set_attributes, "/a", WANTED, True)
        self.assertEqual(self.files.stat("/a").mtime, 5)

    def test_times_without_end(self) -> None:
        """A time beyond what the file system stores is no error; it keeps the nearest one."""
        self.put("/a")
        for seconds in (2**63 - 1, -(2**63)):
            self.files.set_attributes("/a", Attributes(mtime=seconds, mtime_ns=999_999_999), True)
            stored = self.files.stat("/a").mtime
            self.assertTrue(stored == seconds or abs(stored) < abs(seconds), stored)
            self.assertEqual(stored > 0, seconds > 0)
