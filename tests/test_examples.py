"""
What the documents show, run: the programs of docs/examples, in memory, and every command line.

`tests/test_example_quota.py` asks more of one of them, and `tests/interop/check_examples.py` runs some of the programs
under twistd as well, for OpenSSH's client.
"""

import os
import re
import shlex
import sys
from pathlib import Path
from runpy import run_path
from typing import Any
from unittest import TestResult, defaultTestLoader

import bcrypt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.application.service import IServiceCollection
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from conchsftp import SFTPError, Status
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.command import _Folder
from conchsftp.sftp.requests import Remove
from conchsftp.ssh.keys.host_keys import generate_ed25519
from conchsftp.tap import Options
from conchsftp.testing import MemoryReactor, MemorySession
from tests.event_programs import EventPrograms
from tests.login_programs import LoginPrograms
from tests.virtual_programs import VirtualPrograms
from twisted import internet

PROJECT = Path(__file__).parents[1]
EXAMPLES = PROJECT / "docs" / "examples"
DOCUMENTS = (PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md")))


class Place:
    """
    A folder that has what the tutorials make first; the current one, until the test ends.

    Args:
        test: the test.
    """

    def __init__(self, test: SynchronousTestCase) -> None:
        self.path = Path(test.mktemp()).absolute()
        (self.path / "files").mkdir(parents=True)
        (self.path / "files" / "kept.log").write_text("log")
        generate_ed25519(self.path / "host_key")
        ecdsa = generate_private_key(SECP256R1())
        (self.path / "host_key_ecdsa").touch(0o600)
        (self.path / "host_key_ecdsa").write_bytes(
            ecdsa.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        )
        hashed = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
        (self.path / "users.toml").write_text(f'[alice]\npassword = "{hashed}"\n')
        (self.path / "users.toml").chmod(0o600)
        (self.path / "sftp.conf").write_text("SSHCertStorePassword=secret\n")
        (self.path / "users.htpasswd").write_text(f"alice:{hashed.replace('$2b$', '$2y$')}\n")
        (self.path / "users.htpasswd").chmod(0o600)
        test.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.path)


class ProgramCase(SynchronousTestCase):
    """A place where programs run, and a reactor in memory."""

    def setUp(self) -> None:
        self.place = Place(self)
        self.patch(internet, "reactor", MemoryReactor())
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])

    def run_example(self, name: str) -> dict[str, Any]:
        """Run a program and return its names; its server belongs to its application."""
        names = run_path(str(EXAMPLES / f"{name}.py"))
        self.assertEqual(list(IServiceCollection(names["application"])), [names["server"]])
        return names

    def log_in(self, name: str, user: str = "alice", password: str = "wonderland") -> MemorySession:
        """Run a program and log in to its server."""
        return MemorySession(server=self.run_example(name)["server"], user=user, password=password)

    def refused(self, status: Status, function: Any, *args: Any) -> None:
        """Assert that a request fails with a status."""
        problem = self.assertRaises(SFTPError, function, *args)
        self.assertEqual(problem.status, status)


