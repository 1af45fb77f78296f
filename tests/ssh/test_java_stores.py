"""
Key stores of Java, with the extra that reads them and without.
"""

import sys
from pathlib import Path
from struct import pack
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.choices import CertStoreType as Type
from conchsftp.ssh.keys.stores import host_key, load, load_all
from tests.ssh.stand_in_jks import module
from tests.ssh.test_certificate import RSA
from tests.ssh.test_stores import StoreCase

VECTORS = Path(__file__).with_name("vectors")
JKS, JCEKS = ((VECTORS / f"ec.{name}").read_bytes() for name in ("jks", "jceks"))


def entry(kind: int, *rest: bytes) -> bytes:
    """Return an entry with the alias `a`."""
    return pack(">LH", kind, 1) + b"a" + bytes(8) + b"".join(rest)


def string(data: bytes) -> bytes:
    """Return what stands behind its length."""
    return pack(">L", len(data)) + data


CERTIFICATE = pack(">H", 5) + b"X.509" + string(b"certificate")
HEAD = b"\xfe\xed\xfe\xed" + pack(">L", 2)


def stand_in(test: SynchronousTestCase, library: Any) -> None:
    """Let a test import another library than the extra; None for none."""
    if "jks" in sys.modules:
        test.addCleanup(sys.modules.__setitem__, "jks", sys.modules["jks"])
    else:
        test.addCleanup(sys.modules.pop, "jks")
    sys.modules["jks"] = library


class StructureTests(StoreCase):
    """What is found before anything is decrypted; the extra is not needed."""

    def complaints(self, data: bytes) -> str:
        """Return why a store is refused, which does not depend on the type that is named."""
        told = {self.complaint(data, kind, "secret1") for kind in (Type.JKS_BLOB, Type.AUTO)}
        (text,) = told
        return text

    def test_lengths(self) -> None:
        """A length of two gigabytes, and any that is longer than what follows, is refused, and takes no memory."""
        for number in (0x7FFFFFFF, 0xFFFFFFFF, 1 << 20):
            length = pack(">L", number)
            for rest in (
                entry(1, length, b"key"),
                entry(1, string(b"key"), length),
                entry(1, string(b"key"), length, CERTIFICATE),
                entry(2, pack(">H", 5), b"X.509", length),
            ):
                self.assertIn("no undamaged", self.complaints(HEAD + pack(">L", 1) + rest + bytes(20)))
            self.complaints(HEAD + length + entry(2, CERTIFICATE) + bytes(20))

    def test_cut_short(self) -> None:
        """A store that was cut short anywhere is refused, and so is one with something behind it."""
        for data in (JKS, JCEKS):
            for size in range(8, len(data)):
                self.assertIn("no undamaged", self.complaint(data[:size], Type.JKS_BLOB, "secret1"))
            self.complaints(data + b"\0")

    def test_kinds(self) -> None:
        """Versions and entries that are not known, and secret keys, which are objects of Java, are refused."""
        self.assertIn("version 2", self.complaints(b"\xfe\xed\xfe\xed" + pack(">LL", 1, 0) + bytes(20)))
        self.assertIn("no undamaged", self.complaints(HEAD + pack(">L", 1) + entry(4) + bytes(20)))
        data = b"\xce\xce\xce\xce" + pack(">LL", 2, 1) + entry(3, b"\xac\xed\0\5") + bytes(20)
        self.assertIn("secret key", self.complaints(data))

    def test_rounds(self) -> None:
        """A key whose password would have to be hashed for hours is refused."""
        key = bytes.fromhex("300b 0401aa 020600ffffffffff")
        data = HEAD + pack(">L", 1) + entry(1, string(key), pack(">L", 0)) + bytes(20)
        self.assertIn("hashed more than", self.complaints(data))

    def test_without_the_extra(self) -> None:
        """Without the extra the message names it, and the way to do without."""
        stand_in(self, None)
        text = self.complaints(JKS)
        self.assertIn("conchsftp[jks]", text)
        self.assertIn("keytool", text)


class JavaTests(SynchronousTestCase):
    """Stores that keytool has made; check_key_stores.py reads the same with the real extra."""

    def setUp(self) -> None:
        stand_in(self, module())

    def load(self, data: bytes | Path, subject: str = "", password: str = "secret1", kind: Type = Type.AUTO) -> Any:
        """Load a key."""
        return load(data, kind, password, subject)

    def test_keys(self) -> None:
        """Keys are found by their alias or the subject of their certificate; one with another password is left out."""
        for store, kind in ((VECTORS / "ec.jks", Type.JKS_FILE), (JKS, Type.JKS_BLOB), (JKS, Type.AUTO)):
            for subject, told in (
                ("host", "CN=java.example"),
                ("CN=java.example", "CN=java.example"),
                ("third", "CN=third.example"),
                ("CN=third", "CN=third.example"),
            ):
                found = self.load(store, subject, kind=kind)
                self.assertEqual((found.subject, found.private_key_available), (told, True))
        algorithms = {host_key(self.load(JKS, subject)).algorithms for subject in ("host", "third")}
        self.assertEqual(algorithms, {("ecdsa-sha2-nistp256", "x509v3-ecdsa-sha2-nistp256"), ("ssh-ed25519",)})
        self.assertFalse(self.load(JKS, "second").private_key_available)

    def test_certificate(self) -> None:
        """A certificate that is trusted is there as well, without a key."""
        found = self.load(JKS, "www.example.com")
        self.assertEqual((found.thumbprint_sha1, found.private_key_available), (RSA["thumbprint_sha1"], False))

    def test_password(self) -> None:
        """A wrong password, none, and one that is no text are refused in the same way."""
        for password in ("hunter2", "", "pässwörd", b"\xff"):
            error = self.assertRaises(ServerError, load, JKS, Type.AUTO, password)
            self.assertEqual((error.code, "\n" in error.text, "hunter2" in error.text), (1301, False, False))
        # That of one key is not that of the store.
        self.assertRaises(ServerError, load, JKS, Type.AUTO, "secret2")

    def test_changed(self) -> None:
        """A byte that was changed anywhere is noticed, and what the library raises is told in one line."""
        for at in (*range(40), *range(40, len(JKS), 61)):
            data = bytearray(JKS)
            data[at] ^= 0x11
            error = self.assertRaises(ServerError, load_all, bytes(data), Type.JKS_BLOB, "secret1")
            self.assertEqual((error.code, "\n" in error.text), (1301, False))
