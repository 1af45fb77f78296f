"""
What users have to prove, from the settings, the users file and the application to the login, on a server in memory.
"""

import os
from typing import Any

import bcrypt
from twisted.cred.portal import Portal
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from conchsftp.auth.policies import ENROLLED
from conchsftp.auth.progress import MOST_REQUESTS
from conchsftp.auth.realm import SFTPRealm
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.events import SSHUserAuthRequest
from conchsftp.server.service import SFTPServer
from conchsftp.testing import MemoryClient
from conchsftp.wire.kinds import BYTES
from tests.auth.support import Ed25519, proof
from tests.server.support import ServiceCase

WORD = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
BOTH = "publickey,password"
KEY = Ed25519()


class FactorsCase(ServiceCase):
    """A server with a users file."""

    def users_file(self, **fields: str) -> str:
        """Write the users file: name → what stands in the table besides the password. Return its path."""
        path = f"{self.folder}/users.toml"
        with open(path, "w") as file:
            file.writelines(f'[{name}]\npassword = "{WORD}"\n{text}\n' for name, text in fields.items())
        os.chmod(path, 0o600)
        return path

    def methods(self, server: SFTPServer, user: str) -> str:
        """Return what a client is told when it asks for the methods."""
        client = MemoryClient(server.factory)
        client.connect()
        client.ask_for_login()
        client.authenticate(user, "none")
        self.reactor.advance(1)
        client.pump()
        payload = client.take(51)
        return BYTES.unpack(payload, 0)[0].decode()

    def answer(self, server: SFTPServer, user: str, password: bytes = b"word") -> tuple[str, bool]:
        """Return what a client is told when it sends a password: methods, and whether it was a partial success."""
        client = MemoryClient(server.factory)
        client.connect()
        client.ask_for_login()
        client.authenticate(user, "password", b"\0" + BYTES.pack(password))
        self.reactor.advance(3)
        client.pump()
        payload = client.take(51)
        return BYTES.unpack(payload, 0)[0].decode(), bool(payload[-1])


class UsersTests(FactorsCase):
    """Whose policy it is."""

    def test_methods(self) -> None:
        """A user's own methods count, everybody else has those of the setting."""
        users = self.users_file(alice=f'methods = "{BOTH}"', bob="")
        server = self.server(users=users, authentication_methods="password")
        told = [self.methods(server, name) for name in ("alice", "bob", "nobody")]
        self.assertEqual(told, ["publickey", "password", "password"])

    def test_changed(self) -> None:
        """The file is read again for the next login."""
        server = self.server(users=self.users_file(alice=""))
        self.assertEqual(self.methods(server, "alice"), "password,keyboard-interactive,publickey")
        os.utime(self.users_file(alice=f'methods = "{BOTH}"'), ns=(1, 1))
        self.assertEqual(self.methods(server, "alice"), "publickey")

    def test_enrolled(self) -> None:
        """Who has one-time codes needs one, and no stranger sees the difference."""
        server = self.server(users=self.users_file(alice='totp = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"', bob=""))
        self.assertEqual(len({self.methods(server, name) for name in ("alice", "bob", "nobody")}), 1)
        self.assertEqual(self.answer(server, "alice", b"wrong"), self.answer(server, "nobody", b"wrong"))
        self.assertTrue(self.answer(server, "alice")[1])

    def test_enrolled_otherwise(self) -> None:
        """Codes are not asked for where the user's methods, or the setting, say what is."""
        totp = 'totp = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"'
        users = UsersFile(self.users_file(alice=totp, bob=f'{totp}\nmethods = "password"'))
        for setting, expected in (("any", {"alice": ENROLLED, "bob": "password"}), (BOTH, {"bob": "password"})):
            server = self.server(users=users.path, authentication_methods=setting)
            assert server.factory.policies is not None
            for name in ("alice", "bob", "nobody"):
                policy = self.successResultOf(server.factory.policies(name))
                self.assertEqual(str(policy), str(expected.get(name)))

    def test_of_the_application(self) -> None:
        """What the application says counts for more than the file; what it leaves open, does not."""
        policies: dict[str, Any] = {"alice": "password", "carol": BOTH}
        users = self.users_file(alice=f'methods = "{BOTH}"', bob=f'methods = "{BOTH}"')
        server = self.server(users=users, policies=policies.get)
        told = [self.methods(server, name) for name in ("alice", "bob", "carol")]
        self.assertEqual(told, ["password", "publickey", "publickey"])

    def test_file_of_a_checker(self) -> None:
        """A users file that only a checker knows is asked as well."""
        checker = UsersFileChecker(UsersFile(self.users_file(alice=f'methods = "{BOTH}"')), self.server().workers)
        self.assertEqual(self.methods(self.server(checkers=[checker]), "alice"), "publickey")

    def test_file_of_a_portal(self) -> None:
        """One that only the checker of a portal knows holds as soon as that has vouched for somebody."""
        users = UsersFile(self.users_file(alice='methods = "password,publickey"'))
        checker = UsersFileChecker(users, self.server().workers)
        server = self.server(portal=Portal(SFTPRealm(lambda name: None), [checker]))
        self.assertEqual(self.answer(server, "alice"), ("publickey", True))


