"""Tests of `conchsftp.ssh.kex.methods`; the client's side is in `tests.ssh.clients`."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.kex import methods
from conchsftp.ssh.kex.groups import Groups, fixed_group
from conchsftp.ssh.kex.methods import needs_mlkem
from conchsftp.ssh.key_exchange import KeyExchange, Transcript
from conchsftp.ssh.keys.host_keys import HostKey
from conchsftp.ssh.numbers import Reason
from tests.ssh.clients import (
    Client,
    CurveClient,
    GroupClient,
    GroupExchangeClient,
    HybridClient,
    X25519Client,
    mpint,
    string,
    strings,
    verify,
)

LINES = (b"SSH-2.0-client", b"SSH-2.0-server", b"\x14client's KEXINIT", b"\x14server's KEXINIT")
HOST_KEY = HostKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

CLIENTS = {
    "mlkem768x25519-sha256": lambda: HybridClient("sha256"),
    "curve25519-sha256": lambda: X25519Client("sha256"),
    "curve25519-sha256@libssh.org": lambda: X25519Client("sha256"),
    "ecdh-sha2-nistp256": lambda: CurveClient("sha256", ec.SECP256R1()),
    "ecdh-sha2-nistp384": lambda: CurveClient("sha384", ec.SECP384R1()),
    "ecdh-sha2-nistp521": lambda: CurveClient("sha512", ec.SECP521R1()),
    "diffie-hellman-group1-sha1": lambda: GroupClient("sha1", fixed_group(1).prime),
    "diffie-hellman-group14-sha1": lambda: GroupClient("sha1", fixed_group(14).prime),
    "diffie-hellman-group14-sha256": lambda: GroupClient("sha256", fixed_group(14).prime),
    "diffie-hellman-group15-sha512": lambda: GroupClient("sha512", fixed_group(15).prime),
    "diffie-hellman-group16-sha512": lambda: GroupClient("sha512", fixed_group(16).prime),
    "diffie-hellman-group17-sha512": lambda: GroupClient("sha512", fixed_group(17).prime),
    "diffie-hellman-group18-sha512": lambda: GroupClient("sha512", fixed_group(18).prime),
    "diffie-hellman-group-exchange-sha1": lambda: GroupExchangeClient("sha1"),
    "diffie-hellman-group-exchange-sha256": lambda: GroupExchangeClient("sha256"),
}


def begin(name: str, groups: Groups | None = None) -> KeyExchange:
    """Return the server's side of an exchange."""
    return KeyExchange(KEY_EXCHANGES[name], Transcript(*LINES), HOST_KEY, "ssh-ed25519", groups)


class ExchangeCase(SynchronousTestCase):
    """What the tests of exchanges share."""

    def refused(
        self, name: str, payload: bytes, number: int = 30, reason: Reason = Reason.KEY_EXCHANGE_FAILED
    ) -> KeyExchange:
        """Assert that a first message is a violation, and return the exchange."""
        server = begin(name)
        violation = self.assertRaises(ProtocolViolation, server.receive, number, payload)
        self.assertEqual(violation.reason, reason, violation.text)
        self.assertFalse(server.finished)
        return server

    def agree(self, client: Client, server: KeyExchange) -> None:
        """Run an exchange, and assert that both sides have the same and the signature is good."""
        client.run(server.receive)
        self.assertTrue(server.finished)
        self.assertEqual(server.secret, client.secret)
        self.assertEqual(server.exchange_hash, client.exchange_hash(LINES))
        self.assertEqual(client.host_key, HOST_KEY.blob)
        self.assertEqual(verify(client.host_key, client.signature, server.exchange_hash), "ssh-ed25519")


