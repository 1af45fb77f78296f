"""
Key stores that were cut short or changed: refused, or read for what is left of them, and never anything else.
"""

import json
from collections.abc import Callable
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.choices import CertStoreType as Type
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.stores import load_all
from tests.ssh import test_stores
from tests.ssh.stand_in_jks import module
from tests.ssh.test_java_stores import JKS, stand_in
from tests.ssh.test_store_chains import certified
from tests.ssh.test_stores import VECTORS

PASSWORD = "secret"


@lru_cache(None)
def stores() -> dict[str, tuple[bytes, Type]]:
    """Return one small store of each format, with its type; what is encrypted asks for little work."""
    key, authority = (ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32 * [number])) for number in (2, 3))
    leaf = certified("host", key)
    encoded, pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    few = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
    plain, locked = NoEncryption(), BestAvailableEncryption(PASSWORD.encode())
    curve = ec.derive_private_key(2, ec.SECP256R1())
    chain = [certified("other", authority)]
    public = key.public_key()
    return {
        "pkcs12": (
            serialize_key_and_certificates(b"a", key, leaf, chain, few.build(PASSWORD.encode())),  # type: ignore[arg-type]
            Type.PFX_BLOB,
        ),
        "pem": (key.private_bytes(encoded, pkcs8, plain) + leaf.public_bytes(encoded), Type.PEM_KEY_BLOB),
        "locked pem": (curve.private_bytes(encoded, PrivateFormat.TraditionalOpenSSL, locked), Type.PEM_KEY_BLOB),
        "der": (curve.private_bytes(Encoding.DER, pkcs8, plain), Type.PEM_KEY_BLOB),
        "openssh": ((VECTORS / "ed25519").read_bytes(), Type.PEM_KEY_BLOB),
        "ppk 2": ((VECTORS / "ed25519.v2.ppk").read_bytes(), Type.PPK_BLOB),
        "ppk 3": ((VECTORS / "ed25519.v3.ppk").read_bytes(), Type.PPK_BLOB),
        "locked ppk": ((VECTORS / "ecdsa.v2.enc.ppk").read_bytes(), Type.PPK_BLOB),
        "xml": (test_stores.rsa_xml({"Modulus": "n", "Exponent": "e"}).encode(), Type.XML_BLOB),
        "jwk": (json.dumps({**test_stores.JSONTests.OKP, "d": test_stores.JSONTests.OKP_D}).encode(), Type.JWK_BLOB),
        "p7b": (serialize_certificates([leaf], Encoding.DER), Type.P7B_BLOB),
        "p7b in pem": (serialize_certificates([leaf], Encoding.PEM), Type.P7B_BLOB),
        "certificate": (leaf.public_bytes(Encoding.DER), Type.PUBLIC_KEY_BLOB),
        "public": (public.public_bytes(encoded, PublicFormat.SubjectPublicKeyInfo), Type.PUBLIC_KEY_BLOB),
        "public der": (public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), Type.PUBLIC_KEY_BLOB),
        "ssh": ((VECTORS / "ed25519.pub").read_bytes(), Type.SSH_PUBLIC_KEY_BLOB),
        "rfc 4716": ((VECTORS / "ed25519.ssh2").read_bytes(), Type.SSH_PUBLIC_KEY_BLOB),
        "jks": (JKS, Type.JKS_BLOB),
    }


class DamagedTests(SynchronousTestCase):
    """One store of each format."""

    def setUp(self) -> None:
        stand_in(self, module())

    def read(self, data: bytes, kind: Type) -> list[Certificate]:
        """Read a store; what is refused with the documented error has no keys."""
        try:
            return load_all(data, kind, "secret1" if data.startswith(JKS[:4]) else PASSWORD)
        except ServerError as problem:
            self.assertEqual((problem.code, "\n" in problem.text), (1301, False), problem.text)
            return []

    def test_whole(self) -> None:
        """Undamaged, they are read: the other tests here test something."""
        for name, (data, kind) in stores().items():
            for each in (kind, Type.AUTO):
                self.assertEqual(bool(self.read(data, each)), True, name)

    def test_cut_short(self) -> None:
        """Cut short at any length, a store never gives another key; most give none."""
        for name, (data, kind) in stores().items():
            keys = {each.public_key for each in self.read(data, kind)}
            for size in range(len(data)):
                for each in (kind, Type.AUTO) if size % 8 == 0 else (kind,):
                    found = {one.public_key for one in self.read(data[:size], each)}
                    self.assertLessEqual(found, keys, (name, size))

    def test_changed(self) -> None:
        """With bytes changed, put in or taken away, a store is refused or read: nothing else happens."""

        @settings(max_examples=150, deadline=None, database=None, derandomize=True)
        @given(
            name=st.sampled_from(sorted(stores())),
            at=st.floats(0, 1, exclude_max=True),
            less=st.integers(0, 5),
            more=st.binary(max_size=5),
            found_out=st.booleans(),
        )
        def check(name: str, at: float, less: int, more: bytes, found_out: bool) -> None:
            data, kind = stores()[name]
            start = int(at * len(data))
            self.read(data[:start] + more + data[start + less :], Type.AUTO if found_out else kind)

        run: Callable[[], None] = check
        run()
