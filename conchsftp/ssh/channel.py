"""
The session channel: it carries the sftp subsystem and nothing else.

Counts both windows: ours is returned when a request has been answered, not when its bytes arrive; theirs splits what we
send. Knows no SFTP. Sources: RFC 4254 sections 5 and 6; `scp` fails a perfect transfer that ends without exit-status.
"""

from collections import deque
from typing import Any

from twisted.conch.ssh.session import SSHSession
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from conchsftp.errors import ProtocolViolation
from conchsftp.log import Detail
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.ssh.outlet import HIGH_WATER
from conchsftp.wire.kinds import BYTES, U32
from conchsftp.wire.reader import Reader

# What every client must be able to take and make (RFC 4253, 6.1); larger ones were not faster.
_LARGEST_DATA = 32 * 1024
# The largest SFTP packet, and with its length.
_ENOUGH = 256 * 1024
_LARGEST_REQUEST = _ENOUGH + 4
# Below this, file data would be laid out in thousands of messages at a time.
_SMALLEST_DIRECT = 4096
_STDERR = 1
# What whoever wants a command or a shell reads on their terminal.
_ONLY_SFTP = b"This service allows SFTP only.\n"
_ONLY_SFTP_SCP = b"This server speaks SFTP only: leave out -O (an older scp needs -s), or use sftp.\n"


