"""
Host keys on tokens (PKCS#11): found, named, used, and what happens when the token is away.
"""

import gc
import os
import sys
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import exceptions
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.events import Connected
from conchsftp.secret import Secret
from conchsftp.settings.choices import CertStoreType as Type
from conchsftp.settings.key_stores import STORE
from conchsftp.ssh.keys import tokens
from conchsftp.ssh.keys.stores import called, host_key, load, load_all
from conchsftp.testing import MemoryClient
from tests.server.test_keys import VECTORS, KeysCase
from tests.ssh.stand_in_token import Module, Token, certificate, objects
from tests.ssh.test_host_keys import verify
from tests.ssh.test_store_chains import certified

PATH = "/usr/lib/example.so"
KEYS: tuple[Any, ...] = (
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP384R1()),
    ec.generate_private_key(ec.SECP521R1()),
    ed25519.Ed25519PrivateKey.generate(),
)
LABELS = ("rsa", "p256", "p384", "p521", "ed25519")


def filled(**options: Any) -> Token:
    """Return a token with a key of each kind."""
    token = Token(**options)
    for number, (key, label) in enumerate(zip(KEYS, LABELS, strict=True), 1):
        token.objects += objects(key, bytes((number,)), label)
    return token


class TokenCase(SynchronousTestCase):
    """A module with one token."""

    def setUp(self) -> None:
        super().setUp()
        self.token = filled()
        self.module = Module(self.token)
        self.patch(tokens, "_load", lambda path: self.module)
        self.patch(tokens, "_libraries", {})
        self.patch(tokens, "_refused", set())

    def complaint(self, store: str = PATH, pin: str = "1234", subject: str = "") -> str:
        """Return why there is no such key."""
        error = self.assertRaises(ServerError, load, store, Type.PKCS11, pin, subject)
        self.assertEqual(error.code, 1301)
        self.assertNotIn("1234", error.text)
        self.assertNotIn("9999", error.text)
        return error.text


