"""
The first key exchange of a connection. Later ones are in test_rekeying, slow ones in test_keying_threads.
"""

from struct import pack

from conchsftp.ssh.algorithms.protection import CIPHERS, MACS
from conchsftp.ssh.kexinit import KexInit
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.receiving import LARGEST_PACKET
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient
from tests.ssh.case import ConnectionCase
from tests.ssh.clients import verify

PING = b"\0\0\0\4ping"
_USED_UP = b"sequence numbers were used up during the first key exchange"
VALUE = 30, pack(">I", 32) + bytes(31) + b"\x09"


class ProtectionTests(ConnectionCase):
    """Everything that can be negotiated."""

    def serve_all(self) -> None:
        """Make a server that offers every cipher and every MAC."""
        self.serve(ssh_encryption_algorithms=",".join(CIPHERS.rows), ssh_mac_algorithms=",".join(MACS.rows))

    def test_ciphers(self) -> None:
        """Every cipher and every MAC protects both directions, with and without strict key exchange."""
        self.serve_all()
        pairs = [(cipher.name, mac) for cipher in CIPHERS for mac in ("hmac-sha2-256", "hmac-sha2-256-etm@openssh.com")]
        pairs += [("aes128-ctr", mac.name) for mac in MACS if mac.available() is None]
        for cipher, mac in pairs:
            for strict in (True, False):
                client = self.logged_in(cipher=cipher, mac=mac, strict=strict)
                for _ in range(3):
                    client.packet(192, PING)
                    self.assertEqual(client.take(193), PING, (cipher, mac))
                client.rekey()
                self.assert_alive(client)

    def test_no_mac(self) -> None:
        """Who wants a cipher that authenticates need not offer a MAC."""
        self.client(mac="none@example.com").connect()

    def test_nothing_in_common(self) -> None:
        """Without a common algorithm the client is told what both sides have."""
        client = self.client(cipher="3des-cbc")
        client.automatic = False
        client.connect()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "no common cipher: the client has 3des-cbc; the server")

    def test_signature(self) -> None:
        """The server signs the hash of everything that was said, which is the session id for good."""
        client = self.client()
        client.connect()
        self.assertEqual(verify(client.host_key, client.signature, client.exchange_hash), "ssh-ed25519")
        self.assertEqual(client.server.sessionID, client.exchange_hash)
        first = client.session_id
        client.rekey()
        self.assertEqual(verify(client.host_key, client.signature, client.exchange_hash), "ssh-ed25519")
        self.assertNotEqual(client.exchange_hash, first)
        self.assertEqual(client.server.sessionID, first)

    def test_is_encrypted(self) -> None:
        """A service may ask whether the connection is protected."""
        client = self.at(Stage.FIRST_KEX)
        self.assertFalse(client.server.isEncrypted())
        self.assertFalse(client.server.isEncrypted("both"))
        client = self.at(Stage.SERVICE)
        for direction in ("in", "out", "both"):
            self.assertTrue(client.server.isEncrypted(direction))
            self.assertTrue(client.server.isVerified(direction))

    def test_tampered(self) -> None:
        """A packet with one bit changed ends the connection, whichever bit; at once, or as if it were the longest."""
        self.serve_all()
        for cipher in CIPHERS:
            for at in (-1, 8, 20):
                for mac in ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"):
                    client = self.at(Stage.SERVICE, cipher=cipher.name, mac=mac)
                    client.lay(2, bytes(20))
                    sealed = bytearray(client.sender.unsent())
                    client.sender.sent(len(sealed))
                    sealed[at] ^= 1
                    client.pipe.bring(sealed)
                    client.pump()
                    if not (cipher.aead or MACS[mac].etm):
                        self.assertIsNone(client.disconnected)
                        client.pipe.bring(bytes(LARGEST_PACKET))
                        client.pump()
                    self.assert_ended(client, Reason.MAC_ERROR, "authentication tag")


