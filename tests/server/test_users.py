"""
What a users file says of a name holds for a whole server, whoever vouches for the user; and mistakes of who embeds one.
"""

import os
from typing import Any

import bcrypt
from twisted.cred.checkers import FilePasswordDB, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal

from conchsftp.auth.realm import SFTPRealm
from conchsftp.errors import ServerError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.requests import Remove
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryClient, MemorySession
from tests.server.support import ServiceCase

HASH = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()


class UsersCase(ServiceCase):
    """A server with a users file and with checkers of other kinds."""

    def setUp(self) -> None:
        super().setUp()
        self.path = f"{self.folder}/users.toml"
        with open(f"{self.root}/f", "wb") as file:
            file.write(b"text")

    def write(self, text: str) -> None:
        with open(self.path, "w") as file:
            file.write(text)
        os.chmod(self.path, 0o600)

    def serve(self, text: str, **options: Any) -> Any:
        """Return a server whose users file holds a text; bob's password is known to another checker."""
        self.write(text)
        checker = InMemoryUsernamePasswordDatabaseDontUse(bob=b"word")
        settings = {"file_threads": "inline", "per_source_penalties": False}
        return self.server(**{"users": self.path, "checkers": [checker], **settings, **options})

    def session(self, server: Any, user: str = "alice", password: str = "word") -> MemorySession:
        return MemorySession(server=server, user=user, password=password)

    def refused(self, server: Any, user: str, password: str = "word") -> bool:
        """Return whether a login is refused."""
        try:
            MemoryClient(server.factory).log_in(user, password)
        except AssertionError:
            return True
        return False


class HoldsTests(UsersCase):
    """Whoever vouched."""

    def test_read_only(self) -> None:
        """Whom the file lets only read can change nothing, also if another checker vouches; others can."""
        server = self.serve(f'[alice]\npassword = "{HASH}"\nread_only = true\n[bob]\nread_only = true\n')
        for user in ("alice", "bob"):
            session = self.session(server, user)
            self.assertEqual(session.get("/f"), b"text")
            self.assertEqual(session.request(Remove(path=b"/f")).status, Status.PERMISSION_DENIED)
        session = self.session(server, "guest", "secret")
        self.assertEqual(session.request(Remove(path=b"/f")).status, Status.OK)

    def test_class_that_decides(self) -> None:
        """A class of avatars may forbid more than the file, and not less."""

        class Some(SFTPAvatar):
            def __init__(self, user_name: str, **facts: Any) -> None:
                super().__init__(user_name, **facts)
                self.read_only = user_name == "bob"

        server = self.serve(f'[alice]\npassword = "{HASH}"\nread_only = true\n[bob]\n', avatar_class=Some)
        for user in ("alice", "bob"):
            answer = self.session(server, user).request(Remove(path=b"/f"))
            self.assertEqual(answer.status, Status.PERMISSION_DENIED)

    def test_refused(self) -> None:
        """Who is disabled, expired or elsewhere is refused, whoever vouches; a handler cannot help either."""
        self.assertFalse(self.refused(self.serve("[bob]\n"), "bob"))
        for entry in ("disabled = true", "expires = 2001-01-01", "from = ['203.0.113.0/24']"):
            server = self.serve(f'[bob]\n{entry}\n[guest]\n{entry}\n[alice]\n{entry}\npassword = "{HASH}"\n')
            for user, password in (("alice", "word"), ("bob", "word"), ("guest", "secret")):
                self.assertTrue(self.refused(server, user, password), (entry, user))
            server.on("SSHUserAuthRequest", lambda event: setattr(event, "accept", True))
            self.assertTrue(self.refused(server, "bob"), entry)
            self.assertFalse(self.refused(server, "carol"), entry)

    def test_date(self) -> None:
        """It is the date of the server that counts."""
        server = self.serve(f'[alice]\nexpires = 2027-01-14\npassword = "{HASH}"\n')
        server.factory.now = lambda: 1_800_000_000.0
        self.assertTrue(self.refused(server, "alice"))
        server.factory.now = lambda: 1_800_000_000.0 - 86400
        self.assertFalse(self.refused(server, "alice"))

    def test_open_sessions(self) -> None:
        """A session that is open goes on when its user is disabled; the next login is refused."""
        server = self.serve(f'[alice]\npassword = "{HASH}"\n')
        session = self.session(server)
        self.write("[alice]\ndisabled = true\n")
        self.assertTrue(self.refused(server, "alice"))
        self.assertEqual(session.get("/f"), b"text")

    def test_portal(self) -> None:
        """With a portal of one's own the users file decides nothing."""
        realm = SFTPRealm(lambda user: SFTPAvatar(user, files=MemoryFileSystem({})))
        portal = Portal(realm, [InMemoryUsernamePasswordDatabaseDontUse(bob=b"word")])
        self.assertFalse(self.refused(self.serve("[bob]\ndisabled = true\n", portal=portal), "bob"))


class MistakesTests(ServiceCase):
    """What is given to `SFTPServer` and is not what was expected is named at once."""

    def mistake(self, **options: Any) -> str:
        return str(self.assertRaises(ServerError, self.server, **options))

    def test_checkers(self) -> None:
        """Something that is no checker, and a class where its instance was meant."""
        self.assertIn("provides ICredentialsChecker expected, got object", self.mistake(checkers=[object()]))
        self.assertIn("got str", self.mistake(checkers="unix"))
        self.assertIn("got the class FilePasswordDB", self.mistake(checkers=[FilePasswordDB]))
        for wrong in (FilePasswordDB("x"), 3):
            self.assertIn("checkers: a list of checkers expected, got", self.mistake(checkers=wrong))

    def test_users(self) -> None:
        """Users are a file."""
        for wrong in ({}, {"alice": "word"}, ""):
            self.assertIn("the path of a users file expected, got", self.mistake(users=wrong))

    def test_one_time_user(self) -> None:
        """One user with a password, and not a text of two letters."""
        for wrong in ("ab", ("guest",), ("guest", ""), ("", "secret"), (b"guest", "secret"), ("a", "b", "c")):
            self.assertIn("one_time_user: a user name and a password expected", self.mistake(one_time_user=wrong))
