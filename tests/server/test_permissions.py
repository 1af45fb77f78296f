"""
Permissions, as users meet them.
"""

import os
from typing import Any

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.settings.permissions import Permissions
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.server.permitted import DENIED, MISSING, NONE, OK, Case, lstat, open_file, rename, stat
from tests.session.versions import in_versions


@in_versions()
class UseTests(Case):
    """What operators have them for."""

    def test_drop_box(self) -> None:
        """Who may only create can upload, and neither see, nor read, nor change what is there."""
        self.begin({"/incoming": "create"})
        self.session.put("/incoming/new", b"data")
        with open(f"{self.root}/incoming/new") as file:
            self.assertEqual(file.read(), "data")
        self.assertEqual(self.put("/incoming/new"), DENIED)
        self.assertEqual(self.put("/incoming/new", Disposition.OPEN_OR_CREATE), DENIED)
        self.assertEqual(self.put("/incoming/old", Disposition.OPEN_EXISTING), DENIED)
        self.assertEqual(self.put("/incoming/old", Disposition.TRUNCATE_EXISTING), DENIED)
        self.assertEqual(self.get("/incoming/old"), DENIED)
        self.assertEqual(self.names("/incoming"), ["PERMISSION_DENIED"])
        self.assertEqual(self.names("/"), ["incoming"])
        for request in (
            requests.Remove(path=b"/incoming/old"),
            rename("/incoming/old", "/incoming/x"),
            requests.MkDir(path=b"/incoming/d", attributes=NONE),
            requests.SetStat(path=b"/incoming/old", attributes=Attributes(permissions=0o777)),
        ):
            self.assertEqual(self.status(request), DENIED, request)
        self.assertEqual(self.status(stat("/incoming/old")), OK)
        with open(f"{self.root}/incoming/old") as file:
            self.assertEqual(file.read(), "incoming/old")

    def test_times_of_an_upload(self) -> None:
        """Who writes a file may set its size and its times by the handle, but not its mode."""
        self.begin({"/incoming": "create"})
        handle: Any = self.session.request(open_file("/incoming/n", Access.WRITE_DATA, Disposition.CREATE_TRUNCATE))
        for attributes, status in (
            (Attributes(size=3, mtime=7, atime=7), OK),
            (Attributes(permissions=0o600), DENIED),
        ):
            self.assertEqual(self.status(requests.FSetStat(handle=handle.handle, attributes=attributes)), status)
        self.assertEqual(os.stat(f"{self.root}/incoming/n").st_mtime, 7)

    def test_only_change(self) -> None:
        """Who may only change what is there makes nothing new, whatever the flags."""
        self.begin({"/pub": "list read write"})
        self.session.put("/pub/p", b"new")
        self.assertEqual(self.get("/pub/p"), b"new")
        for how in (Disposition.CREATE_TRUNCATE, Disposition.OPEN_OR_CREATE, Disposition.CREATE_NEW):
            self.assertEqual(self.put("/pub/new", how), DENIED)
        self.assertEqual(self.names("/pub"), ["p"])

    def test_read_only_share(self) -> None:
        """A share to read has one folder to write."""
        self.begin({"/": "list read", "/incoming": "all", "/secret": "none"})
        self.assertEqual(self.names("/"), ["home", "incoming", "pub", "top"])
        self.assertEqual(self.get("/pub/p"), b"pub/p")
        self.assertEqual(self.put("/pub/p"), DENIED)
        self.assertEqual(self.put("/incoming/old"), OK)
        self.assertEqual(self.status(rename("/incoming/old", "/pub/x")), DENIED)
        self.assertEqual(self.status(rename("/pub/p", "/incoming/x")), DENIED)

    def test_hidden(self) -> None:
        """What nothing is allowed for is not there, whether it is or not; only making it is refused."""
        self.begin({"/": "all", "/secret": "none"})
        for path in ("/secret", "/secret/s", "/secret/none", "/secret/deep/s"):
            for request in (
                lstat(path),
                stat(path),
                requests.OpenDir(path=path.encode()),
                requests.ReadLink(path=path.encode()),
                requests.Remove(path=path.encode()),
                requests.RmDir(path=path.encode()),
                open_file(path, Access.READ_DATA),
                open_file(path, Access.WRITE_DATA),
                requests.SetStat(path=path.encode(), attributes=Attributes(permissions=0o777)),
                extended.StatVFS(path=path.encode()),
                rename(path, "/home/x"),
                extended.HardLink(path=path.encode(), new_path=b"/home/x"),
            ):
                self.assertEqual(self.status(request), MISSING, request)
            for request in (
                open_file(path, Access.WRITE_DATA, Disposition.CREATE_TRUNCATE),
                requests.MkDir(path=path.encode(), attributes=NONE),
                rename("/top", path),
                self.symlink(path, "/top"),
                extended.HardLink(path=b"/top", new_path=path.encode()),
            ):
                self.assertEqual(self.status(request), DENIED, request)

    def test_ways(self) -> None:
        """Folders on the way to what is allowed can be walked through, and show nothing else."""
        self.begin({"/secret/deep": "list read"})
        self.assertEqual(self.names("/"), ["secret"])
        self.assertEqual(self.names("/secret"), ["deep"])
        self.assertEqual(self.names("/secret/deep"), ["s"])
        self.assertEqual(self.status(lstat("/")), OK)
        self.assertEqual(self.status(lstat("/secret")), OK)
        self.assertEqual(self.status(lstat("/secret/s")), MISSING)
        self.assertEqual(self.status(lstat("/pub")), MISSING)

    def test_all_hidden(self) -> None:
        """A listing of which nothing is shown comes to its end."""
        self.begin({"/": "list", "/*": "none"})
        self.assertEqual(self.names("/"), [])

    def test_nothing(self) -> None:
        """With nothing allowed the session begins all the same, and has nothing."""
        self.begin({})
        reply: Any = self.session.request(requests.RealPath(path=b"."))
        self.assertEqual(reply.entries[0].name, b"/")
        self.assertEqual(self.status(lstat("/")), MISSING)
        self.assertEqual(self.names("/"), ["NO_SUCH_FILE"])

    def test_replacing(self) -> None:
        """Who may rename and not write replaces nothing by renaming."""
        self.begin({"/": "list rename create"})
        for kind, options in ((requests.Rename, {"flags": RenameFlag.OVERWRITE}), (extended.PosixRename, {})):
            request = kind(path=b"/top", new_path=b"/pub/p", **options)
            # OVERWRITE is told from version 5 on; before, RENAME replaces nothing.
            replaces = kind is extended.PosixRename or self.version > 4
            self.assertEqual(self.status(request), DENIED if replaces else self.lowered(Status.FILE_ALREADY_EXISTS))
        self.assertEqual(self.status(rename("/top", "/pub/q", extended.PosixRename)), OK)
        self.assertEqual(sorted(os.listdir(f"{self.root}/pub")), ["p", "q"])

    def test_read_only(self) -> None:
        """`read_only` takes away whatever permissions give."""
        user = SFTPAvatar("user", files=self.files(), permissions={"/": "all"}, read_only=True)
        self.session = self.log_in(user)
        self.assertEqual(self.put("/new"), DENIED)
        self.assertEqual(self.get("/top"), b"top")

    def test_owner(self) -> None:
        """Who may not change owners does not choose those of what they make."""
        files = MemoryFileSystem()
        self.begin({"/": "create mkdir"}, files=files)
        mine = Attributes(uid=77, gid=77, permissions=0o700)
        opening = open_file("/f", Access.WRITE_DATA, Disposition.CREATE_TRUNCATE)
        opening.attributes = mine
        self.assertEqual(self.status(opening), OK)
        self.assertEqual(self.status(requests.MkDir(path=b"/d", attributes=mine)), OK)
        for path in ("/f", "/d"):
            self.assertEqual((files.lstat(path).uid, files.lstat(path).permissions), (1000, 0o700))

    def test_policy_of_set_stat(self) -> None:
        """What SetStatPolicy leaves out needs no permission: nothing is changed."""
        self.begin({"/": "list read write create"}, set_stat_policy="ignore-mode-and-owner")
        change = requests.SetStat(path=b"/top", attributes=Attributes(permissions=0o777))
        self.assertEqual(self.status(change), OK)
        change = requests.SetStat(path=b"/top", attributes=Attributes(mtime=1, atime=1))
        self.assertEqual(self.status(change), DENIED)

    def test_extensions(self) -> None:
        """What is advertised can be used: posix-rename, statvfs."""
        self.begin({"/": "list read"})
        self.assertEqual(self.session.extensions[b"posix-rename@openssh.com"], b"1")
        self.assertEqual(self.session.extensions[b"statvfs@openssh.com"], b"2")
        self.assertEqual(self.status(extended.StatVFS(path=b"/")), OK)

    def test_told(self) -> None:
        """The log tells of refusals, once a session for each kind; what is hidden is no refusal."""
        self.begin({"/": "list", "/secret": "none"})
        for _ in range(3):
            self.status(requests.Remove(path=b"/top"))
            self.status(lstat("/secret/s"))
        refusals = [line for line in self.told if "refused" in line]
        self.assertEqual(len(refusals), 1, refusals)
        self.assertIn("FileRemove '/top' refused: Permission denied: delete not permitted here", refusals[0])

    def test_nothing_fires(self) -> None:
        """No handler is told of what is refused."""
        server = self.make_server(SFTPAvatar("user", files=self.files(), permissions={"/": "list"}))
        fired: list[Any] = []
        for event in ("FileOpen", "FileRemove"):
            server.on(event, fired.append)
        self.session = self.log_in(server=server)
        self.assertEqual(self.get("/top"), DENIED)
        self.assertEqual(self.status(requests.Remove(path=b"/top")), DENIED)
        self.assertEqual(fired, [])

    def test_copies(self) -> None:
        """copy-file is refused for what hinders it: a word, or the file. Nothing else is in the log, or stays open."""
        lacks = "Permission denied: {} not permitted here".format
        exists = "File already exists"
        # The words; the answers without and with leave to replace, where there is no file, and where there is one.
        for words, *texts in (
            ("write", lacks("create"), lacks("create"), exists, ""),
            ("create", "", "", exists, lacks("write")),
            ("write create", "", "", exists, ""),
            ("list", lacks("create"), lacks("write create"), lacks("create"), lacks("write create")),
        ):
            for number, text in enumerate(texts):
                files = MemoryFileSystem({"/a": b"abc", "/there": b"12345"})
                path = "/there" if number > 1 else "/new"
                self.begin({"/": "list read", path: words}, files=files)
                del self.told[:]
                copy = extended.CopyFile(path=b"/a", new_path=path.encode(), overwrite=bool(number % 2))
                reply: Any = self.session.request(copy)
                self.assertEqual((reply.status == OK, "" if reply.status == OK else reply.message), (not text, text))
                self.assertLessEqual(any("refused" in line for line in self.told), "not permitted" in text, words)
                self.assertEqual(files.locks.opened, set())
                if reply.status == OK:
                    self.assertEqual(files.get(path), b"abc")

    def test_mistake(self) -> None:
        """A mistake in permissions is told where they are written."""
        self.assertRaises(ValueError, SFTPAvatar, "user", permissions={"/": "raed"})

    def test_class(self) -> None:
        """A class may say it for all its users, and one user be told otherwise."""

        class Guest(SFTPAvatar):
            """May look."""

            permissions = {"/": "list read"}

        self.assertEqual(Guest("user").permissions, Permissions.parse({"/": "read list"}))
        self.assertEqual(Guest("user", permissions={"/": "all"}).permissions, Permissions.parse({"/": "all"}))
        self.session = self.log_in(Guest("user", files=self.files()))
        self.assertEqual(self.put("/new"), DENIED)
