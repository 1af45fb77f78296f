"""
The command `conchsftp totp`.
"""

import os
import stat
import sys
import time
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyotp
from twisted.trial.unittest import SynchronousTestCase

from conchsftp import command

HASH = "$2b$04$VQGlpyZ6980BNIupFcXBBuOqJbYJSsWMyIPlkgTheTsqp9sZ07/CK"
USERS = f'# our users\n[bob]\npassword = "{HASH}"  # his\n\n[alice]\npassword = "{HASH}"\nhome = "/in"\n'


class Phone:
    """A standard input that answers as the user does who has read the QR code."""

    def __init__(self, printed: StringIO, *, wrong: int = 0, seconds: float = 0.0, terminal: bool = False) -> None:
        self._printed = printed
        self._wrong = wrong
        self._seconds = seconds
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def readline(self) -> str:
        self._wrong -= 1
        app: Any = pyotp.parse_uri(self._printed.getvalue().splitlines()[0])
        shown = app.at(int(time.time() + self._seconds - (3600 if self._wrong >= 0 else 0)))
        return f"{shown[:3]} {shown[3:]}\n"


class TotpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.users = self.folder / "users.toml"
        self.users.write_text(USERS)
        self.users.chmod(0o640)
        self.printed, self.told = StringIO(), StringIO()

    def run_command(self, *arguments: object, stdin: Any = None) -> None:
        self.patch(sys, "stdin", stdin or StringIO())
        with redirect_stdout(self.printed), redirect_stderr(self.told):
            command.main(["totp", *(str(argument) for argument in arguments)])

    def refusal(self, *arguments: object, stdin: Any = None) -> str:
        """Return the one line with which the command ends; nothing is written."""
        before = self.users.read_text()
        line = str(self.assertRaises(SystemExit, self.run_command, *arguments, stdin=stdin).code)
        self.assertTrue(line.startswith("conchsftp: "), line)
        self.assertNotIn("\n", line)
        self.assertEqual(self.users.read_text(), before)
        return line

    def secret(self) -> str:
        return str(tomllib.loads(self.users.read_text())["alice"]["totp"])

    def test_enrolled(self) -> None:
        """The secret that the app was shown stands in the file once it has shown a right code; all else stays."""
        self.run_command(self.users, "alice", "--issuer", "files", stdin=Phone(self.printed))
        uri, *code = self.printed.getvalue().splitlines()
        shown: Any = pyotp.parse_uri(uri)
        self.assertEqual((shown.secret, shown.name, shown.issuer), (self.secret(), "alice", "files"))
        self.assertEqual(len(shown.byte_secret()), 20)
        self.assertGreater(len(code), 10)
        self.assertEqual(self.users.read_text().replace(f'totp = "{self.secret()}"\n', ""), USERS)
        self.assertEqual(stat.S_IMODE(self.users.stat().st_mode), 0o640)
        self.assertNotIn(self.secret(), self.told.getvalue())

    def test_wrong(self) -> None:
        """No code, or a wrong one: nothing is written. At a terminal there are three tries."""
        self.assertIn("nothing was written", self.refusal(self.users, "alice"))
        self.assertIn("nothing was written", self.refusal(self.users, "alice", stdin=Phone(self.printed, wrong=1)))
        for wrong in (2, 3):
            self.printed = StringIO()
            phone = Phone(self.printed, wrong=wrong, terminal=True)
            if wrong == 3:
                self.refusal(self.users, "alice", stdin=phone)
            else:
                self.run_command(self.users, "alice", stdin=phone)
                self.users.write_text(USERS)

    def test_without_question(self) -> None:
        """A script may write at once; a second secret takes the place of the first."""
        secrets = set()
        for _ in range(2):
            self.run_command(self.users, "alice", "--no-confirm")
            secrets.add(self.secret())
        self.assertEqual(len(secrets), 2)
        self.assertIn("a new secret", self.told.getvalue())
        self.assertEqual(self.users.read_text().count("totp"), 1)

    def test_file(self) -> None:
        """The file may be named by an option; else it is users.toml here."""
        self.run_command("alice", "--users", self.users, "--no-confirm")
        first = self.secret()
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.folder)
        self.run_command("alice", "--no-confirm")
        self.assertNotEqual(self.secret(), first)

    def test_removed(self) -> None:
        """The codes go, and nothing else; who has none is no mistake."""
        self.run_command(self.users, "alice", "--no-confirm")
        for _ in range(2):
            self.run_command(self.users, "alice", "--remove")
            self.assertEqual(self.users.read_text(), USERS)

    def test_mistakes(self) -> None:
        """No user, no file, too much: one line each."""
        self.assertIn("no user 'dave'", self.refusal(self.users, "dave"))
        self.assertIn("missing.toml", self.refusal(self.folder / "missing.toml", "alice"))
        self.assertIn("expected", self.refusal(self.users, "alice", "more"))
        self.assertIn("expected", self.refusal(self.users, "alice", "--users", self.users))
        self.assertEqual(self.refusal(), "conchsftp: totp [FILE] USER expected")
        self.assertIn("--wrong", self.refusal(self.users, "alice", "--wrong"))

    def test_by_hand(self) -> None:
        """A table that cannot be edited stays as it is."""
        inline = f'alice = {{ password = "{HASH}", totp = "{"A" * 32}" }}\n'
        self.users.write_text(inline)
        for more in ("--no-confirm", "--remove"):
            self.assertIn("by hand", self.refusal(self.users, "alice", more))

    def test_not_installed(self) -> None:
        """Without segno there is no QR code; without pyotp, nothing."""
        for name in ("segno", "pyotp"):
            module = sys.modules.get(name)
            self.addCleanup(sys.modules.__setitem__, name, module) if module else self.addCleanup(sys.modules.pop, name)
            sys.modules[name] = None  # type: ignore[assignment]
            if name == "segno":
                self.run_command(self.users, "alice", "--no-confirm")
                self.assertEqual(len(self.printed.getvalue().splitlines()), 1)
            said = self.told.getvalue() if name == "segno" else self.refusal(self.users, "alice")
            self.assertIn("conchsftp[totp]", said)
