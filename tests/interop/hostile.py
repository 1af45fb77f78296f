"""
Clients that ask for more than they take, each as a program of its own: `python -m tests.interop.hostile CASE …`.

Packets are laid out here byte by byte, and go through paramiko's public API: its transport takes anything that behaves
as a socket, so a client can stop reading TCP; and its channels give window back only for what is received from them.
"""

import argparse
import hashlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from struct import Struct

import paramiko

MIB = 1 << 20
SIZE = 1 << 30
PREFETCHED = 256 * MIB
_HEAD = Struct(">IBI")
_WORD = Struct(">I")
_LONG = Struct(">Q")
_INIT, _OPEN, _READ, _WRITE, _LSTAT = 1, 3, 5, 6, 7
_OPENDIR, _READDIR, _MKDIR, _STAT, _EXTENDED = 11, 12, 14, 17, 200
_HANDLE = 102
_FOR_READING, _FOR_WRITING = 0x01, 0x02 | 0x08 | 0x10
LARGEST_WINDOW = 0xFFFFFFFF
_PATIENCE_SECONDS = 120


class DeafSocket:
    """A socket that stops receiving when it is told to; what comes then fills the buffers of the kernels."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._timeout = 0.1
        self.deaf = threading.Event()

    def recv(self, count: int) -> bytes:
        if self.deaf.is_set():
            time.sleep(self._timeout)
            raise TimeoutError
        self._socket.settimeout(self._timeout)
        return self._socket.recv(count)

    def send(self, data: bytes) -> int:
        self._socket.settimeout(self._timeout)
        return self._socket.send(data)

    def settimeout(self, seconds: float) -> None:
        self._timeout = seconds

    def close(self) -> None:
        self._socket.close()


class Session:
    """
    One SFTP conversation.

    Args:
        window: how much the server may send before it is given more.
    """

    def __init__(self, transport: paramiko.Transport, window: int) -> None:
        self.transport = transport
        self.channel = transport.open_session(window_size=window, max_packet_size=32768, timeout=60)
        self.channel.invoke_subsystem("sftp")
        self.channel.sendall(_WORD.pack(5) + bytes([_INIT]) + _WORD.pack(3))
        self.answer()

    def answer(self) -> bytes:
        """Return the next answer."""
        return self._exactly(_WORD.unpack(self._exactly(4))[0])

    def opened(self, path: str, flags: int) -> bytes:
        """Open a file and return its handle as it goes into a request, with its length."""
        return self._handle(packet(_OPEN, text(path), _WORD.pack(flags), _WORD.pack(0)))

    def listed(self, path: str) -> bytes:
        """Open a directory; see `opened`."""
        return self._handle(packet(_OPENDIR, text(path)))

    def flood(self, packets: Iterator[bytes]) -> None:
        """Send as long as the server takes it."""
        batch: list[bytes] = []
        size = 0
        for each in packets:
            batch.append(each)
            size += len(each)
            if size >= 65536:
                self.channel.sendall(b"".join(batch))
                batch, size = [], 0
        self.channel.sendall(b"".join(batch))

    def drain(self) -> None:
        """Take all answers from now on, and throw them away."""

        def take() -> None:
            while self.channel.recv(1 << 18):
                pass

        threading.Thread(target=take, daemon=True).start()

    def _handle(self, request: bytes) -> bytes:
        self.channel.sendall(request)
        answer = self.answer()
        assert answer[0] == _HANDLE, answer
        return answer[5:]

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.channel.recv(count - len(data))
            assert more, "the conversation ended"
            data += more
        return data


def packet(kind: int, *parts: bytes) -> bytes:
    """Lay out a request."""
    body = b"".join(parts)
    return _HEAD.pack(5 + len(body), kind, 7) + body


def text(value: str | bytes) -> bytes:
    """Lay out a string with its length."""
    data = value.encode() if isinstance(value, str) else value
    return _WORD.pack(len(data)) + data


def reads(handle: bytes, length: int, size: int = SIZE) -> Iterator[bytes]:
    """Ask for all of a file."""
    for offset in range(0, size, length):
        yield packet(_READ, handle, _LONG.pack(offset), _WORD.pack(length))


def writes(handle: bytes, length: int, size: int = SIZE) -> Iterator[bytes]:
    """Fill a file."""
    data = text(bytes(length))
    for offset in range(0, size, length):
        yield packet(_WRITE, handle, _LONG.pack(offset), data)


Case = Callable[["Arguments", int], object]


class Arguments(argparse.Namespace):
    """Where the server is, and how to log in."""

    cases: list[str]
    port: int
    user: str
    key: str
    ready: threading.Barrier
    said = "done"

    def wait(self) -> None:
        """Wait until all sessions are ready, and the other side says that the attack is to begin."""
        self.ready.wait(_PATIENCE_SECONDS)

    def transport(self, sock: object = None) -> paramiko.Transport:
        """Log in."""
        transport = paramiko.Transport(sock or ("127.0.0.1", self.port))
        # Twenty at a time on a busy machine take longer than its 15 seconds.
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = _PATIENCE_SECONDS
        transport.connect(username=self.user, pkey=paramiko.Ed25519Key.from_private_key_file(self.key))
        return transport

    def session(self, *, window: int = 2 * MIB, sock: object = None) -> Session:
        """Log in and begin to speak SFTP."""
        return Session(self.transport(sock), window)


def prefetch(a: Arguments, number: int) -> None:
    """paramiko's own prefetch: READs of a quarter of the file at once, and every answer is read."""
    with paramiko.SFTPClient.from_transport(a.transport()) as client, client.open("/large") as file:
        a.wait()
        others = set(threading.enumerate())
        file.prefetch(PREFETCHED)
        # paramiko goes over to one request at a time when it has read all replies to what it has asked so far.
        for asking in set(threading.enumerate()) - others:
            asking.join()
        digest = hashlib.blake2b()
        while file.tell() < PREFETCHED:
            digest.update(file.read(MIB))
        a.said = digest.hexdigest()


