"""Tests of `conchsftp.ssh.keys.host_keys`."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.ssh.algorithms.registry import Chapter, HostKeyRow, Identity, Profile, bare_key
from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from conchsftp.ssh.keys import host_keys
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys, generate_ed25519, load
from tests.ssh.clients import string, strings, verify

RSA = rsa.generate_private_key(65537, 2048)
PRIVATE: dict[str, Any] = {
    "ssh-ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa-sha2-nistp256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-sha2-nistp384": ec.generate_private_key(ec.SECP384R1()),
    "ecdsa-sha2-nistp521": ec.generate_private_key(ec.SECP521R1()),
    "ssh-rsa": RSA,
    "ssh-dss": dsa.generate_private_key(1024),
}
# RFC 8032, 7.1, test 3.
SEED = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


def _subject(identity: Identity) -> bytes:
    return b"".join(b"%s %s" % (each.subject.rfc4514_string().encode(), identity.public) for each in identity.x509)


VOUCHED = Chapter(
    "host key algorithm",
    "SSHPublicKeyAlgorithms",
    (
        HOST_KEYS["ssh-ed25519"],
        HostKeyRow(
            "vouched",
            Profile.NONE,
            key="ssh-ed25519",
            build=HOST_KEYS["ssh-ed25519"].build,
            signature="ssh-ed25519",
            blob=_subject,
        ),
    ),
)


class Sized:
    """An RSA key that says it has more bits than it has: a real one takes seconds to make."""

    def __init__(self, private: Any, bits: int) -> None:
        self.public_key = private.public_key
        self.key_size = bits


rsa.RSAPrivateKey.register(Sized)


class Token:
    """A key that cannot be copied, and takes its time."""

    slow = True

    def public_key(self) -> Any:
        """Return what everybody may know."""
        return PRIVATE["ssh-ed25519"].public_key()


def self_signed(private: Any) -> x509.Certificate:
    """Return an X.509 certificate of a key, with which it is signed, too."""
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "sftp")])
    now = datetime.now(UTC)
    building = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    building = building.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return building.sign(private, None)


def pem(private: Any, form: PrivateFormat, passphrase: bytes = b"") -> bytes:
    """Return the bytes of a key file."""
    encryption: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, form, encryption)


class HostKeyTests(SynchronousTestCase):
    """One key: its public half and its signatures."""

    def test_ed25519_vector(self) -> None:
        """Key and signature of RFC 8032, in the layout of RFC 8709."""
        key = HostKey(ed25519.Ed25519PrivateKey.from_private_bytes(SEED))
        self.assertEqual(key.blob, string(b"ssh-ed25519") + string(PUBLIC))
        self.assertEqual(key.sign("ssh-ed25519", bytes.fromhex("af82")), string(b"ssh-ed25519") + string(SIGNATURE))

    def test_every_algorithm(self) -> None:
        """With each algorithm in the registry a key signs what the public key in the blob verifies."""
        for row in HOST_KEYS:
            if row.blob is not bare_key:
                continue
            key = HostKey(PRIVATE[row.key])
            self.assertEqual(key.blob_for(row.name), key.blob)
            self.assertIn(row.name, key.algorithms)
            self.assertEqual(strings(key.blob)[0].decode(), row.key)
            for data in (b"", b"exchange hash", bytes(64)):
                self.assertEqual(verify(key.blob, key.sign(row.name, data), data), row.name)

    def test_rsa(self) -> None:
        """An RSA key keeps its name in the blob and signs with SHA-512 and SHA-256, with SHA-1 last."""
        key = HostKey(RSA)
        self.assertEqual((key.type, key.algorithms), ("ssh-rsa", ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")))
        numbers = RSA.public_key().public_numbers()
        name, exponent, modulus = strings(key.blob)
        self.assertEqual((name, exponent), (b"ssh-rsa", b"\x01\0\x01"))
        self.assertEqual(modulus, b"\0" + numbers.n.to_bytes(256, "big"))

    def test_fingerprint(self) -> None:
        """A fingerprint is what ssh-keygen shows: SHA-256 in base64 without padding."""
        key = HostKey(ed25519.Ed25519PrivateKey.from_private_bytes(SEED))
        self.assertEqual(key.fingerprint(), "SHA256:s3Z2A+mldeflHo5TMMEUA7MlkMg96xvtqH9DGLHHZmE")

    def test_small_rsa(self) -> None:
        """An RSA key of 1024 bits is refused."""
        error = self.assertRaises(ServerError, HostKey, rsa.generate_private_key(65537, 1024))
        self.assertEqual(error.code, 1301)
        self.assertIn("1024 bits", str(error))

    def test_dss_sizes(self) -> None:
        """SSH knows DSA keys of 1024 bits only: SHA-1 goes with them."""
        error = self.assertRaises(ServerError, HostKey, dsa.generate_private_key(2048))
        self.assertEqual(error.code, 1301)
        self.assertIn("a DSA key of 2048 bits", str(error))

    def test_vouched(self) -> None:
        """An algorithm may send something else for the key, name its signature otherwise, or need what is not there."""
        self.patch(host_keys, "HOST_KEYS", VOUCHED)
        private = PRIVATE["ssh-ed25519"]
        self.assertEqual(HostKey(private).algorithms, ("ssh-ed25519",))
        key = HostKey(private, x509=(self_signed(private),))
        self.assertEqual(key.algorithms, ("ssh-ed25519", "vouched"))
        self.assertEqual((key.blob_for("ssh-ed25519"), key.blob_for("vouched")), (key.blob, b"CN=sftp " + key.blob))
        self.assertEqual(verify(key.blob, key.sign("vouched", b"hash"), b"hash"), "ssh-ed25519")

    def test_slow(self) -> None:
        """An RSA key of more than 4096 bits is slow, and so is a key that says so of itself; others are quick."""
        self.assertFalse([name for name, private in PRIVATE.items() if HostKey(private).slow])
        for bits, slow in ((4096, False), (4104, True)):
            self.assertEqual(HostKey(Sized(RSA, bits)).slow, slow, bits)
        self.assertTrue(HostKey(Token()).slow)

    def test_foreign_types(self) -> None:
        """Keys that SSH has no algorithm for, or that cannot sign, are refused."""
        for private in (
            ec.generate_private_key(ec.SECP256K1()),
            ed448.Ed448PrivateKey.generate(),
            x25519.X25519PrivateKey.generate(),
        ):
            self.assertEqual(self.assertRaises(ServerError, HostKey, private).code, 1301)


class HostKeysTests(SynchronousTestCase):
    """The keys of one server."""

    def test_order(self) -> None:
        """Algorithms come in the order of the keys; of two keys for one algorithm the first is used."""
        first, second, third = HostKey(RSA), HostKey(PRIVATE["ssh-ed25519"]), HostKey(PRIVATE["ssh-ed25519"])
        keys = HostKeys([first, second, third])
        self.assertEqual(keys.algorithms(), ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-ed25519"))
        self.assertIs(keys.for_algorithm("rsa-sha2-256"), first)
        self.assertIs(keys.for_algorithm("ssh-ed25519"), second)
        self.assertEqual(keys.keys, (first, second, third))

    def test_none(self) -> None:
        """Without keys there is nothing to sign with."""
        self.assertEqual(HostKeys([]).algorithms(), ())


class FileTests(SynchronousTestCase):
    """Key files."""

    def file(self, data: bytes, mode: int = 0o600) -> str:
        """Return the path of a file."""
        path = self.mktemp()
        Path(path).write_bytes(data)
        os.chmod(path, mode)
        return path

    def fails(self, path: str, passphrase: bytes | None = None) -> str:
        """Return the text of the error with which loading fails: one line that names the file."""
        error = self.assertRaises(ServerError, load, path, passphrase)
        self.assertEqual(error.code, 1301)
        self.assertNotIn("\n", str(error))
        self.assertIn(path, str(error))
        return str(error)

    def test_formats(self) -> None:
        """OpenSSH, PKCS#1 and PKCS#8 files are read, encrypted or not."""
        blob = HostKey(RSA).blob
        for form in (PrivateFormat.OpenSSH, PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
            self.assertEqual(load(self.file(pem(RSA, form))).blob, blob)
            self.assertEqual(load(self.file(pem(RSA, form, b"secret")), b"secret").blob, blob)

    def test_several(self) -> None:
        """A server loads one key of each of several files; the passphrase is for those that are encrypted."""
        plain = self.file(pem(RSA, PrivateFormat.OpenSSH))
        encrypted = self.file(pem(PRIVATE["ssh-ed25519"], PrivateFormat.OpenSSH, b"secret"))
        keys = HostKeys.load(plain, encrypted, passphrase=b"secret")
        self.assertEqual(keys.algorithms(), ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-ed25519"))

    def test_encrypted(self) -> None:
        """An encrypted file without passphrase, or with a wrong one, is refused with just that reason."""
        for form in (PrivateFormat.OpenSSH, PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
            path = self.file(pem(RSA, form, b"secret"))
            self.assertIn("there is no passphrase", self.fails(path))
            text = self.fails(path, b"guess")
            self.assertIn("passphrase is wrong", text)
            self.assertNotIn("guess", text)

    def test_public(self) -> None:
        """A public key, as happens when .pub is given, is refused with just that reason."""
        public = RSA.public_key()
        for encoding, form in (
            (Encoding.OpenSSH, PublicFormat.OpenSSH),
            (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        ):
            self.assertIn("private key is needed", self.fails(self.file(public.public_bytes(encoding, form))))

    def test_unreadable(self) -> None:
        """A file that is missing, or a directory, is refused with the system's reason."""
        self.assertIn("No such file or directory", self.fails(self.mktemp()))
        folder = self.mktemp()
        os.mkdir(folder)
        self.assertIn("Is a directory", self.fails(folder))

    def test_files(self) -> None:
        """A pipe is not waited for, and a device and what is far too large are not read."""
        pipe, large = self.mktemp(), self.mktemp()
        os.mkfifo(pipe)
        with open(large, "wb") as file:
            file.truncate(100 << 20)
        for path, told in ((pipe, "no regular file"), ("/dev/zero", "no regular file"), (large, "longer than")):
            error = self.assertRaises(ServerError, load, path)
            self.assertEqual((error.code, told in error.text, path in error.text), (1301, True, True))

    def test_garbage(self) -> None:
        """Anything else is refused, cut off at any place too."""
        whole = pem(PRIVATE["ssh-ed25519"], PrivateFormat.OpenSSH)
        garbage = (b"", b"\0" * 100, b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
        for data in (*garbage, *(whole[:end] for end in range(40, 300, 37))):
            self.assertIn("not a private key", self.fails(self.file(data)))

    def test_no_host_key(self) -> None:
        """A private key of a type that is no host key is refused, with the file's name."""
        self.fails(self.file(pem(ed448.Ed448PrivateKey.generate(), PrivateFormat.PKCS8)))

    def test_exposed(self) -> None:
        """A file that others can read is used, and logged as a warning; one that they cannot is not mentioned."""
        events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        data = pem(RSA, PrivateFormat.OpenSSH)
        load(self.file(data))
        self.assertEqual([event for event in events if event["log_level"] is LogLevel.warn], [])
        for mode in (0o640, 0o604):
            events.clear()
            load(self.file(data, mode))
            self.assertEqual(len([event for event in events if event["log_level"] is LogLevel.warn]), 1)


class GenerateTests(SynchronousTestCase):
    """Making a key."""

    def test_file(self) -> None:
        """The new file is its owner's alone, and holds the key that is returned."""
        path = self.mktemp()
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        made = generate_ed25519(path)
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)
        self.assertEqual(load(path).blob, made.blob)
        self.assertTrue(Path(path).read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n"))

    def test_never_overwrites(self) -> None:
        """A file, or a link to nowhere, that is in the place stays as it is."""
        path, link = self.mktemp(), self.mktemp()
        Path(path).write_bytes(b"precious")
        os.symlink("nowhere", link)
        for each in (path, link):
            error = self.assertRaises(ServerError, generate_ed25519, each)
            self.assertEqual(error.code, 1301)
            self.assertIn("exists already", str(error))
        self.assertEqual(Path(path).read_bytes(), b"precious")
        self.assertEqual(os.readlink(link), "nowhere")

    def test_no_place(self) -> None:
        """Where no file can be made, the error says why."""
        path = os.path.join(self.mktemp(), "key")
        self.assertIn("No such file or directory", str(self.assertRaises(ServerError, generate_ed25519, path)))

    def test_nothing_left_behind(self) -> None:
        """If the disk is full half a key does not stay behind."""
        path = self.mktemp()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        self.assertIn("No space left", str(self.assertRaises(ServerError, generate_ed25519, path)))
        self.assertFalse(os.path.lexists(path))

    def test_ssh_keygen_reads_it(self) -> None:
        """OpenSSH reads the file and shows the same fingerprint."""
        if which("ssh-keygen") is None:
            self.skipTest("ssh-keygen is not installed")
        path = self.mktemp()
        made = generate_ed25519(path)
        shown = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout
        self.assertEqual(shown.split()[:2], ["256", made.fingerprint()])
