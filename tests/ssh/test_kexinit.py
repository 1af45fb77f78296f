"""Tests of `conchsftp.ssh.kexinit`."""

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.settings.choices import StrictKeyExchange
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.algorithms.offer import Offer
from conchsftp.ssh.algorithms.protection import CIPHERS, COMPRESSIONS, MACS
from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from conchsftp.ssh.kexinit import _LISTS, MARKERS, KexInit, Negotiated, enforce_strict, negotiate
from conchsftp.ssh.numbers import Reason
from tests.ssh.clients import string

OFFER = Offer(
    key_exchanges=tuple(KEY_EXCHANGES),
    host_keys=tuple(HOST_KEYS[name] for name in HOST_KEYS.names("modern")),
    ciphers=tuple(CIPHERS),
    macs=tuple(MACS),
    compressions=tuple(COMPRESSIONS),
    strict=True,
)
SERVER = KexInit.offering(OFFER, first=True)


def client(**lists: Any) -> KexInit:
    """Return the KEXINIT of a client that wants one plain algorithm of each kind, unless told otherwise."""
    wanted: dict[str, Any] = {
        "kex": ("curve25519-sha256",),
        "host_key": ("ssh-ed25519",),
        "cipher_in": ("aes128-ctr",),
        "cipher_out": ("aes128-ctr",),
        "mac_in": ("hmac-sha2-256",),
        "mac_out": ("hmac-sha2-256",),
        "compression_in": ("none",),
        "compression_out": ("none",),
    }
    return KexInit(cookie=bytes(16), **(wanted | lists))


class MessageTests(SynchronousTestCase):
    """The message itself."""

    wire = (
        bytes.fromhex("14 000102030405060708090a0b0c0d0e0f")
        + string(b"curve25519-sha256,ext-info-c")
        + string(b"ssh-ed25519")
        + string(b"aes128-ctr,none")
        + string(b"aes256-ctr")
        + string(b"hmac-sha2-256")
        + string(b"hmac-sha2-512")
        + string(b"none")
        + string(b"zlib@openssh.com,none")
        + string(b"en,de")
        + string(b"")
        + bytes.fromhex("01 00000000")
    )
    record = KexInit(
        cookie=bytes(range(16)),
        kex=("curve25519-sha256", "ext-info-c"),
        host_key=("ssh-ed25519",),
        cipher_in=("aes128-ctr", "none"),
        cipher_out=("aes256-ctr",),
        mac_in=("hmac-sha2-256",),
        mac_out=("hmac-sha2-512",),
        compression_in=("none",),
        compression_out=("zlib@openssh.com", "none"),
        language_in=("en", "de"),
        language_out=(),
        guessed=True,
    )

    def test_both_ways(self) -> None:
        """A cookie, ten lists, the guess and a reserved number, in this order (RFC 4253, 7.1)."""
        self.assertEqual(KexInit.parse(self.wire), self.record)
        self.assertEqual(self.record.payload, self.wire)

    def test_cut_short(self) -> None:
        """Cut short anywhere it is a violation."""
        for end in range(1, len(self.wire)):
            self.assertRaises(ProtocolViolation, KexInit.parse, self.wire[:end])

    def test_too_long(self) -> None:
        """So it is with bytes after its end."""
        self.assertRaises(ProtocolViolation, KexInit.parse, self.wire + b"\0")

    def test_reserved(self) -> None:
        """The reserved number may be anything: a later version of the protocol may use it."""
        self.assertEqual(KexInit.parse(self.wire[:-4] + b"\1\2\3\4"), self.record)

    def test_most_names(self) -> None:
        """A list may have 256 names, and not one more."""
        for count in (255, 256):
            self.assertEqual(len(KexInit.parse(client(kex=("a",) * count).payload).kex), count)
        for name in _LISTS:
            violation = self.assertRaises(ProtocolViolation, KexInit.parse, client(**{name: ("a",) * 257}).payload)
            self.assertIn("257 names", violation.text)

    def test_most_bytes(self) -> None:
        """The message may have 32768 bytes, and not one more."""
        rest = len(client(kex=()).payload)
        for size in (32767, 32768):
            self.assertEqual(len(KexInit.parse(client(kex=("a" * (size - rest),)).payload).kex[0]), size - rest)
        self.assertRaises(ProtocolViolation, KexInit.parse, client(kex=("a" * (32769 - rest),)).payload)

    def test_not_ascii(self) -> None:
        """Names are ASCII."""
        self.assertRaises(ProtocolViolation, KexInit.parse, self.wire.replace(b"en,de", b"e\xff,de"))

    def test_our_own(self) -> None:
        """We offer everything in both directions, guess nothing, and never send the same cookie twice."""
        again = KexInit.offering(OFFER, first=True)
        self.assertNotEqual(again.cookie, SERVER.cookie)
        self.assertEqual(replace(again, cookie=SERVER.cookie), SERVER)
        self.assertEqual(KexInit.parse(SERVER.payload), SERVER)
        for kind in ("cipher", "mac", "compression"):
            self.assertEqual(getattr(SERVER, f"{kind}_in"), getattr(SERVER, f"{kind}_out"))
        self.assertFalse(SERVER.guessed)
        self.assertEqual(SERVER.cipher_in, tuple(CIPHERS.rows))

    def test_markers_in_the_first_only(self) -> None:
        """The markers are at the end of the first KEXINIT, and in no later one."""
        names = tuple(KEY_EXCHANGES.rows)
        self.assertEqual(SERVER.kex, (*names, "ext-info-s", "kex-strict-s-v00@openssh.com"))
        self.assertEqual(KexInit.offering(OFFER, first=False).kex, names)

    def test_not_strict(self) -> None:
        """Without strict key exchange its marker is missing."""
        self.assertEqual(KexInit.offering(replace(OFFER, strict=False), first=True).kex[-1], "ext-info-s")


