"""
The connection service: one kind of channel, no forwarding, window returned when data is consumed.

Keeps Conch's `SSHConnection` as the contract that channels and avatars know; every message is parsed here, so that an
unknown channel or a short message is a violation, never a traceback. Sources: RFC 4254; OpenSSH's PROTOCOL.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

from twisted.conch.error import ConchError
from twisted.conch.ssh.connection import SSHConnection
from twisted.python.failure import Failure

from conchsftp.errors import ErrorCode, ProtocolViolation, ServerError
from conchsftp.log import Detail
from conchsftp.ssh.channel import SFTPChannel
from conchsftp.ssh.numbers import Message, OpenFailure, Reason
from conchsftp.ssh.proofs import ANNOUNCED, PROVE, HostKeyProofs
from conchsftp.wire.kinds import BYTES, U32
from conchsftp.wire.reader import Reader

_TWO = Struct(">II")
# Below this, one READ would be thousands of packets, each sealed for itself. No known client takes less than 16 KiB.
_SMALLEST_PACKET = 256
_LARGEST_WINDOW = 0xFFFFFFFF


class Connection(SSHConnection):
    """Channels of one logged-in client."""

    transport: Any
    _proofs: HostKeyProofs

    def __init__(self) -> None:
        super().__init__()
        self._no_more_sessions = False
        self._told = False
        self._unproven = False

    def serviceStarted(self) -> None:
        """Tell the client of the server's keys, so that it knows the next one before it is used."""
        super().serviceStarted()
        self._proofs = self.transport.keying.proofs()
        if self._proofs.blobs and self.transport.client.host_keys:
            blobs = b"".join(map(BYTES.pack, self._proofs.blobs))
            self.transport.sendPacket(Message.GLOBAL_REQUEST, BYTES.pack(ANNOUNCED) + b"\0" + blobs)

    def serviceStopped(self) -> None:
        """Close what is open: the connection is lost."""
        for channel in list(self.channels.values()):
            try:
                self.channelClosed(channel)
            except Exception:
                # A subsystem of somebody else's: the others have to be closed all the same.
                self.transport.log.failure("a channel could not be closed")

    def packetReceived(self, number: int, payload: memoryview) -> None:
        """Take one message; `payload` is good for this call only."""
        if number == Message.CHANNEL_DATA:
            size = payload.nbytes - 8
            if size >= 0:
                channel, length = _TWO.unpack_from(payload)
                if length <= size:
                    self._channel(channel).dataReceived(payload[8 : 8 + length])
                    return
        handler = _HANDLERS.get(number)
        if handler is None:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"message {number} malformed or not for a server")
        handler(self, Reader(bytes(payload)))

    @property
    def busy(self) -> bool:
        """Whether a request of the client is being worked on."""
        return any(channel.busy for channel in self.channels.values())

    @property
    def in_use(self) -> bool:
        """Whether the client has something open, or is owed an answer."""
        return any(channel.in_use for channel in self.channels.values())

    def show(self, detail: Detail) -> None:
        """See `Transport.show`."""
        for channel in self.channels.values():
            channel.show(detail)

    def turn_over(self) -> None:
        """The received bytes are about to be overwritten."""
        for channel in self.channels.values():
            channel.turn_over()

    def go_on(self) -> None:
        """Output may be made again."""
        for channel in list(self.channels.values()):
            channel.go_on()

    def ask(self) -> None:
        """Ask something that the peer has to answer, if only with a refusal (a keep-alive)."""
        self.transport.sendPacket(Message.GLOBAL_REQUEST, BYTES.pack(b"keepalive@openssh.com") + b"\x01")

    def _channel(self, number: int) -> SFTPChannel:
        channel = self.channels.get(number)
        if channel is None or channel.remoteClosed:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"no channel {number}")
        return channel

    def _global_request(self, reader: Reader) -> None:
        name, wants_reply = reader.string(), reader.boolean()
        if name == b"no-more-sessions@openssh.com":
            self._no_more_sessions = True
        if name == PROVE and wants_reply:
            self._prove(reader)
        elif wants_reply:
            self.transport.sendPacket(Message.REQUEST_FAILURE, b"")

    def _prove(self, reader: Reader) -> None:
        blobs = []
        while reader.remaining:
            blobs.append(reader.string())
        transport = self.transport
        if not self._proofs.asked(blobs):
            transport.sendPacket(Message.REQUEST_FAILURE, b"")
        elif self._proofs.made(blobs):
            transport.sendPacket(Message.REQUEST_SUCCESS, self._proofs.sign(blobs))
        else:
            # Replies come in the order of their requests (RFC 4254, 4): nothing else is answered meanwhile.
            transport.suspend()
            signing = transport.factory.host_key_proofs.run(self._proofs.sign, blobs, source=transport.user_name)
            signing.addCallback(lambda signed: transport.sendPacket(Message.REQUEST_SUCCESS, signed))
            signing.addErrback(self._not_signed).addBoth(lambda _: transport.resume())

    def _not_signed(self, failure: Failure) -> None:
        problem, log = failure.value, self.transport.log
        if not isinstance(problem, ServerError):
            log.failure("a host key could not be proven", failure)
        elif not self._unproven:
            # The token that has the host key was unplugged, for example. Once: a client may ask as often as it likes.
            self._unproven = True
            log.error("a host key could not be proven: {text}", text=problem.text, error_code=problem.code)
        self.transport.sendPacket(Message.REQUEST_FAILURE, b"")

    def _ignored(self, reader: Reader) -> None:
        """The answer to a keep-alive: that it came is all it says."""

    def _open(self, reader: Reader) -> None:
        kind, sender = reader.string(), reader.u32()
        window, packet = reader.u32(), reader.u32()
        try:
            channel = self._opened(kind, window, packet)
            channel.prepare(self, self.localChannelID, sender)
        except Exception as problem:
            reason, text = self._explained(problem)
            self._tell(kind, text)
            self.transport.sendPacket(
                Message.CHANNEL_OPEN_FAILURE, _TWO.pack(sender, reason) + BYTES.pack(text.encode()) + BYTES.pack(b"")
            )
            return
        self.localChannelID += 1
        self.channels[channel.id] = channel
        self.localToRemoteChannel[channel.id] = sender
        self.channelsToRemoteChannel[channel] = sender
        self.transport.sendPacket(
            Message.CHANNEL_OPEN_CONFIRMATION,
            _TWO.pack(sender, channel.id) + _TWO.pack(channel.localWindowSize, channel.localMaxPacket),
        )

    def _opened(self, kind: bytes, window: int, packet: int) -> SFTPChannel:
        if self._no_more_sessions or len(self.channels) >= self.transport.settings.max_channels:
            raise ConchError(OpenFailure.RESOURCE_SHORTAGE, "no more channels")
        if packet < _SMALLEST_PACKET:
            text = f"maximum packet size {packet}, at least {_SMALLEST_PACKET} expected"
            raise ConchError(OpenFailure.CONNECT_FAILED, text)
        if kind != b"session":
            raise ConchError(OpenFailure.PROHIBITED, "only sessions are served")
        channel: SFTPChannel = self.transport.avatar.lookupChannel(kind, window, packet, b"")
        return channel

    def _tell(self, kind: bytes, text: str) -> None:
        """Tell the operator, once a connection: whoever asks again and again must not fill the log."""
        if not self._told:
            self._told = True
            name = kind[:64].decode("ascii", "backslashreplace")
            code = {} if kind == b"session" else {"error_code": ErrorCode.CANNOT_FORWARD}
            self.transport.log.info("channel {name!r} refused: {text}", name=name, text=text, step=True, **code)

    def _explained(self, problem: Exception) -> tuple[int, str]:
        """Return the reason and the text of a refusal; what is none is somebody's mistake, and logged."""
        if isinstance(problem, ConchError):
            # Avatars give both in either order (Twisted's issues 3657 and 3071).
            reasons = [each for each in problem.args if isinstance(each, int)]
            texts = [each for each in problem.args if isinstance(each, str)]
            return (*reasons, OpenFailure.CONNECT_FAILED)[0], (*texts, "")[0]
        self.transport.log.failure("a channel could not be opened")
        return OpenFailure.CONNECT_FAILED, "the session cannot be served"

    def _adjust(self, reader: Reader) -> None:
        channel, count = self._channel(reader.u32()), reader.u32()
        if channel.remoteWindowLeft + count > _LARGEST_WINDOW:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, "window larger than 2^32 - 1")
        channel.addWindowBytes(count)

    def _extended_data(self, reader: Reader) -> None:
        channel, _, data = self._channel(reader.u32()), reader.u32(), reader.string()
        channel.ignored_data(len(data))

    def _eof(self, reader: Reader) -> None:
        self._channel(reader.u32()).eofReceived()

    def _close(self, reader: Reader) -> None:
        channel = self._channel(reader.u32())
        channel.remoteClosed = True
        channel.closeReceived()
        if channel.localClosed:
            self.channelClosed(channel)

    def _request(self, reader: Reader) -> None:
        channel, name, wants_reply = self._channel(reader.u32()), reader.string(), reader.boolean()
        accepted = channel.requestReceived(name, reader.rest())
        if wants_reply and not channel.localClosed:
            answer = Message.CHANNEL_SUCCESS if accepted else Message.CHANNEL_FAILURE
            self.transport.sendPacket(answer, U32.pack(self.channelsToRemoteChannel[channel]))
        if accepted:
            channel.answered()

    def channelClosed(self, channel: Any) -> None:
        """Forget a channel that both sides have closed."""
        if self.channels.pop(channel.id, None) is None:
            return
        del self.localToRemoteChannel[channel.id]
        del self.channelsToRemoteChannel[channel]
        channel.closed()


_HANDLERS: dict[int, Callable[[Connection, Reader], None]] = {
    Message.GLOBAL_REQUEST: Connection._global_request,
    Message.REQUEST_SUCCESS: Connection._ignored,
    Message.REQUEST_FAILURE: Connection._ignored,
    Message.CHANNEL_OPEN: Connection._open,
    Message.CHANNEL_WINDOW_ADJUST: Connection._adjust,
    Message.CHANNEL_EXTENDED_DATA: Connection._extended_data,
    Message.CHANNEL_EOF: Connection._eof,
    Message.CHANNEL_CLOSE: Connection._close,
    Message.CHANNEL_REQUEST: Connection._request,
    Message.CHANNEL_SUCCESS: Connection._ignored,
    Message.CHANNEL_FAILURE: Connection._ignored,
}
