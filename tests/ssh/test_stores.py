"""
Key stores: each documented type, from a file and from its content, and what is wrong with them.
"""

import json
import os
from base64 import b64decode, b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.settings.choices import CertStoreType as Type
from conchsftp.ssh.keys import host_keys
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.stores import STORE_TYPES, choose, host_key, load

VECTORS = Path(__file__).with_name("vectors")
FINGERPRINTS = {
    "rsa": "ae:d5:db:19:1d:88:2c:1c:ef:ea:db:fb:60:c3:4c:36",
    "ed25519": "9b:6c:05:7a:e6:e2:ac:fe:e2:72:f0:dd:59:27:93:f8",
    "ecdsa": "f7:7f:c5:21:ad:16:00:b8:ec:b9:20:d9:8f:68:32:db",
}
# (file, type of the file, type of its content, whether the private key is there, whether a certificate is)
FILES = (
    ("rsa.p12", Type.PFX_FILE, Type.PFX_BLOB, True, True),
    ("rsa.pem", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, True),
    ("rsa.key.pem", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("rsa.trad.pem", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("rsa.key.der", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("rsa.enc.pem", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("rsa.enc.der", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("ed25519", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("ecdsa", Type.PEM_KEY_FILE, Type.PEM_KEY_BLOB, True, False),
    ("rsa.crt.pem", Type.PUBLIC_KEY_FILE, Type.PUBLIC_KEY_BLOB, False, True),
    ("rsa.crt.der", Type.PUBLIC_KEY_FILE, Type.PUBLIC_KEY_BLOB, False, True),
    ("rsa.pub.pem", Type.PUBLIC_KEY_FILE, Type.PUBLIC_KEY_BLOB, False, False),
    ("ed25519.pub", Type.SSH_PUBLIC_KEY_FILE, Type.SSH_PUBLIC_KEY_BLOB, False, False),
    ("ecdsa.pub", Type.SSH_PUBLIC_KEY_FILE, Type.SSH_PUBLIC_KEY_BLOB, False, False),
    ("ed25519.ssh2", Type.SSH_PUBLIC_KEY_FILE, Type.SSH_PUBLIC_KEY_BLOB, False, False),
    ("rsa.p7b", Type.P7B_FILE, Type.P7B_BLOB, False, True),
    ("rsa.p7b.pem", Type.P7B_FILE, Type.P7B_BLOB, False, True),
    ("rsa.v3.ppk", Type.PPK_FILE, Type.PPK_BLOB, True, False),
    ("ed25519.v2.ppk", Type.PPK_FILE, Type.PPK_BLOB, True, False),
    ("ed25519.v3.ppk", Type.PPK_FILE, Type.PPK_BLOB, True, False),
    ("ecdsa.v2.enc.ppk", Type.PPK_FILE, Type.PPK_BLOB, True, False),
    ("ecdsa.v3.enc.ppk", Type.PPK_FILE, Type.PPK_BLOB, True, False),
)


class StoreCase(SynchronousTestCase):
    """Files that others have made, and complaints."""

    def complaint(self, *arguments: Any, code: int = 1301) -> str:
        """Return why a store is refused."""
        error = self.assertRaises(ServerError, load, *arguments)
        self.assertEqual(error.code, code, error.text)
        self.assertNotIn("\n", error.text)
        return error.text


class FormatTests(StoreCase):
    """Every format that others have written is read."""

    def test_every_type(self) -> None:
        """A file, and its content as bytes, text and Base64, give the same; so they do where the type is found out."""
        for name, in_file, blob, private, certified in FILES:
            path, data = VECTORS / name, (VECTORS / name).read_bytes()
            ways: list[tuple[Any, Type]] = [(path, in_file), (str(path), Type.AUTO)]
            ways += [(data, blob), (data, Type.AUTO), (Secret(data), Type.AUTO)]
            ways += [(b64encode(data).decode(), blob), (b64encode(data), Type.AUTO)]
            if data.isascii():
                ways += [(data.decode(), blob), (data.decode(), Type.AUTO), (Secret(data.decode()), Type.AUTO)]
            # OpenSSL takes its time to check the primes of an RSA key.
            for store, kind in ways[1::3] if name.startswith("rsa") and private else ways:
                found = load(store, kind, "secret")
                told = found.fingerprint, found.private_key_available, found.x509 is not None
                self.assertEqual(told, (FINGERPRINTS[name.partition(".")[0]], private, certified), f"{name} {kind!r}")

    def test_table(self) -> None:
        """Every documented type has a row with its documented name; those that are refused say why, the others read."""
        self.assertEqual(sorted(STORE_TYPES), [*range(20), 21, 22, 23, 99])
        for kind, row in STORE_TYPES.items():
            self.assertEqual(row.name.lower(), "cst" + kind.name.replace("_", "").lower())
            self.assertEqual(row.read is None, bool(row.reason), row.name)
            self.assertEqual(row.in_file, row.read is not None and kind.name.endswith("_FILE"), row.name)

    def test_comments(self) -> None:
        """What the file calls a bare key is its subject."""
        for name, comment in (
            ("ed25519.pub", "a host key"),
            ("ed25519", "a host key"),
            ("ed25519.enc", "locked"),
            ("ed25519.3des-cbc", "a 3des-cbc"),
            ("ecdsa", "ec host"),
            ("ed25519.v3.ppk", "a host key"),
            ("rsa.v3.ppk", "rsa key"),
        ):
            self.assertEqual(load(VECTORS / name, 99, "secret").subject, comment)
        self.assertIn("ED25519", load(VECTORS / "ed25519.ssh2").subject)

    def test_public_only(self) -> None:
        """As a public key, a file with the private key as well gives its public half."""
        self.assertFalse(load(VECTORS / "rsa.pem", Type.PUBLIC_KEY_FILE).private_key_available)

    def test_empty_password(self) -> None:
        """PKCS#12 with an empty password is opened by none."""
        self.assertTrue(load(VECTORS / "rsa-empty.p12").private_key_available)

    def test_several(self) -> None:
        """Of several keys in one file the first is taken, or the one whose subject is asked for, whole or in part."""
        both = (VECTORS / "ed25519").read_bytes() + (VECTORS / "rsa.pem").read_bytes()
        for subject, kind in (("", "Ed25519"), ("*", "Ed25519"), ("cn=WWW.example", "RSA")):
            self.assertEqual(load(both, Type.AUTO, "", subject).public_key_algorithm, kind)
        whole = load(VECTORS / "rsa.pem").subject
        self.assertEqual(load(both, Type.AUTO, "", whole).subject, whole)
        self.assertIn("no key or certificate of this subject", self.complaint(both, Type.AUTO, "", "CN=other"))


class CipherTests(StoreCase):
    """Keys that are encrypted otherwise than most."""

    def test_openssh(self) -> None:
        """Every cipher of `ssh-keygen -Z` is read; a wrong password is told."""
        names = "3des-cbc aes128-cbc aes192-cbc aes128-ctr aes192-ctr aes128-gcm chacha20-poly1305".split()
        for name in names:
            path = VECTORS / f"ed25519.{name}"
            found = load(path, Type.PEM_KEY_FILE, "secret")
            self.assertTrue(found.private_key_available)
            self.assertTrue(found.matches(load(f"{path}.pub")), name)
            self.assertIn("password is wrong", self.complaint(path, Type.AUTO, "hunter2"))
            self.assertIn("is encrypted", self.complaint(path))
            data = path.read_bytes()
            for size in range(60, len(data) - 60, 40):
                self.complaint(data[:size] + b"\n-----END OPENSSH PRIVATE KEY-----\n", 7, "secret")

    def test_other(self) -> None:
        """What is encrypted in another way is not called a wrong password; OpenSSH's ciphers are named."""
        cipher = b"chacha20-poly1305@openssh.com"
        lines = (VECTORS / "ed25519.chacha20-poly1305").read_bytes().splitlines()
        body = b64decode(b"".join(lines[1:-1]))
        for name, told in ((b"chacha20-poly1307@openssh.com", "with chacha20-poly1307@"), (b"\n" * 29, "not known")):
            changed = b"\n".join((lines[0], b64encode(body.replace(cipher, name)), lines[-1]))
            self.assertIn(told, self.complaint(changed, Type.PEM_KEY_BLOB, "secret"))
        self.assertIn("openssl pkcs8", self.complaint(VECTORS / "rsa.camellia.pem", Type.AUTO, "secret"))

    def test_several_in_pkcs12(self) -> None:
        """Each key of PKCS#12 is found by the subject of its certificate."""
        for subject, kind in (("CN=EC", "ECDSA"), ("CN=Ed25519", "Ed25519")):
            found = load(VECTORS / "several.p12", Type.PFX_FILE, "secret1", subject)
            self.assertEqual((found.public_key_algorithm, found.private_key_available), (kind, True))
        self.assertIn("password is wrong", self.complaint(VECTORS / "several.p12", Type.AUTO, "secret"))

    def test_putty(self) -> None:
        """PuTTY's DSA keys serve where that is allowed; Ed448 is read, and no host key."""
        dsa = load(VECTORS / "dsa.v2.enc.ppk", Type.PPK_FILE, "secret")
        self.assertEqual((dsa.public_key_algorithm, host_key(dsa).algorithms), ("DSA", ("ssh-dss",)))
        ed448 = load(VECTORS / "ed448.v3.ppk")
        self.assertEqual((ed448.public_key_algorithm, ed448.public_key_length), ("Ed448", 456))
        self.assertEqual(self.assertRaises(ServerError, host_key, ed448).code, 1301)


class JSONTests(StoreCase):
    """JSON Web Keys."""

    # RFC 8037, A.1 and RFC 7517, A.2.
    OKP = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    OKP_D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    EC = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "kid": "1",
    }
    EC_D = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"

    def test_curves(self) -> None:
        """The keys of the standards are read, with and without their private half."""
        for public, d, kind in ((self.OKP, self.OKP_D, "Ed25519"), (self.EC, self.EC_D, "ECDSA")):
            for each, private in ((public, False), ({**public, "d": d}, True)):
                found = load(json.dumps(each), Type.JWK_BLOB)
                self.assertEqual((found.public_key_algorithm, found.private_key_available), (kind, private))
                self.assertTrue(load(json.dumps(each).encode()).matches(found))

    def test_rsa(self) -> None:
        """An RSA key is read with its factors and without."""
        numbers = rsa_numbers()
        public = {name: encoded(numbers[name]) for name in "ne"}
        for names in ("", "d", "dpq"):
            key = {"kty": "RSA", **public, **{name: encoded(numbers[name]) for name in names}}
            found = load(json.dumps(key), Type.JWK_BLOB)
            self.assertEqual((found.fingerprint, found.private_key_available), (FINGERPRINTS["rsa"], bool(names)))

    def test_set(self) -> None:
        """Of a set the first private key counts, or the one with the key id; keys for something else are left out."""
        keys = [{"kty": "oct", "k": "AA"}, self.EC, {**self.OKP, "d": self.OKP_D}]
        found = load(json.dumps({"keys": keys}), Type.JWK_BLOB)
        self.assertEqual(found.public_key_algorithm, "Ed25519")
        self.assertEqual(load(json.dumps({"keys": keys}), Type.JWK_BLOB, "", "1").public_key_algorithm, "ECDSA")

    def test_damaged(self) -> None:
        """What is no key, or two halves that do not belong together, is refused, and not repeated."""
        for key in (
            "{",
            "[" * 100_000,
            "[]",
            "{}",
            '{"keys": []}',
            json.dumps({"kty": "oct", "k": "c2VjcmV0"}),
            json.dumps({"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": 5}),
            json.dumps({**self.OKP, "d": self.EC_D}),
            json.dumps({**self.EC, "d": self.OKP_D}),
            json.dumps({**self.OKP, "crv": "X25519"}),
        ):
            self.assertNotIn("c2VjcmV0", self.complaint(key, Type.JWK_BLOB))


class XMLTests(StoreCase):
    """Keys as .NET writes them."""

    def test_rsa(self) -> None:
        """RSAKeyValue is read with its private half and without, and with a namespace around it."""
        private = {"D": "d", "P": "p", "Q": "q"}
        for names in ({}, private):
            text = rsa_xml({"Modulus": "n", "Exponent": "e", **names})
            for each in (text, f'<x xmlns="http://www.w3.org/2000/09/xmldsig#">{text}</x>'):
                found = load(each, Type.XML_BLOB)
                self.assertEqual((found.fingerprint, found.private_key_available), (FINGERPRINTS["rsa"], bool(names)))
                self.assertTrue(load(each.encode()).matches(found))

    def test_certificate(self) -> None:
        """A certificate beside its key is taken with it."""
        body = b64encode((VECTORS / "rsa.crt.der").read_bytes()).decode()
        key = rsa_xml({"Modulus": "n", "Exponent": "e", "D": "d", "P": "p", "Q": "q"})
        found = load(f"<KeyInfo>{key}<X509Certificate>{body}</X509Certificate></KeyInfo>", Type.XML_BLOB)
        self.assertEqual((found.serial_number, found.private_key_available), ("0A1B2C", True))

    def test_entities(self) -> None:
        """No entity is followed or multiplied: a DOCTYPE is refused, in whichever encoding."""
        text = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{VECTORS}/ed25519">]><x>&e;</x>'
        for data in (text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
            self.complaint(data, Type.XML_BLOB)
        self.assertIn("DOCTYPE", self.complaint(text, Type.XML_BLOB))

    def test_damaged(self) -> None:
        """What is no XML, or has no key in it, is refused."""
        for text in ("<", "<x/>", "<RSAKeyValue/>", "<RSAKeyValue><Modulus>!</Modulus></RSAKeyValue>"):
            self.complaint(text, Type.XML_BLOB)


class RefusalTests(StoreCase):
    """What cannot be used is refused in one line that holds no secret."""

    def test_wrong_password(self) -> None:
        """A wrong password, and none where one is needed, are told apart."""
        for name, in_file in (
            ("rsa.p12", Type.PFX_FILE),
            ("rsa.enc.pem", Type.PEM_KEY_FILE),
            ("rsa.enc.der", Type.PEM_KEY_FILE),
            ("ed25519.enc", Type.PEM_KEY_FILE),
            ("ecdsa.v2.enc.ppk", Type.PPK_FILE),
            ("ecdsa.v3.enc.ppk", Type.PPK_FILE),
        ):
            for kind in (in_file, Type.AUTO):
                wrong = self.complaint(VECTORS / name, kind, "hunter2")
                self.assertIn("password is wrong", wrong)
                self.assertNotIn("hunter2", wrong)
                needed = "needs a password" if name == "rsa.p12" else "is encrypted"
                self.assertIn(needed, self.complaint(VECTORS / name, kind))
        self.assertTrue(load(VECTORS / "ed25519.enc", Type.AUTO, Secret("secret")).private_key_available)

    def test_exact_subject(self) -> None:
        """A subject that is meant as a whole is found behind one that it is a part of."""
        entries = [Certificate(comment=comment) for comment in ("host key two", "host key")]
        self.assertIs(choose(entries, "host key"), entries[1])
        self.assertIs(choose(entries, "KEY"), entries[0])
        self.assertRaises(ServerError, choose, entries, "other")

    def test_cut_short(self) -> None:
        """A file that was cut short is refused wherever that was, or gives less; it never raises anything else."""
        for name, _, blob, _, _ in FILES:
            data = (VECTORS / name).read_bytes()
            for size in {0, 5, len(data) // 3, len(data) // 2, len(data) - 30}:
                for kind in (blob, Type.AUTO):
                    try:
                        found = load(data[:size], kind, "secret")
                    except ServerError as problem:
                        self.assertEqual(problem.code, 1301)
                    else:
                        self.assertFalse(found.private_key_available and size < len(data) // 2, name)

    def test_changed(self) -> None:
        """A key of PuTTY of which a byte was changed is noticed."""
        text = (VECTORS / "ed25519.v3.ppk").read_text()
        for line in ("Comment: a host key", "Encryption: none"):
            self.complaint(text.replace(line, line + "x"), Type.PPK_BLOB)
        self.complaint(text.replace("key-File-3", "key-File-9").replace("Key-File-3", "Key-File-9"), Type.PPK_BLOB)
        hungry = (VECTORS / "ecdsa.v3.enc.ppk").read_text().replace("Argon2-Memory: ", "Argon2-Memory: 99999999")
        self.complaint(hungry, Type.PPK_BLOB, "secret")

    def test_endless(self) -> None:
        """What is built to take hours is refused at once: whatever serves names of its own may load keys of others."""
        ppk = (VECTORS / "ecdsa.v3.enc.ppk").read_bytes()
        passes = next(line for line in ppk.splitlines() if line.startswith(b"Argon2-Passes"))
        long = "AQ" * 100_000
        numbers = {name: encoded(number) for name, number in rsa_numbers().items()}
        for content, type_ in (
            (b"-----BEGIN KEY-----\n" * 50_000, Type.PEM_KEY_BLOB),
            (b"---- BEGIN SSH2 PUBLIC KEY ----\n" * 30_000, Type.SSH_PUBLIC_KEY_BLOB),
            (b"A" * 16 + b" " * 1_000_000 + b"!", Type.PEM_KEY_BLOB),
            (json.dumps({"kty": "RSA", "n": long, "e": "AQAB", "d": long}).encode(), Type.JWK_BLOB),
            (json.dumps({"kty": "RSA", "n": numbers["n"], "e": "AQAB", "d": numbers["p"]}).encode(), Type.JWK_BLOB),
            (json.dumps({"keys": [{"kty": ["RSA"]}]}).encode(), Type.JWK_BLOB),
            (b"PuTTY-User-Key-File-3: ssh-rsa\nPublic-Lines: 999999999999\n", Type.PPK_BLOB),
            (ppk.replace(passes, b"Argon2-Passes: 4294967295"), Type.PPK_BLOB),
        ):
            self.complaint(content, type_, "password")

    def test_types(self) -> None:
        """What this machine has no stores of is refused with the reason; a number that does not exist as well."""
        for number, word in ((0, "Windows"), (1, "Windows"), (21, "Bouncy"), (22, "Bouncy")):
            self.assertIn(word, self.complaint("MY", number, code=0))
        self.complaint("x", 20, code=0)

    def test_files(self) -> None:
        """No file, a folder, a file that is too large and one that is no key are refused with the name."""
        large = self.mktemp()
        Path(large).write_bytes(bytes((1 << 20) + 1))
        for path, word in ((VECTORS / "none", "No such file"), (VECTORS, "directory"), (large, "longer than")):
            text = self.complaint(str(path))
            self.assertIn(word, text)
            self.assertIn(str(path), text)
        self.assertIn("README.md", self.complaint(VECTORS / "README.md"))
        pipe = self.mktemp()
        os.mkfifo(pipe)
        for path in (pipe, "/dev/zero"):
            for kind in (Type.AUTO, Type.PPK_FILE):
                self.assertIn("no regular file", self.complaint(path, kind))
        self.complaint("a\0b")
        self.complaint(b"")

    def test_no_permission(self) -> None:
        """A file that may not be read is refused with the system's reason, also as the one of a host key."""
        path = self.mktemp()
        Path(path).touch(mode=0)
        if os.geteuid() == 0:
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        for text in (self.complaint(path), self.assertRaises(ServerError, host_keys.load, path).text):
            self.assertIn(f"{path}: Permission denied", text)

    def test_content_is_not_repeated(self) -> None:
        """Content that is no key may be one that was pasted badly: it is not in the text."""
        self.assertNotIn("pasted", self.complaint(Secret("pasted"), Type.PEM_KEY_BLOB))
        key = (VECTORS / "ed25519").read_text()
        for store in (key, key.encode(), Secret(key)):
            self.assertNotIn("OPENSSH", self.complaint(store, Type.PEM_KEY_FILE))

    def test_host_key(self) -> None:
        """A store with a public key only, or a kind that SSH does not sign with, gives no host key."""
        error = self.assertRaises(ServerError, host_key, load(VECTORS / "ed25519.pub"), "ed25519.pub")
        self.assertEqual((error.code, "ed25519.pub" in error.text), (1301, True))
        private = ec.generate_private_key(ec.SECP256K1())
        other = Certificate(public=private.public_key(), private=private)
        self.assertEqual(self.assertRaises(ServerError, host_key, other).code, 1301)
        self.assertEqual(host_key(load(VECTORS / "ed25519")).type, "ssh-ed25519")


def rsa_numbers() -> dict[str, int]:
    """Return the numbers of the RSA key, by their names in JSON."""
    key: Any = load_pem_private_key((VECTORS / "rsa.key.pem").read_bytes(), None)
    numbers = key.private_numbers()
    public = numbers.public_numbers
    return {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q}


def encoded(number: int) -> str:
    """Return a number as JSON Web Keys have it."""
    return urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")


def rsa_xml(names: dict[str, str]) -> str:
    """Return an RSAKeyValue with some of the numbers."""
    numbers = rsa_numbers()
    values = {
        tag: b64encode(numbers[name].to_bytes((numbers[name].bit_length() + 7) // 8, "big")).decode()
        for tag, name in names.items()
    }
    return "<RSAKeyValue>" + "".join(f"<{tag}>{value}</{tag}>" for tag, value in values.items()) + "</RSAKeyValue>"
