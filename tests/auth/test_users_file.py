"""
The users file: reading, re-reading, mistakes in it, and changing a password.
"""

import os
import tomllib
from base64 import b64encode

import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.authorized_keys import AuthorizedKeys
from conchsftp.auth.users.user_fields import FIELDS
from conchsftp.auth.users.users_edit import set_password
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from tests.auth.support import Ed25519

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
KEY, OTHER = Ed25519(), Ed25519()


def line(key: Ed25519, options: str = "") -> str:
    return f"{options}ssh-ed25519 {b64encode(key.blob).decode()} somebody"


class FileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "users.toml")

    def write(self, text: str, path: str | None = None) -> None:
        with open(path or self.path, "w", newline="") as file:
            file.write(text)
        os.chmod(path or self.path, 0o600)

    def read(self) -> str:
        with open(self.path, newline="") as file:
            return file.read()


def has_key(users: UsersFile, name: str, blob: bytes) -> bool:
    """Whether a key is among those of a user."""
    return any(keys.find(blob) for keys in users.keys_of(name))


class ReadTests(FileCase):
    def test_user(self) -> None:
        """A table has password, keys, keys_file, root and home; all of them are optional."""
        self.write(
            f'[alice]\npassword = "{HASH}"\nkeys = ["{line(KEY)}"]\nkeys_file = "keys"\nroot = "/srv"\nhome = "/in"\n'
            '["bob@example.org"]\n'
        )
        users = UsersFile(self.path)
        alice = users.find("alice")
        assert alice is not None
        self.assertEqual(alice.password, Secret(HASH))
        self.assertEqual([key.blob for key in alice.keys.keys], [KEY.blob])
        self.assertEqual(alice.keys_file, os.path.join(self.folder, "keys"))
        self.assertEqual((alice.root, alice.home, alice.rounds), ("/srv", "/in", 4))
        bob = users.find("bob@example.org")
        assert bob is not None
        self.assertEqual(
            (bob.password, bob.keys, bob.keys_file, bob.root, bob.home), (None, AuthorizedKeys(), None, None, "/")
        )
        self.assertIsNone(users.find("carol"))
        self.assertNotIn(HASH, repr(alice))

    def test_no_path(self) -> None:
        """What is no path is a mistake that says so."""
        for wrong in ({}, 3, ["users.toml"], "", b"users.toml"):
            error = self.assertRaises(ServerError, UsersFile, wrong)
            self.assertEqual(str(error), f"the path of a users file expected, got {wrong!r}")

    def test_more_mistakes(self) -> None:
        """A server that does not start names the first mistake, and says how many more there are."""
        message = self.mistake("[alice]\nx = 1\nroot = 1\nhome = 1\n")
        self.assertTrue(message.endswith(" (and 2 more: `conchsftp users check` names them)"), message)

    def test_missing(self) -> None:
        """Without the file the server does not start, and says why."""
        error = self.assertRaises(ServerError, UsersFile, self.path)
        self.assertEqual(str(error), f"{self.path}: cannot be read: No such file or directory")

    def test_empty(self) -> None:
        """An empty file is a file without users."""
        self.write("")
        self.assertEqual(UsersFile(self.path).rounds, 12)

    def test_rounds(self) -> None:
        """The cost of a look-up for nobody is that of the most expensive hash in the file."""
        dear = bcrypt.hashpw(b"x", bcrypt.gensalt(5)).decode()
        self.write(f'[a]\npassword = "{HASH}"\n[b]\npassword = "{dear}"\n[c]\n')
        self.assertEqual(UsersFile(self.path).rounds, 5)

    def mistake(self, text: str) -> str:
        self.write(text)
        message = str(self.assertRaises(ServerError, UsersFile, self.path))
        self.assertTrue(message.startswith(self.path + ", "), message)
        return message[len(self.path) + 2 :]

    def test_mistakes(self) -> None:
        """Each mistake is one line that says where it is and what would be right."""
        for text, message in (
            ("[alice]\npasword = 1\n", "line 2: unknown key 'pasword' of 'alice'; did you mean password?"),
            ("[alice]\nKeysFile = 'x'\n", "line 2: unknown key 'KeysFile' of 'alice'; did you mean keys_file?"),
            ("\n[a]\nx = 1", f"line 3: unknown key 'x' of 'a'; known are {', '.join(FIELDS)}"),
            (
                "[john.doe]\n",
                "line 1: 'doe' is a table inside 'john'; a user name with a dot is written [\"john.doe\"]",
            ),
            ("home = '/'\n", "line 1: 'home' stands outside a user's table; [home] would begin one"),
            ("[a]\nroot = 'srv'\n", "line 2: root of 'a': an absolute path expected"),
            ("[a]\nhome = 3\n", "line 2: home of 'a': a text expected"),
            ("[a]\nkeys_file = ''\n", "line 2: keys_file of 'a': a text expected"),
            ("[a]\nkeys = 'x'\n", "line 2: keys of 'a': a list of lines of an authorized_keys file expected"),
            ("[a]\nkeys = [1]\n", "line 2: keys of 'a': a list of lines of an authorized_keys file expected"),
            ("[a]\n\nb = \n", "line 3: Invalid value"),
            ("[a]\n[a]\n", "line 2: Cannot declare ('a',) twice"),
            ("[a]\nb = '''", "line 2: Expected \"'''\" (at end of document)"),
        ):
            self.assertEqual(self.mistake(text), message)

    def test_not_utf8(self) -> None:
        """A file that is not UTF-8 is refused with the line."""
        with open(self.path, "wb") as file:
            file.write(b"# x\n# \xe9\n")
        self.assertIn("line 2: not UTF-8", str(self.assertRaises(ServerError, UsersFile, self.path)))

    def test_clear_password(self) -> None:
        """A password in the clear, or a broken hash, is refused and not repeated."""
        for value in (
            '"hunter2"',
            f'"{HASH[:-1]}"',
            f'"{HASH}a"',
            '"$1$abc"',
            "5",
            '"$2b$32$' + HASH[7:] + '"',
            f'"{HASH[:28]}a{HASH[29:]}"',
        ):
            message = self.mistake(f"[alice]\npassword = {value}\n")
            self.assertEqual(
                message, "line 2: password of 'alice': a bcrypt hash expected; `conchsftp passwd` writes one"
            )

    def test_refused_keys(self) -> None:
        """A key that cannot be used is a complaint, once; the user and the other keys stay."""
        self.write(f"[alice]\nkeys = [\n  '{line(KEY)}',\n  'telepathy {line(OTHER)}',\n]\n")
        users = UsersFile(self.path)
        self.assertEqual(
            list(users.complaints()),
            [f"{self.path}, line 2: key 2 of 'alice': key not accepted: the option 'telepathy' is not supported"],
        )
        users.refresh()
        self.assertEqual(list(users.complaints()), [])
        self.assertTrue(has_key(users, "alice", KEY.blob))
        self.assertFalse(has_key(users, "alice", OTHER.blob))
        self.assertFalse(has_key(users, "carol", KEY.blob))

    def test_open_to_everybody(self) -> None:
        """A file that everybody on the machine can read is used, with a complaint."""
        self.write("[alice]\n")
        for mode, count in ((0o600, 0), (0o640, 0), (0o644, 1), (0o602, 1)):
            os.chmod(self.path, mode)
            self.assertEqual(len(list(UsersFile(self.path).complaints())), count)