class ProgramsTests(EventPrograms, LoginPrograms, VirtualPrograms, ProgramCase):
    """Each program does what its page says."""

    def test_every_one_is_run(self) -> None:
        """A program that lies there has a test here."""
        names = {path.stem for path in EXAMPLES.glob("*.py")}
        self.assertEqual(names - {name.removeprefix("test_run_") for name in dir(self)}, set())

    def test_run_embed(self) -> None:
        """A folder is served to the users of a users file."""
        self.assertEqual(self.log_in("embed").get("/kept.log"), b"log")

    def test_run_handlers(self) -> None:
        """One handler refuses before, another tells afterwards."""
        lines: list[str] = []

        def note(event: Any) -> None:
            if event.get("log_format", "").startswith("{user} put"):
                lines.append(event["log_format"].format(**event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        session = self.log_in("handlers")
        session.put("/new.txt", b"new")
        self.assertEqual(lines, ["alice put /new.txt: 3 bytes"])
        removed = session.request(Remove(path=b"/new.txt"))
        self.assertEqual((removed.status, os.listdir("files")), (Status.OK, ["kept.log"]))
        kept = session.request(Remove(path=b"/kept.log"))
        self.assertEqual((kept.status, kept.message), (Status.PERMISSION_DENIED, "logs are kept"))
        self.assertEqual(os.listdir("files"), ["kept.log"])

    def test_run_guests(self) -> None:
        """A guest only reads, another user writes as well."""
        server = self.run_example("guests")["server"]
        guest = MemorySession(server=server, user="guest", password="guest")
        self.assertEqual(guest.get("/kept.log"), b"log")
        self.refused(Status.PERMISSION_DENIED, guest.put, "/new.txt", b"new")
        MemorySession(server=server, user="alice", password="wonderland").put("/new.txt", b"new")
        self.assertEqual(guest.get("/new.txt"), b"new")

    def test_run_uploads_only(self) -> None:
        """Files go in, and do not come out."""
        session = self.log_in("uploads_only")
        session.put("/letter.txt", b"dear all")
        self.assertEqual((self.place.path / "files" / "letter.txt").read_bytes(), b"dear all")
        self.refused(Status.PERMISSION_DENIED, session.get, "/letter.txt")

    def test_run_test_uploads_only(self) -> None:
        """The test that is shown passes."""
        names = run_path(str(EXAMPLES / "test_uploads_only.py"))
        result = TestResult()
        defaultTestLoader.loadTestsFromTestCase(names["SenderTests"]).run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (4, [], []))

    def test_run_reports(self) -> None:
        """Each user gets what was written for them."""
        session = self.log_in("reports")
        names = {entry.name for entry in session.listing("/")}
        self.assertEqual(names, {b".", b"..", b"january.csv", b"february.csv"})
        self.assertEqual(session.get("/january.csv"), b"sold,7\n")
        self.refused(Status.PERMISSION_DENIED, session.put, "/january.csv", b"sold,8\n")

    def test_run_host_key_by_address(self) -> None:
        """Who comes by the partner's address sees the partner's key; another address has the key of all."""
        partner = generate_ed25519("partner_key")
        names = self.run_example("host_key_by_address")
        server = names["server"]
        self.assertEqual(
            MemorySession(server=server, user="alice", password="wonderland").client.host_key, partner.blob
        )
        names["KEYS"].clear()
        other = MemorySession(server=server, user="alice", password="wonderland")
        self.assertEqual(other.client.host_key, server.factory.host_keys.keys[0].blob)
        self.assertEqual(other.get("/kept.log"), b"log")

    def test_run_live(self) -> None:
        """Files are computed, have sizes, and cannot be changed."""
        session = self.log_in("live")
        entries = {entry.name: entry.attributes.size for entry in session.listing("/")}
        self.assertEqual(entries, {b"time.txt": 24, b"user.txt": 5})
        self.assertEqual(session.get("/user.txt"), b"alice")
        self.refused(Status.NO_SUCH_FILE, session.get, "/other.txt")
        self.refused(Status.PERMISSION_DENIED, session.put, "/user.txt", b"bob")

    def test_short(self) -> None:
        """A program that shows one thing takes less than 60 lines; the others show something as a whole."""
        whole = {"live.py", "postgres_users.py", "sqlite_files.py"}
        lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
        self.assertEqual(
            [name for name, length in lengths.items() if length >= 60 and name not in whole],
            [],
        )


class Greeting(Protocol):
    """Waits for the line with which a server begins."""

    def __init__(self) -> None:
        self.line: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.line.callback(data)
        self.transport.loseConnection()


class ServiceTests(TestCase):
    """The program of the README on a real port: only the reactor shows that it starts and stops."""

    async def test_embed(self) -> None:
        """It listens when its application starts, and nothing is left when that stops."""
        place = Place(self)
        text = (EXAMPLES / "embed.py").read_text()
        self.assertIn("tcp:2222:", text)
        (place.path / "embed.py").write_text(text.replace("tcp:2222:", "tcp:0:"))
        server = run_path(str(place.path / "embed.py"))["server"]
        server.startService()
        try:
            from twisted.internet import reactor

            port = server.addresses[0].port
            client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Greeting())
            self.assertTrue((await client.line).startswith(b"SSH-2.0-conchsftp"))
        finally:
            await server.stopService()
        self.assertEqual(server.addresses, [])


