"""
The command `conchsftp`.
"""

import os
import stat
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from conchsftp import command
from conchsftp.server.ports import endpoint_strings
from conchsftp.ssh.keys.host_keys import generate_ed25519, load


class CommandTests(SynchronousTestCase):
    """What can be seen without a running server; the real clients see the rest."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.printed = StringIO()

    def run_command(self, *arguments: object, text: str = "") -> None:
        """Run the command with a standard input that is not a terminal."""
        self.patch(sys, "stdin", StringIO(text))
        with redirect_stdout(self.printed), redirect_stderr(self.printed):
            command.main([str(argument) for argument in arguments])

    def refusal(self, *arguments: object, text: str = "") -> str:
        """Return the one line with which the command ends."""
        line = str(self.assertRaises(SystemExit, self.run_command, *arguments, text=text).code)
        self.assertTrue(line.startswith("conchsftp: "), line)
        self.assertNotIn("\n", line)
        return line

    def test_usage(self) -> None:
        """Without arguments it fails, and says what there is; who asks for that is told the same, and its version."""
        self.run_command("--help")
        for text in (self.printed.getvalue(), str(self.assertRaises(SystemExit, self.run_command).code)):
            self.assertIn("conchsftp DIR", text)
            self.assertIn("conchsftp passwd FILE USER", text)
        self.printed.truncate(0)
        self.run_command("passwd", "--help")
        self.assertIn("conchsftp passwd FILE USER", self.printed.getvalue())
        self.run_command("--version")
        self.assertRegex(self.printed.getvalue(), r"\nconchsftp \d")

    def test_reader_has_seen_enough(self) -> None:
        """In `conchsftp algorithms | head` nothing is said of the pipe that `head` has closed, now or at the end."""
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as closed, redirect_stdout(closed):
            ended = self.assertRaises(SystemExit, command.main, ["--help"])
        self.assertEqual(ended.code, 1)

    def test_file_for_a_folder(self) -> None:
        """A file is no folder to serve."""
        (self.folder / "file").touch()
        self.assertIn("file: not a folder", self.refusal(self.folder / "file"))

    def test_passwd(self) -> None:
        """A password from standard input becomes a bcrypt hash in a file that only its owner reads."""
        users = self.folder / "users.toml"
        self.run_command("passwd", users, "alice", text="open sesame\n")
        hashed = tomllib.loads(users.read_text())["alice"]["password"]
        self.assertTrue(bcrypt.checkpw(b"open sesame", hashed.encode()))
        self.assertEqual(stat.S_IMODE(users.stat().st_mode), 0o600)
        self.assertNotIn("sesame", self.printed.getvalue())

    def test_expire(self) -> None:
        """A user has to change the password at the next login; nobody is asked for one now."""
        users = self.folder / "users.toml"
        self.run_command("passwd", users, "alice", text="open sesame\n")
        self.run_command("passwd", "--expire", users, "alice")
        self.assertIs(tomllib.loads(users.read_text())["alice"]["change_password"], True)
        self.assertIn("no password", self.refusal("passwd", "--expire", users, "bob"))

    def test_passwd_mistakes(self) -> None:
        """Missing arguments, no password, one that bcrypt would cut, a file that is not TOML: one line each."""
        users = self.folder / "users.toml"
        self.assertIn("FILE USER", self.refusal("passwd", users))
        self.assertIn("0 given", self.refusal("passwd", users, "alice", text="\n"))
        self.assertIn("72", self.refusal("passwd", users, "alice", text="x" * 73))
        self.assertFalse(users.exists())
        users.write_text("[alice\n")
        self.assertIn("users.toml", self.refusal("passwd", users, "alice", text="x"))
        self.assertEqual(users.read_text(), "[alice\n")

    def test_places(self) -> None:
        """It listens at this machine only, unless it is said where; only a port may be said."""
        config = self.folder / "sftp.conf"
        config.write_text("LocalPort=2022\n")
        key = ["--host-key", str(self.folder / "key")]
        for arguments, place in (
            ((), "tcp:2222:interface=127.0.0.1"),
            (("--local-port", "2022"), "tcp:2022:interface=127.0.0.1"),
            (("--set", "localport=2022"), "tcp:2022:interface=127.0.0.1"),
            (("--config", str(config)), "tcp:2022:interface=127.0.0.1"),
            (("--config", str(config), "--local-host", "127.0.0.2"), "tcp:2022:interface=127.0.0.2"),
            (("--config", str(config), "--listen", "unix:/s"), "unix:/s"),
        ):
            options = command._Folder()
            options.parseOptions([*key, *arguments, str(self.folder / "root")])
            self.assertEqual(endpoint_strings(options.server.settings), [place])
        self.assertIn("--set LocalPort", self.refusal(self.folder / "root", "--set", "LocalPort"))

    def test_folder_and_key(self) -> None:
        """The folder and the host key are made where they are missing; the key stays the same."""
        root, key = self.folder / "root", self.folder / "b" / "key"
        arguments = ["--host-key", str(key), "--listen", "tcp:0:interface=127.0.0.1", str(root)]
        fingerprints = set()
        for _ in range(2):
            options = command._Folder()
            options.parseOptions(arguments)
            fingerprints |= {each.fingerprint() for each in options.server.factory.host_keys.keys}
        self.assertEqual(fingerprints, {load(key).fingerprint()})
        self.assertTrue(root.is_dir())
        self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)

    def test_key_store(self) -> None:
        """Where a key store is named, no key is made."""
        key = self.folder / "key"
        generate_ed25519(key)
        for named in (("--ssh-cert-store", str(key)), ("--set", f"SSHCertStore={key}")):
            options = command._Folder()
            options.parseOptions([*named, str(self.folder / "root")])
            self.assertEqual([each.blob for each in options.server.factory.host_keys.keys], [load(key).blob])

    def test_mistakes(self) -> None:
        """A folder that cannot be made, an address that others can reach, an unknown setting: one line each."""
        (self.folder / "file").touch()
        key = ("--host-key", self.folder / "key")
        self.assertIn("file", self.refusal(self.folder / "file", *key))
        self.assertIn("No such file", self.refusal(self.folder / "mistyped" / "root", *key))
        self.assertIn("--users", self.refusal(self.folder, *key, "--listen", "tcp:2222"))
        self.assertIn("unknown setting", self.refusal(self.folder, *key, "--set", "Nothing=1"))
        self.assertIn("not a private key", self.refusal(self.folder, "--host-key", self.folder / "file"))
