"""
What a client offers: read from the KEXINIT that it sends to a server that says hello and no more.
"""

import socket
import subprocess
from collections.abc import Mapping, Sequence

from conchsftp.ssh.kexinit import KexInit
from tests.interop.algorithms.cells import CIPHER, COMPRESSION, HOST_KEY, KEY_EXCHANGE, MAC

_SECONDS = 20
_GREETING = b"SSH-2.0-silent\r\n"


def lists_of(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """
    Return the names that a client offers, by kind.

    Args:
        command: runs it; PORT in it is filled in.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_SECONDS)
        port = str(server.getsockname()[1])
        client = subprocess.Popen(
            [port if part == "PORT" else part for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            with server.accept()[0] as connection:
                connection.settimeout(_SECONDS)
                connection.sendall(_GREETING)
                with connection.makefile("rb") as stream:
                    assert stream.readline().startswith(b"SSH-2.0-")
                    length, padding = int.from_bytes(stream.read(4), "big"), stream.read(1)[0]
                    payload = stream.read(length - 1)[:-padding]
        finally:
            client.kill()
            client.wait()
    offered = KexInit.parse(payload)
    return {
        KEY_EXCHANGE: frozenset(offered.kex),
        HOST_KEY: frozenset(offered.host_key),
        CIPHER: frozenset(offered.cipher_in),
        MAC: frozenset(offered.mac_in),
        COMPRESSION: frozenset(offered.compression_in),
    }
