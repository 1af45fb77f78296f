"""
"The results in the responses will be the same as if it had sent the requests one at a time and waited for the response
in each case." (filexfer-13, 4.1)
"""

from random import Random
from stat import S_ISDIR
from struct import unpack_from
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp.numbers import VERSIONS
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    CLOSE,
    FSETSTAT,
    FSTAT,
    HANDLE,
    LSTAT,
    MKDIR,
    NO_ATTRIBUTES,
    OPENDIR,
    READLINK,
    REMOVE,
    RENAME,
    RMDIR,
    SETSTAT,
    STAT,
    Session,
    extension,
    opening,
    reading,
    request,
    string,
    string_at,
    u64,
    writing,
)

PATHS = (b"a", b"b", b"d", b"d/x")
# What a client has open from the beginning: path and pflags.
OPEN = ((b"a", 3), (b"b", 3), (b"b", 1), (b"d/x", 7), (b"a", 0x0B))
SLOW = (
    "open list stat lstat set_attributes make_directory remove_directory remove rename read_link"
    " file.read file.write file.stat file.set_attributes file.close file.copy_to"
)


def size(length: int) -> bytes:
    """Lay out attributes that hold a size."""
    return bytes.fromhex("00000001") + u64(length)


path = st.sampled_from((b"a", b"a", *PATHS)).map(string)
handle = st.integers(0, len(OPEN) - 1)
offset = st.integers(0, 12)
length = st.integers(0, 12)
data = st.binary(max_size=5)

BY_PATH = (STAT, LSTAT, REMOVE, RMDIR, OPENDIR, READLINK)
# Each makes a function of the handles that gives the request with an id.
requests: Any = st.one_of(
    st.builds(lambda k, p: lambda h, n: request(k, n, p), st.sampled_from(BY_PATH), path),
    st.builds(
        lambda p, f: lambda h, n: opening(p, n, f), st.sampled_from(PATHS), st.sampled_from((1, 2, 8, 0x1A, 0x2A))
    ),
    st.builds(lambda p: lambda h, n: request(MKDIR, n, p, NO_ATTRIBUTES), path),
    st.builds(lambda p, s: lambda h, n: request(SETSTAT, n, p, size(s)), path, length),
    st.builds(lambda p, q: lambda h, n: request(RENAME, n, p, q), path, path),
    st.builds(lambda p, q: lambda h, n: extension(b"posix-rename@openssh.com", n, p, q), path, path),
    st.builds(lambda i, o, s: lambda h, n: reading(h[i], o, s, n), handle, offset, length),
    st.builds(lambda i, o, d: lambda h, n: writing(h[i], o, d, n), handle, offset, data),
    st.builds(lambda i, o, d: lambda h, n: writing(h[i], o, d, n), handle, offset, data),
    st.builds(lambda i: lambda h, n: request(FSTAT, n, string(h[i])), handle),
    st.builds(lambda i, s: lambda h, n: request(FSETSTAT, n, string(h[i]), size(s)), handle, length),
    st.builds(lambda i: lambda h, n: request(CLOSE, n, string(h[i])), handle),
    st.builds(
        lambda i, j, o, s: (
            lambda h, n: extension(b"copy-data", n, string(h[i]), u64(o), u64(s), string(h[j]), u64(o + 20))
        ),
        handle,
        handle,
        offset,
        length,
    ),
)
# A number lets one of the waiting calls go on.
steps = st.lists(requests | st.integers(0, 30), max_size=40)


def seen(reply: bytes) -> bytes:
    """
    Return what must be the same in a reply.

    Which handle a file gets depends on who came first; how many entries a directory has is not about the same file.
    """
    if reply[0] == HANDLE:
        return reply[:5]
    if reply[0] == ATTRS and S_ISDIR(unpack_from(">I", reply, 25)[0]):
        return reply[:9]
    return reply


class Client:
    """A client with some open files."""

    def __init__(self, version: int, slow: set[str], early: bool) -> None:
        self.files = MemoryFileSystem({"/home/a": b"aaaa", "/home/b": b"bbbbbb", "/home/d/x": b"x"}, clock=lambda: 0)
        outer = SlowFileSystem(self.files, [])
        self.gate = outer.gate
        self.gate.early = early
        self.session = Session(outer, version=version).greet()
        self.handles = [string_at(self.session.ask(opening(path, 0, flags))[0], 5) for path, flags in OPEN]
        self.gate.names = slow

    def left(self) -> list[tuple[str, bytes]]:
        """Return what is in the files at the end."""
        left = []
        for path in PATHS:
            try:
                left.append((path.decode(), self.files.get("/home/" + path.decode())))
            except Exception as problem:
                left.append((path.decode(), repr(problem).encode()))
        return left


class ModelTests(SynchronousTestCase):
    """Whatever waits, in whatever order it is done."""

    @given(
        st.sampled_from(VERSIONS), steps, st.sets(st.sampled_from(SLOW.split())), st.booleans(), st.integers(0, 2**32)
    )
    @settings(max_examples=300)
    def test_same(self, version: int, steps: list[Any], slow: set[str], early: bool, seed: int) -> None:
        """The replies of pipelined requests on a slow file system are those of requests sent one at a time."""
        pipelined, patient = Client(version, slow, early), Client(version, set(), False)
        # Not hypothesis' own: it may break an example off in the middle, with calls that then never end.
        random = Random(seed)
        expected = []
        number = 0
        for step in steps:
            if isinstance(step, int):
                if pipelined.gate.waiting:
                    pipelined.gate.release(step % len(pipelined.gate.waiting))
                continue
            number += 1
            pipelined.session.feed(step(pipelined.handles, number))
            expected += patient.session.ask(step(patient.handles, number))
        while pipelined.gate.waiting:
            pipelined.gate.release(random.randrange(len(pipelined.gate.waiting)))
        # Replies to copy-data are overtaken.
        replies = sorted(pipelined.session.replies(), key=lambda reply: reply[1:5])
        self.assertEqual(list(map(seen, replies)), list(map(seen, expected)))
        self.assertEqual(pipelined.left(), patient.left())
        self.assertEqual(pipelined.session.channel.credited, pipelined.session.fed)
        self.assertFalse(pipelined.session.subsystem.busy)
        for client in (pipelined, patient):
            client.gate.names = set()
            client.session.lose()
            self.assertEqual(client.gate.closed, client.gate.opened)
            self.assertEqual(len(client.session.conversation.handles), 0)
