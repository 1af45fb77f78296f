"""
Key exchanges after the first: whoever starts them, and whatever else is going on.
"""

from dataclasses import replace
from struct import pack

from twisted.internet.defer import Deferred

from conchsftp.events import FileRemove
from conchsftp.sftp import requests
from conchsftp.sftp.numbers import Access, Disposition
from conchsftp.sftp.replies import Data, HandleReply
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient, MemorySession
from tests.bugs.classes import bug_class
from tests.ssh.case import RekeyingCase, kexinits, opening
from tests.ssh.ordinary import OrdinaryClient

PING = b"\0\0\0\4ping"


class WhenTests(RekeyingCase):
    """When the server starts one."""

    def pings(self, client: MemoryClient, count: int) -> None:
        """Send so many pings, one a turn."""
        for _ in range(count):
            client.packet(192, PING)
            self.assertEqual(client.take(193), PING)

    def test_packets(self) -> None:
        """After RekeyPackets in one direction, again and again."""
        self.serve(rekey_packets=10)
        client = self.logged_in()
        self.pings(client, 100)
        self.assertGreaterEqual(kexinits(client), 9)
        self.assertLessEqual(kexinits(client), 14)

    def test_bytes(self) -> None:
        """After KeyRenegotiationThreshold bytes in one direction, whichever it is."""
        self.serve(key_renegotiation_threshold=100_000)
        client = self.logged_in()
        data = pack(">I", 20_000) + bytes(20_000)
        for _ in range(4):
            client.packet(2, data)
        self.assertEqual(kexinits(client), 1)
        client.packet(2, data)
        self.assertEqual(kexinits(client), 2)
        self.pings(client, 3)
        self.assertEqual(kexinits(client), 2)

    def wearing(self, direction: str, **limits: int) -> MemoryClient:
        """Return a client that has logged in, where the cipher of one direction may do so much."""
        client = self.logged_in()
        agreed = client.server.keying._negotiated
        worn = replace(getattr(agreed, direction), **limits)
        client.server.keying._negotiated = replace(agreed, **{direction: worn})
        return client

    def test_bytes_of_a_cipher(self) -> None:
        """After as many bytes as a key of the cipher may protect, whatever the settings allow, in either direction."""
        self.serve(key_renegotiation_threshold=2**36)
        for direction, side in (("cipher_in", "receiver"), ("cipher_out", "sender")):
            for limit in (2**29, 2**35):
                client = self.wearing(direction, most_bytes=limit)
                for used, exchanges in ((limit - 1000, 1), (limit, 2)):
                    getattr(client.server, side).bytes = used
                    self.pings(client, 1)
                    self.assertEqual(kexinits(client), exchanges, (direction, limit, used))

    def test_packets_of_a_cipher(self) -> None:
        """After as many packets as a key of the cipher may protect, in either direction."""
        self.serve()
        for direction in ("cipher_in", "cipher_out"):
            client = self.wearing(direction, most_packets=50)
            self.pings(client, 30)
            self.assertEqual(kexinits(client), 1)
            self.pings(client, 21)
            self.assertEqual(kexinits(client), 2)

    def test_smallest(self) -> None:
        """A threshold of one byte does not make exchanges follow on each other for ever."""
        self.serve(key_renegotiation_threshold=1, rekey_packets=1)
        client = self.logged_in()
        self.pings(client, 20)
        self.assertLessEqual(kexinits(client), 22)
        self.assertGreater(kexinits(client), 5)

    def test_time(self) -> None:
        """After RekeySeconds; zero is never."""
        for seconds, expected in ((100, 6), (0, 1)):
            self.serve(rekey_seconds=seconds, default_timeout=0)
            client = self.logged_in()
            for _ in range(50):
                self.clock.advance(10)
                self.pings(client, 1)
            self.assertEqual(kexinits(client), expected)

    def test_not_before_login(self) -> None:
        """Never before the login."""
        self.serve(key_renegotiation_threshold=1, rekey_packets=1, rekey_seconds=1)
        client = self.at(Stage.AUTH)
        for _ in range(5):
            self.clock.advance(2)
            client.packet(2, bytes(100))
        self.assertEqual(kexinits(client), 1)

    def test_unanswered(self) -> None:
        """A peer that does not answer our KEXINIT within a minute is left."""
        self.serve(default_timeout=0)
        client = self.waiting()
        for _ in range(59):
            self.clock.advance(1)
            client.packet(2, b"")
        self.assertFalse(client.pipe.closing)
        self.clock.advance(1)
        client.pump()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "no answer to KEXINIT")

    def never(self, client: MemoryClient, text: str) -> None:
        """Fail unless a client that goes on talking, and not with the exchange, is left after a minute."""
        for _ in range(59):
            self.clock.advance(1)
            client.packet_now(2, b"")
        self.assertFalse(client.pipe.closing)
        self.clock.advance(1)
        client.pump()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, text)

    def test_value_never_comes(self) -> None:
        """So is one that sends its KEXINIT, and nothing of the method that was agreed on."""
        self.serve(default_timeout=0)
        self.never(self.at(Stage.REKEY), "does not go on")

    def test_newkeys_never_comes(self) -> None:
        """So is one that takes our keys and stays with its old ones, which it could use for ever."""
        self.serve(default_timeout=0)
        client = self.logged_in()
        lay = client.lay_now
        client.lay_now = lambda number, payload=b"": lay(number, payload) if number != 21 else None  # type: ignore
        switch = client.sender.switch
        client.sender.switch = lambda *args, **options: None  # type: ignore[method-assign]
        client.rekey()
        self.assertIs(client.server.stage, Stage.REKEY)
        self.never(client, "does not go on")
        del client.lay_now
        client.sender.switch = switch  # type: ignore[method-assign]

    def test_clock_stops(self) -> None:
        """When the new keys are there the clock of the exchange has stopped."""
        self.serve(default_timeout=0, rekey_seconds=0)
        client = self.logged_in()
        client.rekey()
        before = len(self.clock.getDelayedCalls())
        client.rekey()
        self.assertEqual(len(self.clock.getDelayedCalls()), before)
        self.clock.advance(600)
        self.assert_alive(client)