class AskedAgainTests(FactorsCase):
    """Clients that ask for the service before each attempt, as paramiko does."""

    def half(self) -> MemoryClient:
        """Return a client that has proved the first of two factors, for a user of whom the password is the second."""
        server = self.server(authentication_methods="publickey,password")
        server.on(SSHUserAuthRequest, lambda event: setattr(event, "accept", True))
        client = MemoryClient(server.factory)
        client.connect()
        client.ask_for_login()
        client.packet(50, proof(b"guest", KEY, session=client.session_id))
        self.assertEqual(client.take(51), BYTES.pack(b"password") + b"\1")
        return client

    def test_proved(self) -> None:
        """What was proved stays proved."""
        client = self.half()
        client.ask_for_login()
        client.authenticate("guest", "password", b"\0" + BYTES.pack(b"secret"))
        client.take(52)

    def test_logged(self) -> None:
        """The line of a login names all of its methods, in their order."""
        lines: list[str] = []
        self.addCleanup(globalLogPublisher.removeObserver, observe := lambda event: lines.append(formatEvent(event)))
        globalLogPublisher.addObserver(observe)
        self.half().authenticate("guest", "password", b"\0" + BYTES.pack(b"secret"))
        (line,) = (line for line in lines if "logged in" in line)
        self.assertIn("'guest' logged in by publickey,password, with ", line)

    def test_user(self) -> None:
        """And stays that of the user who has proved it."""
        client = self.half()
        client.ask_for_login()
        client.authenticate("other", "password", b"\0" + BYTES.pack(b"secret"))
        client.pump()
        assert client.disconnected is not None
        self.assertIn("user name changed", client.disconnected[1])

    def test_bounded(self) -> None:
        """Asking counts as a request: who does nothing else is disconnected."""
        client = self.half()
        for _ in range(MOST_REQUESTS - 1):
            client.ask_for_login()
        self.assertIsNone(client.disconnected)
        self.assertRaises(AssertionError, client.ask_for_login)
        self.assertIsNotNone(client.disconnected)


class StartTests(FactorsCase):
    """What is told when the server starts."""

    def told(self, server: SFTPServer) -> list[tuple[Any, str]]:
        """Return the lines of the log that are warnings and errors."""
        found: list[tuple[Any, str]] = []

        def observe(event: Any) -> None:
            if event["log_level"] in (LogLevel.warn, LogLevel.error):
                found.append((event["log_level"], formatEvent(event)))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.successResultOf(server.start_listening())
        self.successResultOf(server.stop_listening())
        return found

    def test_nobody(self) -> None:
        """A server that nobody can log in to says so; it starts, as handlers can be added later."""
        ((level, text),) = self.told(self.server(one_time_user=None))
        self.assertIs(level, LogLevel.error)
        self.assertIn("nobody can log in: no checker, and no handler of SSHUserAuthRequest, judges", text)

    def test_somebody(self) -> None:
        """With a checker, or a handler, nothing is said."""
        self.assertEqual(self.told(self.server()), [])
        server = self.server(one_time_user=None)
        server.on(SSHUserAuthRequest, lambda event: None)
        self.assertEqual(self.told(server), [])

    def test_list(self) -> None:
        """A list that nobody can complete is a warning; when there is no other, an error."""
        ((level, text),) = self.told(self.server(authentication_methods=f"{BOTH} password"))
        self.assertIs(level, LogLevel.warn)
        self.assertIn("publickey needs a checker for it or a handler of SSHUserAuthRequest", text)
        ((level, text),) = self.told(self.server(authentication_methods=BOTH))
        self.assertIs(level, LogLevel.error)