class KeyTests(TokenCase):
    """Keys that are there."""

    def test_every_kind(self) -> None:
        """A key of each kind signs on the token what its public half verifies, with each of its algorithms."""
        for label, private in zip(LABELS, KEYS, strict=True):
            found = load(PATH, Type.PKCS11, "1234", label)
            self.assertEqual(found.public, private.public_key())
            key = host_key(found)
            self.assertTrue(key.slow)
            for name in key.algorithms:
                self.assertEqual(verify(key.blob_for(name), key.sign(name, b"hash"), b"hash"), name)
        self.assertEqual(len(self.token.sessions), 1)

    def test_facts(self) -> None:
        """What is public is told; the key is there, and its text is not: it cannot be copied."""
        found = load(PATH, Type.PKCS11, "1234", "p384")
        told = found.subject, found.public_key_algorithm, found.public_key_length, found.private_key_available
        self.assertEqual(told, ("p384", "ECDSA", 384, True))
        self.assertEqual(found.private_key, Secret(""))
        for name in ("private_bytes", "private_numbers"):
            self.assertRaises(UnsupportedAlgorithm, getattr(found.private, name))
        pss = padding.PSS(padding.MGF1(SHA256()), 20)
        self.assertRaises(UnsupportedAlgorithm, load(PATH, 23, "1234", "rsa").private.sign, b"", pss, SHA256())
        self.assertNotIn("1234", repr(found) + repr(vars(found.private)))

    def test_certificates(self) -> None:
        """A key comes with its certificate and those above it, also where the certificate alone has its public half."""
        root, key = KEYS[4], KEYS[1]
        leaf, above = certified("host", key, "root", root), certified("root", root)
        self.token.objects = [*objects(key, b"\7", "mine")[:1], certificate(above), certificate(leaf, b"\7")]
        for subject in ("", "CN=host", "mine", "07"):
            found = load(PATH, Type.PKCS11, "1234", subject)
            self.assertEqual((found.x509, found.chain, found.subject), (leaf, (above,), "CN=host"))
        self.assertEqual(host_key(found).identity.x509, (leaf, above))

    def test_names(self) -> None:
        """A key is meant by its label, by a part of it, or by its id; a URI says which token and which key."""
        self.module.tokens.append(filled(label="other", serial=b"2"))
        uri = "pkcs11:token=host%20keys;{}?module-path=" + PATH
        for store, subject in (
            (uri.format("object=p384"), ""),
            (uri.format("id=%03;type=private"), ""),
            (uri.format("x-mine=1;serial=1;slot-id=1;manufacturer=Example;model=One"), "p384"),
            (uri.format("library-version=2"), "P38"),
            (uri.format(""), "03"),
        ):
            for kind in (Type.PKCS11, Type.AUTO):
                self.assertEqual(load(store, kind, "1234", subject).names, ("p384", "03"))
        self.assertIn("host keys, other", self.complaint())
        self.assertIn("no such token", self.complaint("pkcs11:token=third?module-path=" + PATH))
        self.assertIn("no such private key", self.complaint(uri.format("object=none")))
        self.assertIn("subject", self.complaint(uri.format(""), subject="none"))

    def test_mistakes_in_uri(self) -> None:
        """What is no URI of a key is refused, without being repeated: it may hold the PIN."""
        for store in (
            "pkcs11:token=a",
            "pkcs11:token=a;token=b?module-path=/a",
            "pkcs11:tokne=a?module-path=/a",
            "pkcs11:slot-id=x?module-path=/a",
            "pkcs11:type=data?module-path=/a",
            "pkcs11:?module-path=a.so",
            "pkcs11:?pin=9999",
            "pkcs11:object=%ff?module-path=/a",
            "pkcs11:?module-path=/a&pin-source=%7Ccat",
            "example.so",
        ):
            self.complaint(store)

    def test_kinds_that_are_not_known(self) -> None:
        """A library with the type found out, and a module that cannot be loaded, are refused."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"\x7fELF")
        self.assertIn("SSHCertStoreType 23", self.assertRaises(ServerError, load, path).text)

        def fail(path: str) -> None:
            raise RuntimeError("OS exception\nwhile loading")

        self.patch(tokens, "_load", fail)
        self.assertNotIn("\n", self.complaint("/other.so"))

    def test_without_the_library(self) -> None:
        """Without python-pkcs11 the message names the extra."""
        self.patch(tokens, "_load", KeyTests.real_load)
        self.addCleanup(sys.modules.__setitem__, "pkcs11", sys.modules["pkcs11"])
        sys.modules["pkcs11"] = None  # type: ignore[assignment]
        self.assertIn("conchsftp[pkcs11]", self.complaint())

    real_load = staticmethod(tokens._load)


class PinTests(TokenCase):
    """PINs, of which a token takes a few wrong ones only."""

    def test_wrong(self) -> None:
        """A wrong PIN is tried once, however often it is given, and another after it."""
        self.assertIn("PIN is wrong", self.complaint(pin="9999"))
        for _ in range(3):
            self.assertIn("not tried again", self.complaint(pin="9999"))
        self.assertEqual(self.token.asked, ["9999"])
        self.assertTrue(load(PATH, Type.PKCS11, "1234").private_key_available)

    def test_none(self) -> None:
        """Without a PIN the token is not asked; one that needs none is opened."""
        self.assertIn("PIN", self.complaint(pin=""))
        self.assertEqual(self.token.asked, [])
        self.token.flags = 0x400
        self.assertTrue(load(PATH, Type.PKCS11).private_key_available)

    def test_in_uri(self) -> None:
        """A URI may hold the PIN, and is kept secret then; or it names a file with it."""
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write("1234\n")
        store = f"pkcs11:object=rsa?module-path={PATH}"
        for uri in (f"{store}&pin-value=1234", f"{store}&pin-source=file:{path}", f"{store}&pin-source={path}"):
            self.assertEqual(load(uri, Type.AUTO).names, ("rsa", "01"))
        kept = STORE.convert(f"{store}&pin-value=1234")
        self.assertEqual((STORE.format(kept), called(kept, Type.PKCS11)), ("***", ""))
        self.assertEqual(called(store, Type.AUTO), "pkcs11:object=rsa")
        self.assertEqual(called(PATH, Type.PKCS11), PATH)
        self.complaint(f"{store}&pin-source={path}.none", pin="")

    def test_of_another(self) -> None:
        """Who has another PIN gets no share of a session that is open."""
        mine = load(PATH, Type.PKCS11, "1234")
        self.assertIn("another PIN", self.complaint(pin="9999"))
        self.assertTrue(mine.private_key_available)
        self.assertEqual(self.token.asked, ["1234"])

    def test_end(self) -> None:
        """One session serves everything, and is closed when nobody has its keys any more."""
        found = [load(PATH, Type.PKCS11, "1234", label) for label in LABELS]
        self.assertEqual(len(self.token.sessions), 1)
        del found
        gc.collect()
        self.assertEqual(self.token.sessions, [])


class AwayTests(TokenCase):
    """A token that is unplugged, or comes back as another."""

    def setUp(self) -> None:
        super().setUp()
        self.key = host_key(load(PATH, Type.PKCS11, "1234", "p256"))

    def signed(self) -> str:
        """Return the algorithm of a signature."""
        return verify(self.key.blob, self.key.sign("ecdsa-sha2-nistp256", b"hash"), b"hash")

    def failure(self) -> str:
        """Return why there is no signature."""
        error = self.assertRaises(ServerError, self.signed)
        self.assertEqual(error.code, 1301)
        return error.text

    def test_back(self) -> None:
        """When it was away for a moment, the next signature has a new session."""
        self.signed()
        self.token.unplug()
        self.signed()
        self.assertEqual(self.token.asked, ["1234", "1234"])

    def test_gone(self) -> None:
        """While it is away there is no signature, and the reason; it works again when it is back."""
        self.module.tokens.clear()
        self.token.unplug()
        for _ in range(3):
            self.assertIn("not there", self.failure())
        # Some modules see it only when they begin anew.
        self.module.plugged.append(self.token)
        self.signed()

    def test_module_that_is_lost(self) -> None:
        """A module that reports errors only, as SoftHSM does once its token was away, is begun anew."""
        self.token.unplug()
        self.module.broken = True
        self.signed()
        self.assertEqual(self.module.renewed, 1)

    def test_session_that_sees_nothing(self) -> None:
        """A session that sees no objects any more, as SoftHSM's once the token was away, is followed by another."""
        self.token.sessions[0].blind = True
        self.signed()
        self.assertEqual(self.token.asked, ["1234", "1234"])

    def test_key_that_comes_back(self) -> None:
        """A key that was not there for a while is found again."""
        kept, self.token.objects = self.token.objects, []
        for _ in range(2):
            self.assertIn("not on the token any more", self.failure())
        self.token.objects = kept
        self.signed()

    def test_pin_changed(self) -> None:
        """A PIN that is wrong by now is tried once, however many connections there are."""
        self.token.unplug()
        self.token.pin = "4321"
        self.assertIn("PIN is wrong", self.failure())
        for _ in range(3):
            self.assertIn("not tried again", self.failure())
        self.assertEqual(self.token.asked, ["1234", "1234"])

    def test_another_key(self) -> None:
        """Nothing is signed by another key under the same name."""
        self.token.unplug()
        self.token.objects = objects(ec.generate_private_key(ec.SECP256R1()), b"\2", "p256")
        self.assertIn("another key", self.failure())
        self.assertTrue(self.key.private.lost)
        self.token.unplug()
        self.token.objects = []
        self.assertIn("not on the token any more", self.failure())

    def test_daemon(self) -> None:
        """A process that became a daemon meanwhile begins anew with the module."""
        self.patch(os, "getpid", lambda: 1)
        self.signed()
        self.assertEqual((self.module.renewed, len(self.token.sessions)), (1, 1))

    def test_busy(self) -> None:
        """Who waits for a token that does not answer gives up."""
        self.patch(tokens, "_PATIENCE_SECONDS", 0.01)
        library = tokens._libraries[PATH]
        self.patch(library, "lock", Busy())
        self.assertIn("busy", self.failure())

    def test_failing(self) -> None:
        """What the token refuses is told in one line."""

        def refuse(data: bytes, mechanism: Any) -> bytes:
            raise exceptions.MechanismInvalid

        self.patch(self.token.objects[2], "sign", refuse)
        self.assertEqual(self.failure(), "host key on a token: the token does not answer: MechanismInvalid")