class OrderTests(ConnectionCase):
    """Which message of an exchange comes when."""

    def test_newkeys_too_early(self) -> None:
        """NEWKEYS before the secret is shared would be a connection without keys."""
        client = self.at(Stage.FIRST_KEX)
        client.packet(21)
        self.assert_ended(client, text="NEWKEYS before")
        for stage in (Stage.REKEY, Stage.REKEY_AUTH):
            client = self.at(stage)
            client.packet_now(21)
            self.assert_ended(client, text="NEWKEYS before")

    def test_kexinit_twice(self) -> None:
        """A second KEXINIT inside an exchange is none."""
        client = self.at(Stage.FIRST_KEX)
        client.send_kexinit()
        client.pump()
        self.assert_ended(client, text="message 20")

    def test_wrong_message(self) -> None:
        """A message of another method, or one that only the server sends."""
        for number in (31, 32, 33, 34, 40, 49):
            client = self.at(Stage.FIRST_KEX)
            client.packet(number, b"\0\0\0\0")
            self.assert_ended(client, text=f"message {number}")

    def refused(self, *messages: tuple[int, bytes]) -> list[str]:
        """Return why messages end a first exchange; who plays no part in it cannot read what is under its keys."""
        client = self.at(Stage.FIRST_KEX)
        texts: list[str] = []
        client.server.sendDisconnect = lambda reason, text: texts.append(text.decode())
        for number, payload in messages:
            client.lay_now(number, payload)
        client.flush()
        client.pipe.deliver()
        return texts

    def test_again(self) -> None:
        """A message of the method when the method is done."""
        self.assertEqual(self.refused(VALUE), [])
        self.assertEqual(self.refused(VALUE, VALUE), ["message 30 after the end of the key exchange"])

    def test_malformed(self) -> None:
        """Whatever is short or long in KEXINIT or the client's value is a violation."""
        client = self.client()
        client.automatic = False
        client.connect()
        whole = client._ours[1:]
        for size in (*range(0, len(whole), 7), len(whole) - 1):
            client = self.at(Stage.FIRST_KEXINIT)
            client.packet(20, whole[:size])
            self.assert_ended(client)
        for count, size in ((33, 32), (31, 31), (32, 33), (32, 32)):
            client = self.at(Stage.FIRST_KEX)
            client.packet(30, pack(">I", count) + bytes(size))
            # Too short, too long, and a value that leads to a secret of zero.
            self.assert_ended(client, Reason.PROTOCOL_ERROR if count > size else Reason.KEY_EXCHANGE_FAILED)

    def test_service_before_newkeys(self) -> None:
        """Nothing else is asked for before the client's NEWKEYS, although ours is out."""
        self.assertEqual(self.refused(VALUE, (5, b"\0\0\0\x0cssh-userauth")), ["message 5 may not come now"])


class GuessTests(ConnectionCase):
    """A client that sends its first message before it knows the method (RFC 4253, 7.1)."""

    def guess(self, kex: tuple[str, ...], *messages: tuple[int, bytes]) -> MemoryClient:
        """Return a client that has sent KEXINIT and a guess in the same bytes."""
        client = self.client()
        client.raw(client.version + b"\r\n", pump=False)
        client.send_kexinit(guessed=True, kex=kex)
        for number, payload in messages:
            client.lay_now(number, payload)
        return client

    def test_wrong(self) -> None:
        """A wrong guess is skipped, whatever it is; the exchange goes on with the next message."""
        for number in (30, 31, 34, 49):
            for payload in (b"", b"\xff" * 100):
                client = self.guess(("sntrup761x25519-sha512", "curve25519-sha256"), (number, payload))
                client.pump()
                client.ask_for_login()

    def test_wrong_only_one(self) -> None:
        """Exactly one message is skipped."""
        client = self.guess(("sntrup761x25519-sha512", "curve25519-sha256"), (30, b""), (31, b""))
        client.pump()
        self.assert_ended(client, text="message 31")

    def test_right(self) -> None:
        """A right guess is the first message of the exchange."""
        self.serve(ssh_key_exchange_algorithms=("curve25519-sha256",))
        client = self.guess(("curve25519-sha256",))
        exchange, lay = client.method(), client.lay_now
        client.method = lambda: exchange  # type: ignore[assignment]
        lay(*exchange.first)
        # By itself, the client would now send it again.
        client.lay_now = lambda *message: None if message == exchange.first else lay(*message)  # type: ignore
        client.pump()
        client.ask_for_login()

    def test_not_announced(self) -> None:
        """Where no guess was announced, nothing is skipped."""
        client = self.at(Stage.FIRST_KEX)
        client.packet(31, b"")
        self.assert_ended(client, text="message 31")