def _deaf(path: str, length: int) -> Case:
    def case(a: Arguments, number: int) -> Session:
        sock = DeafSocket(a.port)
        session = a.session(window=LARGEST_WINDOW, sock=sock)
        handle = session.opened(path, _FOR_READING)
        a.wait()
        sock.deaf.set()
        session.flood(reads(handle, length))
        return session

    return case


def _stingy(window: int, length: int) -> Case:
    def case(a: Arguments, number: int) -> Session:
        session = a.session(window=window)
        handle = session.opened("/large", _FOR_READING)
        a.wait()
        session.flood(reads(handle, length))
        return session

    return case


def _writing(path: str, length: int) -> Case:
    def case(a: Arguments, number: int) -> Session:
        session = a.session()
        handle = session.opened(f"{path}{number}", _FOR_WRITING)
        a.wait()
        session.drain()
        session.flood(writes(handle, length))
        return session

    return case


def _reading(path: str, length: int) -> Case:
    def case(a: Arguments, number: int) -> Session:
        session = a.session(window=16 * MIB)
        handle = session.opened(path, _FOR_READING)
        a.wait()
        session.drain()
        while True:
            session.flood(reads(handle, length))

    return case


def _repeated(*requests: bytes, listens: bool = True) -> Case:
    def case(a: Arguments, number: int) -> Session:
        session = a.session()
        a.wait()
        if listens:
            session.drain()
        while True:
            session.flood(iter(requests * max(1, 65536 // len(requests[0]))))

    return case


def listing(a: Arguments, number: int) -> Session:
    """10,000 READDIRs on one handle of a directory that answers slowly."""
    session = a.session()
    handle = session.listed("/slow")
    a.wait()
    session.drain()
    session.flood(iter([packet(_READDIR, handle)] * 10_000))
    return session


def handles(a: Arguments, number: int) -> Session:
    """READs on 1,000 handles."""
    session = a.session()
    opened = [session.opened("/slow-large", _FOR_READING) for _ in range(1000)]
    a.wait()
    session.drain()
    for offset in range(0, 1 << 20, 32768):
        session.flood(packet(_READ, each, _LONG.pack(offset), _WORD.pack(32768)) for each in opened)
    return session


def directories(a: Arguments, number: int) -> Session:
    """As many directories as may be, each read a little."""
    session = a.session()
    a.wait()
    count = 1024
    session.flood(iter([packet(_OPENDIR, text("/many"))] * count))
    answers = [session.answer() for _ in range(count)]
    opened = [answer[5:] for answer in answers if answer[0] == _HANDLE]
    session.drain()
    session.flood(packet(_READDIR, handle) for handle in opened)
    return session


def paths(a: Arguments, number: int) -> Session:
    """As many files as may be, each by a path as long as may be, in which one sign takes four bytes."""
    session = a.session()
    path = ""
    for _ in range(15):
        path += "/" + "\U0001f4be" + "d" * 240
        session.channel.sendall(packet(_MKDIR, text(path), _WORD.pack(0)))
        session.answer()
    a.wait()
    count = 1024
    for each in range(count):
        session.flood(iter([packet(_OPEN, text(f"{path}/{each}"), _WORD.pack(_FOR_WRITING), _WORD.pack(0))]))
    for _ in range(count):
        session.answer()
    return session


def leaving(a: Arguments, number: int) -> None:
    """4,000 files are open when the connection is lost."""
    session = a.session()
    a.wait()
    count = 4000
    session.flood(iter([packet(_OPEN, text("/large"), _WORD.pack(_FOR_READING), _WORD.pack(0))] * count))
    for _ in range(count):
        session.answer()
    session.transport.close()


def halves(a: Arguments, number: int) -> list[Session]:
    """Half of the largest packet, on ten channels of each of five connections."""
    transports = [a.transport() for _ in range(5)]
    sessions = [Session(transport, 2 * MIB) for transport in transports for _ in range(10)]
    a.wait()
    for session in sessions:
        session.channel.sendall(_HEAD.pack(256 * 1024, _WRITE, 1) + bytes(128 * 1024))
    return sessions


def rekey(a: Arguments, number: int) -> Session:
    """Keys are exchanged while everything is full."""
    session = a.session()
    handle = session.opened(f"/slow-{number}", _FOR_WRITING)
    large = session.opened("/large", _FOR_READING)
    a.wait()
    session.flood(reads(large, 32768, 64 * MIB))
    threading.Thread(target=session.flood, args=(writes(handle, 32768),), daemon=True).start()
    while True:
        session.transport.renegotiate_keys()


CASES: dict[str, Case] = {
    "prefetch": prefetch,
    "deaf": _deaf("/large", 32768),
    "deaf-largest": _deaf("/large", 255 * 1024),
    "deaf-slow": _deaf("/slow-large", 32768),
    "stingy": _stingy(2 * MIB, 32768),
    "stingy-largest": _stingy(2 * MIB, 255 * 1024),
    "stingy-tiny": _stingy(64 * 1024, 255 * 1024),
    "writing": _writing("/slow-", 32768),
    "writing-largest": _writing("/slow-", 255 * 1024),
    "writing-bytes": _writing("/slow-", 1),
    "fast-writing": _writing("/fast-", 255 * 1024),
    "fast-reading": _reading("/large", 255 * 1024),
    "lstats": _repeated(packet(_LSTAT, text("/large"))),
    "slow-stats": _repeated(packet(_STAT, text("/slow-large"))),
    "deep-stats": _repeated(packet(_LSTAT, text("/a" * 100_000))),
    "blind-lstats": _repeated(packet(_LSTAT, text("/large")), listens=False),
    "listing": listing,
    "handles": handles,
    "leaving": leaving,
    "directories": directories,
    "paths": paths,
    "halves": halves,
    "extended": _repeated(packet(_EXTENDED, text("unknown@example.com"), bytes(200 * 1024))),
    "extended-behind": _repeated(
        packet(_STAT, text("/slow-large")), *[packet(_EXTENDED, text("unknown@example.com"), bytes(200 * 1024))] * 5
    ),
    "rekey": rekey,
}


def main() -> None:
    """Attack as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="+", choices=CASES, help="a session each")
    parser.add_argument("--port", type=int)
    parser.add_argument("--user")
    parser.add_argument("--key")
    arguments = parser.parse_args(namespace=Arguments())
    os.nice(5)
    arguments.ready = threading.Barrier(len(arguments.cases), action=_begin)
    with ThreadPoolExecutor(len(arguments.cases)) as pool:
        working = [pool.submit(CASES[case], arguments, number) for number, case in enumerate(arguments.cases)]
        # What they return is kept: the connections stay.
        kept = [each.result() for each in working]
        print(arguments.said, flush=True)
        sys.stdin.readline()
        del kept


def _begin() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
