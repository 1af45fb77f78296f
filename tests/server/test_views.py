"""
What a user sees after a login: homes, UserRootDirectory, RestrictUserToHomeDir.
"""

import os
import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher

from conchsftp import events
from conchsftp.errors import SFTPError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.session.view import View, view_of
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag, RenameFlag
from conchsftp.sftp.replies import Names, StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryClient, MemorySession
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase

NONE = Attributes()
RESTRICT = "RestrictUserToHomeDir[]=true"


def status_of(reply: Any) -> int:
    """Return the status of a reply; OK for one that is an answer."""
    return reply.status if isinstance(reply, StatusReply) else Status.OK


def real_path(session: MemorySession, path: bytes) -> Any:
    """Return what a client is told of a path: its canonical form, or the status."""
    reply = session.request(requests.RealPath(path=path))
    return reply.entries[0].name if isinstance(reply, Names) else status_of(reply)


def names(session: MemorySession, path: str) -> list[bytes]:
    """Return the names in a directory, without those of itself and the one above."""
    return sorted(name for name, _, _ in session.listing(path) if name not in (b".", b".."))


class ViewTests(SpokenCase):
    """The example of the documentation: `/home/user1/testfolder` beneath the root."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        for path in ("bin", "home/user1/testfolder", "home/user2"):
            os.makedirs(f"{self.root}/{path}")
        for path in ("home/user1/mine", "home/user2/theirs", "bin/sh"):
            with open(f"{self.root}/{path}", "w") as file:
                file.write(path)
        self.told: list[str] = []
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        globalLogPublisher.addObserver(self.note)

    def note(self, event: Any) -> None:
        """Keep what is logged."""
        self.told.append(formatEvent(event))

    def serve(self, home: str = "/", *statements: str, **settings: Any) -> SFTPServer:
        """Return a server whose users begin at a home; the statements are made for each connection that comes."""

        class Avatar(SFTPAvatar):
            def __init__(self, user_name: str, **options: Any) -> None:
                super().__init__(user_name, **(options | {"home": home}))

        options = {"root_directory": self.root, "file_threads": "inline", "avatar_class": Avatar, **settings}
        server = self.make_server(**options)

        @server.on(events.Connected)
        def confine(event: Any) -> None:
            for statement in statements:
                server.config(statement.replace("[]", f"[{event.connection_id}]"))

        return server

    def begin(self, *args: str, **settings: Any) -> MemorySession:
        """Log in to such a server."""
        return self.log_in(server=self.serve(*args, **settings))

    def refuse(self, said: str, *args: str, **settings: Any) -> None:
        """Check that a login is refused, and that the operator is told why."""
        with self.assertRaises(AssertionError):
            self.begin(*args, **settings)
        self.assertTrue(any(re.match(rf"\[1 \S+\] '.*{re.escape(said)}", line) for line in self.told), self.told)


@in_versions()
class RestrictTests(ViewTests):
    """RestrictUserToHomeDir: the home stays where it is, and there is nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.begin("/home/user1", RESTRICT)

    def test_view(self) -> None:
        """The client sees its working directory relative to the root of the server."""
        self.assertEqual(real_path(self.session, b"."), b"/home/user1")
        self.assertEqual(names(self.session, "."), [b"mine", b"testfolder"])
        self.assertEqual(self.session.get("/home/user1/mine"), b"home/user1/mine")

    def test_above(self) -> None:
        """What is above is refused, whatever it is called."""
        for path in (b"..", b"/", b"/home", b"/home/user2/theirs", b"../user2", b"/home/user1/../..", b"/home/user10"):
            self.assertEqual(real_path(self.session, path), Status.PERMISSION_DENIED, path)
            self.assertEqual(status_of(self.session.request(requests.LStat(path=path))), Status.PERMISSION_DENIED, path)

    def test_every_request(self) -> None:
        """No request reaches what is elsewhere, with either of its names."""
        other, mine = b"/home/user2/theirs", b"mine"
        opened = OpenFlag(Disposition.OPEN_EXISTING)
        for request in (
            requests.Open(path=other, access=Access.READ_DATA, flags=opened, attributes=NONE),
            requests.OpenDir(path=b"/home/user2"),
            requests.Stat(path=other),
            requests.SetStat(path=other, attributes=Attributes(permissions=0o777)),
            extended.LSetStat(path=other, attributes=Attributes(mtime=1)),
            requests.MkDir(path=b"/home/user2/new", attributes=NONE),
            requests.RmDir(path=b"/home/user2"),
            requests.Remove(path=other),
            requests.Rename(path=mine, new_path=b"/home/user2/new", flags=RenameFlag(0)),
            requests.Rename(path=other, new_path=b"new", flags=RenameFlag(0)),
            extended.PosixRename(path=mine, new_path=other),
            self.symlink("/home/user2/new", "x"),
            requests.ReadLink(path=other),
            extended.HardLink(path=other, new_path=b"new"),
            extended.HardLink(path=mine, new_path=b"/home/user2/new"),
            extended.StatVFS(path=b"/home/user2"),
            extended.ExpandPath(path=b"~/../user2"),
        ):
            self.assertEqual(status_of(self.session.request(request)), Status.PERMISSION_DENIED, request)
        self.assertEqual(sorted(os.listdir(f"{self.root}/home/user2")), ["theirs"])
        self.assertEqual(sorted(os.listdir(f"{self.root}/home/user1")), ["mine", "testfolder"])

    def test_links(self) -> None:
        """A link leads nowhere else; one that stays inside is followed, from the root of the server on."""
        for name, target in (("up", "../user2/theirs"), ("root", "/bin/sh"), ("machine", f"{self.root}/bin/sh")):
            self.session.request(self.symlink(name, target))
            with self.assertRaises(SFTPError) as caught:
                self.session.get(name)
            self.assertEqual(caught.exception.status, Status.PERMISSION_DENIED, name)
        self.session.request(self.symlink("inside", "/home/user1/mine"))
        self.assertEqual(self.session.get("inside"), b"home/user1/mine")

    def test_home(self) -> None:
        """The home is told, to those who ask for it by name, too."""
        for request in (extended.ExpandPath(path=b"~"), extended.HomeDirectory(user=b"")):
            reply: Any = self.session.request(request)
            self.assertEqual(reply.entries[0].name, b"/home/user1")

    def test_handlers(self) -> None:
        """A handler never sees what is refused, and cannot lead a user elsewhere."""
        seen: list[str] = []

        @self.session.server.on(events.FileRemove)
        def divert(event: Any) -> None:
            seen.append(event.path)
            event.path = "/home/user2/theirs"

        for path in (b"/bin/sh", b"mine"):
            reply = self.session.request(requests.Remove(path=path))
            self.assertEqual(status_of(reply), Status.PERMISSION_DENIED)
        self.assertEqual(seen, ["/home/user1/mine"])
        self.assertTrue(os.path.exists(f"{self.root}/home/user2/theirs"))

    def test_home_is_gone(self) -> None:
        """Without the home there is nothing that the user may see."""
        self.refuse("/home/nobody: No such file or directory", "/home/nobody", RESTRICT)

    def test_root_is_home(self) -> None:
        """Whose home is the root sees everything: that is the home."""
        self.assertEqual(names(self.begin("/", RESTRICT), "/"), [b"bin", b"home"])

    def test_for_all(self) -> None:
        """The value of the server holds for every connection."""
        session = self.begin("/home/user1", restrict_user_to_home_dir=True)
        self.assertEqual(real_path(session, b"/bin"), Status.PERMISSION_DENIED)


