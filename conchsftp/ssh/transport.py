"""
One SSH connection, server side: identification, stages, dispatch, one disconnect.

Keeps Conch's contracts (services, `sendPacket`, `setService`, avatar and logout) and replaces its mechanism: packets
are those of `packets`, key exchange is in `keying.py`, patience in `timers.py`, waiting in `gate.py`. Does not know
what a service does with its messages. Sources: RFC 4253, RFC 8308, OpenSSH's PROTOCOL.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

from twisted.conch.ssh.transport import SSHServerTransport

from conchsftp.errors import ProtocolViolation
from conchsftp.log import Detail, printable
from conchsftp.sftp.clients import DEFAULT, find_client
from conchsftp.ssh.ending import by_client, lost
from conchsftp.ssh.gate import Gate
from conchsftp.ssh.identification import LONGEST_LINE, check_identification, speaks_our_version
from conchsftp.ssh.keying import Keying
from conchsftp.ssh.leaving import Leaving
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.ssh.outlet import Outlet
from conchsftp.ssh.packet_log import show_packets
from conchsftp.ssh.packets.receiving import Receiver
from conchsftp.ssh.packets.staging import Sender
from conchsftp.ssh.peers import host_of
from conchsftp.ssh.phases import ALLOWED, HELD_DURING_KEX, KNOWN, STRICT, Stage
from conchsftp.ssh.timers import Timers
from conchsftp.wire.kinds import BYTES
from conchsftp.wire.reader import Reader

_U32 = Struct(">I")


class Transport(Leaving, SSHServerTransport):
    """
    An accepted connection.

    The factory brings what connections share: `settings`, `host_keys`, `portal`, `clock`, `workers`, `groups`,
    `gss`,
    `receive_buffer`, `staging`, `turns`, `version_line`, `events`, `log` and `connections`.

    Args:
        factory: what made it.
        connection_id: its number, unique in its server.

    Attributes:
        log: its `ConnectionLog`.
    """

    factory: Any
    transport: Any
    isClient = False
    client = DEFAULT

    def __init__(self, factory: Any, connection_id: int) -> None:
        self.factory = factory
        self.connection_id = connection_id
        # Conch's name for it, which its own methods use.
        self.log = self._log = factory.log.of(connection_id, "unknown")
        self.settings = factory.settings.overlay(connection_id)
        self.clock = factory.clock
        self.receiver = Receiver(factory.receive_buffer)
        self.sender = Sender(factory.staging)
        self.outlet = Outlet(self.sender, self._drained)
        self._gate = Gate(self.outlet)
        self.timers = Timers(self.clock, self.settings, expired=self._expired, ask=self._ask, busy=self._busy)
        self.keying = Keying(self)
        self.stage = Stage.VERSION
        self.strict = False
        self.ourVersionString: bytes = factory.version_line
        self.otherVersionString = b""
        self.sessionID = None
        self.first_host_key = b""
        self.gss_context: Any = None
        self.user_name: str | None = None
        self.view: Any = None
        self.user_signature_algorithms: tuple[str, ...] = self.keying.user_signature_algorithms()
        self._allowed = ALLOWED[Stage.VERSION]
        self._in_turn = False
        self._ended = False

    def connectionMade(self) -> None:
        """Greet, and start the clocks."""
        self.log.host = host_of(self.transport.getPeer())
        self.show(self.log.detail)
        self.factory.connections.opened(self)
        self.outlet.attach(self.transport)
        self.timers.accepted()
        self.greet()

    def greet(self) -> None:
        """Send our identification line."""
        self.log.status("the server is {version}", version=self.ourVersionString.decode("ascii"))
        self.sender.line(self.ourVersionString + b"\r\n")
        self.outlet.flush()

    def connectionLost(self, reason: Any = None) -> None:
        """Stop the service, log the avatar out, give the buffers back."""
        if not self._ended:
            log = self.log.debug if self.stage is Stage.VERSION else self.log.info  # a load balancer's probe
            log("connection lost", step=True)
        self._ended = True
        self.ending = self.ending or lost(getattr(reason, "value", None))
        self.show(Detail.NONE)
        self.timers.stop()
        self.keying.stop()
        self.outlet.stopProducing()
        service, self.service = self.service, None
        if service is not None:
            self._tell(service.serviceStopped)
        if hasattr(self, "avatar"):
            self._tell(self.logoutFunction)
            # Its files hold a descriptor: that must not wait until the garbage collector finds the cycle.
            avatar: Any = self.avatar
            if getattr(avatar, "conn", None) is service:
                avatar.conn = None
            del self.avatar, self.logoutFunction
        self.view = None
        self.receiver.release()
        self.sender.release()
        self.factory.connections.closed(self)
        self._mourn()

    def lend(self) -> memoryview:
        """Return where the socket is to receive to."""
        return self.receiver.lend()

    def received(self, count: int) -> None:
        """Take what was received into the lent buffer."""
        self.receiver.filled(count)
        self.timers.heard()
        self._walk()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from a transport that does not receive into our buffer."""
        rest = memoryview(data)
        while rest.nbytes and not self._ended:
            if self._gate.shut:
                self._gate.keep(rest)
                return
            room = self.lend()
            count = min(room.nbytes, rest.nbytes)
            room[:count] = rest[:count]
            rest = rest[count:]
            self.received(count)

    def _walk(self) -> None:
        """Handle every packet that is here while the turn lasts; the time, which costs, is asked for now and then."""
        gate = self._gate
        if self._ended or gate.shut:
            return
        self._in_turn = True
        end = self.factory.turns.begin()
        try:
            if self.stage is Stage.VERSION and not self._identify():
                return
            take = self.receiver.next
            while (payload := take()) is not None:
                self._handle(payload)
                if self._ended or gate.shut:
                    break
                if not self.receiver.packets & 15 and self.clock.seconds() > end:
                    self.suspend()
                    self.factory.turns.wait(self.resume)
                    break
        except ProtocolViolation as violation:
            self.sendDisconnect(violation.reason, violation.text.encode())
        except Exception:
            self._failed()
        finally:
            self._in_turn = False
            self._turn_over()
            self.factory.turns.finish()

    def _failed(self) -> None:
        """A message broke something of ours."""
        self.log.failure("a message could not be handled")
        self.sendDisconnect(Reason.BY_APPLICATION, b"internal error")

    def excuse(self) -> None:
        """It ends by our fault: whoever counts what is held against clients does not count this."""

    def _turn_over(self) -> None:
        if self.service is not None:
            over = getattr(self.service, "turn_over", None)
            if over is not None:
                over()
        if not self._ended:
            self.keying.start_if_due()
        self.outlet.flush()

    def _handle(self, payload: memoryview) -> None:
        number = payload[0]
        if number not in self._allowed:
            self._refuse(number)
        elif 80 <= number < 128:
            self.service.packetReceived(number, payload[1:])  # type: ignore[union-attr]
        else:
            self.dispatchMessage(number, payload[1:])

    def _refuse(self, number: int) -> None:
        if number == Message.SERVICE_REQUEST and self.stage is Stage.CONNECTED:
            # Conch's clients ask again after every key exchange, and go on when they are not understood.
            self.sendUnimplemented()
            return
        if number in KNOWN or self.strict and self.stage in (Stage.FIRST_KEXINIT, Stage.FIRST_KEX):
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"message {number} may not come now")
        self.sendUnimplemented()

    def dispatchMessage(self, number: int, payload: Any) -> None:
        """Pass a message on: to us, to the key exchange, to the service."""
        if 30 <= number < 50:
            self.keying.message(number, bytes(payload))
        elif number < 50 or number == Message.PING:
            _HANDLERS[number](self, bytes(payload))
        elif self.stage is not Stage.CONNECTED or number >= 80:
            self.service.packetReceived(number, payload)  # type: ignore[union-attr]
        # else a late authentication request, silently ignored (RFC 4252, 5.1).

    def _identify(self) -> bool:
        line = self.receiver.line(LONGEST_LINE)
        if line is None:
            return False
        # To another version a DISCONNECT would mean nothing; it is sent to whom we share one with.
        self.gotVersion = speaks_our_version(line)
        check_identification(line, self.settings.ssh_version_pattern)
        self.otherVersionString = line
        self.log.info("{client} connects", client=printable(line.decode("ascii", "replace")), step=True)
        self.client = find_client(line, self.settings.client_quirks.rows, self.ourVersionString)
        self.enter(Stage.FIRST_KEXINIT)
        self.keying.start()
        return True

    def enter(self, stage: Stage) -> None:
        """Change the stage, and with it what may come next."""
        self.stage = stage
        self._allowed = (STRICT if self.strict else ALLOWED)[stage]

    def suspend(self) -> None:
        """
        Handle no further message until `resume()`: an answer is being computed, or others have their turn.

        For two reasons at a time it takes two `resume()`.
        """
        self._gate.close()

    def resume(self) -> None:
        """Go on after `suspend()`."""
        if self._ended:
            return
        self._gate.open()
        if self._gate.shut or self._in_turn:
            # Somebody else waits; or the answer was there at once, and the turn goes on by itself.
            return
        # Another connection may have had the buffer meanwhile; lending brings our bytes back into it.
        self.receiver.lend()
        self._walk()
        self.dataReceived(self._gate.fetch())

    def sendPacket(self, number: int, payload: bytes) -> None:
        """Send a message, or hold it back while keys are exchanged."""
        if self._ended:
            return
        message = bytes((number,)) + payload
        if self.keying.active and number in HELD_DURING_KEX:
            self.keying.hold(message)
            return
        self.sender.packet(message)
        self.flush()

    def flush(self) -> None:
        """Let what is laid out leave, unless the end of the turn does it anyway."""
        if not self._in_turn:
            self.outlet.flush()

    @property
    def stopped(self) -> bool:
        """Whether channel data may not be made now: keys are exchanged, or the socket takes nothing."""
        return self.outlet.blocked or self.keying.active or self._ended

    def keys_switched(self) -> None:
        """Our NEWKEYS is out, and what was held back."""
        self.flush()
        self._drained()

    def _drained(self) -> None:
        go_on = getattr(self.service, "go_on", None)
        if go_on is not None and not self._ended:
            go_on()

    def sendUnimplemented(self) -> None:
        """Answer a message whose number means nothing to us, by its sequence number."""
        self.sendPacket(Message.UNIMPLEMENTED, _U32.pack((self.receiver.sequence - 1) & 0xFFFFFFFF))

    def _busy(self) -> bool:
        return self._gate.shut or bool(getattr(self.service, "busy", False))

    def _ask(self) -> None:
        ask = getattr(self.service, "ask", None)
        if ask is not None:
            ask()

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        reader = Reader(packet)
        reason, text = reader.u32(), reader.string()[:256].decode("utf-8", "replace")
        self.log.info("disconnected, reason {reason}: {text!r}", reason=reason, text=text, step=True)
        self.ending = by_client(reason, text)
        self._end()

    def ssh_IGNORE(self, packet: bytes) -> None:
        """Nothing, as its name says."""

    ssh_DEBUG = ssh_UNIMPLEMENTED = ssh_IGNORE

    def ssh_KEXINIT(self, packet: bytes) -> None:
        self.keying.kexinit(bytes((Message.KEXINIT,)) + packet)

    def ssh_NEWKEYS(self, packet: bytes) -> None:
        self.keying.newkeys()

    def ssh_SERVICE_REQUEST(self, packet: bytes) -> None:
        name = Reader(packet).string()
        if name != b"ssh-userauth":
            raise ProtocolViolation(Reason.SERVICE_NOT_AVAILABLE, f"service not available: {name[:64]!r}")
        if self.stage is Stage.AUTH:
            # What was proved stays, and so does what was refused.
            self.service.asked_again()  # type: ignore[union-attr]
            self.sendPacket(Message.SERVICE_ACCEPT, BYTES.pack(name))
            return
        self.sendPacket(Message.SERVICE_ACCEPT, BYTES.pack(name))
        self.enter(Stage.AUTH)
        self.setService(self.factory.getService(self, name)())

    def ssh_EXT_INFO(self, packet: bytes) -> None:
        self.peerExtensions = dict(Reader(packet).pairs())

    def ssh_PING(self, packet: bytes) -> None:
        self.sendPacket(Message.PONG, packet)

    async def prepared(self, user_name: str, avatar: Any, home_dir: str) -> Any:
        """Return the avatar to serve a user with; UnauthorizedLogin if they cannot be. `home_dir` may be empty."""
        return avatar

    def authenticated(self, user_name: str, avatar: Any, logout: Callable[[], None]) -> None:
        """USERAUTH_SUCCESS is out, or held back until the keys are: take the avatar, start the connection service."""
        self.user_name = self.log.user = user_name
        self.avatar = avatar
        self.logoutFunction = logout
        self.keying.authenticated()
        self.timers.logged_in()
        self.factory.connections.logged_in(self)
        self.enter(Stage.REKEY if self.stage is Stage.REKEY_AUTH else Stage.CONNECTED)
        self.setService(self.factory.getService(self, b"ssh-connection")())

    def show(self, detail: Detail) -> None:
        """Have the log show packets and requests from now on, or no more; where it does not, nothing asks for it."""
        show_packets(self, detail >= Detail.DEBUG)
        show = getattr(self.service, "show", None)
        if show is not None:
            show(detail)

    def isEncrypted(self, direction: str = "out") -> bool:
        """Whether keys are in use, in a direction or in both."""
        return self.keying.protected(direction)

    isVerified = isEncrypted


# Each `ssh_…` above handles the message that it is named after.
_OWN = vars(Transport)
_HANDLERS: dict[int, Callable[[Transport, bytes], None]] = {
    number: _OWN[f"ssh_{number.name}"] for number in Message if f"ssh_{number.name}" in _OWN
}