class Busy:
    """A lock that another thread holds."""

    def acquire(self, timeout: float = -1) -> bool:
        """Give up."""
        return False

    def release(self) -> None:
        """Nothing was acquired."""


class ServerTests(TokenCase, KeysCase):
    """A server whose key is on a token."""

    def test_unplugged(self) -> None:
        """Connections are proved to by the token; while it is away they end with one line in the log, then go on."""
        server = self.server(ssh_cert_store=PATH, ssh_cert_store_type=23, ssh_cert_store_password="1234")
        server.ssh_cert_subject = "ed25519"
        self.successResultOf(server.start_listening())
        self.assertEqual(server.ssh_cert_subject, "ed25519")
        self.assertTrue(self.client(server).host_key)
        self.module.tokens.clear()
        self.token.unplug()
        client = MemoryClient(server.factory)
        client.connect()
        self.assertEqual(client.disconnected, (3, "the host key cannot be used now"))
        (line,) = self.logged
        self.assertIn("the token is not there", line)
        self.logged.clear()
        self.module.tokens.append(self.token)
        self.assertTrue(self.client(server).host_key)
        self.assertNotIn("1234", repr(self.logged))

    def test_nobody_is_penalised(self) -> None:
        """Clients that came again and again meanwhile, or for a key that cannot be loaded, are not refused for it."""
        server = self.server(ssh_cert_store=PATH, ssh_cert_store_type=23, ssh_cert_store_password="1234")
        server.ssh_cert_subject = "ed25519"
        self.successResultOf(server.start_listening())
        self.module.tokens.clear()
        self.token.unplug()
        for store in ("", "missing"):
            server.on_connected = lambda event, store=store: setattr(event, "cert_store", store)
            for _ in range(40):
                MemoryClient(server.factory).connect()
        self.assertEqual(len([line for line in self.logged if "host key" in line]), 80)
        self.assertEqual(server.penalties, ())
        self.logged.clear()

    def test_chosen(self) -> None:
        """A handler of Connected may choose one; if the token has another under that name, that is found."""
        server = self.server(ssh_cert_store=VECTORS / "ed25519")

        def choose(event: Connected) -> None:
            event.cert_store, event.cert_store_type, event.cert_password = PATH, 23, "1234"
            event.cert_subject = "ed25519"

        server.on(Connected, choose)
        self.successResultOf(server.start_listening())
        self.assertEqual(self.client(server).host_key, self.client(server).host_key)
        other = ed25519.Ed25519PrivateKey.generate()
        self.token.unplug()
        self.token.objects = objects(other, b"\5", "ed25519")
        client = MemoryClient(server.factory)
        client.connect()
        self.assertEqual(client.disconnected and client.disconnected[0], 3)
        self.logged.clear()
        self.assertIn(other.public_key().public_bytes_raw(), self.client(server).host_key)

    def test_nothing_is_exported(self) -> None:
        """Nothing of the settings holds the PIN or a private key."""
        server = self.server(ssh_cert_store=f"pkcs11:object=rsa?module-path={PATH}&pin-value=1234")
        self.assertEqual(server.config("SSHCertStore"), "***")
        self.assertTrue(server.ssh_cert_private_key_available)
        self.assertFalse(server.ssh_cert_private_key)
        text = KEYS[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.assertNotIn(text.decode(), str(load_all(PATH.encode(), 23, "1234")))