@in_versions()
class RootTests(ViewTests):
    """UserRootDirectory: the folder is `/`."""

    def test_view(self) -> None:
        """The client cannot see where its files lie."""
        session = self.begin("/", f"UserRootDirectory[]={self.root}/home/user1")
        self.assertEqual(real_path(session, b"."), b"/")
        self.assertEqual(real_path(session, b"../.."), b"/")
        self.assertEqual(names(session, "/"), [b"mine", b"testfolder"])
        self.assertEqual(real_path(session, b"/home/user2/theirs"), b"/home/user2/theirs")
        self.assertEqual(status_of(session.request(requests.Stat(path=b"/home"))), Status.NO_SUCH_FILE)
        self.assertEqual(session.get("/mine"), b"home/user1/mine")

    def test_links(self) -> None:
        """What leads out of it leads to its own root."""
        session = self.begin("/", f"UserRootDirectory[]={self.root}/home/user1")
        session.request(self.symlink("up", "../../../mine"))
        self.assertEqual(session.get("up"), b"home/user1/mine")

    def test_home_is_inside(self) -> None:
        """The home counts from it; both can hold together."""
        session = self.begin("/testfolder", f"UserRootDirectory[]={self.root}/home/user1")
        self.assertEqual(real_path(session, b"."), b"/testfolder")
        self.assertEqual(real_path(session, b".."), b"/")
        both = self.begin("/testfolder", f"UserRootDirectory[]={self.root}/home/user1", RESTRICT)
        self.assertEqual(real_path(both, b"."), b"/testfolder")
        self.assertEqual(real_path(both, b".."), Status.PERMISSION_DENIED)

    def test_names(self) -> None:
        """It may be a link, the root itself, relative, or a pattern with the name of the user."""
        os.symlink("user1", f"{self.root}/home/user")
        os.symlink(self.root, f"{self.root}.link")
        for place, found in (
            (f"{self.root}/home/user", [b"mine", b"testfolder"]),
            (f"{self.root}.link/home/user1", [b"mine", b"testfolder"]),
            (f"{self.root}/home/%u1", [b"mine", b"testfolder"]),
            ("home/%u2", [b"theirs"]),
            (self.root, [b"bin", b"home"]),
        ):
            self.assertEqual(names(self.begin("/", f"UserRootDirectory[]={place}"), "/"), found, place)
        os.mkdir(f"{self.root}/100%u")
        self.assertEqual(names(self.begin("/", "UserRootDirectory[]=100%%u"), "/"), [])

    def test_outside(self) -> None:
        """It must lie inside RootDirectory, also when a link says so; the login is refused otherwise."""
        os.mkdir(f"{self.root}2")
        os.symlink(f"{self.root}2", f"{self.root}/out")
        for place in (f"{self.root}2", "/", f"{self.root}/..", f"{self.root}/out"):
            self.told.clear()
            self.refuse("It lies outside the root", "/", f"UserRootDirectory[]={place}")
        # A relative one cannot climb: it counts from the root as a path of a client does.
        self.assertEqual(names(self.begin("/", "UserRootDirectory[]=../bin"), "/"), [b"sh"])

    def test_missing(self) -> None:
        """A folder that is not there refuses the login."""
        for place in (f"{self.root}/nowhere", "nowhere"):
            self.refuse(f"{place}: No such file or directory", "/", f"UserRootDirectory[]={place}")
        self.refuse("Not a directory", "/", "UserRootDirectory[]=bin/sh")

    def test_own_root(self) -> None:
        """A pattern for all is not for whom the users file names a folder; a value of the connection is."""
        users = self.mktemp()
        hashed = "$2b$04$abcdefghijklmnopqrstuuKAT4Uy2BUMjG8sFsvAIXDdGFbGnZ2sS"
        with open(users, "w") as file:
            file.write(f'[user]\npassword = "{hashed}"\nroot = "{self.root}/home"\n')
        pattern = f"{self.root}/home/user2"
        session = self.begin("/", users=users, user_root_directory=pattern)
        self.assertEqual(names(session, "/"), [b"user1", b"user2"])
        session = self.begin("/", "UserRootDirectory[]=user1", users=users, user_root_directory=pattern)
        self.assertEqual(names(session, "/"), [b"mine", b"testfolder"])

    def test_in_a_thread(self) -> None:
        """Nobody waits for a folder on a file server that does not answer."""
        server = self.serve("/", f"UserRootDirectory[]={self.root}/home/user1")
        threads = server.factory.clock.threads  # type: ignore[attr-defined]
        threads.hold = True
        client = MemoryClient(server.factory)
        with self.assertRaises(AssertionError):
            client.log_in("user", "password")
        threads.finish()  # the root
        self.assertEqual((len(threads), client.server.user_name), (1, None))
        threads.finish()
        self.assertEqual(client.server.user_name, "user")
        # And the avatar of a client that has gone meanwhile is logged out.
        gone: list[str] = []
        server.factory.portal.realm._make_avatar = lambda user: Watched(gone, files)  # type: ignore[attr-defined]
        files = client.server.avatar.files
        client = MemoryClient(server.factory)
        with self.assertRaises(AssertionError):
            client.log_in("user", "password")
        client.pipe.cut()
        self.assertEqual(gone, ["user"])
        threads.finish()
        self.assertEqual(gone, ["user"])


