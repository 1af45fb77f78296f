"""
The command `conchsftp hostkey`, beside what ssh-keygen says of the same keys.
"""

import os
import stat
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from shutil import which
from typing import Any

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from conchsftp import command, hostkey_command
from conchsftp.ssh.keys.host_keys import load
from conchsftp.ssh.keys.public_blob import public_blob
from conchsftp.ssh.keys.shown import ShownKey
from conchsftp.ssh.keys.stores import load as load_store
from conchsftp.ssh.keys.written import WRITTEN
from tests.auth import x509
from tests.ssh.test_tokens import KEYS, PATH, TokenCase

VECTORS = Path(__file__).parent / "ssh" / "vectors"


class Terminal(StringIO):
    """A standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


class CommandCase(SynchronousTestCase):
    """The command in a folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)

    def place(self, name: str) -> str:
        """Return where something of this name is."""
        return str(self.folder / name)

    def run_command(self, *arguments: object, stdin: Any = None) -> str:
        """Return what the command prints."""
        printed = StringIO()
        self.patch(sys, "stdin", stdin or StringIO())
        with redirect_stdout(printed), redirect_stderr(StringIO()):
            command.main(["hostkey", *map(str, arguments)])
        return printed.getvalue()

    def refusal(self, *arguments: object, stdin: Any = None) -> str:
        """Return the one line with which the command ends."""
        line = str(self.assertRaises(SystemExit, self.run_command, *arguments, stdin=stdin).code)
        self.assertNotIn("\n", line)
        return line

    def keygen(self, *arguments: object) -> str:
        """Return what ssh-keygen prints."""
        if which("ssh-keygen") is None:
            self.skipTest("ssh-keygen is not installed")
        return subprocess.run(
            ["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
        ).stdout


class MakeTests(CommandCase):
    """`hostkey make`."""

    def test_each_type(self) -> None:
        """A key of each type and size is one that the server and ssh-keygen read; only its owner reads the file."""
        for number, (options, kind) in enumerate(
            (
                ((), "256 ED25519"),
                (("--type", "ecdsa"), "256 ECDSA"),
                (("--type=ecdsa", "--bits=384"), "384 ECDSA"),
                (("--type=ecdsa", "--bits=521"), "521 ECDSA"),
                (("--type=rsa", "--bits=2048"), "2048 RSA"),
            )
        ):
            path = self.place(f"key{number}")
            printed = self.run_command("make", path, "--comment", "of the day", *options)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertIn(load(path).fingerprint(), printed)
            self.assertEqual(printed, self.keygen("-lvf", path))
            bits, name = kind.split()
            self.assertTrue(printed.startswith(f"{bits} SHA256:") and f" of the day ({name})\n" in printed, printed)
            self.assertEqual(self.keygen("-yf", path).split()[:2], Path(f"{path}.pub").read_text().split()[:2])

    def test_never_overwrites(self) -> None:
        """A file that is there stays as it is, be it the private or the public key; then nothing is written at all."""
        for there, other in (("a", "a.pub"), ("b.pub", "b")):
            Path(self.place(there)).write_text("mine")
            self.assertIn("exists already", self.refusal("make", self.place(there.removesuffix(".pub"))))
            self.assertEqual(Path(self.place(there)).read_text(), "mine")
            self.assertFalse(Path(self.place(other)).exists())

    def test_password(self) -> None:
        """A password comes from standard input, a file or a terminal, twice, and encrypts the key."""
        secret = Path(self.place("password"))
        secret.write_text("hunter2\n")
        answers = ["hunter2", "hunter2", "hunter2", "hunter3"]
        self.patch(hostkey_command.getpass, "getpass", lambda prompt: answers.pop(0))
        for name, options, stdin in (
            ("piped", ["--password"], StringIO("hunter2\n")),
            ("read", ["--password-file", secret], None),
            ("asked", ["--password"], Terminal()),
        ):
            path = self.place(name)
            self.assertNotIn("hunter2", self.run_command("make", path, *options, stdin=stdin))
            self.assertNotIn(b"hunter2", Path(path).read_bytes())
            self.assertEqual(load(path, b"hunter2").type, "ssh-ed25519")
            self.assertIn("password", self.refusal("show", path))
            self.assertIn("yes", self.run_command("show", path, "--password-file", secret))
        for name, stdin in (("different", Terminal()), ("empty", StringIO("\n"))):
            self.assertIn("nothing was written", self.refusal("make", self.place(name), "--password", stdin=stdin))
            self.assertFalse(Path(self.place(name)).exists())

    def test_mistakes(self) -> None:
        """Sizes that there are not, types that there are not, a password in the command line."""
        key = self.place("key")
        self.assertIn("2048 to 16384", self.refusal("make", key, "--type", "rsa", "--bits", "1024"))
        self.assertIn("256, 384, 521", self.refusal("make", key, "--type", "ecdsa", "--bits", "255"))
        self.assertIn("choose from", self.refusal("make", key, "--type", "dsa"))
        self.assertIn("ignored explicit argument", self.refusal("make", key, "--password=hunter2"))
        self.assertIn("required", self.refusal("make"))
        self.assertIn("required", self.refusal())
        self.assertFalse(Path(key).exists())


class ShowTests(CommandCase):
    """`hostkey show`."""

    def test_as_ssh_keygen(self) -> None:
        """Of every type of key the fingerprints, the picture and the records are those of ssh-keygen."""
        self.keygen("-t", "ed25519", "-N", "", "-C", "c", "-f", self.place("ed25519"))
        for bits in (256, 384, 521):
            self.keygen("-t", "ecdsa", "-b", bits, "-N", "", "-C", "a b", "-f", self.place(f"ecdsa{bits}"))
        for name, private in (("dsa", dsa.generate_private_key(1024)), ("rsa", rsa.generate_private_key(65537, 3072))):
            form = PrivateFormat.TraditionalOpenSSL
            Path(self.place(name)).write_bytes(private.private_bytes(Encoding.PEM, form, NoEncryption()))
            os.chmod(self.place(name), 0o600)
            Path(self.place(f"{name}.pub")).write_text(f"{self.keygen('-yf', self.place(name)).strip()} of {name}")
        for path in sorted(self.folder.iterdir()):
            printed = self.run_command("show", path, "--sshfp", "sftp.example.com").splitlines()
            picture = self.keygen("-lvf", path).splitlines()
            self.assertEqual([printed[0], *printed[2:13]], picture)
            self.assertEqual(printed[1], self.keygen("-l", "-E", "md5", "-f", path).rstrip())
            self.assertEqual(printed[-2:], self.keygen("-r", "sftp.example.com", "-f", path).splitlines())

    def test_documented(self) -> None:
        """The documented facts are those of the settings, of whatever kind the store is."""
        known = load_store(VECTORS / "rsa.pem")
        printed = self.run_command("show", VECTORS / "rsa.pem")
        for fact in (known.fingerprint, known.fingerprint_sha1, known.fingerprint_sha256, known.issuer, known.subject):
            self.assertIn(f" {fact}\n", printed)
        ppk = self.run_command("show", VECTORS / "ed25519.v3.ppk")
        self.assertIn("a host key (ED25519)", ppk)

    def test_certificate(self) -> None:
        """Of an OpenSSH certificate what ssh-keygen -L says, too."""
        for name in ("ca", "key"):
            self.keygen("-t", "ed25519", "-N", "", "-C", name, "-f", self.place(name))
        days = "20200101:20400101"
        self.keygen("-s", self.place("ca"), "-h", "-I", "me", "-z", 7, "-n", "a,b", "-V", days, self.place("key.pub"))
        path = self.place("key-cert.pub")
        printed, said = self.run_command("show", path), self.keygen("-Lf", path)
        self.assertEqual(printed.splitlines()[0], self.keygen("-lf", path).rstrip())
        self.assertEqual(printed.splitlines()[2:13], self.keygen("-lvf", path).splitlines()[1:])
        self.assertIn(" for a host\n", printed)
        self.assertIn(" a, b\n", printed)
        ca = ShownKey(load(self.place("ca")).blob)
        for fact in (f"{ca.name} {ca.fingerprint()}", "from 2020-01-01T00:00:00 to 2040-01-01T00:00:00"):
            self.assertIn(fact, printed)
            self.assertIn(fact, said)

    def test_hostile_text(self) -> None:
        """A comment cannot write to the terminal, nor can a name in a certificate."""
        self.run_command("make", self.place("key"))
        line = Path(self.place("key.pub")).read_text().rsplit(" ", 1)[0]
        Path(self.place("other.pub")).write_text(f"{line} \x1b[2J\u202e\n")
        hostile = x509.name("\x1b[2J", "\u202e")
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        certificate = x509.Issuer().issue(public, hostile, issuer=hostile)
        Path(self.place("other.pem")).write_text(x509.pem(certificate))
        for file in ("other.pub", "other.pem"):
            self.assertNotRegex(self.run_command("show", self.place(file)), "[\x1b\u202e]")

    def test_mistakes(self) -> None:
        """No file, and no key in it."""
        self.assertIn("No such file", self.refusal("show", "/nowhere"))
        Path(self.place("text")).write_text("hello\n")
        self.assertIn(self.place("text"), self.refusal("show", self.place("text")))


class ConvertTests(CommandCase):
    """`hostkey convert`."""

    def test_private(self) -> None:
        """A key of any store is written as OpenSSH, PEM or PKCS#12, encrypted or not, and is the same key again."""
        secret = Path(self.place("password"))
        secret.write_text("hunter2\n")
        old = Path(self.place("old"))
        old.write_text("secret\n")
        for source, options in (
            ("rsa.p12", ("--from-password", old)),
            ("ed25519.v3.ppk", ()),
            ("ecdsa.v2.enc.ppk", ("--from-password", old)),
        ):
            known = load_store(VECTORS / source, password="secret")
            for form in ("openssh", "pem", "pkcs12"):
                for password in ("", "hunter2"):
                    path = self.place(f"{source}.{form}{password}")
                    encrypt = ("--password-file", secret) if password else ()
                    self.run_command("convert", VECTORS / source, path, "--to", form, *options, *encrypt)
                    self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                    found = load_store(path, password=password)
                    self.assertTrue(found.private_key_available and found.matches(known))
                    if password:
                        self.assertIn("password", self.refusal("show", path))
            self.assertIn(ShownKey(known.blob).fingerprint(), self.keygen("-lf", self.place(f"{source}.openssh")))

    def test_public(self) -> None:
        """Lines and RFC 4716 are printed or written, and ssh-keygen reads them."""
        for source in ("rsa.pem", "ed25519", "ecdsa"):
            blob = load_store(VECTORS / source).blob
            line = self.run_command("convert", VECTORS / source, "-", "--to", "public", "--comment", "a comment")
            self.assertEqual(ShownKey(blob, "a comment").public_line() + "\n", line)
            path = self.place(f"{source}.rfc4716")
            self.run_command("convert", VECTORS / source, path, "--to", "rfc4716", "--comment", 'it"s')
            self.assertEqual(self.keygen("-if", path).split()[:2], line.split()[:2])
            self.assertEqual(load_store(path).blob, blob)

    def test_refused(self) -> None:
        """A private key is never printed, made of a public one, or written over something."""
        there = Path(self.place("there"))
        there.write_text("mine")
        self.assertIn("not printed", self.refusal("convert", VECTORS / "ed25519", "-"))
        self.assertIn("no private key", self.refusal("convert", VECTORS / "ed25519.pub", self.place("new")))
        self.assertIn("exists already", self.refusal("convert", VECTORS / "ed25519", there))
        self.assertEqual(there.read_text(), "mine")
        new = self.place("new")
        self.assertIn("wrong", self.refusal("convert", VECTORS / "rsa.p12", new, "--from-password", there))
        self.assertFalse(Path(new).exists())


class TokenTests(TokenCase, CommandCase):
    """Keys on a token, which they never leave."""

    STORE = f"pkcs11:object=p256?module-path={PATH}&pin-value=1234"

    def test_shown(self) -> None:
        """What is public is shown and converted; the PIN may be in a file."""
        pin = Path(self.place("pin"))
        pin.write_text("1234\n")
        shown = self.run_command("show", self.STORE)
        self.assertIn(f"{ShownKey(public_blob(KEYS[1].public_key()), 'p256').line()}\n", shown)
        self.assertEqual(shown, self.run_command("show", self.STORE.partition("&")[0], "--password-file", pin))
        self.assertIn("ecdsa-sha2-nistp256 ", self.run_command("convert", "--to", "public", self.STORE, "-"))

    def test_not_exported(self) -> None:
        """The private half stays where it is, whatever the format; nothing is written, and the PIN is not repeated."""
        for row in filter(lambda row: row.private, WRITTEN.values()):
            line = self.refusal("convert", "--to", row.name, self.STORE, self.place("out"))
            self.assertIn("cannot leave its token", line)
            self.assertNotIn("1234", line)
        self.assertEqual(os.listdir(self.folder), [])
