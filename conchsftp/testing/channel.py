"""
A session channel seen from the client: windows, requests, and what the server has said on it.

Keeps to the server's window and gives its own back when half of it is used; a test may tell it not to.
"""

from typing import TYPE_CHECKING

from conchsftp.ssh.numbers import Message
from conchsftp.wire.kinds import BOOL, BYTES, U32
from conchsftp.wire.reader import Reader

if TYPE_CHECKING:
    from conchsftp.testing.client import MemoryClient


class MemoryChannel:
    """
    One channel; `MemoryClient.open_channel` makes it.

    Args:
        client: the connection that it belongs to.
        number: its number on this side.
        window, packet: what this side takes, in bytes.

    Attributes:
        remote: its number on the server's side; None if it was not opened.
        refused: reason and text, if it was not.
        window: what the server may still send.
        reopens: whether the window is given back by itself.
        remote_window, remote_packet: what the server still takes.
        received: the data that came and was not taken.
        history: (number, what follows the channel) of every message but data, of which only the number is kept, in the
            order in which they came.
    """

    def __init__(self, client: "MemoryClient", number: int, *, window: int, packet: int) -> None:
        self.number = number
        self.remote: int | None = None
        self.refused: tuple[int, str] | None = None
        self.window = window
        self.reopens = True
        self.remote_window = self.remote_packet = 0
        self.received = bytearray()
        self.history: list[tuple[int, bytes]] = []
        self._client = client
        self._size = window
        self._unsent = bytearray()

    @property
    def numbers(self) -> list[int]:
        """The numbers of all messages that came on the channel, in their order."""
        return [number for number, _ in self.history]

    @property
    def closed(self) -> bool:
        """Whether the server has closed it."""
        return Message.CHANNEL_CLOSE in self.numbers

    def request(self, name: bytes, rest: bytes = b"", *, wants_reply: bool = True) -> bool | None:
        """Make a request; return whether it was granted, None if there is no answer."""
        answers = sum(number in _ANSWERS for number in self.numbers)
        self.packet(Message.CHANNEL_REQUEST, BYTES.pack(name) + BOOL.pack(wants_reply) + rest)
        found = [number for number in self.numbers if number in _ANSWERS][answers:]
        return found[-1] == Message.CHANNEL_SUCCESS if found else None

    def send(self, data: bytes) -> None:
        """Send data, as far as the server's window allows; the rest follows when it grows."""
        self.lay_data(data)
        self._client.pump()

    def lay_data(self, data: bytes) -> None:
        """The same with the next `pump`."""
        self._unsent += data
        while self._unsent and self.remote_window:
            count = min(len(self._unsent), self.remote_window, self.remote_packet)
            self.remote_window -= count
            self.lay(Message.CHANNEL_DATA, BYTES.pack(bytes(self._unsent[:count])))
            del self._unsent[:count]

    def adjust(self, count: int) -> None:
        """Let the server send so many bytes more."""
        self.window += count
        self.packet(Message.CHANNEL_WINDOW_ADJUST, U32.pack(count))

    def eof(self) -> None:
        """Say that nothing more will be sent."""
        self.packet(Message.CHANNEL_EOF)

    def close(self) -> None:
        """Close it from this side."""
        self.packet(Message.CHANNEL_CLOSE)

    def packet(self, number: int, rest: bytes = b"") -> None:
        """Send a message on the channel."""
        self.lay(number, rest)
        self._client.pump()

    def lay(self, number: int, rest: bytes = b"") -> None:
        """The same with the next `pump`."""
        assert self.remote is not None, f"the channel was not opened: {self.refused}"
        self._client.lay(number, U32.pack(self.remote) + rest)

    def take(self, count: int | None = None) -> bytes:
        """Take data that has come."""
        data = bytes(self.received[:count])
        del self.received[: len(data)]
        return data

    def react(self, number: int, rest: bytes) -> None:
        """Take a message of the server, without the channel's number."""
        reader = Reader(rest)
        self.history.append((number, rest if number != Message.CHANNEL_DATA else b""))
        if number == Message.CHANNEL_OPEN_CONFIRMATION:
            self.remote, self.remote_window, self.remote_packet = reader.u32(), reader.u32(), reader.u32()
        elif number == Message.CHANNEL_OPEN_FAILURE:
            self.refused = reader.u32(), reader.text()
        elif number == Message.CHANNEL_WINDOW_ADJUST:
            self.remote_window += reader.u32()
            self.lay_data(b"")
        elif number == Message.CHANNEL_DATA:
            self._take(reader.string())

    def _take(self, data: bytes) -> None:
        self.window -= len(data)
        assert self.window >= 0, f"{-self.window} bytes more than the window"
        self.received += data
        if self.reopens and self.window * 2 <= self._size and not self.closed:
            count = self._size - self.window
            self.window += count
            self.lay(Message.CHANNEL_WINDOW_ADJUST, U32.pack(count))


_ANSWERS = frozenset({Message.CHANNEL_SUCCESS, Message.CHANNEL_FAILURE})
