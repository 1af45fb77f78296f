"""
Key exchanges in the middle of a transfer: by the client, by the server, by both, again and again.
"""

from collections.abc import Callable
from typing import Any

from conchsftp.sftp.statuses import Status
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.support import CLOSE, DATA, GREETING, VERSION, numbers, reading, request, string, string_at, writing
from tests.session.versions import in_versions

READ, WRITE, CREAT, TRUNC = 1, 2, 8, 0x10
PIECE, BATCH = 32 * 1024, 16
KEXINIT, KEEPALIVE, REQUEST_FAILURE = 20, 80, 82
CONTENT = b"".join(b"%015d\n" % at for at in range(0, 3 * 2**20, 16))
OFFSETS = range(0, len(CONTENT), PIECE)


class RekeyingCase:
    """A transfer in both directions, many requests on their way, with something going on in the middle."""

    def begin_with(self, *, client: dict[str, Any] | None = None, **settings: Any) -> Any:
        """Begin a session with a server that has these settings."""
        self.session = self.begin(server=self.make_server(**settings), client_options=client or {})
        return self.session.client

    def transfer(self, meanwhile: Callable[[], object]) -> None:
        """
        Upload a file and download one at the same time, and compare both.

        Args:
            meanwhile: called between batches, while the requests of one are laid out and not yet sent.
        """
        self.put("/down", CONTENT)
        up, down = self.open(b"/up", WRITE | CREAT | TRUNC), self.open(b"/down", READ)
        replies = []
        for first in range(0, len(OFFSETS), BATCH):
            for number, at in enumerate(OFFSETS[first : first + BATCH], first):
                self.session.channel.lay_data(writing(up, at, CONTENT[at : at + PIECE], 2 * number))
                self.session.channel.lay_data(reading(down, at, PIECE, 2 * number + 1))
            meanwhile()
            replies += self.session.replies()
        replies += self.session.replies()
        self.assertEqual(numbers(replies), list(range(2 * len(OFFSETS))))
        self.assert_statuses(replies[::2], *[Status.OK] * len(OFFSETS))
        self.assertEqual({reply[0] for reply in replies[1::2]}, {DATA})
        self.assertEqual(b"".join(string_at(reply, 5) for reply in replies[1::2]), CONTENT)
        self.assert_statuses(self.session.ask(request(CLOSE, 1, string(up))), Status.OK)
        self.assertEqual(self.session.memory.get("/up"), CONTENT)
        self.assertIsNone(self.session.client.disconnected)


@bug_class(18)
class AboutRekeying(RekeyingCase):
    """Whoever begins, and how often."""

    def test_by_the_client(self) -> None:
        """The client begins with requests on their way, six times: FileZilla after a gigabyte, PuTTY after an hour."""
        client = self.begin_with()
        self.transfer(lambda: client.send_kexinit())
        self.assertGreaterEqual(client.exchanges, 7)

    def test_by_the_client_first(self) -> None:
        """The same when the requests come behind its KEXINIT, which it holds back until the exchange is over."""
        client = self.begin_with()
        lay_data = self.session.channel.lay_data

        def rekey_and_lay(data: bytes) -> None:
            if not client._ours and client.exchanges < 20:
                client.send_kexinit()
            lay_data(data)

        self.session.channel.lay_data = rekey_and_lay
        self.transfer(lambda: None)
        self.assertGreaterEqual(client.exchanges, 4)

    def test_by_bytes(self) -> None:
        """The server begins, after so many bytes in one direction."""
        client = self.begin_with(key_renegotiation_threshold=200_000)
        self.transfer(lambda: None)
        self.assertGreaterEqual(client.exchanges, 10)

    def test_by_packets(self) -> None:
        """After so many packets."""
        client = self.begin_with(rekey_packets=20)
        self.transfer(lambda: None)
        self.assertGreaterEqual(client.exchanges, 10)

    def test_by_time(self) -> None:
        """After so many seconds."""
        client = self.begin_with(rekey_seconds=60, default_timeout=0)
        self.transfer(lambda: self.session.clock.advance(61))
        batches = len(OFFSETS) // BATCH
        self.assertTrue(batches <= client.exchanges <= batches + 2, client.exchanges)

    def test_by_both(self) -> None:
        """Both begin at once, and the server once more after so many packets, over a socket that takes little."""
        client = self.begin_with(rekey_packets=30, client={"room": 10_000, "chunk": 5000})

        def start_both() -> None:
            client.server.keying.start()
            client.send_kexinit()

        self.transfer(start_both)
        self.assertGreaterEqual(client.exchanges, 7)

    def test_ciphers(self) -> None:
        """Whatever protects and compresses the packets, before and after."""
        for options in (
            {"cipher": "chacha20-poly1305@openssh.com"},
            {"cipher": "aes256-ctr", "mac": "hmac-sha2-512"},
            {"compression": "zlib@openssh.com", "strict": False},
        ):
            client = self.begin_with(
                client=options, key_renegotiation_threshold=1_000_000, algorithm_profile="compatible"
            )
            self.transfer(lambda client=client: client.send_kexinit())
            self.assertGreaterEqual(client.exchanges, 7)


@in_versions(3, 6)
class MemoryTests(AboutRekeying, WireCase):
    """In memory."""

    @bug_class(18)
    def test_data_in_flight(self) -> None:
        """What a client sent before it saw the server's KEXINIT is taken and answered, behind the new keys."""
        client = self.begin_with()
        handle = self.open(b"/up", READ | WRITE | CREAT)
        for exchanges in (2, 3, 4):
            client.automatic = False
            client.server.keying.start()
            client.pump()
            self.assertEqual(client.numbers[-1], KEXINIT)
            packets = (writing(handle, at, b"%07d" % at, at) for at in range(0, 7000, 7))
            self.assertEqual(self.session.ask(*packets), [])
            client.packet(KEEPALIVE, string(b"keepalive@openssh.com") + b"\x01")
            self.assertEqual(client.numbers[-1], KEXINIT)
            client.automatic = True
            client._kexinit(bytes((KEXINIT,)) + client.take(KEXINIT))
            replies = self.session.replies()
            client.take(REQUEST_FAILURE)
            self.assertEqual(numbers(replies), list(range(0, 7000, 7)))
            self.assertEqual(client.exchanges, exchanges)
        self.assertEqual(self.get("/up"), b"".join(b"%07d" % at for at in range(0, 7000, 7)))

    @bug_class(18)
    def test_greeting_in_flight(self) -> None:
        """The same holds for INIT: VERSION comes behind the new keys."""
        client = self.begin_with()
        channel = client.open_subsystem()
        client.automatic = False
        client.server.keying.start()
        client.pump()
        channel.send(GREETING)
        self.assertEqual((client.numbers[-1], channel.take()), (KEXINIT, b""))
        client.automatic = True
        client._kexinit(bytes((KEXINIT,)) + client.take(KEXINIT))
        client.pump()
        self.assertEqual(channel.take()[4], VERSION)

    @bug_class(18)
    def test_keys_are_new(self) -> None:
        """Each exchange has a hash of its own, and the connection keeps its first."""
        client = self.begin_with()
        session_id, hashes = client.session_id, {client.exchange_hash}
        for _ in range(4):
            client.rekey()
            hashes.add(client.exchange_hash)
        self.assertEqual((len(hashes), client.session_id), (5, session_id))


@in_versions(3, 6)
class LocalTests(AboutRekeying, LocalWireCase):
    """On a disk."""