class BothTests(RekeyingCase):
    """Whoever starts it."""

    def test_client(self) -> None:
        """The client, again and again."""
        client = self.logged_in()
        for count in range(2, 7):
            client.rekey()
            self.assertEqual((client.exchanges, kexinits(client)), (count, count))
            self.assert_alive(client)

    def test_both_at_once(self) -> None:
        """Both at once: two KEXINITs make one exchange."""
        client = self.logged_in()
        for count in range(2, 7):
            client.server.keying.start()
            client.send_kexinit()
            client.pump()
            self.assertEqual((client.exchanges, kexinits(client)), (count, count))
            self.assert_alive(client)

    def test_twice(self) -> None:
        """An exchange that is going on is not started again, at no point of it."""
        client = self.waiting()
        client.server.keying.start()
        client.pump()
        self.assertEqual(kexinits(client), 2)
        self.stop_at(client, 21)
        self.go_on(client)
        # Our NEWKEYS is out, the client's is not here.
        client.server.keying.start()
        client.pump()
        self.assertEqual(kexinits(client), 2)
        self.deliver(client)
        self.assert_alive(client)

    def test_directions_apart(self) -> None:
        """Each direction changes its keys at its own NEWKEYS: between the two, ours are new and the client's old."""
        for strict in (True, False):
            client = self.logged_in(strict=strict)
            self.stop_at(client, 21)
            client.rekey()
            self.assertEqual(client.exchanges, 2)
            client.server.sendPacket(2, b"\0\0\0\3new")
            client.pump()
            self.assertEqual(client.take(2), b"\0\0\0\3new")
            self.assertIs(client.server.stage, Stage.REKEY)
            self.deliver(client)
            self.assert_alive(client)

    def test_over_ordinary_transports(self) -> None:
        """It makes no difference what carries the bytes."""
        self.serve(rekey_packets=5)
        client = OrdinaryClient(self.factory, chunk=100)
        client.log_in()
        for _ in range(50):
            client.packet(192, PING)
            self.assertEqual(client.take(193), PING)
        self.assertGreater(client.exchanges, 5)