class StrictTests(ConnectionCase):
    """Strict key exchange, the answer to Terrapin (CVE-2023-48795; OpenSSH's PROTOCOL, 1.10)."""

    CHACHA = "chacha20-poly1305@openssh.com"

    def test_sequence_numbers(self) -> None:
        """Every NEWKEYS sets the sequence number of its direction to 0, if both sides are strict; else none does."""
        for strict in (True, False):
            client = self.client(strict=strict, cipher=self.CHACHA)
            client.connect()
            for _ in range(3):
                sent, received = client.sender.sequence, client.receiver.sequence
                self.assertEqual((sent, client.server.receiver.sequence), (client.server.receiver.sequence, sent))
                self.assertEqual((sent < 2, received < 2), (strict, strict))
                client.packet(255)
                self.assertEqual(client.take(3), pack(">I", sent))
                client.rekey()

    def test_injected(self) -> None:
        """A message that an attacker adds to a strict first exchange ends the connection, wherever he adds it."""
        for number in (2, 3, 4, 5, 7, 20, 22, 50, 80, 90, 192, 255):
            client = self.at(Stage.FIRST_KEX)
            client.packet_now(number, b"")
            self.assert_ended(client, text=f"message {number}")

    def test_injected_before(self) -> None:
        """Also before the client's KEXINIT, which has to be the first message of all."""
        for number in (2, 3, 4, 255):
            client = self.at(Stage.FIRST_KEXINIT)
            client.packet(number, b"")
            client.send_kexinit()
            client.pump()
            self.assert_ended(client, text="KEXINIT was not the first message")

    def test_duplicates(self) -> None:
        """Nor may a message of the exchange come twice, or the next one too early."""
        for number, payload in ((20, b""), (21, b""), (31, b"")):
            client = self.at(Stage.FIRST_KEX)
            if number == 20:
                client.send_kexinit()
                client.pump()
            else:
                client.packet_now(number, payload)
            self.assert_ended(client)

    def test_after_our_keys(self) -> None:
        """The rule holds until the client's NEWKEYS: behind its value, only that may come."""
        for number in (2, 3, 4, 5, 7, 20, 30, 31, 49, 80, 255):
            client = self.at(Stage.FIRST_KEX)
            client.lay_now(*client.method().first)
            client.flush()
            client.pipe.deliver()
            self.assertIsNotNone(client.server.sessionID)
            texts: list[bytes] = []
            client.server.sendDisconnect = lambda reason, text, texts=texts: texts.append(text)
            client.lay_now(number, b"")
            client.flush()
            client.pipe.deliver()
            self.assertEqual(len(texts), 1, number)
            self.assertIn(b"message %d" % number, texts[0])

    def test_used_up(self) -> None:
        """Who has a sequence number count round during the first exchange is left, strict or not; later nobody is."""
        for strict in (True, False):
            for direction, number in (("receiver", 21), ("sender", 30)):
                for count, ends in ((2**32 - 3, False), (2**32, True)):
                    client = self.at(Stage.FIRST_KEX, strict=strict)
                    client.automatic = True
                    self.assertLess(getattr(client.server, direction).packets, 3)
                    getattr(client.server, direction).packets = count
                    texts: list[bytes] = []
                    client.server.sendDisconnect = lambda reason, text, texts=texts: texts.append(text)
                    client._kexinit(b"\x14" + client.take(20))
                    client.pump()
                    self.assertEqual(texts[:1], [_USED_UP] if ends else [], (direction, number))
        client = self.logged_in()
        client.server.receiver.packets = client.server.sender.packets = 2**32
        client.rekey()
        self.assert_alive(client)

    def test_not_strict(self) -> None:
        """Where the client is not strict, the messages that RFC 4253 allows do no harm."""
        client = self.at(Stage.FIRST_KEXINIT, strict=False)
        for number in (2, 3, 4):
            client.packet(number, b"\0\0\0\0")
        client.send_kexinit()
        client.pump()
        self.assertIs(client.server.stage, Stage.FIRST_KEX)
        for number in (2, 3, 4):
            client.packet(number, b"\0\0\0\0")
        self.assertIsNone(client.disconnected)

    def test_later_exchanges(self) -> None:
        """In later exchanges, under protection, such messages are allowed again."""
        client = self.at(Stage.REKEY)
        for number in (2, 3, 4):
            client.packet_now(number, b"\0\0\0\0")
        self.assert_alive(client)

    def test_marker_counts_once(self) -> None:
        """A marker in a later KEXINIT changes nothing, and we send ours in the first only."""
        client = self.logged_in(strict=False)
        client.send_kexinit(kex=("curve25519-sha256", "kex-strict-c-v00@openssh.com", "ext-info-c"))
        client.pump()
        self.assertFalse(client.server.strict)
        self.assertEqual(client.numbers.count(7), 1)
        self.assertGreater(client.sender.sequence, 5)
        self.assert_alive(client)

    def test_markers(self) -> None:
        """Our first KEXINIT has both markers; a setting takes that of strict key exchange away."""
        for policy, marked in ((1, True), (0, False)):
            self.serve(use_strict_key_exchange=policy)
            client = self.at(Stage.FIRST_KEXINIT)
            names = KexInit.parse(b"\x14" + client.take(20)).kex
            self.assertIn("ext-info-s", names)
            self.assertEqual("kex-strict-s-v00@openssh.com" in names, marked)
            client = self.logged_in()
            self.assertEqual(client.server.strict, marked)

    def test_required(self) -> None:
        """A server that insists refuses whoever is not strict."""
        self.serve(use_strict_key_exchange=3)
        client = self.client(strict=False)
        client.connect()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "strict key exchange is required")
        self.client().connect()

    def test_filtered(self) -> None:
        """One that filters refuses what the attack can touch, in later exchanges as well."""
        self.serve(use_strict_key_exchange=2)
        client = self.client(strict=False, cipher=self.CHACHA)
        client.connect()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "needs strict key exchange")
        client = self.client(strict=False)
        client.connect()
        client._offer = self.CHACHA, "", "none"
        client.rekey()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "needs strict key exchange")
        self.client(cipher=self.CHACHA).connect()


