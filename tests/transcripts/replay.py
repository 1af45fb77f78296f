"""
Plays a transcript: sends its packets over an SSH connection in memory, and holds every reply against what is needed.

The SSH under it is the one that the server is tested with elsewhere; all of SFTP is laid out and taken apart by hand.
"""

from struct import unpack_from

from conchsftp.ssh.numbers import Message
from conchsftp.testing import MemoryClient
from conchsftp.wire.kinds import BOOL, BYTES
from tests.transcripts.needs import Conversation, Need, Reply
from tests.transcripts.notation import (
    Aside,
    Burst,
    ChannelRequest,
    Client,
    GlobalRequest,
    Ignore,
    OtherChannel,
    Rekey,
    Step,
)
from tests.transcripts.packets import INIT, NAME, Packet
from tests.transcripts.stages import Stage

# sshfs ends the session over a larger NAME, OpenSSH over any larger reply.
_LARGEST_REPLY = 256 * 1024
_LARGEST_NAME = 128 * 1024


class Player:
    """
    A client's part in one session.

    Args:
        stage: where it is played.
        client: who it is.
    """

    def __init__(self, stage: Stage, client: Client) -> None:
        self._stage = stage
        self._client = client
        self._sent = 0
        self._owed_on_channel = self._owed_on_connection = 0
        self._talk = Conversation()
        self._ssh = MemoryClient(stage.server.factory, version=client.version.encode("ascii"), **stage.pipe)
        self._ssh.log_in()
        stage.begin()
        self._channel = self._ssh.open_channel(window=client.window, packet=client.packet)
        self._channel.reopens = client.reopens
        for aside in client.before:
            self.step(aside)
        assert self._channel.request(b"subsystem", BYTES.pack(b"sftp")), "no subsystem"
        for step in client.greeting:
            self.step(step)

    def step(self, step: Step) -> None:
        """Send a row, or a burst of them, and check what comes back."""
        rows = step.rows if isinstance(step, Burst) else (step,)
        needs: list[tuple[Packet, int, Need]] = []
        for row in rows:
            if isinstance(row, tuple):
                packet, need = row
                request_id = self._id(packet, len(needs))
                needs.append((packet, request_id, need))
                self._channel.lay_data(packet.lay(request_id, self._talk.handles))
            else:
                self._aside(row)
        self._wait()
        self._check(needs)

    def finish(self) -> None:
        """End as clients do, and see the channel end in good order: exit status, end of data, close."""
        self._channel.eof()
        self._wait()
        assert self._channel.numbers[-3:] == _GOOD_END, self._channel.numbers[-5:]
        self._channel.close()
        self._ssh.disconnect()

    def _wait(self) -> None:
        """Let everything happen that the server has been asked for."""
        self._ssh.pump()
        while self._stage.settle():
            self._ssh.pump()

    def _id(self, packet: Packet, index: int) -> int:
        if packet.kind == INIT:
            return 0
        number = self._client.first_id + (index if self._client.reuses_ids else self._sent)
        self._sent += 1
        return self._client.id_of(number, packet.kind) if self._client.id_of is not None else number

    def _check(self, needs: list[tuple[Packet, int, Need]]) -> None:
        replies = split(self._channel.take())
        assert self._ssh.disconnected is None, self._ssh.disconnected
        assert len(replies) == len(needs), f"{len(replies)} replies to {len(needs)} requests"
        for reply, (packet, request_id, need) in zip(replies, needs, strict=True):
            assert packet.kind == INIT or reply.request_id == request_id, f"{reply.request_id} instead of {request_id}"
            assert len(reply.packet) <= (_LARGEST_NAME if reply.kind == NAME else _LARGEST_REPLY), len(reply.packet)
            try:
                need(reply, self._talk)
            except AssertionError as problem:
                raise AssertionError(f"request {packet.kind} {packet.fields!r:.120}: {problem}") from None
        assert self._channel.numbers.count(Message.CHANNEL_FAILURE) == self._owed_on_channel
        refusals = [number for number, _ in self._ssh.messages if number == Message.REQUEST_FAILURE]
        assert len(refusals) == self._owed_on_connection, self._ssh.messages

    def _aside(self, aside: Aside) -> None:
        if isinstance(aside, ChannelRequest):
            self._owed_on_channel += aside.wants_reply
            rest = BYTES.pack(aside.name.encode()) + BOOL.pack(aside.wants_reply) + aside.rest
            self._channel.lay(Message.CHANNEL_REQUEST, rest)
        elif isinstance(aside, GlobalRequest):
            self._owed_on_connection += aside.wants_reply
            rest = BYTES.pack(aside.name.encode()) + BOOL.pack(aside.wants_reply)
            self._ssh.lay(Message.GLOBAL_REQUEST, rest)
        elif isinstance(aside, Ignore):
            self._ssh.lay(Message.IGNORE, BYTES.pack(aside.data))
        elif isinstance(aside, Rekey):
            self._ssh.send_kexinit()
        else:
            self._refused(aside)

    def _refused(self, aside: OtherChannel) -> None:
        channel = self._ssh.open_channel()
        # There is no command: its channel is over at once, and the session goes on.
        assert channel.request(aside.request.encode(), aside.rest) is True, channel.numbers
        assert channel.closed
        channel.close()


def split(data: bytes) -> list[Reply]:
    """Cut a stream into packets; each must be whole."""
    replies, at = [], 0
    while at < len(data):
        (size,) = unpack_from(">I", data, at)
        packet = data[at + 4 : at + 4 + size]
        assert len(packet) == size >= 5, f"{len(packet)} bytes of a packet of {size}"
        replies.append(Reply(packet))
        at += 4 + size
    return replies


_GOOD_END = [Message.CHANNEL_REQUEST, Message.CHANNEL_EOF, Message.CHANNEL_CLOSE]
