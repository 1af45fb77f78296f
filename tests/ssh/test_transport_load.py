"""
Connections under load: peers that ask and never read, and many that share the large buffers.
"""

from struct import pack

from conchsftp.sftp import requests
from conchsftp.sftp.replies import Data, HandleReply
from conchsftp.testing import MemoryClient, MemorySession
from tests.ssh.case import ConnectionCase, opening
from tests.ssh.ordinary import OrdinaryClient

LARGE = pack(">I", 30_000) + bytes(30_000)
MIB = 1 << 20


class DeafTests(ConnectionCase):
    """A peer that asks and does not read the answers."""

    def flood(self, client: MemoryClient) -> int:
        """Send pings until the server does not read any more; return how many bytes that took."""
        before = client.server.receiver.bytes
        for _ in range(200):
            client.lay(192, LARGE)
            client.flush()
            while client.pipe.deliver():
                pass
            if not client.pipe.reading:
                break
        return int(client.server.receiver.bytes - before)

    def test_not_read_from(self) -> None:
        """It is not read from either, once about a megabyte of answers has piled up; then everything arrives."""
        for kind in (MemoryClient, OrdinaryClient):
            client = self.client() if kind is MemoryClient else OrdinaryClient(self.factory)
            client.log_in()
            client.pipe.room = 1000
            taken = self.flood(client)
            self.assertFalse(client.pipe.reading, kind)
            self.assertTrue(MIB // 2 < taken < 2 * MIB, (kind, taken))
            self.assertLess(client.server.sender.waiting, 2 * MIB)
            client.pipe.room = None
            client.pump()
            self.assertTrue(client.pipe.reading)
            self.assertEqual(client.numbers.count(193), -(-taken // 30_100))
            self.assert_alive(client)

    def test_no_files_are_read_for_it(self) -> None:
        """For a client whose socket takes nothing, no more is read from files than fits into the buffer."""
        self.avatar.files.put("/large", bytes(4 * MIB))
        session = self.session(window=1 << 30)
        opened = session.request(opening(b"/large"))
        assert isinstance(opened, HandleReply)
        session.client.pipe.room = 0
        served: list[int] = []
        self.server.on("FileRead", lambda event: served.append(event.file_offset))
        asked = [
            session.ask(requests.Read(handle=opened.handle, offset=at, length=32768)) for at in range(0, 4 * MIB, 32768)
        ]
        self.assertLess(len(served), 20)
        self.assertLess(session.client.server.sender.waiting, MIB)
        session.client.pipe.room = None
        session.read()
        for each in asked:
            reply = self.successResultOf(each)
            assert isinstance(reply, Data)
            self.assertEqual(len(reply.data), 32768)
        self.assertEqual(len(served), len(asked))


class SharedTests(ConnectionCase):
    """Many connections, one receive buffer, few staging buffers."""

    def test_interleaved(self) -> None:
        """Packets of several connections that arrive piece by piece, turn and turn about, are kept apart."""
        sessions = [self.session(client={"chunk": 97 + at, "room": 500}) for at in range(5)]
        for at, session in enumerate(sessions):
            name = b"/%d" % at
            self.avatar.files.put(name.decode(), bytes((at,)) * 10_000)
            session.handle = session.request(opening(name)).handle  # type: ignore[attr-defined, union-attr]
        asked = []
        for session in sessions:
            handle = session.handle  # type: ignore[attr-defined]
            stop, session.client.pump = session.client.pump, lambda: None  # type: ignore[method-assign]
            asked.append(
                [session.ask(requests.Read(handle=handle, offset=at, length=700)) for at in range(0, 7000, 700)]
            )
            session.client.pump = stop  # type: ignore[method-assign]
            session.client.flush()
        self.turn_about(sessions)
        for at, replies in enumerate(asked):
            sessions[at].read()
            for reply in replies:
                self.assertEqual(self.successResultOf(reply).data, bytes((at,)) * 700)  # type: ignore[union-attr]

    def turn_about(self, sessions: list[MemorySession]) -> None:
        """Let every server receive one piece, and every client fetch one, until nothing moves."""
        moved = True
        while moved:
            moved = False
            for session in sessions:
                moved |= session.client.pipe.deliver()
                data = session.client.pipe.fetch(200)
                session.client.receive(data)
                session.client.flush()
                moved |= bool(data)

    def test_other_is_lost(self) -> None:
        """A connection that is lost in the middle of a packet takes nothing from the others."""
        clients = [self.logged_in() for _ in range(3)]
        for client in clients:
            client.lay(192, LARGE)
            sealed = bytes(client.sender.unsent())
            client.sender.sent(len(sealed))
            client.pipe.bring(sealed[:20_000])
            client.pipe.deliver()
            client.rest = sealed[20_000:]  # type: ignore[attr-defined]
        clients[1].pipe.cut()
        for client in (clients[2], clients[0]):
            client.pipe.bring(client.rest)  # type: ignore[attr-defined]
            client.pump()
            self.assertEqual(client.take(193), LARGE)

    def test_buffers_of_idle_connections(self) -> None:
        """A connection that has nothing to send holds no buffer; few are kept for all."""
        clients = [self.logged_in() for _ in range(20)]
        for client in clients:
            self.assertEqual(client.server.sender._view.nbytes, 0)
        self.assertLessEqual(len(self.factory.staging._free), 4)
