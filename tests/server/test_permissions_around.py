"""
Ways around permissions.
"""

import os
import threading
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.files.conch_adapter import ConchFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.session.view import Unseen, view_of
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, RealPath
from conchsftp.sftp.statuses import Status
from tests.server.permitted import DENIED, MISSING, NONE, OK, Case, lstat, open_file, rename, stat
from tests.session.versions import in_versions


@in_versions()
class AroundTests(Case):
    """Ways around permissions."""

    RULES = {"/": "list read", "/home": "all", "/pub": "list read create", "/secret": "none"}

    def link(self, path: str, target: str) -> None:
        """Make a link behind the server's back."""
        os.symlink(target, f"{self.root}{path}")

    def check_closed(self, *paths: str) -> None:
        """Check that nothing of the secret folder can be reached."""
        for path in paths:
            for request in (
                stat(path),
                open_file(path, Access.READ_DATA),
                open_file(path, Access.WRITE_DATA),
                open_file(path, Access.WRITE_DATA, Disposition.CREATE_TRUNCATE),
                requests.OpenDir(path=path.encode()),
                requests.SetStat(path=path.encode(), attributes=Attributes(permissions=0o777)),
                extended.StatVFS(path=path.encode()),
            ):
                answers = (DENIED, MISSING, *([Status.OP_UNSUPPORTED] if isinstance(request, extended.StatVFS) else []))
                self.assertIn(self.status(request), answers, request)
        self.assertFalse(os.path.exists(f"{self.root}/secret/made"))

    def test_links(self) -> None:
        """A link leads nowhere where less is allowed than at its own path."""
        for name, target in (
            ("a", "/secret"), ("b", "../secret"), ("c", "/secret/s"), ("d", "a"), ("e", "/pub/../secret/deep"),
            ("f", "/"), ("g", "../pub"), ("i", "/secret/made"),
        ):  # fmt: skip
            self.link(f"/home/{name}", target)
        self.begin(self.RULES)
        self.check_closed(*(f"/home/{name}" for name in "abcdefgi"))
        self.check_closed("/home/a/s", "/home/a/deep/s", "/home/d/s", "/home/e/s", "/home/f/secret/s", "/home/g/p")
        self.check_closed("/home/a/made", "/home/f/secret/made")
        for path in ("/home/a/s", "/home/f/secret/s"):
            self.assertIn(self.status(lstat(path)), (DENIED, MISSING))
            for request in (
                requests.Remove(path=path.encode()),
                rename(path, "/home/got"),
                extended.HardLink(path=path.encode(), new_path=b"/home/got"),
                rename("/home/i", f"{path}x"),
                requests.MkDir(path=f"{path}x".encode(), attributes=NONE),
            ):
                self.assertIn(self.status(request), (DENIED, MISSING), request)
        # A link is a name of this folder all the same, and can be seen.
        self.assertEqual(self.status(lstat("/home/a")), OK)
        self.assertEqual(sorted(os.listdir(f"{self.root}/secret")), ["deep", "s"])

    def test_followed(self) -> None:
        """A link is followed where as much is allowed as at its own path."""
        self.link("/current", "pub/p")
        self.link("/share", "home")
        self.link("/home/mine", "/home/h")
        self.begin(self.RULES)
        self.assertEqual(self.get("/current"), b"pub/p")
        self.assertEqual(self.get("/share/h"), b"home/h")
        self.assertEqual(self.put("/home/mine"), OK)
        # By this name it may only be read.
        self.assertEqual(self.put("/share/h"), DENIED)
        self.assertEqual(self.names("/share"), ["h", "mine"])

    def test_real_path(self) -> None:
        """Nobody is told where a link leads that they may not follow."""
        self.link("/home/a", "/secret/deep")
        self.begin(self.RULES)
        for path in (b"/home/a", b"/secret/../secret/deep", b"/home/a/s"):
            reply: Any = self.session.request(requests.RealPath(path=path))
            self.assertEqual(reply.entries[0].name, path.replace(b"/secret/..", b""))
        # Only version 6 asks whether something is there.
        for control, status in ((RealPath.STAT_ALWAYS, MISSING if self.version == 6 else OK), (RealPath.STAT_IF, OK)):
            self.assertEqual(self.status(requests.RealPath(path=b"/secret/s", control=control)), status)

    def test_making_links(self) -> None:
        """No link is made that would not be followed."""
        self.begin(self.RULES)
        for number, target in enumerate(("/secret", "../secret/s", "/", "/pub/p", "..", "x/../../secret")):
            self.assertEqual(self.status(self.symlink(f"/home/{number}", target)), DENIED, target)
        self.assertEqual(self.status(self.symlink("/home/l", "h")), OK)
        self.assertEqual(self.status(extended.HardLink(path=b"/home/h", new_path=b"/home/h2")), OK)
        self.assertEqual(self.status(extended.HardLink(path=b"/pub/p", new_path=b"/home/p")), DENIED)
        self.assertEqual(self.status(extended.HardLink(path=b"/secret/s", new_path=b"/home/p")), MISSING)

    def test_moved_links(self) -> None:
        """A link that was made where it was harmless leads nowhere else when it was moved."""
        os.makedirs(f"{self.root}/home/x/secret")
        self.begin(self.RULES)
        self.assertEqual(self.status(self.symlink("/home/x/l", "secret")), OK)
        os.rename(f"{self.root}/home/x/l", f"{self.root}/l")
        self.check_closed("/l", "/l/s")

    def test_swapped(self) -> None:
        """Who swaps a folder and a link meanwhile gets nobody to the secret folder."""
        os.mkdir(f"{self.root}/home/box")
        with open(f"{self.root}/home/box/s", "w") as file:
            file.write("harmless")
        self.link("/home/other", "/secret")
        self.begin(self.RULES)
        refusals = {DENIED, MISSING, Status.FAILURE}
        refusals |= set(map(self.lowered, (Status.NO_SUCH_PATH, Status.NOT_A_DIRECTORY, Status.LINK_LOOP)))
        over = threading.Event()
        swapper = threading.Thread(target=swap, args=(f"{self.root}/home", over))
        swapper.start()
        try:
            seen = {self.get("/home/box/s") for _ in range(400)}
            # On a busy machine it takes longer until the folder itself was there for once.
            tries = (self.get("/home/box/s") for _ in range(20_000))
            while b"harmless" not in seen:
                seen.add(next(tries))
            for _ in range(200):
                self.assertIn(self.put("/home/box/s"), {OK, *refusals})
                self.assertNotIn("deep", self.names("/home/box"))
        finally:
            over.set()
            swapper.join()
        self.assertNotIn(b"secret/s", seen)
        self.assertIn(b"harmless", seen)
        with open(f"{self.root}/secret/s") as file:
            self.assertEqual(file.read(), "secret/s")

    def test_folders_with_other_permissions(self) -> None:
        """A folder is not renamed if other permissions hold for something in it, there or at the new name."""
        os.makedirs(f"{self.root}/home/d/no/x")
        os.makedirs(f"{self.root}/home/e/no")
        self.begin({"/": "all", "/home/d/no": "none", "/*/q": "list"})
        for request in (
            rename("/home/d", "/home/f"),
            rename("/home/d", "/home/f", extended.PosixRename),
            rename("/home", "/h"),
            rename("/home/d/no", "/home/f"),
            rename("/home/e", "/home/d"),
            rename("/home/e", "/pub/q"),
            rename("/top", "/home/q"),
        ):
            self.assertIn(self.status(request), (DENIED, MISSING), request)
        self.assertEqual(self.status(rename("/home/e", "/home/f")), OK)

    def test_deep_patterns(self) -> None:
        """Where a pattern holds at any depth, folders can be renamed, and what it hides stays hidden in them."""
        os.makedirs(f"{self.root}/home/d/.git")
        self.link("/pub/l", "/home")
        self.begin({"/": "all", "/**/.git": "none"})
        self.assertEqual(self.status(rename("/home/d", "/home/e")), OK)
        self.assertEqual(self.names("/home/e"), [])
        self.assertEqual(self.status(lstat("/home/e/.git")), MISSING)
        self.assertEqual(self.status(lstat("/pub/l/e/.git")), MISSING)
        self.assertEqual(self.names("/pub/l/e"), [])
        self.assertEqual(self.status(rename("/home/e", "/home/.git")), DENIED)

    def test_spelling(self) -> None:
        """No spelling of a path is another path."""
        self.begin(self.RULES)
        for path in (
            "/secret/", "//secret//s", "/./secret/s", "/home/../secret/s", "secret/s", "/home/../../secret", "./secret",
            "/secret/.", "/secret/deep/..", "/SECRET", "/Secret/s",
        ):  # fmt: skip
            self.assertEqual(self.status(stat(path)), MISSING, path)
            self.check_closed(path)

    def test_handles(self) -> None:
        """What may be done with a handle is what was allowed when it was opened."""
        files = MemoryFileSystem({"/top": b"top", "/home/h": b"h", "/incoming/old": b""})
        self.begin({"/": "list read", "/incoming": "create rename", "/home": "all"}, files=files)
        opened: Any = self.session.request(open_file("/top", Access.READ_DATA))
        self.assertEqual(self.status(requests.Write(handle=opened.handle, offset=0, data=[b"x"])), DENIED)
        for attributes in (Attributes(size=0), Attributes(permissions=0o777), Attributes(mtime=1, atime=1)):
            self.assertEqual(self.status(requests.FSetStat(handle=opened.handle, attributes=attributes)), DENIED)
        dropped: Any = self.session.request(open_file("/incoming/n", Access.WRITE_DATA, Disposition.CREATE_NEW))
        self.assertEqual(self.status(requests.Read(handle=dropped.handle, offset=0, length=1)), DENIED)
        target: Any = self.session.request(open_file("/home/h", Access(3)))
        for source, to, status in (
            (opened, target, OK),
            (dropped, target, DENIED),
            (target, opened, DENIED),
        ):
            request = extended.CopyData(
                handle=source.handle, offset=0, length=1, target_handle=to.handle, target_offset=0
            )
            self.assertEqual(self.status(request), status)
        # Another session renames it, and this one still may what it might.
        files.rename("/incoming/n", "/home/n", 0)
        self.assertEqual(self.status(requests.FSetStat(handle=dropped.handle, attributes=Attributes(size=1))), OK)
        self.assertEqual(
            self.status(requests.FSetStat(handle=dropped.handle, attributes=Attributes(permissions=0o777))), DENIED
        )

    def test_out_of_a_drop_box(self) -> None:
        """What may not be read is not moved to where it may be."""
        self.begin({"/incoming": "create rename", "/home": "all"})
        self.assertEqual(self.status(rename("/incoming/old", "/home/old")), DENIED)
        self.assertEqual(self.status(rename("/incoming/old", "/incoming/new")), OK)
        self.assertEqual(self.status(rename("/home/h", "/incoming/h")), OK)

    def test_restricted(self) -> None:
        """Under RestrictUserToHomeDir paths are those that the client sees."""
        user = SFTPAvatar("user", files=self.files(), home="/home", permissions={"/home": "list read create"})
        self.link("/home/a", "/secret")
        self.session = self.log_in(user, restrict_user_to_home_dir=True)
        self.assertEqual(self.names("/home"), ["a", "h"])
        self.assertEqual(self.get("h"), b"home/h")
        self.assertEqual(self.put("h"), DENIED)
        self.assertEqual(self.put("n"), OK)
        self.check_closed("/home/a", "/secret")

    def test_own_root(self) -> None:
        """Under UserRootDirectory paths are those that the client sees."""
        self.link("/secret/l", "/deep")

        class Rooted(SFTPAvatar):
            """Sees one folder."""

            permissions = {"/": "list read", "/deep": "none"}

        server = self.make_server(avatar_class=Rooted, root_directory=self.root, user_root_directory="secret")
        self.session = self.log_in(server=server)
        self.assertEqual(self.names("/"), ["l", "s"])
        self.assertEqual(self.get("/s"), b"secret/s")
        self.check_closed("/deep", "/deep/s", "/l", "/l/s")

    def test_diverted(self) -> None:
        """A handler that diverts a path has its word: what counts is the path of the client."""

        class Diverting(SFTPAvatar):
            """Opens something else."""

            permissions = {"/": "list", "/pub": "list read"}

            def on_file_open(self, event: Any) -> None:
                event.path = "/secret/s"

            def on_dir_list(self, event: Any) -> None:
                event.path = "/secret"

        self.session = self.log_in(Diverting("user", files=self.files()))
        self.assertEqual(self.get("/pub/p"), b"secret/s")
        self.assertEqual(self.get("/top"), DENIED)
        self.assertEqual(self.names("/pub"), ["deep", "s"])

    def test_listings_of_handlers(self) -> None:
        """A listing that handlers supply shows no more."""

        class Listing(SFTPAvatar):
            """Lists more than there is."""

            def on_dir_list(self, event: Any) -> None:
                event.result = {"secret": Attributes(), "pub": Attributes(), "new": Attributes()}

        rules = {"/": "list", "/secret": "none"}
        self.session = self.log_in(Listing("user", files=self.files(), permissions=rules))
        self.assertEqual(self.names("/"), ["new", "pub"])

    def test_memory(self) -> None:
        """The file system in memory judges links as the one on disk does."""
        files = MemoryFileSystem({"/secret/s": b"s", "/home/h": b"h", "/pub/p": b"p"})
        for name, target in (("a", "/secret"), ("b", "../secret/s"), ("f", "/"), ("ok", "h")):
            files.make_symlink(f"/home/{name}", target)
        self.begin(self.RULES, files=files)
        self.check_closed("/home/a", "/home/b", "/home/f", "/home/a/s", "/home/f/secret/s", "/home/a/made")
        self.assertEqual(self.get("/home/ok"), b"h")
        self.assertEqual(self.status(lstat("/home/a")), OK)
        reply: Any = self.session.request(requests.RealPath(path=b"/home/a"))
        self.assertEqual(reply.entries[0].name, b"/home/a")

    def test_followed_anywhere(self) -> None:
        """With SymlinkPolicy `follow` links are the operator's, and what counts is the path of the link."""
        self.link("/pub/l", f"{self.root}/secret")
        self.begin(self.RULES, files=self.files(symlink_policy="follow"))
        self.assertEqual(self.get("/pub/l/s"), b"secret/s")
        self.assertEqual(self.status(self.symlink("/home/l", "h")), DENIED)

    def test_unguarded(self) -> None:
        """Whose files have links that nobody can judge is not let in, where permissions differ by path."""
        files, settings = ConchFileSystem(object()), Settings(TABLE)
        for rules, seen in ((self.RULES, False), ({"/": "list read"}, True), ({"/": "all", "/a": "all"}, True)):
            view = Deferred.fromCoroutine(view_of(SFTPAvatar("user", files=files, permissions=rules), settings))
            if seen:
                self.assertIs(self.successResultOf(view).files, files)
            else:
                self.failureResultOf(view, Unseen)


def swap(folder: str, over: threading.Event) -> None:
    """Have a folder and a link change places again and again."""
    while not over.is_set():
        os.rename(f"{folder}/box", f"{folder}/spare")
        os.rename(f"{folder}/other", f"{folder}/box")
        os.rename(f"{folder}/box", f"{folder}/other")
        os.rename(f"{folder}/spare", f"{folder}/box")
