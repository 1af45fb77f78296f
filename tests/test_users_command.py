"""
The commands `conchsftp users check` and `conchsftp users list`.
"""

import os
from base64 import b64encode
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from conchsftp import command
from conchsftp.auth.users.user_fields import FIELDS
from conchsftp.auth.users.users_check import LEAST_ROUNDS
from tests.auth.support import Ed25519

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(LEAST_ROUNDS)).decode()
CHEAP = bcrypt.hashpw(b"right", bcrypt.gensalt(LEAST_ROUNDS - 1)).decode()
CODES = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
KEY = f"ssh-ed25519 {b64encode(Ed25519().blob).decode()} alice@laptop"


class UsersCommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.file = self.folder / "users.toml"

    def users(self, what: str, text: str | None = None, mode: int = 0o600) -> tuple[int, list[str]]:
        """Run a command on a file with this text; return its exit code, and its lines without the file's name."""
        if text is not None:
            self.file.write_text(text)
            self.file.chmod(mode)
        printed, code = StringIO(), 0
        with redirect_stdout(printed):
            try:
                command.main(["users", what, str(self.file)])
            except SystemExit as end:
                code = end.code  # type: ignore[assignment]
        lines = printed.getvalue().replace(f"{self.folder}/", "").splitlines()
        return code, [line.removeprefix("users.toml, ").removeprefix("users.toml: ") for line in lines]

    def warnings(self, text: str, **options: int) -> list[str]:
        """Return what is warned of in a file without mistakes."""
        code, lines = self.users("check", text, **options)
        self.assertEqual(code, 2 if len(lines) > 1 else 0, lines)
        return lines[:-1]


class CheckTests(UsersCommandCase):
    def test_good(self) -> None:
        """A file of which there is nothing to say: exit code 0, and one line."""
        code, lines = self.users("check", f'[alice]\npassword = "{HASH}"\n[bob]\nkeys = ["{KEY}"]\n')
        self.assertEqual((code, lines), (0, ["2 users, 0 mistakes, 0 warnings"]))
        self.assertEqual(self.users("check", ""), (0, ["0 users, 0 mistakes, 0 warnings"]))

    def test_a_dozen_mistakes(self) -> None:
        """Every mistake of a file is named with its line, in the order of the file: exit code 1."""
        code, lines = self.users(
            "check",
            "home = '/'\n"
            "[alice]\npassword = 'hunter2'\npasword = 1\nkeys = 'x'\nroot = 'srv'\nread_only = 1\n"
            "[bob]\nmethods = 'pubkey'\ntotp = '1'\nexpires = '2030-01-01'\nfrom = ['10.1.2.3/8']\n"
            "principals = []\n"
            "[john.doe]\n"
            f"[carol]\npassword = '{HASH}'\n",
        )
        self.assertEqual(code, 1)
        numbers = [1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14]
        self.assertEqual([line.partition(":")[0] for line in lines[:-1]], [f"line {number}" for number in numbers])
        self.assertEqual(lines[-1], "4 users, 12 mistakes, 0 warnings")
        self.assertNotIn("hunter2", "\n".join(lines))

    def test_no_file(self) -> None:
        """A file that is missing, is none, or is not TOML is a mistake, in one line."""
        self.assertEqual(self.users("check")[1][0], "cannot be read: No such file or directory")
        code, lines = self.users("check", "[alice\n")
        self.assertEqual((code, lines[0][:8], lines[1]), (1, "line 1: ", "0 users, 1 mistake, 0 warnings"))
        self.file.unlink()
        self.file.mkdir()
        self.assertEqual(self.users("check")[0], 1)

    def test_arguments(self) -> None:
        """Other arguments are a mistake that says what was expected."""
        for arguments in (["users"], ["users", "check"], ["users", "chek", "x"], ["users", "check", "a", "b"]):
            code = self.assertRaises(SystemExit, command.main, arguments).code
            self.assertEqual(code, "conchsftp: users check FILE or users list FILE expected")

    def test_open_to_everybody(self) -> None:
        """A file that others can read, and one that nobody else can."""
        self.assertEqual(self.warnings(f"[alice]\npassword = '{HASH}'\n", mode=0o640), [])
        (line,) = self.warnings(f"[alice]\npassword = '{HASH}'\n", mode=0o644)
        self.assertIn("warning: open to everybody", line)

    def test_no_way_in(self) -> None:
        """A user with neither a password nor keys, and one whom a CA lets in."""
        self.assertEqual(
            self.warnings(f"\n[alice]\n[bob]\nca_keys = ['{KEY}']\n"),
            ["line 2: warning: 'alice' has neither a password nor keys: only another source, or a CA, can let them in"],
        )

    def test_rounds(self) -> None:
        """A hash that is cheaper to guess than is advised, with the line of the password."""
        (line,) = self.warnings(f"[alice]\nhome = '/'\npassword = '{CHEAP}'\n")
        self.assertTrue(line.startswith("line 3: warning: the password of 'alice' has a hash of cost 9"), line)
        self.assertNotIn(CHEAP, line)

    def test_expired(self) -> None:
        """A user who has expired, not one who will."""
        text = f"[alice]\npassword = '{HASH}'\nexpires = "
        (line,) = self.warnings(f"{text}2001-12-31\n")
        self.assertEqual(line, "line 3: warning: 'alice' has expired, on 2002-01-01 00:00 UTC")
        self.assertEqual(self.warnings(f"{text}9999-12-31\n"), [])

    def test_root(self) -> None:
        """A root that is missing, or is a file; one that is a folder."""
        text = f"[alice]\npassword = '{HASH}'\nroot = "
        for place in (self.folder / "none", self.file):
            (line,) = self.warnings(f"{text}'{place}'\n")
            self.assertTrue(line.startswith("line 3: warning: the root of 'alice' is no folder: "), line)
        self.assertEqual(self.warnings(f"{text}'{self.folder}'\n"), [])

    def test_keys(self) -> None:
        """A key that is refused, in the file itself and in a keys_file; each is named where it stands."""
        keys = self.folder / "alice.keys"
        keys.write_text(f"{KEY}\nnonsense\n")
        keys.chmod(0o600)
        lines = self.warnings(f"[alice]\nkeys_file = 'alice.keys'\nkeys = [\n'{KEY}', 'garbage']\n")
        self.assertEqual([line.partition(" warning: ")[0] for line in lines], ["line 3:", "alice.keys, line 2:"])
        keys.write_text("# none\n")
        keys.chmod(0o602)
        text = "[alice]\nkeys_file = 'alice.keys'\n"
        shared, empty = self.warnings(text)
        self.assertIn("everybody on this machine can add keys", shared)
        self.assertIn("holds no key; it is the keys_file of 'alice'", empty)
        keys.unlink()
        (line,) = self.warnings(text)
        self.assertIn("alice.keys: warning: cannot be read: No such file", line)

    def test_tickets(self) -> None:
        """A ticket is a way in, also by the user's own name, unless no principal is allowed."""
        methods = "methods = 'gssapi-with-mic,password gssapi-keyex,password'\n"
        for kerberos in ("", "kerberos = ['bob@EXAMPLE.COM']\n"):
            self.assertEqual(self.warnings(f"[alice]\npassword = '{HASH}'\n{kerberos}{methods}"), [])
        self.assertEqual(len(self.warnings(f"[alice]\npassword = '{HASH}'\nkerberos = []\n{methods}")), 2)
        self.assertEqual(self.warnings("[alice]\nkerberos = ['bob@EXAMPLE.COM']\n"), [])

    def test_methods(self) -> None:
        """A policy that asks for what the user has not, list by list."""
        text = f"[alice]\npassword = '{HASH}'\nmethods = "
        for methods in ("any", "password", "keyboard-interactive", "keyboard-interactive:password"):
            self.assertEqual(self.warnings(f"{text}'{methods}'\n"), [])
        (line,) = self.warnings(f"{text}'password publickey,password'\n")
        expected = "line 3: warning: 'alice' has nothing to complete publickey,password with: publickey is missing"
        self.assertEqual(line, expected)
        (line,) = self.warnings(f"{text}'password,keyboard-interactive:totp'\n")
        self.assertTrue(line.endswith("keyboard-interactive:totp is missing; so no list of methods can be completed"))

    def test_codes(self) -> None:
        """One-time codes that no method asks for; those that one does, or that are asked for by themselves."""
        text = f"[alice]\npassword = '{HASH}'\ntotp = '{CODES}'\n"
        self.assertEqual(self.warnings(text), [])
        for methods in ("keyboard-interactive", "password,keyboard-interactive:totp"):
            self.assertEqual(self.warnings(f"{text}methods = '{methods}'\n"), [])
        for methods in ("password", "any", "keyboard-interactive:password"):
            (line,) = self.warnings(f"{text}methods = '{methods}'\n")
            expected = "line 4: warning: 'alice' has one-time codes, and methods that never ask for one"
            self.assertEqual(line, expected)
        (line,) = self.warnings(f"[alice]\npassword = '{HASH}'\ntotp = '{CODES[:23]}'\n")
        self.assertIn("less than 128 bits", line)
        self.assertNotIn(CODES[:23], line)

    def test_names(self) -> None:
        """A name that nobody can log in with."""
        for name in ("", "a\\nb", "x" * 256):
            (line,) = self.warnings(f'["{name}"]\npassword = "{HASH}"\n')
            self.assertIn("nobody can log in as", line)
        self.assertEqual(self.warnings(f'["{"x" * 255}"]\npassword = "{HASH}"\n'), [])