class RereadTests(FileCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("[alice]\n")
        self.users = UsersFile(self.path)

    def refreshed(self) -> list[str]:
        self.users.refresh()
        return list(self.users.complaints())

    def test_changed(self) -> None:
        """A new version counts from the next login on."""
        self.write("[carol]\n")
        self.assertEqual(self.refreshed(), [])
        self.assertIsNotNone(self.users.find("carol"))
        self.assertIsNone(self.users.find("alice"))

    def test_broken(self) -> None:
        """A broken new version keeps the old one, and is named once, with its line."""
        self.write("[carol]\n[alice\n")
        (complaint,) = self.refreshed()
        self.assertTrue(complaint.startswith(f"{self.path}, line 2: "), complaint)
        self.assertTrue(complaint.endswith("; the version before it still counts"))
        self.assertEqual(self.refreshed(), [])
        self.assertIsNotNone(self.users.find("alice"))
        self.assertIsNone(self.users.find("carol"))
        self.write("[carol]\n# mended\n")
        self.assertEqual(self.refreshed(), [])
        self.assertIsNotNone(self.users.find("carol"))

    def test_broken_again(self) -> None:
        """Each broken version is named."""
        for text in ("[a\n", "[ab\n"):
            self.write(text)
            self.assertEqual(len(self.refreshed()), 1)

    def test_gone(self) -> None:
        """A file that is gone lets nobody in who was in it, and is named once; when it is back, it counts."""
        self.assertEqual(self.users.barred("alice", None, 0), "")
        os.unlink(self.path)
        (complaint,) = self.refreshed()
        self.assertTrue(complaint.endswith("No such file or directory; nobody in it can log in"), complaint)
        self.assertEqual(self.refreshed(), [])
        self.assertIsNotNone(self.users.find("alice"))
        self.assertEqual(self.users.barred("alice", None, 0), "the users file is gone")
        self.assertEqual(self.users.barred("stranger", None, 0), "")
        self.write("[carol]\n")
        self.assertEqual(self.refreshed(), [])
        self.assertEqual(self.users.barred("carol", None, 0), "")
        os.unlink(self.path)
        self.assertEqual(len(self.refreshed()), 1)

    def test_gone_and_back(self) -> None:
        """A file that was moved away and is moved back, as it was, lets in again."""
        os.rename(self.path, self.path + ".away")
        self.refreshed()
        os.rename(self.path + ".away", self.path)
        self.assertEqual(self.refreshed(), [])
        self.assertEqual(self.users.barred("alice", None, 0), "")

    def test_unreadable(self) -> None:
        """A file that is there and cannot be read keeps the users: that is a mishap, and nobody's decision."""
        os.unlink(self.path)
        os.mkdir(self.path)
        (complaint,) = self.refreshed()
        self.assertTrue(complaint.endswith("; the version before it still counts"), complaint)
        self.assertEqual(self.users.barred("alice", None, 0), "")

    def test_keys_file_at_start(self) -> None:
        """A keys_file that is missing is told when the server starts, and not at the first login only."""
        self.write("[alice]\nkeys_file = 'keys'\n")
        told = list(UsersFile(self.path).complaints())
        self.assertEqual(told, [f"{self.folder}/keys: cannot be read: No such file or directory"])

    def test_keys_file(self) -> None:
        """A keys_file is read again when it changes; its bad lines are named once; without it there are no keys."""
        keys = os.path.join(self.folder, "keys")
        self.write("[alice]\nkeys_file = 'keys'\n")
        self.users.refresh()
        self.assertFalse(has_key(self.users, "alice", KEY.blob))
        self.assertFalse(has_key(self.users, "alice", KEY.blob))
        self.assertEqual(self.refreshed(), [f"{keys}: cannot be read: No such file or directory"])
        self.write(f"# mine\r\n{line(KEY)}\r\ntelepathy {line(OTHER)}\r\n", keys)
        self.assertTrue(has_key(self.users, "alice", KEY.blob))
        self.assertFalse(has_key(self.users, "alice", OTHER.blob))
        self.assertEqual(
            self.refreshed(), [f"{keys}, line 3: key not accepted: the option 'telepathy' is not supported"]
        )
        self.write(line(OTHER), keys)
        self.assertTrue(has_key(self.users, "alice", OTHER.blob))
        self.assertFalse(has_key(self.users, "alice", KEY.blob))
        os.rename(keys, keys + ".away")
        self.assertFalse(has_key(self.users, "alice", OTHER.blob))
        os.rename(keys + ".away", keys)
        self.assertTrue(has_key(self.users, "alice", OTHER.blob))


class SetPasswordTests(FileCase):
    def assert_password(self, user: str, password: bytes) -> None:
        found = UsersFile(self.path).find(user)
        assert found is not None and found.password is not None
        self.assertTrue(bcrypt.checkpw(password, found.password.to_bytes()))

    def test_new_file(self) -> None:
        """The first password makes the file; only its owner can read it."""
        set_password(self.path, "alice", "pässword", rounds=4)
        self.assertEqual(os.stat(self.path).st_mode & 0o7777, 0o600)
        self.assert_password("alice", "pässword".encode())
        self.assertEqual(os.listdir(self.folder), ["users.toml"])

    def test_keeps_the_rest(self) -> None:
        """Comments, other users, line ends and the mode stay as they are."""
        text = f"\ufeff# users\r\n[alice] # first\r\npassword = '{HASH}' # May\r\nhome='/x'\r\n\r\n[bob]\r\n"
        self.write(text)
        os.chmod(self.path, 0o640)
        set_password(self.path, "alice", Secret("new"), rounds=4)
        before, _, after = text.partition(f"'{HASH}'")
        changed = self.read()
        self.assertTrue(changed.startswith(before) and changed.endswith(after))
        self.assertEqual(os.stat(self.path).st_mode & 0o7777, 0o640)
        self.assert_password("alice", b"new")

    def test_new_user(self) -> None:
        """A user that is not there is added; a name that TOML would misread is quoted."""
        self.write("[alice]\n")
        set_password(self.path, "bob@example.org", "x", rounds=4)
        self.assertEqual(set(tomllib.loads(self.read())), {"alice", "bob@example.org"})

    def test_link(self) -> None:
        """A symbolic link stays one; what it points to is replaced."""
        link = os.path.join(self.folder, "link")
        self.write("[alice]\n")
        os.symlink(self.path, link)
        set_password(link, "alice", "x", rounds=4)
        self.assertTrue(os.path.islink(link))
        self.assert_password("alice", b"x")

    def test_length(self) -> None:
        """1 and 72 bytes are a password, 0 and 73 are not: bcrypt would not look at more."""
        for password in ("", "x" * 73, "å" * 37):
            error = self.assertRaises(ServerError, set_password, self.path, "alice", password, rounds=4)
            self.assertIn("1 to 72 bytes", str(error))
        for password in ("x", "x" * 72):
            set_password(self.path, "alice", password, rounds=4)
            self.assert_password("alice", password.encode())

    def test_names(self) -> None:
        """A name that nobody could log in with is refused."""
        for name in ("", "a\nb", "\x7f", "\udcff"):
            self.assertRaises(ServerError, set_password, self.path, name, "x", rounds=4)
        self.assertEqual(os.listdir(self.folder), [])

    def test_cannot(self) -> None:
        """What cannot be edited stays untouched, and the error says where."""
        for text in ("alice = {home = '/'}\n", "[alice\n", "[[alice]]\n", "alice = 1\n", "[alice.sub]\n"):
            self.write(text)
            error = self.assertRaises(ServerError, set_password, self.path, "alice", "x", rounds=4)
            self.assertIn(self.path, str(error))
            self.assertEqual(self.read(), text)
        self.assertEqual(os.listdir(self.folder), ["users.toml"])

    def test_no_folder(self) -> None:
        """A place that cannot be written is an error, not a traceback."""
        self.assertRaises(ServerError, set_password, os.path.join(self.folder, "no", "users"), "alice", "x", rounds=4)
        self.assertRaises(ServerError, set_password, self.folder, "alice", "x", rounds=4)

    def test_change_is_seen(self) -> None:
        """A running server sees the new password at the next login."""
        self.write("[alice]\n")
        users = UsersFile(self.path)
        set_password(self.path, "alice", "x", rounds=4)
        users.refresh()
        found = users.find("alice")
        assert found is not None
        self.assertIsNotNone(found.password)

    def test_file_that_no_server_reads(self) -> None:
        """A password is not said to be set in a file that a server refuses: the old one would go on to count."""
        self.write('[alice]\npasword = "x"\n')
        error = self.assertRaises(ServerError, set_password, self.path, "alice", "x", rounds=4)
        self.assertIn("did you mean password?", str(error))
        self.assertEqual(self.read(), '[alice]\npasword = "x"\n')
