"""
The folder that a user sees, and whatever lies beside it: every request with every way out, over the wire.
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from conchsftp.testing.messages import encode
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase
from tests.files.support import write
from tests.files.test_confine import tree
from tests.session.support import (
    HANDLE,
    NAME,
    OPENDIR,
    READLINK,
    STATUS,
    SYMLINK,
    opening,
    reading,
    request,
    string,
    string_at,
)
from tests.session.versions import in_versions

SECRET = b"nobody's business: " + b"x" * 76_543
SIZE = len(SECRET).to_bytes(8, "big")
NOTHING = Attributes()

# Inside the folder; the names on the left are what a client may have written there, or an operator.
LINKS = {
    "out": "{outside}",
    "near": "../root-2",
    "far": "../../../../../../../../../../../..{outside}",
    "file": "{outside}/secret",
    "twice": "out",
    "deep/out": "../../outside",
}

# Where a client may try to go; the last name of each is that of a file which is outside.
WAYS = (
    "../outside/secret",
    "/../outside/secret",
    "/deep/../../outside/secret",
    "deep/./..//../root-2/secret",
    "{outside}/secret",
    "/out/secret",
    "near/secret",
    "far/secret",
    "twice/secret",
    "deep/out/secret",
    "out/../outside/secret",
    "out/sub/../secret",
    "file",
    "file/",
    "out",
    "near",
    "out/.",
    "out/new",
    "near/sub/new",
    "~/../outside/secret",
)

# What a field of a request may be filled with, that is no path on trial.
OTHERS: dict[str, Any] = {
    "attributes": Attributes(size=1, permissions=0o777, atime=1, mtime=1),
    "access": Access.READ_DATA | Access.WRITE_DATA,
    "flags": OpenFlag(Disposition.CREATE_TRUNCATE),
    "paths": (),
    "offset": 0,
    "length": 0,
    "quick_hash": b"",
    "algorithms": [b"sha256"],
    "block_size": 0,
    "overwrite": True,
}
_PATHS = ("path", "new_path", "target")


def with_paths() -> Iterator[tuple[type[Any], tuple[str, ...]]]:
    """Yield each request of version 3 that names files, with the names of the fields that do."""
    for layout in REQUESTS:
        fields = [name for field in layout.fields if 3 in field.versions for name in field.names]
        paths = tuple(name for name in fields if name in _PATHS)
        if 3 in layout.versions and paths:
            yield layout.record, paths


def made(record: type[Any], values: dict[str, Any]) -> Any:
    """Make a request; what `values` does not say is harmless."""
    for field in dataclasses.fields(record):
        if field.name not in values and field.default is dataclasses.MISSING:
            values[field.name] = OTHERS[field.name]
    return record(**values)


class ConfinedCase(LocalWireCase):
    """A folder `root`, beside it `root-2` and `outside`, and links from one to the others."""

    def make_files(self) -> Any:
        files = super().make_files()
        self.place = self.root
        self.root = f"{self.place}/root"
        self.outside = f"{self.place}/outside"
        for name in ("outside", "root-2"):
            write(f"{self.place}/{name}/secret", SECRET)
            os.mkdir(f"{self.place}/{name}/sub")
        write(f"{self.root}/inside", b"inside")
        os.mkdir(f"{self.root}/deep")
        for name, target in LINKS.items():
            os.symlink(target.format(outside=self.outside), f"{self.root}/{name}")
        return files

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        return memory_server(root_directory=self.root, file_threads="inline", **settings)

    def beside(self) -> dict[str, Any]:
        """Return everything about what is outside."""
        return tree(self.outside) | tree(f"{self.place}/root-2")

    def replies(self, asked: Any) -> list[bytes]:
        """Ask, and look into whatever was opened; return all that came."""
        replies = [self.one(encode(7, asked, 3))]
        if replies[0][0] == HANDLE:
            handle = string_at(replies[0], 5)
            look = (reading(handle, 0, 100), request(12, 8, string(handle)), request(8, 8, string(handle)))
            replies += self.session.ask(*look, request(4, 9, string(handle)))
        return replies

    def refresh(self) -> None:
        """Put the links back that a request has taken away, and what else there was."""
        for name, target in LINKS.items():
            place = f"{self.root}/{name}"
            if not os.path.islink(place):
                if os.path.exists(place):
                    os.rename(place, f"{place}.was")
                os.makedirs(os.path.dirname(place), exist_ok=True)
                os.symlink(target.format(outside=self.outside), place)
        # It may have become a link, and must not be written through.
        if os.path.lexists(f"{self.root}/inside"):
            os.rename(f"{self.root}/inside", f"{self.root}/was")
        write(f"{self.root}/inside", b"inside")


@in_versions()
@bug_class(26)
class EveryRequestTests(ConfinedCase):
    """Each request of the table that names files, with each way out, in each of its names."""

    def test_table(self) -> None:
        """The extended requests are among them, and both names of those that have two."""
        found = dict(with_paths())
        self.assertLessEqual(
            {extended.PosixRename, extended.HardLink, extended.StatVFS, extended.LSetStat, extended.ExpandPath},
            set(found),
        )
        for record in (requests.Rename, extended.PosixRename, extended.HardLink):
            self.assertEqual(found[record], ("path", "new_path"))

    def test_nothing_changes(self) -> None:
        """Nothing outside changes, not even a time; and nothing of it is told: content, size, names, places."""
        before = self.beside()
        for record, names in with_paths():
            for tried in names:
                for way in WAYS:
                    path = way.format(outside=self.outside).encode()
                    values = {name: path if name == tried else b"/inside" for name in names}
                    replies = self.replies(made(record, values))
                    what = record.__name__, tried, way
                    self.assertEqual(self.beside(), before, what)
                    for reply in replies:
                        self.assertNotIn(b"business", reply, what)
                        self.assertNotIn(SIZE, reply, what)
                        self.assertNotIn(self.root.encode(), reply, what)
                    self.refresh()
        self.assertIsNone(self.session.client.disconnected)


@in_versions()
@bug_class(26)
class LinkTests(ConfinedCase):
    """Links that a client makes."""

    def symlink(self, target: bytes, path: bytes) -> bytes:
        """As OpenSSH sends it: the target first."""
        return self.one(request(SYMLINK, 1, string(target), string(path)))

    def test_made_and_followed(self) -> None:
        """A client may write any target into a link, and reads it back as it was; nobody gets anywhere by it."""
        before = self.beside()
        for number, target in enumerate(
            (b"../outside", self.outside.encode(), b"../root-2", b"out", b"deep/out", b"../../../../../etc")
        ):
            link = b"/made%d" % number
            self.assert_status(self.symlink(target, link), Status.OK)
            reply = self.one(request(READLINK, 1, string(link)))
            self.assertEqual((reply[0], string_at(reply, 9)), (NAME, target))
            for path in (link, link + b"/secret", link + b"/passwd"):
                self.assertEqual(self.one(opening(path, 1, 1))[0], STATUS)
            self.assertEqual(self.one(request(OPENDIR, 1, string(link)))[0], STATUS)
            self.assertEqual(self.one(opening(link + b"/new", 1, 0x1A))[0], STATUS)
        self.assertEqual(self.beside(), before)

    def test_inside(self) -> None:
        """A link whose target is inside works, relative or absolute as the user sees it."""
        for number, target in enumerate((b"inside", b"/inside", b"deep/../inside", b"./inside")):
            link = b"/deep/../made%d" % number
            self.assert_status(self.symlink(target, link), Status.OK)
            handle = self.opened(opening(link, 1, 1))
            self.assertEqual(string_at(self.one(reading(handle, 0, 100)), 5), b"inside")
            self.close(handle)

    def test_exchanged_meanwhile(self) -> None:
        """A folder that becomes a link while a file in it is open, and afterwards, leads nowhere else."""
        write(f"{self.root}/deep/secret", b"mine")
        handle = self.opened(opening(b"/deep/secret", 1, 3))
        os.rename(f"{self.root}/deep", f"{self.root}/was")
        os.symlink("../outside", f"{self.root}/deep")
        self.assertEqual(string_at(self.one(reading(handle, 0, 100)), 5), b"mine")
        self.assertEqual(self.one(opening(b"/deep/secret", 1, 1))[0], STATUS)