class NegotiationTests(SynchronousTestCase):
    """What two KEXINITs agree on."""

    def test_clients_order(self) -> None:
        """The first name of the client's list that we have counts, whatever our order."""
        kex = ("unknown", "diffie-hellman-group14-sha256", "curve25519-sha256")
        agreed = negotiate(client(kex=kex, host_key=("unknown", "rsa-sha2-256", "ssh-ed25519")), SERVER)
        self.assertEqual(agreed.kex.name, "diffie-hellman-group14-sha256")
        self.assertEqual(agreed.host_key.name, "rsa-sha2-256")

    def test_directions(self) -> None:
        """Each direction has its own cipher, MAC and compression."""
        agreed = negotiate(
            client(
                cipher_in=("aes256-ctr",),
                cipher_out=("aes192-ctr",),
                mac_in=("hmac-sha2-512",),
                mac_out=("hmac-sha2-256-etm@openssh.com",),
                compression_in=("zlib@openssh.com",),
                compression_out=("none",),
            ),
            SERVER,
        )
        rows = (agreed.cipher_in, agreed.cipher_out, agreed.mac_in, agreed.mac_out)
        self.assertEqual(
            [row and row.name for row in rows],
            ["aes256-ctr", "aes192-ctr", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com"],
        )
        self.assertEqual((agreed.compression_in.name, agreed.compression_out.name), ("zlib@openssh.com", "none"))

    def test_aead_needs_no_mac(self) -> None:
        """A cipher that authenticates clears the MAC of its direction, even if there is no common one."""
        agreed = negotiate(client(cipher_in=("aes128-gcm@openssh.com",), mac_in=()), SERVER)
        self.assertIsNone(agreed.mac_in)
        self.assertIsNotNone(agreed.mac_out)

    def test_nothing_in_common(self) -> None:
        """Without a common name of some kind the exchange fails, and both lists are named."""
        for name in _LISTS[:-2]:
            violation = self.assertRaises(ProtocolViolation, negotiate, client(**{name: ("aes512", "rot13")}), SERVER)
            self.assertEqual(violation.reason, Reason.KEY_EXCHANGE_FAILED)
            self.assertIn("aes512,rot13", violation.text)
            self.assertIn(getattr(SERVER, name)[0] if name != "kex" else "group15", violation.text)
            self.assertRaises(ProtocolViolation, negotiate, client(**{name: ()}), SERVER)

    def test_short_text(self) -> None:
        """However much a client lists, the text stays short."""
        violation = self.assertRaises(ProtocolViolation, negotiate, client(kex=("x" * 9000,)), SERVER)
        self.assertLess(len(violation.text), 1000)

    def test_harmless_text(self) -> None:
        """What a client lists goes to the log: nothing in it begins a line there, or steers a terminal."""
        violation = self.assertRaises(ProtocolViolation, negotiate, client(kex=("a\r\nb\x1b[2Jc\x7f",)), SERVER)
        self.assertTrue(violation.text.isprintable())
        self.assertIn("a??b?[2Jc?", violation.text)

    def test_languages_do_not_matter(self) -> None:
        """Languages need not agree."""
        negotiate(client(language_in=("tlh",), language_out=("tlh",)), SERVER)

    def test_markers_are_not_selectable(self) -> None:
        """A client that lists our own markers first gets none of them."""
        agreed = negotiate(client(kex=(*sorted(MARKERS), "curve25519-sha256")), SERVER)
        self.assertEqual(agreed.kex.name, "curve25519-sha256")
        violation = self.assertRaises(ProtocolViolation, negotiate, client(kex=tuple(MARKERS)), SERVER)
        self.assertNotIn("kex-strict", violation.text)

    def test_guess(self) -> None:
        """A guess is right if the first key exchange and the first host key algorithm of both sides are the same."""
        first = {"kex": SERVER.kex[:1], "host_key": SERVER.host_key[:1]}
        for lists, wrong in (
            (first, False),
            (first | {"kex": ("curve25519-sha256", *SERVER.kex)}, True),
            (first | {"kex": ("unknown", *SERVER.kex)}, True),
            (first | {"host_key": ("rsa-sha2-512",)}, True),
        ):
            self.assertEqual(negotiate(client(guessed=True, **lists), SERVER).guess_wrong, wrong)
            self.assertFalse(negotiate(client(guessed=False, **lists), SERVER).guess_wrong)

    def test_ext_info(self) -> None:
        """A client that lists ext-info-c takes EXT_INFO."""
        self.assertTrue(negotiate(client(kex=("curve25519-sha256", "ext-info-c")), SERVER).ext_info)
        self.assertFalse(negotiate(client(kex=("curve25519-sha256", "ext-info-s")), SERVER).ext_info)


class StrictTests(SynchronousTestCase):
    """Strict key exchange and the setting UseStrictKeyExchange."""

    marked = ("curve25519-sha256", "kex-strict-c-v00@openssh.com")

    def test_both_sides(self) -> None:
        """An exchange is strict if both sides say so, each with its own marker."""
        unmarked = KexInit.offering(OFFER, first=False)
        self.assertTrue(negotiate(client(kex=self.marked), SERVER).strict)
        self.assertFalse(negotiate(client(kex=self.marked), unmarked).strict)
        self.assertFalse(negotiate(client(), SERVER).strict)
        self.assertFalse(negotiate(client(kex=("curve25519-sha256", "kex-strict-s-v00@openssh.com")), SERVER).strict)

    def agreed(self, cipher_in: str, cipher_out: str = "aes128-ctr", *, etm: bool = True) -> Negotiated:
        """Return what a client without strict key exchange agrees on with us."""
        mac = ("hmac-sha2-256-etm@openssh.com" if etm else "hmac-sha2-256",)
        return negotiate(client(cipher_in=(cipher_in,), cipher_out=(cipher_out,), mac_in=mac, mac_out=mac), SERVER)

    def refused(self, agreed: Negotiated, policy: StrictKeyExchange) -> bool:
        """Return whether a client without strict key exchange is refused; one with it never is."""
        enforce_strict(agreed, policy, strict=True)
        try:
            enforce_strict(agreed, policy, strict=False)
        except ProtocolViolation as violation:
            self.assertEqual(violation.reason, Reason.KEY_EXCHANGE_FAILED)
            return True
        return False

    def test_off_and_allowed(self) -> None:
        """0 and 1 let every client in."""
        for policy in (StrictKeyExchange.OFF, StrictKeyExchange.ALLOWED):
            for name in CIPHERS.rows:
                self.assertFalse(self.refused(self.agreed(name), policy))

    def test_touched(self) -> None:
        """The attack touches ChaCha20-Poly1305 and ciphers in CBC mode, as their rows say."""
        for name, row in CIPHERS.rows.items():
            self.assertEqual(row.terrapin, name.startswith("chacha20") or "-cbc" in name, name)

    def test_filtered(self) -> None:
        """2 refuses algorithms that the attack touches, in either direction, and lets others pass."""
        for name, row in CIPHERS.rows.items():
            touched = row.terrapin
            self.assertEqual(touched, name == "chacha20-poly1305@openssh.com" or "cbc" in name)
            self.assertEqual(self.refused(self.agreed(name), StrictKeyExchange.FILTERED), touched)
            self.assertEqual(self.refused(self.agreed("aes128-ctr", name), StrictKeyExchange.FILTERED), touched)

    def test_filtered_by_mac(self) -> None:
        """A cipher with a MAC of its own choice is touched with encrypt-then-MAC only, each direction for itself."""
        cbc = CIPHERS["aes128-cbc"]
        plain, etm = MACS["hmac-sha2-256"], MACS["hmac-sha2-256-etm@openssh.com"]
        safe = self.agreed("aes128-ctr")
        for direction in ("in", "out"):
            for mac, touched in ((plain, False), (etm, True)):
                agreed = replace(safe, **{f"cipher_{direction}": cbc, f"mac_{direction}": mac})  # type: ignore[arg-type]
                self.assertEqual(self.refused(agreed, StrictKeyExchange.FILTERED), touched)
                self.assertFalse(self.refused(agreed, StrictKeyExchange.ALLOWED))

    def test_filtered_with_encrypt_and_mac(self) -> None:
        """2 lets CBC pass with encrypt-and-MAC, where the attack finds no packet that it could make fit."""
        for name, row in CIPHERS.rows.items():
            agreed = self.agreed(name, etm=False)
            self.assertEqual(self.refused(agreed, StrictKeyExchange.FILTERED), row.terrapin and row.aead)

    def test_required(self) -> None:
        """3 refuses every client without strict key exchange, whatever its algorithms."""
        for name in CIPHERS.rows:
            self.assertTrue(self.refused(self.agreed(name), StrictKeyExchange.REQUIRED))
