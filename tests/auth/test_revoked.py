"""
The file of revoked keys: a text, a list of OpenSSH's, or one that cannot be read.
"""

import os
from base64 import b64encode
from typing import Any

from twisted.conch.ssh.common import MP, NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.krl import BadList
from conchsftp.auth.keys.revoked import RevokedKeys, read_revoked
from conchsftp.auth.keys.user_certificate import UserCertificate
from tests.auth import keygen_vectors as vectors
from tests.auth.certificates import KRL_HEAD, Certified, krl_certificates, krl_section, u64
from tests.auth.support import RSA, Ed25519, SecurityKey

KEY, OTHER, CA, RSA_KEY = Ed25519(), Ed25519(), Ed25519(), RSA()


def line(blob: bytes) -> bytes:
    return blob[4 : 4 + blob[3]] + b" " + b64encode(blob)


class TextTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """A key on each line; options, comments, blank lines and CRLF do not matter."""
        text = b"\xef\xbb\xbf# gone\r\n\r\n" + line(KEY.blob) + b" a comment\r\n  " + b'from="a b" ' + line(OTHER.blob)
        found = read_revoked(text)
        self.assertTrue(found.has_key(KEY.blob) and found.has_key(OTHER.blob))
        self.assertFalse(found.has_key(CA.blob))

    def test_weak(self) -> None:
        """A key that nobody could log in with may be revoked all the same."""
        for blob in (RSA(1024).blob, NS(b"ssh-dss") + MP(1), NS(b"ssh-new") + b"x"):
            self.assertTrue(read_revoked(line(blob)).keys)

    def test_certificate(self) -> None:
        """A certificate in the file revokes the key that it certifies."""
        found = read_revoked(line(Certified(KEY, CA).blob))
        self.assertTrue(found.has_key(KEY.blob))
        self.assertFalse(found.has_key(CA.blob))

    def test_no_key(self) -> None:
        """A line that holds no key would revoke something, and nobody knows what."""
        for text in (b"serial: 5", b"ssh-ed25519", b"ssh-ed25519 AAAA", b"ssh-rsa " + line(KEY.blob).split()[1], b"\0"):
            error = self.assertRaises(BadList, read_revoked, line(OTHER.blob) + b"\n\n" + text)
            self.assertIn("line 3", str(error))

    def test_needless_zeros(self) -> None:
        """A revoked RSA key stays revoked when its numbers are written with zeros before them."""
        exponent, modulus = MP(65537), MP(RSA_KEY.private.public_key().public_numbers().n)
        longer = NS(b"ssh-rsa") + NS(b"\0" + exponent[4:]) + NS(b"\0" + modulus[4:])
        for listed, shown in ((RSA_KEY.blob, longer), (longer, RSA_KEY.blob), (longer, longer)):
            path = self.mktemp()
            with open(path, "wb") as file:
                file.write(line(listed))
            self.assertIn("revoked", RevokedKeys(path, self.fail).refusal(shown))


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.said: list[str] = []
        self.file = RevokedKeys(self.path, self.said.append)

    def write(self, content: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(content)

    def refusal(self, key: Any = KEY, certificate: Any = None) -> str:
        return self.file.refusal(key.blob, UserCertificate.parse(certificate.blob) if certificate else None)

    def test_changes(self) -> None:
        """What it says counts at once."""
        self.write(b"# nobody")
        self.assertEqual(self.refusal(), "")
        self.write(line(KEY.blob))
        self.assertEqual(self.refusal(), "the key is revoked")
        self.assertEqual(self.refusal(OTHER), "")
        self.write(b"# nobody any more")
        self.assertEqual(self.refusal(), "")
        self.assertEqual(self.said, [])

    def test_unreadable(self) -> None:
        """While it cannot be read, or is not right, nobody gets in, which is said once."""
        self.assertIn("cannot be read", self.refusal())
        self.assertIn("cannot be read", self.refusal())
        self.assertEqual(len(self.said), 1)
        self.write(b"garbage")
        self.assertIn("every key is refused", self.refusal())
        self.assertIn("every key is refused", self.refusal())
        self.assertEqual(len(self.said), 2)
        self.assertIn(f"{self.path}: line 1: ", self.said[1])
        self.write(vectors.LIST_BY_CA[:-1])
        self.assertIn("every key is refused", self.refusal())
        self.write(b"# nobody")
        self.assertEqual(self.refusal(), "")
        os.rename(self.path, self.path + ".away")
        self.assertIn("every key is refused", self.refusal())
        self.assertEqual(len(self.said), 4)
        os.rename(self.path + ".away", self.path)
        self.assertEqual(self.refusal(), "")

    def test_broken(self) -> None:
        """A version that is not right is not replaced by the one before it."""
        self.write(line(OTHER.blob))
        self.assertEqual(self.refusal(), "")
        self.write(line(OTHER.blob) + b"\ngarbage")
        self.assertIn("every key is refused", self.refusal())

    def test_certificates(self) -> None:
        """A certificate falls with its key, with its CA, and where it is named itself."""
        certificate = Certified(KEY, CA)
        for content, reason in (
            (b"# nobody", ""),
            (line(KEY.blob), "the key is revoked"),
            (line(CA.blob), "the key of the CA is revoked"),
            (line(OTHER.blob), ""),
        ):
            self.write(content)
            self.assertEqual(self.refusal(KEY, certificate), reason)

    def test_keygen(self) -> None:
        """A list of OpenSSH's about a certificate of OpenSSH's."""
        found = UserCertificate.parse(vectors.CERTIFICATE)
        self.write(vectors.LIST_BY_CA)
        self.assertEqual(self.file.refusal(vectors.KEY, found), "")
        self.write(vectors.LIST_OF_KEYS)
        self.assertEqual(self.file.refusal(vectors.KEY, found), "the key is revoked")

    def test_by_serial(self) -> None:
        """Numbers and key ids in a list are those of the CA that it names."""
        sections = krl_section(0x20, u64(7)), krl_section(0x23, NS(b"phone"))
        self.write(KRL_HEAD + krl_certificates(*sections, ca=CA.blob))
        self.assertEqual(self.refusal(KEY, Certified(KEY, CA, serial=7)), "the certificate is revoked")
        self.assertEqual(self.refusal(KEY, Certified(KEY, CA, serial=8, key_id=b"phone")), "the certificate is revoked")
        self.assertEqual(self.refusal(KEY, Certified(KEY, CA, serial=8)), "")
        self.assertEqual(self.refusal(KEY, Certified(KEY, OTHER, serial=7)), "")
        device = SecurityKey()
        self.assertEqual(self.refusal(device, Certified(device, CA, serial=7)), "the certificate is revoked")
