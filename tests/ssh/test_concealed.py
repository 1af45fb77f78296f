"""
Where a packet stopped being believed, nobody learns if its length was encrypted (CVE-2008-5161).
"""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.algorithms.protection import MACS
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.ciphers import PacketCipher, forged, with_mac
from conchsftp.ssh.packets.receiving import LARGEST_PACKET, ReceiveBuffer
from tests.ssh.families import AES_CTR, CONCEALING, PROTECTED, SMALL, Mac, plain, put, receiving, sealed


class ConcealTests(SynchronousTestCase):
    """The end of a connection over a packet."""

    END = LARGEST_PACKET + 4 + 32
    """Bytes of the longest packet with its tag."""

    def setUp(self) -> None:
        self.buffer = ReceiveBuffer()

    def course(self, make: Callable[[], PacketCipher], wire: bytes, pieces: tuple[int, ...] = ()) -> tuple[int, str]:
        """Return how many bytes had come when the connection ended, and its last words."""
        receiver = receiving(make(), self.buffer)
        at = 0
        whole = wire + bytes(self.END - len(wire))
        for piece in (*pieces, self.END - 1, self.END):
            put(receiver, whole[at:piece])
            at = piece
            try:
                self.assertIsNone(receiver.next())
            except ProtocolViolation as violation:
                self.assertRaises(ProtocolViolation, receiver.next)
                receiver.release()
                return at, f"{violation.reason!r}: {violation.text}"
        raise AssertionError("it goes on")

    def test_any_bit(self) -> None:
        """Whichever bit was changed, of length, payload or tag: the end comes at the same byte with the same words."""
        for name in ("ctr, encrypt-and-mac", "cbc, encrypt-and-mac", "arcfour, encrypt-and-mac"):
            make = CONCEALING[name]
            wire = sealed(make(), 0, b"\x05service")
            told = set()
            for bit in range(8 * len(wire)):
                forged = bytearray(wire)
                forged[bit // 8] ^= 1 << bit % 8
                told.add(self.course(make, bytes(forged)))
            with self.subTest(name):
                self.assertEqual(told, {(self.END, f"{Reason.MAC_ERROR!r}: {forged_text()}")})

    def test_any_length(self) -> None:
        """A length may be none, too long, unaligned or any that there can be: it makes no difference."""
        for name, make in CONCEALING.items():
            block = make().block
            told = set()
            for length in (
                0,
                1,
                4,
                5,
                block - 4,
                2 * block - 4,
                2 * block,
                LARGEST_PACKET - 4,
                LARGEST_PACKET,
                2**32 - 1,
            ):
                packet = plain(make(), bytes(40), length=length)
                make().seal(7, memoryview(packet))
                told.add(self.course(make, bytes(packet), (3, 64, 1000)))
            with self.subTest(name):
                self.assertEqual(told, {(self.END, f"{Reason.MAC_ERROR!r}: {forged_text()}")})

    def test_same_work(self) -> None:
        """As many bytes are decrypted and authenticated, whether the length is bad or the tag behind it."""
        for pieces in ((), (500, 100_000)):
            work = set()
            for length in (11, 12, 12 + 4096, LARGEST_PACKET - 4):
                counted = Counted()
                packet = plain(counted.cipher, bytes(40), length=length)
                CONCEALING["ctr, encrypt-and-mac"]().seal(0, memoryview(packet))
                self.course(lambda counted=counted: counted.cipher, bytes(packet), pieces)
                work.add(counted.bytes)
            self.assertEqual(len(work), 1, work)

    def test_nothing_is_kept(self) -> None:
        """What is thrown away takes no memory, however slowly it comes and whoever else needs the buffer."""
        receiver = receiving(CONCEALING["cbc, encrypt-and-mac"](), self.buffer)
        for _ in range(50):
            put(receiver, bytes(5000))
            self.assertIsNone(receiver.next())
            receiver.put_aside()
            self.assertEqual(receiver._aside, b"")

    def test_empty_turns(self) -> None:
        """A turn in which nothing came changes nothing, whatever the code: some take no empty buffer."""
        made = {row.name: row.build(bytes(row.key)) for row in MACS if not row.etm and row.available() is None}
        for name, mac in made.items():
            receiver = receiving(with_mac(AES_CTR, SMALL, SMALL, mac), self.buffer)
            put(receiver, bytes(5000))
            with self.subTest(name):
                for _ in range(3):
                    self.assertIsNone(receiver.next())

    def test_others_end_at_once(self) -> None:
        """A plain length tells nobody anything: the connection ends with the packet."""
        for name in PROTECTED.keys() - CONCEALING.keys():
            wire = bytearray(sealed(PROTECTED[name](), 0, bytes(40)))
            wire[-1] ^= 1
            self.assertEqual(self.course(PROTECTED[name], bytes(wire), (len(wire),))[0], len(wire), name)


class Counted:
    """A cipher that counts the bytes of which it makes tags."""

    def __init__(self) -> None:
        self.bytes = 0
        mac = Mac(etm=False)
        make = mac.tag

        def tag(sequence: int, packet: bytes | memoryview) -> bytes:
            self.bytes += len(packet)
            return make(sequence, packet)

        mac.tag = tag  # type: ignore[method-assign]
        self.cipher = with_mac(AES_CTR, SMALL, SMALL, mac)


def forged_text() -> str:
    """Return what is said of a packet that is not authentic."""
    return forged().text
