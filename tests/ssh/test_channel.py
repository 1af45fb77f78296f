"""
The session channel: what may be asked of it, and how it ends. Its windows are in test_channel_windows.
"""

from struct import pack

from twisted.internet.defer import Deferred

from conchsftp.events import FileClose, FileRemove, ResolvePath
from conchsftp.sftp import requests
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryChannel
from tests.ssh.case import ConnectionCase, opening

EXIT_STATUS = pack(">I", 11) + b"exit-status" + b"\0" + pack(">I", 0)
SUCCESS, FAILURE = 99, 100
GREETING = bytes.fromhex("00000005 01 00000003")


def string(data: bytes) -> bytes:
    """Lay out a string."""
    return pack(">I", len(data)) + data


class RequestTests(ConnectionCase):
    """Requests on a channel (RFC 4254, 5.4 and 6)."""

    REFUSED = {
        b"env": string(b"LANG") + string(b"de_DE.UTF-8"),
        b"pty-req": string(b"xterm") + pack(">IIII", 80, 24, 0, 0) + string(b""),
        b"x11-req": b"\0" + string(b"MIT-MAGIC-COOKIE-1") + string(b"00") + pack(">I", 0),
        b"auth-agent-req@openssh.com": b"",
        b"window-change": pack(">IIII", 80, 24, 0, 0),
        b"signal": string(b"KILL"),
        b"break": pack(">I", 0),
        b"winadj@putty.projects.tartarus.org": b"",
        b"simple@putty.projects.tartarus.org": b"",
        b"keepalive@openssh.com": b"",
        b"eow@openssh.com": b"",
        b"exit-status": pack(">I", 0),
        b"": b"",
        b"subsystem ": string(b"sftp"),
    }

    def assert_serves(self, channel: MemoryChannel) -> None:
        """Fail unless SFTP is spoken on a channel."""
        channel.send(GREETING)
        self.assertEqual(channel.take(9)[4:], bytes.fromhex("02 00000003"))

    def test_sftp(self) -> None:
        """The subsystem sftp is served."""
        channel = self.logged_in().open_channel()
        self.assertTrue(channel.request(b"subsystem", string(b"sftp")))
        self.assert_serves(channel)

    def test_unasked(self) -> None:
        """Who wants no answer gets none."""
        channel = self.logged_in().open_channel()
        self.assertIsNone(channel.request(b"subsystem", string(b"sftp"), wants_reply=False))
        self.assert_serves(channel)
        self.assertNotIn(SUCCESS, channel.numbers)

    def test_twice(self) -> None:
        """There is one subsystem on a channel; a second one is refused, and the first goes on."""
        channel = self.logged_in().open_subsystem()
        channel.send(GREETING)
        channel.take()
        self.assertFalse(channel.request(b"subsystem", string(b"sftp")))
        channel.send(string(bytes.fromhex("10 00000007") + string(b".")))
        self.assertEqual(channel.take()[4:9], bytes.fromhex("68 00000007"))

    def test_other_subsystems(self) -> None:
        """Any other is refused, whatever the avatar has; then sftp can still be asked for."""
        self.avatar.subsystemLookup[b"other"] = lambda data, avatar: self.fail("made")
        channel = self.logged_in().open_channel()
        for name in (b"netconf", b"other", b"", b"SFTP", b"sftp\0", b"/usr/lib/sftp-server"):
            self.assertFalse(channel.request(b"subsystem", string(name)), name)
        self.assertTrue(channel.request(b"subsystem", string(b"sftp")))

    def test_no_subsystem(self) -> None:
        """An avatar may have none."""
        self.avatar.subsystemLookup.clear()
        channel = self.logged_in().open_channel()
        self.assertFalse(channel.request(b"subsystem", string(b"sftp")))

    def test_avatar_fails(self) -> None:
        """An avatar that cannot make its session refuses it; that is its mistake, and logged."""
        channel = self.logged_in().open_channel()
        del self.avatar.read_only
        self.assertFalse(channel.request(b"subsystem", string(b"sftp")))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_lookup(self) -> None:
        """The avatar is asked as by Conch: with the name, and with what follows it."""
        asked: list[tuple[bytes, bytes]] = []
        self.avatar.lookupSubsystem = lambda name, data: asked.append((name, data))
        channel = self.logged_in().open_channel()
        self.assertFalse(channel.request(b"subsystem", string(b"sftp") + b"rest"))
        self.assertEqual(asked, [(b"sftp", b"rest")])

    def test_refused(self) -> None:
        """Everything else is refused politely, before and after the subsystem: clients ask for much, and go on."""
        channel = self.logged_in().open_channel()
        for name, rest in self.REFUSED.items():
            self.assertFalse(channel.request(name, rest), name)
            self.assertIsNone(channel.request(name, rest, wants_reply=False), name)
        self.assertTrue(channel.request(b"subsystem", string(b"sftp")))
        self.assert_serves(channel)
        for name, rest in self.REFUSED.items():
            self.assertFalse(channel.request(name, rest), name)

    def test_order(self) -> None:
        """Answers come in the order of the requests: PuTTY counts on it for its window."""
        client = self.logged_in()
        channel = client.open_channel()
        winadj = string(b"winadj@putty.projects.tartarus.org") + b"\1"
        channel.lay(98, string(b"env") + b"\1" + string(b"A") + string(b"B"))
        channel.lay(98, string(b"subsystem") + b"\1" + string(b"sftp"))
        channel.lay_data(GREETING)
        channel.lay(98, winadj)
        channel.lay(98, winadj[:-1] + b"\0")
        channel.lay(98, winadj)
        client.pump()
        self.assertEqual(channel.numbers[1:], [FAILURE, SUCCESS, 94, FAILURE, FAILURE])

    def test_shared_avatar(self) -> None:
        """One avatar may be logged in several times: each session belongs to its own connection."""
        first, second = self.logged_in(), self.logged_in()
        seen: list[int] = []
        self.server.on(ResolvePath, lambda event: seen.append(event.connection_id))
        for client in (first, second, first):
            channel = client.open_subsystem()
            channel.send(GREETING + string(bytes.fromhex("10 00000007") + string(b".")))
        self.assertEqual(seen, [1, 2, 1])

    def test_several_channels(self) -> None:
        """Several sessions of one connection are apart from each other."""
        client = self.logged_in()
        channels = [client.open_subsystem() for _ in range(5)]
        for channel in channels:
            self.assert_serves(channel)
        channels[2].close()
        channels[4].eof()
        for channel in (channels[0], channels[1], channels[3]):
            channel.send(string(bytes.fromhex("10 00000007") + string(b".")))
            self.assertIn(bytes.fromhex("68 00000007"), channel.take())


