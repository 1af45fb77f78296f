"""
Logins that stop half-way: `python -m tests.interop.half_logins PORT COUNT`. Says `ready`, and waits to be killed.
"""

import socket
import sys
import threading
import time

import paramiko


def main(port: int, count: int) -> None:
    """Begin logins of each kind, and leave them as they are."""
    begun = [threading.Barrier(count + 1) for _ in range(3)]
    kept: list[object] = []

    def connected() -> paramiko.Transport:
        transport = paramiko.Transport(("127.0.0.1", port))
        kept.append(transport)
        transport.start_client(timeout=60)
        return transport

    def only_keys() -> None:
        connected()
        begun[0].wait()

    def never_answered() -> None:
        transport = connected()
        begun[1].wait()
        transport.auth_password("slow", "password", fallback=False)

    def never_answers() -> None:
        def wait(*asked: object) -> list[str]:
            begun[2].wait()
            time.sleep(3600)
            return []

        connected().auth_interactive("alice", wait)

    for kind in (only_keys, never_answered, never_answers):
        for _ in range(count):
            threading.Thread(target=kind, daemon=True).start()
    for _ in range(count):
        half = socket.create_connection(("127.0.0.1", port), 10)
        half.sendall(b"SSH-2.0-half")
        kept.append(half)
    for barrier in begun:
        barrier.wait(120)
    time.sleep(0.5)
    print("ready", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
