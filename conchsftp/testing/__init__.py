"""
A server and its client in memory, in the process of your tests: no socket, no thread, no waiting.

`MemorySession` is all that most tests need: it logs in as an avatar and asks.

    session = MemorySession(Users("alice", files=MemoryFileSystem({"/notes.txt": b"hello"})))
    reply = session.request(requests.Remove(path=b"/notes.txt"))

`MemoryClient` is the SSH client under it, which also says what no client should; `MemoryReactor` is the clock and the
threads of a server that you make yourself. Time passes only when a test calls `advance`. None of this is for use
outside of tests: the client trusts every server.
"""

from conchsftp.testing.channel import MemoryChannel
from conchsftp.testing.client import MemoryClient
from conchsftp.testing.memory import MemoryPipe, MemoryReactor, MemoryThreads
from conchsftp.testing.session import MemorySession, NoReply, memory_server

__all__ = [
    "MemoryChannel",
    "MemoryClient",
    "MemoryPipe",
    "MemoryReactor",
    "MemorySession",
    "MemoryThreads",
    "NoReply",
    "memory_server",
]