@bug_class(18)
class TransferTests(RekeyingCase):
    """During transfers."""

    CONTENT = bytes(range(256)) * 4096

    def both_ways(self, session: MemorySession) -> None:
        """Upload and download at once, many requests in flight, and compare."""
        put = session.request(opening(b"/up", Access.WRITE_DATA, Disposition.CREATE_TRUNCATE))
        session.put("/down", self.CONTENT)
        get = session.request(opening(b"/down"))
        assert isinstance(put, HandleReply) and isinstance(get, HandleReply)
        reads, writes = [], []
        size = 30_000
        for at in range(0, len(self.CONTENT), size):
            data = self.CONTENT[at : at + size]
            writes.append(session.ask(requests.Write(handle=put.handle, offset=at, data=[data])))
            reads.append(session.ask(requests.Read(handle=get.handle, offset=at, length=size)))
            if at % 4 == 0:
                session.read()
        session.read()
        for written in writes:
            self.assertEqual(self.successResultOf(written).status, Status.OK)
        found = [self.successResultOf(read) for read in reads]
        self.assertEqual(b"".join(each.data for each in found if isinstance(each, Data)), self.CONTENT)
        self.assertEqual(session.get("/up"), self.CONTENT)

    def test_by_us(self) -> None:
        """Started by us, every few packets or bytes."""
        for settings in ({"rekey_packets": 7}, {"key_renegotiation_threshold": 50_000}):
            self.serve(**settings)
            for compression in ("none", "zlib@openssh.com"):
                session = self.session(client={"compression": compression})
                self.both_ways(session)
                if compression == "none":
                    self.assertGreater(session.client.exchanges, 10)

    def test_by_the_client(self) -> None:
        """Started by the client in the middle of its requests."""
        session = self.session()
        send = session.channel.send

        def send_and_rekey(data: bytes) -> None:
            session.client.send_kexinit()
            send(data)

        session.channel.send = send_and_rekey  # type: ignore[method-assign]
        self.both_ways(session)
        self.assertGreater(session.client.exchanges, 30)

    def test_by_both(self) -> None:
        """By both at once, over a socket that takes little at a time."""
        self.serve(rekey_packets=20)
        session = self.session(client={"room": 5000, "chunk": 3000})
        send = session.channel.send
        count = 0

        def send_and_rekey(data: bytes) -> None:
            nonlocal count
            count += 1
            if count % 3 == 0:
                session.client.send_kexinit()
            send(data)

        session.channel.send = send_and_rekey  # type: ignore[method-assign]
        self.both_ways(session)

    def test_replies_wait(self) -> None:
        """While our KEXINIT is unanswered no reply leaves, and requests are taken all the same; then all come."""
        session = self.session()
        client = session.client
        self.start(client)
        asked = [session.ask(requests.Stat(path=b"/f")) for _ in range(50)]
        client.packet(192, PING)
        self.assertEqual(kexinits(client), 2)
        self.assertEqual(client.numbers[-1], 20)
        self.go_on(client)
        session.read()
        for each in asked:
            self.successResultOf(each)
        self.assertEqual(client.take(193), PING)

    def test_answer_becomes_ready(self) -> None:
        """A reply that a handler has finished in the meantime waits for the new keys as well."""
        session = self.session()
        work: Deferred[None] = Deferred()
        self.server.on(FileRemove, lambda event: work if event.before_exec else None)
        asked = session.ask(requests.Remove(path=b"/f"))
        client = session.client
        self.start(client)
        work.callback(None)
        client.pump()
        self.assertEqual(client.numbers[-1], 20)
        self.go_on(client)
        session.read()
        self.assertEqual(self.successResultOf(asked).status, Status.OK)

    def test_end_meanwhile(self) -> None:
        """A session that ends meanwhile ends in the usual order, behind its last reply."""
        session = self.session()
        client = session.client
        self.start(client)
        asked = session.ask(requests.Stat(path=b"/f"))
        session.channel.eof()
        self.go_on(client)
        session.read()
        self.successResultOf(asked)
        self.assertEqual(session.channel.numbers[-4:], [94, 98, 96, 97])