class CommandsTests(SynchronousTestCase):
    """Every command line that is shown is understood."""

    def setUp(self) -> None:
        self.place = Place(self)
        (self.place.path / "kerberos.toml").write_bytes((EXAMPLES / "kerberos.toml").read_bytes())
        self.patch(internet, "reactor", MemoryReactor())

    def here(self, text: str) -> list[str]:
        """Return the words of a command, with the folders of a real machine below that of the test."""
        for folder in ("/srv", "/etc"):
            text = re.sub(rf"(?<=[ :]){folder}/", f"{self.place.path}{folder}/", text)
        words = shlex.split(text, comments=True)
        for name in re.findall(rf"{self.place.path}/[^\s:]+", text):
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name in ("host_key", "users.toml"):
                path.write_bytes((self.place.path / path.name).read_bytes())
            else:
                path.mkdir(exist_ok=True)
        return words

    def test_twistd(self) -> None:
        """`twistd … sftpserver` makes a server of its options."""
        lines = shown(r"twistd\b.* sftpserver ")
        self.assertGreater(len(lines), 3)
        for line in lines:
            words = self.here(line)
            options = Options()
            options.parseOptions(words[words.index("sftpserver") + 1 :])
            self.assertIsNotNone(options.server, line)

    def test_conchsftp(self) -> None:
        """`conchsftp DIR` does as well."""
        others = ("conchsftp hostkey ", "conchsftp passwd ", "conchsftp totp ", "conchsftp users ")
        lines = [line for line in shown("conchsftp ") if not line.startswith(others)]
        self.assertGreater(len(lines), 0)
        for line in lines:
            _, folder, *words = self.here(line)
            options = _Folder()
            options.parseOptions([*words, "--host-key", "host_key", folder])
            self.assertIsNotNone(options.server, line)

    def test_unit(self) -> None:
        """The unit of systemd starts a server that everybody reaches."""
        unit = (EXAMPLES / "conchsftp.service").read_text().replace("\\\n", " ")
        words = self.here(re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)[0])
        options = Options()
        options.parseOptions(words[words.index("sftpserver") + 1 :])
        self.assertIsNone(options.one_time_user)
        self.assertEqual(options.server.settings.listen, ("tcp:22",))

    def test_users_file(self) -> None:
        """The users file that is shown is a good one."""
        users = UsersFile(EXAMPLES / "users.toml")
        alice, bob = users.find("alice"), users.find("bob")
        assert alice is not None and bob is not None
        self.assertEqual((len(alice.keys.keys), alice.rounds, alice.root), (1, 12, None))
        self.assertEqual((bob.password, bob.root, bob.home), (None, "/srv/bob", "/incoming"))

    def test_factors(self) -> None:
        """So is the one that shows users with policies of their own."""
        users = UsersFile(EXAMPLES / "factors.toml")
        found = [users.find(name) for name in ("alice", "backup")]
        self.assertEqual([str(user.methods) for user in found if user], ["publickey,password", "publickey"])

    def test_readme(self) -> None:
        """The README shows the program that is run here."""
        text = (EXAMPLES / "embed.py").read_text().partition("\n\n")[2]
        self.assertIn(f"```python\n{text}```", (PROJECT / "README.md").read_text())


def shown(pattern: str) -> list[str]:
    """Return the command lines of all documents that begin as a pattern says."""
    return [
        line
        for document in DOCUMENTS
        for line in re.findall(rf"^\$ ({pattern}.*)$", document.read_text().replace("\\\n", " "), re.MULTILINE)
    ]
