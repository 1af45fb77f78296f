"""
The Terrapin attack (CVE-2023-48795): a message that is added before NEWKEYS, for one that is dropped behind it.
"""

from typing import Any

from conchsftp.ssh.algorithms.protection import CIPHERS
from conchsftp.ssh.algorithms.registry import Profile
from conchsftp.ssh.numbers import Message
from conchsftp.testing import MemoryClient
from tests.ssh.case import ConnectionCase
from tests.ssh.clients import string

CHACHA = "chacha20-poly1305@openssh.com"
# IGNORE with nothing in it, as it goes over the wire before there are keys.
IGNORE = bytes.fromhex("0000000c 06 02 00000000 000000000000")


class TerrapinTests(ConnectionCase):
    """An attacker between client and server."""

    def attacked(self, *, insert: int = 1, drop: bool = True, strict: bool = True, cipher: str = CHACHA) -> Any:
        """Return a client that has connected and sent EXT_INFO, through an attacker."""
        # Encrypt-then-MAC verifies what counter mode then makes noise of; most often, but not always, that is noticed.
        client = self.client(strict=strict, cipher=cipher, mac="hmac-sha2-256")
        lay = client.lay_now

        def lay_and_insert(number: int, payload: bytes = b"") -> None:
            if number == Message.NEWKEYS:
                client.flush()
                for _ in range(insert):
                    client.pipe.bring(IGNORE)
            lay(number, payload)

        client.lay_now = lay_and_insert  # type: ignore[method-assign]
        client.connect()
        del client.lay_now
        client.lay(Message.EXT_INFO, b"\0\0\0\1" + string(b"name") + string(b"value"))
        if drop:
            client.sender.sent(client.sender.unsent().nbytes)
        client.pump()
        return client

    def told(self, client: MemoryClient) -> bool:
        """Log in; return whether the server has got the EXT_INFO."""
        client.ask_for_login()
        client.authenticate("user", "password", b"\0\0\0\0\x08password")
        client.take(Message.USERAUTH_SUCCESS)
        return bool(client.server.peerExtensions)

    def noticed(self, client: MemoryClient) -> bool:
        """Return whether the server ends the connection when the client goes on: a wrong length takes a while."""
        client.packet(5, string(b"ssh-userauth"))
        for _ in range(10):
            if not client.pipe.closing:
                client.packet(2, string(bytes(32768)))
        return client.server.ending is not None and client.server.user_name is None

    def test_untouched(self) -> None:
        """Without the attack all of it arrives."""
        for strict in (True, False):
            self.assertTrue(self.told(self.attacked(insert=0, drop=False, strict=strict)))

    def test_strict(self) -> None:
        """With strict key exchange the added message ends the connection, with every cipher."""
        self.serve(algorithm_profile="compatible")
        for cipher in CIPHERS.names(Profile.COMPATIBLE):
            for drop in (True, False):
                client = self.attacked(cipher=cipher, drop=drop)
                self.assertIn("message 2 may not come now", client.server.ending.description)
                self.assertTrue(client.pipe.closing)

    def test_strict_without_addition(self) -> None:
        """Nor can a packet be dropped alone: the numbers begin anew with the keys, and no two are the same."""
        self.serve(algorithm_profile="compatible")
        for cipher in CIPHERS.names(Profile.COMPATIBLE):
            self.assertTrue(self.noticed(self.attacked(insert=0, cipher=cipher)))

    def test_not_strict(self) -> None:
        """Without it, and with ChaCha20-Poly1305, nobody notices: what the client said first is lost."""
        for settings, strict in (({"use_strict_key_exchange": 0}, True), ({"use_strict_key_exchange": 1}, False)):
            self.serve(**settings)
            self.assertFalse(self.told(self.attacked(strict=strict)))

    def test_half(self) -> None:
        """Half of it is noticed even so: what is added has to make up for what is dropped."""
        for insert, drop in ((1, False), (0, True), (2, True)):
            self.assertTrue(self.noticed(self.attacked(insert=insert, drop=drop, strict=False)))

    def test_other_ciphers(self) -> None:
        """A cipher that is not marked as open to it notices without strict key exchange."""
        self.serve(algorithm_profile="compatible")
        for cipher in CIPHERS.names(Profile.COMPATIBLE):
            if not CIPHERS[cipher].terrapin:
                self.assertTrue(self.noticed(self.attacked(strict=False, cipher=cipher)), cipher)

    def test_filtered(self) -> None:
        """UseStrictKeyExchange=2 lets nobody get so far with a cipher that is open to it."""
        self.serve(use_strict_key_exchange=2)
        client = self.attacked(strict=False)
        self.assertIn("needs strict key exchange", client.server.ending.description)
