"""
A small SFTP client that keeps many requests under way, over the pipe of `ssh -s host sftp`.

It speaks version 3 from bytes of its own, so that it can judge the server's codec. It knows only the requests that are
counted here, and trusts the replies as far as their type. Source: draft-ietf-secsh-filexfer-02.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from struct import Struct

_WORD = Struct(">I")
_HEAD = Struct(">IBI")  # length, type, request id

_INIT, _VERSION, _OPEN, _CLOSE, _READ, _LSTAT = 1, 2, 3, 4, 5, 7
_OPENDIR, _READDIR = 11, 12
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS = 101, 102, 103, 104, 105
_READ_FLAG = 1


class UnexpectedReply(Exception):
    """A reply of another type than the request has."""


class PipelinedClient:
    """
    One SFTP conversation; a context manager that ends it.

    Args:
        command: what to run; its standard input and output are the conversation.
        under_way: how many requests are unanswered at a time.
    """

    def __init__(self, command: Sequence[str], *, under_way: int = 64) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        self._under_way = under_way
        self._rest = b""
        self._write(_WORD.pack(5) + bytes([_INIT]) + _WORD.pack(3))
        self._expect(next(self._packets()), _VERSION)

    def __enter__(self) -> "PipelinedClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    @property
    def pid(self) -> int:
        """The process whose pipe it is."""
        return self._process.pid

    def lstats(self, path: str, count: int) -> None:
        """Ask so many times for the attributes of one path."""
        body = _text(path)
        requests = (_packet(_LSTAT, number & 0xFFFFFFFF, body) for number in range(count))

        def answered(packet: memoryview) -> bytes:
            self._expect(packet, _ATTRS)
            return next(requests, b"")

        self._converse(requests, answered, count)

    def open_read_close(self, path: str, count: int, *, length: int = 4096) -> None:
        """Open, read and close one file so many times; READ and CLOSE leave together, when the handle is there."""
        body = _text(path) + _WORD.pack(_READ_FLAG) + _WORD.pack(0)
        requests = (_packet(_OPEN, number, body) for number in range(count))

        def answered(packet: memoryview) -> bytes:
            kind = packet[0]
            if kind == _HANDLE:
                number, handle = _WORD.unpack_from(packet, 1)[0], bytes(packet[5:])
                read = _packet(_READ, number, handle + bytes(8) + _WORD.pack(length))
                return read + _packet(_CLOSE, number, handle)
            if kind == _STATUS:
                return next(requests, b"")
            self._expect(packet, _DATA)
            return b""

        self._converse(requests, answered, 3 * count)

    def list(self, path: str) -> int:
        """Read a directory to its end, one READDIR at a time as OpenSSH's client does; return how many names came."""
        handle = bytes(self._ask(_OPENDIR, _text(path), _HANDLE)[5:])
        names = 0
        while True:
            packet = self._ask(_READDIR, handle)
            if packet[0] == _STATUS:
                break
            self._expect(packet, _NAME)
            names += _WORD.unpack_from(packet, 5)[0]
        self._ask(_CLOSE, handle, _STATUS)
        return names

    def _ask(self, kind: int, body: bytes, reply: int | None = None) -> memoryview:
        self._write(_packet(kind, 1, body))
        packet = next(self._packets())
        if reply is not None:
            self._expect(packet, reply)
        return packet

    def _converse(self, first: Iterator[bytes], answered: Callable[[memoryview], bytes], replies: int) -> None:
        """Keep requests under way; `answered` is given each reply and returns what to send next."""
        self._write(b"".join(islice(first, self._under_way)))
        while replies:
            following = []
            for packet in self._packets():
                following.append(answered(packet))
                replies -= 1
            self._write(b"".join(following))

    def _packets(self) -> Iterator[memoryview]:
        """Give the packets, without their lengths, that one or more reads bring; at least one."""
        data = self._rest
        while len(data) < 4 or len(data) < 4 + _WORD.unpack_from(data)[0]:
            more = os.read(self._output, 1 << 18)
            if not more:
                raise UnexpectedReply("the conversation ended")
            data += more
        view, position = memoryview(data), 0
        complete = []
        while position + 4 <= len(data):
            end = position + 4 + _WORD.unpack_from(data, position)[0]
            if end > len(data):
                break
            complete.append(view[position + 4 : end])
            position = end
        self._rest = data[position:]
        return iter(complete)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._input, data) :]

    @staticmethod
    def _expect(packet: memoryview, kind: int) -> None:
        if packet[0] != kind:
            raise UnexpectedReply(f"type {packet[0]}, {kind} expected: {bytes(packet[:200])!r}")


def _packet(kind: int, number: int, body: bytes) -> bytes:
    return _HEAD.pack(5 + len(body), kind, number) + body


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _WORD.pack(len(encoded)) + encoded