class Watched(SFTPAvatar):
    """Tells when it is logged out."""

    def __init__(self, gone: list[str], files: Any) -> None:
        super().__init__("user", files=files)
        self.gone = gone

    def logged_out(self) -> None:
        self.gone.append(self.user_name)


@in_versions()
class HomeTests(ViewTests):
    """Where a session begins."""

    def test_home(self) -> None:
        """It begins at the home, and everything can be reached from there."""
        session = self.begin("/home/user1")
        self.assertEqual(real_path(session, b"."), b"/home/user1")
        self.assertEqual(session.get("../user2/theirs"), b"home/user2/theirs")

    def test_missing(self) -> None:
        """A home that is not there, or is no directory: the session begins at `/`, and the log says so."""
        for home in ("/home/nobody", "/bin/sh", "/bin/sh/deeper"):
            self.told.clear()
            self.assertEqual(real_path(self.begin(home), b"."), b"/")
            self.assertTrue(any(re.match(rf"\[1 \S+\] .* no home '{home}'", line) for line in self.told), self.told)

    def test_of_the_login(self) -> None:
        """A handler of SSHUserAuthRequest says where the session begins, and confines it for this connection."""
        server = self.serve()

        @server.on(events.SSHUserAuthRequest)
        def decide(event: Any) -> None:
            event.home_dir = "/home/user2"
            server.config(f"RestrictUserToHomeDir[{event.connection_id}]=true")

        session = self.log_in(server=server)
        self.assertEqual(real_path(session, b"."), b"/home/user2")
        self.assertEqual(real_path(session, b"/"), Status.PERMISSION_DENIED)

    def test_of_a_handler(self) -> None:
        """What a handler of the login says of the home prevails over the avatar."""
        avatar = SFTPAvatar("user", files=MemoryFileSystem({"/a/f": b"", "/b/f": b""}), home="/a")
        view: View = self.successResultOf(Deferred.fromCoroutine(view_of(avatar, Settings(TABLE), "b")))
        self.assertEqual((view.home, view.within), ("/b", ""))