class ListTests(UsersCommandCase):
    def test_users(self) -> None:
        """One line for each user: the ways in, and what holds; no secret, no hash."""
        code, lines = self.users(
            "list",
            f"[alice]\npassword = '{HASH}'\nkeys = ['{KEY}']\ntotp = '{CODES}'\nexpires = 2001-01-01\n"
            f"[bob]\nkeys_file = '/k'\nca_keys = ['{KEY}']\nmethods = 'publickey'\nread_only = true\nroot = '/srv'\n"
            "from = ['10.0.0.0/8', '::1']\n[carol]\ndisabled = true\nexpires = 9999-12-31\n",
        )
        self.assertEqual(code, 0)
        self.assertEqual(
            lines,
            [
                "'alice': password, 1 key, one-time codes; expired on 2001-01-02 00:00 UTC",
                "'bob': keys of /k, certificates of 1 CA; methods publickey; from 10.0.0.0/8, ::1/128; read-only;"
                " root /srv",
                "'carol': no way in of their own; disabled; expires on the last of all days",
            ],
        )

    def test_every_entry(self) -> None:
        """Whatever a user has, something of it is shown, and never the value of a secret."""
        for row in FIELDS.values():
            if row.name not in ("home", "principals"):
                self.assertNotEqual(
                    self.users("list", f"[a]\n{row.name} = {row.example}\n")[1],
                    ["'a': no way in of their own"],
                    row.name,
                )

    def test_mistakes(self) -> None:
        """A file that no server would read shows its mistakes instead."""
        code, lines = self.users("list", "[alice]\nx = 1\n[bob]\n")
        self.assertEqual((code, len(lines)), (1, 1))
        os.unlink(self.file)
        self.assertEqual(self.users("list")[0], 1)
