"""
An SSH client in memory: it speaks to a server's transport, message by message, through a pipe.

Its steps do what a well-behaved client does; whatever else a test wants to say goes through `packet` and `raw`. It
packs and opens packets with the same classes as the server, which are proven by vectors and by other people's clients.
"""

from collections.abc import Callable
from secrets import token_bytes
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from conchsftp.server.penalising import Turned
from conchsftp.ssh.kexinit import EXT_INFO_CLIENT, STRICT_CLIENT, KexInit, Negotiated, negotiate
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.ssh.packets.receiving import ReceiveBuffer, Receiver
from conchsftp.ssh.packets.staging import Sender, StagingPool
from conchsftp.ssh.phases import HELD_DURING_KEX
from conchsftp.testing.channel import MemoryChannel
from conchsftp.testing.exchange import Keys, X25519Exchange
from conchsftp.testing.memory import MemoryPipe
from conchsftp.wire.kinds import BOOL, BYTES, U32
from conchsftp.wire.reader import Reader

_LONGEST_LINE = 255


class MemoryClient:
    """
    One connection to a server.

    Args:
        factory: the server's (`SFTPServer.factory`).
        version: the identification line that it sends, without its end.
        strict: whether it offers strict key exchange.
        ext_info: whether it takes EXT_INFO.
        room, chunk: see `MemoryPipe`.
        cipher, mac, compression: its only one of each kind, in both directions.
        host: its address.

    Attributes:
        server: the server's transport.
        pipe: between the two.
        automatic: whether it does its part in every key exchange by itself.
        numbers: of all messages that came, in their order.
        messages: (number, what follows it) of those that nobody has taken; `take` does.
        disconnected: reason and text, if the server has said so.
        extensions: what came in EXT_INFO.
        announced: the host keys that the server has told of (hostkeys-00@openssh.com).
        channels: by their number here.
        session_id: of the connection; empty before the first key exchange.
        exchanges: how many key exchanges are over.

    Raises:
        ConnectionRefusedError: the server has as many connections as it may, or refuses this host for what it did.
    """

    method: type[X25519Exchange] = X25519Exchange
    host_key_algorithms: tuple[str, ...] = ("ssh-ed25519",)
    pipe_class: Callable[..., Any] = MemoryPipe

    def __init__(
        self,
        factory: Any,
        *,
        version: bytes = b"SSH-2.0-conchsftp_memory",
        strict: bool = True,
        ext_info: bool = True,
        room: int | None = None,
        chunk: int = 1 << 16,
        cipher: str = "aes128-gcm@openssh.com",
        mac: str = "hmac-sha2-256-etm@openssh.com",
        compression: str = "none",
        host: str = "198.51.100.7",
    ) -> None:
        self.version = version
        self.server_version = b""
        self.automatic = True
        self.numbers: list[int] = []
        self.messages: list[tuple[int, bytes]] = []
        self.disconnected: tuple[int, str] | None = None
        self.extensions: dict[bytes, bytes] = {}
        self.announced: tuple[bytes, ...] = ()
        self.channels: dict[int, MemoryChannel] = {}
        self.session_id = b""
        self.exchanges = 0
        self.strict = False
        self.receiver = Receiver(ReceiveBuffer())
        self.sender = Sender(StagingPool())
        self._markers = tuple(name for name, on in ((EXT_INFO_CLIENT, ext_info), (STRICT_CLIENT, strict)) if on)
        self._offer = cipher, mac, compression
        self._ours = self._theirs = b""
        self._agreed: Negotiated | None = None
        self._exchange: X25519Exchange | None = None
        self._incoming: Any = None
        self._held: list[tuple[int, bytes]] = []
        self._pumping = False
        self._logged_in = False
        peer = (IPv6Address if ":" in host else IPv4Address)("TCP", host, 49152)
        self.server = _accepted(factory, peer)
        self.pipe = self.pipe_class(self.server, room=room, chunk=chunk, peer=peer)

    def connect(self) -> None:
        """Send the identification line and exchange keys for the first time."""
        self.raw(self.version + b"\r\n", pump=False)
        self.send_kexinit()
        self.pump()

    def rekey(self) -> None:
        """Exchange keys again."""
        self.send_kexinit()
        self.pump()

    def ask_for_login(self) -> None:
        """Ask for the service that logs users in."""
        self.packet(Message.SERVICE_REQUEST, BYTES.pack(b"ssh-userauth"))
        self.take(Message.SERVICE_ACCEPT)

    def authenticate(self, user: str, method: str, rest: bytes = b"") -> None:
        """Make one attempt to log in; the answer is among `messages`."""
        names = (user.encode(), b"ssh-connection", method.encode())
        self.packet(Message.USERAUTH_REQUEST, b"".join(map(BYTES.pack, names)) + rest)

    def log_in(self, user: str = "user", password: str = "password") -> None:
        """Log in with a password, from the first byte on."""
        self.connect()
        self.ask_for_login()
        self.authenticate(user, "password", BOOL.pack(False) + BYTES.pack(password.encode()))
        self.take(Message.USERAUTH_SUCCESS)

    def open_channel(self, *, window: int = 1 << 21, packet: int = 1 << 15, kind: bytes = b"session") -> MemoryChannel:
        """Ask for a channel; whether it was opened, the channel knows."""
        channel = MemoryChannel(self, len(self.channels), window=window, packet=packet)
        self.channels[channel.number] = channel
        self.packet(Message.CHANNEL_OPEN, BYTES.pack(kind) + b"".join(map(U32.pack, (channel.number, window, packet))))
        return channel

    def open_subsystem(self, name: bytes = b"sftp", *, window: int = 1 << 21, packet: int = 1 << 15) -> MemoryChannel:
        """Open a session channel and ask for a subsystem on it."""
        channel = self.open_channel(window=window, packet=packet)
        channel.request(b"subsystem", BYTES.pack(name))
        return channel

    def disconnect(self) -> None:
        """Say goodbye, upon which the server closes the connection."""
        self.packet(Message.DISCONNECT, U32.pack(Reason.BY_APPLICATION) + BYTES.pack(b"") + BYTES.pack(b""))

    def raw(self, data: bytes, *, pump: bool = True) -> None:
        """Send bytes as they are."""
        self.sender.line(data)
        if pump:
            self.pump()

    def packet(self, number: int, payload: bytes = b"") -> None:
        """Send a message and let everybody react to it."""
        self.lay(number, payload)
        self.pump()

    def packet_now(self, number: int, payload: bytes = b"") -> None:
        """The same in the middle of a key exchange, where nothing of the kind may be sent."""
        self.lay_now(number, payload)
        self.pump()

    def lay(self, number: int, payload: bytes = b"") -> None:
        """Send a message with the next `pump`; one that may not be sent during a key exchange waits for its end."""
        if self._ours and number in HELD_DURING_KEX:
            self._held.append((number, payload))
        else:
            self.lay_now(number, payload)

    def lay_now(self, number: int, payload: bytes = b"") -> None:
        """The same in the middle of a key exchange."""
        self.sender.packet(bytes((number,)) + payload)

    def take(self, number: int) -> bytes:
        """Take the first message of this number and return what follows the number; fails if none has come."""
        for at, (each, payload) in enumerate(self.messages):
            if each == number:
                del self.messages[at]
                return payload
        came = ", ".join(str(each) for each, _ in self.messages) or "none"
        raise AssertionError(f"no message {number}; there are {came}; disconnected: {self.disconnected}")

    def send_kexinit(self, *, guessed: bool = False, kex: tuple[str, ...] = ()) -> None:
        """Begin a key exchange; `guessed` says that a guess follows, `kex` is offered instead of the usual."""
        cipher, mac, compression = self._offer
        self._ours = KexInit(
            cookie=token_bytes(16),
            kex=(*(kex or (self.method.name,)), *(() if self.session_id else self._markers)),
            host_key=self.host_key_algorithms,
            cipher_in=(cipher,),
            cipher_out=(cipher,),
            mac_in=(mac,),
            mac_out=(mac,),
            compression_in=(compression,),
            compression_out=(compression,),
            guessed=guessed,
        ).payload
        self.lay_now(self._ours[0], self._ours[1:])

    def pump(self) -> None:
        """Carry bytes to and fro until nothing moves any more."""
        if self._pumping:
            return
        self._pumping = True
        try:
            moved = True
            while moved:
                self.flush()
                moved = self.pipe.deliver()
                data = self.pipe.fetch()
                moved = bool(data) or moved
                self.receive(data)
        finally:
            self._pumping = False

    def flush(self) -> None:
        """Put into the pipe what was laid out; the server does not see it yet."""
        data = self.sender.unsent()
        self.pipe.bring(data)
        self.sender.sent(data.nbytes)

    def receive(self, data: bytes) -> None:
        """Take bytes of the server and react to the messages in them."""
        rest = memoryview(data)
        while rest.nbytes:
            room = self.receiver.lend()
            count = min(room.nbytes, rest.nbytes)
            room[:count] = rest[:count]
            rest = rest[count:]
            self.receiver.filled(count)
            if not self.server_version:
                self.server_version = self.receiver.line(_LONGEST_LINE) or b""
            while self.server_version and (payload := self.receiver.next()) is not None:
                self._react(bytes(payload))

    def _react(self, payload: bytes) -> None:
        number, rest = payload[0], payload[1:]
        self.numbers.append(number)
        reaction = _REACTIONS.get(number)
        if reaction is not None and (self.automatic or number not in _EXCHANGE):
            reaction(self, payload if number == Message.KEXINIT else rest)
        elif Message.CHANNEL_OPEN_CONFIRMATION <= number <= Message.CHANNEL_FAILURE:
            channel = self.channels.get(int.from_bytes(rest[:4], "big"))
            if channel is None:
                self.messages.append((number, rest))
            else:
                channel.react(number, rest[4:])
        else:
            self.messages.append((number, rest))

    def _disconnect(self, payload: bytes) -> None:
        reader = Reader(payload)
        self.disconnected = reader.u32(), reader.text()

    def _ext_info(self, payload: bytes) -> None:
        self.extensions = dict(Reader(payload).pairs())

    def _global_request(self, payload: bytes) -> None:
        reader = Reader(payload)
        if reader.string() != b"hostkeys-00@openssh.com":
            self.messages.append((Message.GLOBAL_REQUEST, payload))
            return
        reader.boolean()
        blobs = []
        while reader.remaining:
            blobs.append(reader.string())
        self.announced = tuple(blobs)

    def _success(self, payload: bytes) -> None:
        assert self._agreed is not None
        self._logged_in = True
        self.messages.append((Message.USERAUTH_SUCCESS, payload))
        if self._agreed.compression_in.delayed:
            self.sender.compress_with(self._agreed.compression_in.build_compressor())
        if self._agreed.compression_out.delayed:
            self.receiver.decompress_with(self._agreed.compression_out.build_decompressor())

    def _kexinit(self, payload: bytes) -> None:
        self._theirs = payload
        if not self._ours:
            self.send_kexinit()
        self._agreed = negotiate(KexInit.parse(self._ours), KexInit.parse(payload))
        if not self.session_id:
            self.strict = self._agreed.strict
        self._exchange = self.method()
        self.lay_now(*self._exchange.first)

    def _method(self, payload: bytes) -> None:
        exchange, agreed = self._exchange, self._agreed
        assert exchange is not None and agreed is not None
        answer = exchange.take(self.numbers[-1], payload)
        if answer is not None:
            self.lay_now(*answer)
            return
        self.host_key, self.signature = exchange.host_key, exchange.signature
        lines = self.version, self.server_version, self._ours, self._theirs
        keys = Keys(exchange, lines, self.session_id)
        self.session_id, self.exchange_hash = keys.session_id, keys.exchange_hash
        self.lay_now(Message.NEWKEYS)
        compresses = self._logged_in or not agreed.compression_in.delayed
        deflate = agreed.compression_in.build_compressor() if compresses else None
        self.sender.switch(keys.cipher(agreed.cipher_in, agreed.mac_in, b"ACE"), deflate, reset=self.strict)
        self._incoming = keys.cipher(agreed.cipher_out, agreed.mac_out, b"BDF")
        self._ours = self._theirs = b""
        held, self._held = self._held, []
        for number, rest in held:
            self.lay(number, rest)

    def _newkeys(self, payload: bytes) -> None:
        assert self._agreed is not None
        inflates = self._logged_in or not self._agreed.compression_out.delayed
        inflate = self._agreed.compression_out.build_decompressor() if inflates else None
        self.receiver.switch(self._incoming, inflate, reset=self.strict)
        self.exchanges += 1


_EXCHANGE = frozenset({Message.KEXINIT, Message.NEWKEYS, *range(30, 50)})

_REACTIONS: dict[int, Callable[[MemoryClient, bytes], None]] = {
    Message.DISCONNECT: MemoryClient._disconnect,
    Message.EXT_INFO: MemoryClient._ext_info,
    Message.GLOBAL_REQUEST: MemoryClient._global_request,
    Message.USERAUTH_SUCCESS: MemoryClient._success,
    Message.KEXINIT: MemoryClient._kexinit,
    Message.NEWKEYS: MemoryClient._newkeys,
    **dict.fromkeys(range(31, 34), MemoryClient._method),
}


def _accepted(factory: Any, peer: Any) -> Any:
    """Return the transport of a connection."""
    server = factory.buildProtocol(peer)
    if server is None or isinstance(server, Turned):
        raise ConnectionRefusedError("the server takes no more connections, or none from here")
    return server