class SFTPChannel(SSHSession):
    """
    A session channel whose subsystem writes through windows.

    The subsystem is a Protocol; to it this is the transport, with more to offer than `write`: `ready`, `reserve`,
    `commit` and `credit`.
    """

    conn: Any
    id: Any

    def prepare(self, connection: Any, number: int, recipient: int) -> None:
        """Take a place in a connection: our number and the peer's for this channel."""
        self.conn = connection
        self.id = number
        self._transport = connection.transport
        self._sender = self._transport.sender
        self._recipient = U32.pack(recipient)
        self._head = bytes((Message.CHANNEL_DATA,)) + self._recipient
        self._limit = min(self.remoteMaxPacket, _LARGEST_DATA)
        self.localWindowSize = self.localWindowLeft = self._transport.settings.max_bytes_in_flight
        self.localMaxPacket = _LARGEST_DATA
        self._consumed = 0
        # By halves; but what is not given back yet must leave room for the largest request.
        self._return_at = min(self.localWindowSize // 2, self.localWindowSize - _LARGEST_REQUEST)
        # A reply that fits into the window is laid out in place, one that does not is copied: so wait for room, but not
        # for more than a peer has left when it opens its window again. Some do that when nothing is left.
        self._enough = 1
        self._pending: deque[memoryview] = deque()
        self._finishing = False
        self._told = False
        self._exit_code = 0
        self._farewell = b""
        self._subsystem: Any = None

    def dataReceived(self, view: memoryview) -> None:  # type: ignore[override]
        """Take channel data; the view is good until `turn_over`."""
        self._debit(view.nbytes)
        if self._subsystem is None or self._finishing:
            self.credit(view.nbytes)
        else:
            self._subsystem.dataReceived(view)

    def ignored_data(self, size: int) -> None:
        """Take extended data: nothing of SFTP comes that way."""
        self._debit(size)
        self.credit(size)

    def _debit(self, size: int) -> None:
        if size > self.localWindowLeft or size > self.localMaxPacket:
            raise ProtocolViolation(
                Reason.PROTOCOL_ERROR, f"{size} bytes of data, {min(self.localWindowLeft, self.localMaxPacket)} allowed"
            )
        self.localWindowLeft -= size

    def addWindowBytes(self, data: int) -> None:
        """The peer takes so many bytes more."""
        self._enough = min(_ENOUGH, max(self._enough, self.remoteWindowLeft))
        self.remoteWindowLeft += data
        self.go_on()

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        """
        Accept `subsystem sftp`, once; also a command or a shell, whose only output is that there is none.

        Everything else is refused, and nothing is closed for it.
        """
        if self._subsystem is not None or self._finishing:
            return False
        if requestType in (b"exec", b"shell"):
            command = Reader(data).string() if requestType == b"exec" else b""
            self._refuse(requestType)
            # A refusal would leave its user with "request failed on channel 0"; OpenSSH's internal-sftp does as we do.
            self._farewell = _ONLY_SFTP_SCP if command.startswith(b"scp ") else _ONLY_SFTP
            return True
        if requestType != b"subsystem":
            return False
        reader = Reader(data)
        name, rest = reader.string(), reader.rest()
        subsystem = None
        if name == b"sftp" and self.avatar is not None:
            # One avatar may have several connections: this is the one that asks.
            self.avatar.conn = self.conn
            try:
                subsystem = self.avatar.lookupSubsystem(name, rest)
            except Exception:
                self._transport.log.failure("the avatar has no session")
        if not subsystem:
            self._refuse(b"subsystem " + name)
            return False
        self._subsystem = subsystem
        self._transport.log.status("the subsystem sftp begins")
        subsystem.makeConnection(self)
        return True

    def _refuse(self, what: bytes) -> None:
        """Tell the operator, once a channel: whoever asks again and again must not fill the log."""
        if not self._told:
            self._told = True
            text = what[:64].decode("ascii", "backslashreplace")
            self._transport.log.info("{text!r} refused, only sftp is served", text=text, step=True)

    def answered(self) -> None:
        """A request of the client is answered; one that was for a command or a shell is over with that."""
        if self._farewell and not self._finishing:
            text = self._farewell[: min(self.remoteWindowLeft, self.remoteMaxPacket)]
            self.remoteWindowLeft -= len(text)
            if text:
                said = self._recipient + U32.pack(_STDERR) + BYTES.pack(text)
                self._transport.sendPacket(Message.CHANNEL_EXTENDED_DATA, said)
            self._exit_code = 1
            self.finish()

    def eofReceived(self) -> None:
        """The client asks nothing more: what is asked already is still answered."""
        if self._subsystem is None:
            self.finish()
        else:
            self._subsystem.end_of_input()

    def closeReceived(self) -> None:
        """The client takes nothing more."""
        self._pending.clear()
        self.finish()

    def closed(self) -> None:
        """The channel is over, from either side or because the connection is lost; what is still written is dropped."""
        self.localClosed = True
        subsystem, self._subsystem = self._subsystem, None
        if subsystem is not None:
            subsystem.connectionLost(Failure(ConnectionDone()))

    @property
    def busy(self) -> bool:
        """Whether the subsystem owes an answer."""
        return self._subsystem is not None and self._subsystem.busy

    @property
    def sftp_version(self) -> int:
        """The version of SFTP that is spoken there; 0 if none is."""
        return self._subsystem.version if self._subsystem is not None else 0

    @property
    def in_use(self) -> bool:
        """Whether the client has something open there, or is owed an answer."""
        return self._subsystem is not None and self._subsystem.in_use

    def show(self, detail: Detail) -> None:
        """See `Transport.show`; a subsystem of somebody else's has nothing to show."""
        show = getattr(self._subsystem, "show", None)
        if show is not None:
            show(detail)

    def turn_over(self) -> None:
        """The received bytes are about to be overwritten."""
        if self._subsystem is not None:
            self._subsystem.keep()

    def go_on(self) -> None:
        """Output is possible again, or more of it."""
        self._drain()
        if self._subsystem is not None and not self._pending:
            self._subsystem.go_on()

    def ready(self) -> bool:
        """Whether another reply may be made; sends what is laid out once there is enough of it."""
        if self._sender.waiting >= HIGH_WATER:
            self._transport.outlet.flush()
        return not self._pending and self.remoteWindowLeft >= self._enough and not self._transport.stopped

    def write(self, data: bytes | memoryview) -> None:
        """Send, in order, when the window allows it; the bytes must stay unchanged."""
        if self.localClosed:
            return
        size = len(data)
        if self._pending or size > self.remoteWindowLeft or self._transport.keying.active:
            self._pending.append(memoryview(data))
            self._drain()
            return
        self.remoteWindowLeft -= size
        self._sender.data(self._head, self._limit, data)

    def reserve(self, before: int, size: int) -> list[memoryview] | None:
        """
        Lend the places that file data will be sent from; see `Sender.reserve`.

        Returns:
            None where the reply has to go through `write`: the window is too small for it.
        """
        if self._limit < _SMALLEST_DIRECT or before + size > self.remoteWindowLeft or not self.ready():
            return None
        return self._sender.reserve(self._head, self._limit, before, size)

    def commit(self, first: bytes, count: int) -> None:
        """Send `first` and `count` bytes from the places that `reserve` lent."""
        self.remoteWindowLeft -= len(first) + count
        self._sender.commit(first, count)

    def flush(self) -> None:
        """Let what was written leave, unless the end of the turn does it anyway; it ends what the client waited for."""
        self._transport.timers.answered()
        self._transport.flush()

    def credit(self, count: int) -> None:
        """Give the client window back for so many bytes that have been dealt with."""
        self._consumed += count
        if self._consumed >= self._return_at and not self.localClosed and not self.remoteClosed:
            self.localWindowLeft += self._consumed
            self._transport.sendPacket(Message.CHANNEL_WINDOW_ADJUST, self._recipient + U32.pack(self._consumed))
            self._consumed = 0

    def loseConnection(self) -> None:
        """Close the channel after everything that was written."""
        self.finish()

    def finish(self) -> None:
        """End the channel in good order: remaining output, exit-status, EOF, CLOSE."""
        self._finishing = True
        if self.localClosed or self._pending and not self.remoteClosed:
            return
        self.localClosed = True
        send = self._transport.sendPacket
        if not self.remoteClosed:
            # Without it `scp` exits 1 after a perfect transfer.
            status = BYTES.pack(b"exit-status") + b"\0" + U32.pack(self._exit_code)
            send(Message.CHANNEL_REQUEST, self._recipient + status)
            send(Message.CHANNEL_EOF, self._recipient)
        send(Message.CHANNEL_CLOSE, self._recipient)
        if self.remoteClosed:
            self.conn.channelClosed(self)

    def _drain(self) -> None:
        """Send what waits for the window."""
        pending = self._pending
        while pending and self.remoteWindowLeft and not self._transport.stopped:
            data = pending[0]
            take = min(data.nbytes, self.remoteWindowLeft, HIGH_WATER)
            self.remoteWindowLeft -= take
            self._sender.data(self._head, self._limit, data[:take])
            if take < data.nbytes:
                pending[0] = data[take:]
            else:
                pending.popleft()
            if self._sender.waiting >= HIGH_WATER:
                self._transport.outlet.flush()
        self.flush()
        if self._finishing and not pending:
            self.finish()