class ExtensionTests(ConnectionCase):
    """EXT_INFO (RFC 8308)."""

    def test_content(self) -> None:
        """It is the first message after NEWKEYS and says what users may sign with, not what host keys do."""
        self.serve(ssh_pub_key_auth_sig_algorithms=("rsa-sha2-512", "ssh-ed25519"))
        client = self.client()
        client.connect()
        self.assertEqual(client.numbers, [20, 31, 21, 7])
        expected = {
            b"server-sig-algs": b"rsa-sha2-512,ssh-ed25519",
            b"ping@openssh.com": b"0",
            b"publickey-hostbound@openssh.com": b"0",
        }
        self.assertEqual(client.extensions, expected)

    def test_by_name_only(self) -> None:
        """It names SHA-1 and DSA where the settings do, and only there: clients believe it."""
        for wanted in ("", "ssh-ed25519,ssh-rsa,ssh-dss"):
            self.serve(ssh_pub_key_auth_sig_algorithms=wanted)
            client = self.client()
            client.connect()
            said = client.extensions[b"server-sig-algs"].decode().split(",")
            self.assertEqual({"ssh-rsa", "ssh-dss"} & set(said), {"ssh-rsa", "ssh-dss"} if wanted else set())

    def test_once(self) -> None:
        """It is sent once."""
        client = self.logged_in()
        client.rekey()
        self.assertEqual(client.numbers.count(7), 1)

    def test_not_asked_for(self) -> None:
        """A client that does not take it does not get it."""
        client = self.client(ext_info=False)
        client.connect()
        self.assertEqual(client.numbers, [20, 31, 21])