class EndTests(ConnectionCase):
    """How a session ends."""

    GOODBYE = [(98, EXIT_STATUS), (96, b""), (97, b"")]

    def test_eof(self) -> None:
        """After the client's EOF: exit-status 0, EOF, CLOSE. Without the first, scp fails after a perfect transfer."""
        session = self.session()
        session.channel.eof()
        self.assertEqual(session.channel.history[-3:], self.GOODBYE)
        self.assertEqual(len(session.client.server.service.channels), 1)
        session.channel.close()
        self.assertEqual(len(session.client.server.service.channels), 0)
        self.assert_alive(session.client)

    def test_eof_at_once(self) -> None:
        """Also without a subsystem, or a word to it."""
        client = self.logged_in()
        for channel in (client.open_channel(), client.open_subsystem()):
            channel.eof()
            self.assertEqual(channel.history[-3:], self.GOODBYE)

    def test_subsystem_after_eof(self) -> None:
        """A channel that has said goodbye serves nothing any more."""
        client = self.logged_in()
        channel = client.open_channel()
        channel.eof()
        self.assertIsNone(channel.request(b"subsystem", string(b"sftp")))
        self.assertIsNone(client.server.service.channels[0]._subsystem)

    def test_after_the_last_reply(self) -> None:
        """The goodbye comes behind the replies to everything that was asked before EOF."""
        session = self.session()
        client, channel = session.client, session.channel
        for number in range(100):
            channel.lay_data(string(bytes.fromhex("11") + pack(">I", number) + string(b"/f")))
        channel.lay(96)
        client.pump()
        self.assertEqual(channel.history[-3:], self.GOODBYE)
        self.assertEqual(len(session.packets()), 100)

    def test_after_a_slow_reply(self) -> None:
        """Also where one of them takes its time."""
        session = self.session()
        work: Deferred[None] = Deferred()
        self.server.on(FileRemove, lambda event: work if event.before_exec else None)
        asked = session.ask(requests.Remove(path=b"/f"))
        more = session.ask(requests.Stat(path=b"/f"))
        session.channel.eof()
        self.assertNotIn(96, session.channel.numbers)
        work.callback(None)
        session.read()
        self.assertEqual(self.successResultOf(asked).status, Status.OK)
        self.assertEqual(self.successResultOf(more).status, Status.NO_SUCH_FILE)
        self.assertEqual(session.channel.history[-3:], self.GOODBYE)

    def test_after_a_closed_window(self) -> None:
        """And where the client opens its window late."""
        session = self.session(window=200)
        self.avatar.files.put("/large", bytes(5000))
        session.channel.reopens = False
        opened = session.request(opening(b"/large"))
        asked = session.ask(requests.Read(handle=opened.handle, offset=0, length=5000))  # type: ignore[union-attr]
        session.channel.eof()
        self.assertNotIn(96, session.channel.numbers)
        session.channel.adjust(10_000)
        session.read()
        self.assertEqual(self.successResultOf(asked).data, bytes(5000))  # type: ignore[union-attr]
        self.assertEqual(session.channel.history[-3:], self.GOODBYE)

    def test_close(self) -> None:
        """A client that closes is answered with CLOSE, and with nothing else."""
        session = self.session()
        session.channel.history.clear()
        session.channel.close()
        self.assertEqual(session.channel.numbers, [97])
        self.assertEqual(len(session.client.server.service.channels), 0)

    def test_close_with_replies_waiting(self) -> None:
        """Replies that it did not wait for are dropped; what is open is closed when the work on it is done."""
        session = self.session()
        closed: list[str] = []
        work: Deferred[None] = Deferred()
        self.server.on(FileClose, lambda event: closed.append(event.path))
        self.server.on(FileRemove, lambda event: work if event.before_exec else None)
        session.request(opening(b"/f"))
        session.ask(requests.Remove(path=b"/f"))
        session.channel.history.clear()
        session.channel.close()
        self.assertEqual((session.channel.numbers, closed), ([97], []))
        work.callback(None)
        session.client.pump()
        self.assertEqual((session.channel.numbers, closed), ([97], ["/f"]))
        self.assertRaises(FileNotFoundError, self.avatar.files.stat, "/f")
        self.assert_alive(session.client)

    def test_close_with_a_closed_window(self) -> None:
        """Data that waits for the window is dropped as well."""
        session = self.session(window=200)
        self.avatar.files.put("/large", bytes(5000))
        session.channel.reopens = False
        opened = session.request(opening(b"/large"))
        session.ask(requests.Read(handle=opened.handle, offset=0, length=5000))  # type: ignore[union-attr]
        session.channel.history.clear()
        session.channel.close()
        self.assertEqual(session.channel.numbers, [97])
        self.assert_alive(session.client)

    def test_lost_framing(self) -> None:
        """When nothing that follows could be understood, the channel ends, and the connection stays."""
        session = self.session()
        session.channel.send(b"\xff" * 100)
        self.assertEqual(session.channel.history[-3:], self.GOODBYE)
        session.channel.close()
        self.assert_alive(session.client)

    def test_data_after_the_end(self) -> None:
        """What a client still sends after our CLOSE is thrown away, and its window given back no more."""
        session = self.session()
        session.channel.send(b"\xff" * 100)
        session.channel.history.clear()
        for _ in range(60):
            session.channel.send(bytes(32768))
        self.assertEqual(session.channel.numbers, [])
        self.assert_alive(session.client)

    def test_by_the_subsystem(self) -> None:
        """A subsystem may close its channel, as any protocol its transport; what it wrote before still arrives."""
        session = self.session()
        channel = session.client.server.service.channels[0]
        channel.write(b"last words")
        channel.loseConnection()
        channel.write(b"too late")
        channel.flush()
        session.client.pump()
        self.assertEqual(session.channel.take(), b"last words")
        self.assertEqual(session.channel.history[-3:], self.GOODBYE)

    def test_stopped_once(self) -> None:
        """The subsystem learns of the end once, whichever way round it comes."""
        for ways in (("eof", "close"), ("close",), ("eof", "cut"), ("cut",), ("close", "cut")):
            session = self.session()
            channel = session.client.server.service.channels[0]
            lost: list[object] = []
            tell = channel._subsystem.connectionLost
            channel._subsystem.connectionLost = lambda reason, tell=tell, lost=lost: (lost.append(reason), tell(reason))
            for way in ways:
                (session.cut if way == "cut" else getattr(session.channel, way))()
            self.assertEqual(len(lost), 1, ways)
