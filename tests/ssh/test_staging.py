"""
Where packets are laid out: buffers that are borrowed, given back, and grown no further than what waits in them.
"""

from ctypes import addressof, c_char
from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.staging import Sender, StagingPool
from tests.ssh.families import put, receiving, taken

CHANNEL = b"\x5e" + pack(">I", 7)


def backing(view: memoryview) -> int:
    """Return what tells one buffer from another; the buffers themselves would fill the report of a failure."""
    return id(view.obj)


class PoolTests(SynchronousTestCase):
    """A connection has a buffer only while it has something to send."""

    def test_given_back(self) -> None:
        """The buffer goes back when its last byte has left, not before."""
        pool = StagingPool()
        sender = Sender(pool)
        sender.packet(b"\x05hello")
        buffer = backing(sender.unsent())
        sender.sent(15)
        self.assertNotEqual(backing(pool.take()), buffer)
        sender.sent(1)
        self.assertEqual(backing(pool.take()), buffer)

    def test_used_again(self) -> None:
        """Connections that send one after the other share one buffer."""
        pool = StagingPool()
        buffers = set()
        for number in range(10):
            sender = Sender(pool)
            sender.packet(bytes([number]) * 100)
            buffers.add(backing(sender.unsent()))
            sender.sent(sender.waiting)
        self.assertEqual(len(buffers), 1)

    def test_kept(self) -> None:
        """The pool keeps as many buffers as it was told: one below, at, and one above."""
        pool = StagingPool(keep=2)
        views = [pool.take() for _ in range(3)]
        self.assertEqual(len({backing(view) for view in views}), 3)
        for view in views:
            pool.give_back(view)
        again = [pool.take() for _ in range(3)]
        self.assertEqual({backing(view) for view in again[:2]}, {backing(view) for view in views[:2]})
        self.assertNotIn(backing(again[2]), {backing(view) for view in views})

    def test_grown_buffer_is_not_kept(self) -> None:
        """A buffer that had to grow is not given to the next connection."""
        pool = StagingPool()
        sender = Sender(pool)
        sender.data(CHANNEL, 32768, bytes(1 << 21))
        grown = sender.unsent()
        sender.sent(grown.nbytes)
        others = [pool.take() for _ in range(6)]
        self.assertNotIn(backing(grown), [backing(view) for view in others])

    def test_outgrown_buffer_goes_back(self) -> None:
        """The buffer that was too small is given back when a larger one replaces it."""
        pool = StagingPool()
        sender = Sender(pool)
        sender.packet(b"\x05hello")
        outgrown = backing(sender.unsent())
        sender.data(CHANNEL, 32768, bytes(1 << 20))
        self.assertEqual(backing(pool.take()), outgrown)
        self.assertNotEqual(backing(sender.unsent()), outgrown)

    def test_release(self) -> None:
        """A connection that is over gives its buffer back, with what was not sent; once."""
        pool = StagingPool()
        sender = Sender(pool)
        sender.packet(b"\x05hello")
        buffer = backing(sender.unsent())
        sender.sent(3)
        sender.data(CHANNEL, 100, b"open")
        sender.release()
        sender.release()
        self.assertEqual(sender.waiting, 0)
        first, second = pool.take(), pool.take()
        self.assertEqual(backing(first), buffer)
        self.assertNotEqual(backing(second), buffer)

    def test_release_unused(self) -> None:
        """A connection that never sent anything gives nothing back."""
        pool = StagingPool()
        Sender(pool).release()
        self.assertGreater(pool.take().nbytes, 0)


class GrowthTests(SynchronousTestCase):
    """What waits may outgrow the buffer; the buffer does not outgrow what waits."""

    def test_content_survives(self) -> None:
        """What was laid out before, an open message included, is the same after growing."""
        sender = Sender(StagingPool())
        expected = [b"\x05first" * 100]
        sender.packet(expected[0])
        wire = bytes(sender.unsent()[:50])
        sender.sent(50)
        data = bytes(range(256)) * 4096
        sender.data(CHANNEL, 30_000, data[:10])
        places = sender.reserve(CHANNEL, 30_000, before=5, size=len(data) - 10)
        for place in places:
            place[:] = b"x" * place.nbytes
        sender.commit(b"head:", len(data) - 10)
        wire += bytes(sender.unsent())
        sender.sent(sender.waiting)
        receiver = receiving(PacketCipher())
        found: list[bytes] = []
        for at in range(0, len(wire), 100_000):
            put(receiver, wire[at : at + 100_000])
            found += taken(receiver)
        self.assertEqual(found[0], expected[0])
        self.assertEqual(b"".join(payload[9:] for payload in found[1:]), data[:10] + b"head:" + b"x" * (len(data) - 10))

    def test_slow_reader_costs_no_more_than_what_waits(self) -> None:
        """A peer that never takes everything does not make the buffer grow with all that was ever sent."""
        sender = Sender(StagingPool())
        sender.packet(bytes(2000))
        largest = 0
        for _ in range(20_000):
            sender.packet(bytes(1000))
            view = sender.unsent()
            largest = max(largest, len(view.obj))  # type: ignore[arg-type]
            sender.sent(view.nbytes - 1500)
        self.assertLessEqual(largest, StagingPool().take().nbytes)

    def test_waiting_bytes_are_moved_seldom(self) -> None:
        """A peer that is a lot behind does not make every packet move all that waits."""
        sender = Sender(StagingPool())
        size = StagingPool().take().nbytes
        sender.packet(bytes(size - 2000))
        moves = expected = 0
        for _ in range(2000):
            sender.packet(bytes(1000))
            view = sender.unsent()
            place = addressof(c_char.from_buffer(view))
            moves += place != expected
            expected = place + 1008
            sender.sent(1008)
        self.assertLessEqual(moves, 6)
        self.assertLessEqual(len(view.obj), 4 * size)  # type: ignore[arg-type]