class AllMethodsTests(ExchangeCase):
    """What holds for every method in the registry."""

    def test_each_has_a_client(self) -> None:
        """No method is left out of these tests."""
        self.assertEqual(CLIENTS.keys(), {row.name for row in KEY_EXCHANGES if not row.gss})

    def test_agreement(self) -> None:
        """Client and server arrive at one secret and one exchange hash, which our host key has signed."""
        for name, client in CLIENTS.items():
            self.agree(client(), begin(name))

    def test_fresh(self) -> None:
        """No secret is used twice."""
        for name, make in CLIENTS.items():
            secrets = set()
            for _ in range(2):
                client = make()
                client.run(begin(name).receive)
                secrets.add(client.secret)
            self.assertEqual(len(secrets), 2, name)

    def test_finished_once(self) -> None:
        """When our reply is made, the exchange takes no further message."""
        for name, client in CLIENTS.items():
            server = begin(name)
            client().run(server.receive)
            for number in range(30, 50):
                violation = self.assertRaises(ProtocolViolation, server.receive, number, b"")
                self.assertEqual(violation.reason, Reason.PROTOCOL_ERROR)

    def test_only_what_comes_next(self) -> None:
        """Of the numbers 30 to 49 only the method's first message may come first; a wrong one changes nothing."""
        for name, client in CLIENTS.items():
            firsts = {30, 34} if "exchange" in name else {30}
            server = begin(name)
            for number in set(range(30, 50)) - firsts:
                violation = self.assertRaises(ProtocolViolation, server.receive, number, b"")
                self.assertEqual(violation.reason, Reason.PROTOCOL_ERROR)
            client().run(server.receive)

    def test_cut_short_and_too_long(self) -> None:
        """A first message cut short anywhere, or with a byte after it, is a violation."""
        for name, make in CLIENTS.items():
            sent: list[tuple[int, bytes]] = []

            def record(number: int, payload: bytes, sent: list[tuple[int, bytes]] = sent) -> list[tuple[int, bytes]]:
                sent.append((number, payload))
                raise InterruptedError

            self.assertRaises(InterruptedError, make().run, record)
            number, payload = sent[0]
            for end in {0, 1, 3, 4, 5, len(payload) // 2, len(payload) - 1}:
                self.assertRaises(ProtocolViolation, begin(name).receive, number, payload[:end])
            self.assertRaises(ProtocolViolation, begin(name).receive, number, payload + b"\0")

    def test_heavy(self) -> None:
        """What multiplies numbers of 4096 bits and more is heavy, and so is what does it without OpenSSL's help."""
        heavy = {name.removeprefix("diffie-hellman-") for name in CLIENTS if begin(name).heavy}
        large = {"group16-sha512", "group17-sha512", "group18-sha512"}
        self.assertEqual(heavy, large | {"group1-sha1", "group-exchange-sha1", "group-exchange-sha256"})

    def test_slow_key(self) -> None:
        """A host key that signs slowly makes every exchange heavy."""
        key = HostKey(Ed25519PrivateKey.generate())
        key.slow = True
        self.assertTrue(KeyExchange(KEY_EXCHANGES["curve25519-sha256"], Transcript(*LINES), key, "ssh-ed25519").heavy)

    def test_signature_algorithm(self) -> None:
        """An RSA key signs with the algorithm that was negotiated, over the exchange hash."""
        key = HostKey(generate_private_key(65537, 2048))
        for algorithm in ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"):
            row = KEY_EXCHANGES["curve25519-sha256"]
            server, client = KeyExchange(row, Transcript(*LINES), key, algorithm), X25519Client("sha256")
            client.run(server.receive)
            self.assertEqual(client.exchange_hash(LINES), server.exchange_hash)
            self.assertEqual(verify(client.host_key, client.signature, server.exchange_hash), algorithm)


class Curve25519Tests(ExchangeCase):
    """X25519."""

    name = "curve25519-sha256"

    def test_rfc_7748(self) -> None:
        """With the keys of RFC 7748, 6.1 the secret is the one printed there, read high byte first."""
        alice = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"

        class Fixed:
            @staticmethod
            def generate() -> X25519PrivateKey:
                return X25519PrivateKey.from_private_bytes(bob)

        self.patch(methods, "X25519PrivateKey", Fixed)
        server = begin(self.name)
        ((number, reply),) = server.receive(30, string(alice))
        self.assertEqual(number, 31)
        blob, ours, _ = strings(reply)
        self.assertEqual(ours.hex(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        self.assertEqual(server.secret.hex(), "00000020" + secret)
        hashed = b"".join(map(string, (*LINES, blob, alice, ours))) + server.secret
        self.assertEqual(server.exchange_hash, hashlib.sha256(hashed).digest())

    def test_lengths(self) -> None:
        """A public key has 32 bytes, no byte less or more."""
        for size in (0, 31, 33):
            self.refused(self.name, string(bytes(range(1, size + 1))))

    def test_zero_secret(self) -> None:
        """The points of small order, with which everybody knows the secret, are refused."""
        for number in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18):
            self.refused(self.name, string(number.to_bytes(32, "little")))

    def test_encoding_of_the_secret(self) -> None:
        """A secret with its highest bit set, or with zeros in front, is a minimal positive mpint."""
        seen = set()
        while len(seen) < 2:
            server = begin(self.name)
            X25519Client("sha256").run(server.receive)
            value = int.from_bytes(server.secret[4:], "big", signed=True)
            self.assertGreater(value, 0)
            self.assertEqual(server.secret, mpint(value))
            seen.add(len(server.secret) == 37)


class NISTCurveTests(ExchangeCase):
    """ECDH on NIST's curves."""

    curves = {
        "ecdh-sha2-nistp256": ec.SECP256R1(),
        "ecdh-sha2-nistp384": ec.SECP384R1(),
        "ecdh-sha2-nistp521": ec.SECP521R1(),
    }

    def test_other_forms(self) -> None:
        """Points are uncompressed: compressed and hybrid forms and the point at infinity are refused."""
        for name, curve in self.curves.items():
            public = ec.generate_private_key(curve).public_key()
            whole = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            compressed = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
            for point in (compressed, b"\0", b"", b"\6" + whole[1:], b"\7" + whole[1:], bytes(len(whole))):
                self.refused(name, string(point))

    def test_not_on_the_curve(self) -> None:
        """A point that is not on the curve would give away our private key; (0, 0) is not on it either."""
        for name, curve in self.curves.items():
            whole = (
                ec.generate_private_key(curve).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            )
            self.refused(name, string(whole[:-1] + bytes([whole[-1] ^ 1])))
            self.refused(name, string(b"\4" + bytes(len(whole) - 1)))
            self.refused(name, string(b"\4" + b"\xff" * (len(whole) - 1)))

    def test_other_curve(self) -> None:
        """A point of another curve is refused by its length."""
        point = ec.generate_private_key(ec.SECP384R1()).public_key()
        self.refused("ecdh-sha2-nistp256", string(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)))


class HybridTests(ExchangeCase):
    """ML-KEM-768 with X25519."""

    name = "mlkem768x25519-sha256"

    def first(self) -> bytes:
        """Return a good first message."""
        sent: list[bytes] = []
        self.assertRaises(TypeError, HybridClient("sha256").run, lambda _, payload: sent.append(payload))
        return sent[0]

    def test_available(self) -> None:
        """The cryptography library that we ask for can do it."""
        self.assertIsNone(needs_mlkem())

    def test_secret_is_a_string(self) -> None:
        """The secret is a string of 32 bytes, whatever its first bit: not an mpint."""
        sizes = set()
        for _ in range(12):
            server = begin(self.name)
            self.agree(HybridClient("sha256"), server)
            sizes.add(len(server.secret))
        self.assertEqual(sizes, {36})

    def test_lengths(self) -> None:
        """Both public keys together have 1216 bytes, no byte less or more."""
        (keys,) = strings(self.first())
        for wrong in (keys[:-1], keys + b"\0", keys[:1184], b""):
            self.refused(self.name, string(wrong))

    def test_malformed_lattice_key(self) -> None:
        """A key of ML-KEM with numbers out of their range is refused (FIPS 203, 7.2)."""
        (keys,) = strings(self.first())
        self.refused(self.name, string(b"\xff" * 1184 + keys[1184:]))

    def test_zero_x25519(self) -> None:
        """The classical half is checked like X25519 alone."""
        (keys,) = strings(self.first())
        self.refused(self.name, string(keys[:1184] + bytes(32)))


class DiffieHellmanTests(ExchangeCase):
    """Fixed groups."""

    def test_range(self) -> None:
        """Public values outside 1 < e < p - 1 are refused, negative ones included."""
        for name, number in (
            ("diffie-hellman-group1-sha1", 1),
            ("diffie-hellman-group14-sha1", 14),
            ("diffie-hellman-group14-sha256", 14),
            ("diffie-hellman-group15-sha512", 15),
            ("diffie-hellman-group16-sha512", 16),
            ("diffie-hellman-group17-sha512", 17),
            ("diffie-hellman-group18-sha512", 18),
        ):
            prime = fixed_group(number).prime
            for value in (0, 1, prime - 1, prime, prime + 15):
                self.refused(name, mpint(value))
            self.refused(name, string(b"\xff" * 256))

    def test_bits_set(self) -> None:
        """Powers of two and numbers like them are refused."""
        self.refused("diffie-hellman-group14-sha256", mpint(7 << 1000))


class DerivationTests(SynchronousTestCase):
    """Keys (RFC 4253, 7.2)."""

    def exchange(self, name: str) -> KeyExchange:
        """Return a finished exchange with a fixed result."""
        server = begin(name)
        server.secret, server.exchange_hash = mpint(0x1234), b"hash" * 8
        return server

    def test_first_block(self) -> None:
        """Up to the size of the hash, a key is HASH(K, H, letter, session id)."""
        server = self.exchange("curve25519-sha256")
        block = hashlib.sha256(b"\0\0\0\2\x12\x34" + b"hash" * 8 + b"A" + b"session").digest()
        for length in (0, 1, 12, 16, 31, 32):
            self.assertEqual(server.derive(b"A", length, b"session"), block[:length])

    def test_more_blocks(self) -> None:
        """Beyond that, each block is HASH(K, H, all blocks so far)."""
        for name, hash in (("curve25519-sha256", "sha256"), ("diffie-hellman-group16-sha512", "sha512")):
            server = self.exchange(name)
            common = server.secret + server.exchange_hash
            key = hashlib.new(hash, common + b"C" + b"session").digest()
            for _ in range(3):
                key += hashlib.new(hash, common + key).digest()
            for length in (33, 64, 65, 96, 97, 128):
                self.assertEqual(server.derive(b"C", length, b"session"), key[:length])

    def test_letters(self) -> None:
        """Each letter, and each session, has keys of its own."""
        server = self.exchange("curve25519-sha256")
        keys = {server.derive(letter, 32, session) for letter in (b"A", b"B", b"F") for session in (b"1", b"2")}
        self.assertEqual(len(keys), 6)

    def test_high_bit(self) -> None:
        """A secret whose highest bit is set is hashed with the zero byte that its encoding has."""
        server = self.exchange("curve25519-sha256")
        server.secret = mpint(0x80)
        expected = hashlib.sha256(b"\0\0\0\2\0\x80" + b"hash" * 8 + b"D" + b"session").digest()
        self.assertEqual(server.derive(b"D", 32, b"session"), expected)
