"""
Where blocking calls run: at once on the reactor's thread, or in the reactor's thread pool.

A thread costs fifty times an `lstat` that the kernel answers from memory, and one `lstat` on a dead file server would
stop everybody: so the *mount* decides. Every blocking call of the product is named in `blocking`; this module measures
them; it makes none, apart from reading /proc to learn what a mount is. It is given the reactor, the pool and the clock.
"""

import os
import resource
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from math import inf
from time import perf_counter
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from conchsftp.places import Places

P = ParamSpec("P")
R = TypeVar("R")

SLOW_SECONDS = 0.005
"""A call that takes longer holds up everybody else long enough to be noticed."""
TABLE_SECONDS = 10.0
"""How long the table of mounts is believed, for who only wants to know what is mounted below."""
WATCH_SECONDS = 30.0
"""How long a mount that was slow stays in threads, and how long it is watched closely."""


class Rule(Enum):
    """What the operator wants for all mounts."""

    AUTOMATIC = "automatic"
    INLINE = "inline"
    THREADS = "threads"


_THIS_THREAD: int | None = getattr(resource, "RUSAGE_THREAD", None)

NETWORK_TYPES = frozenset(
    "9p afs autofs beegfs ceph cifs coda fuse fuseblk gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs "
    "smb2 smb3 smbfs".split()
)
"""File systems where any call may wait for somebody else; so does every type that begins with `fuse.`."""


class Mount:
    """
    What is known about the speed of one mounted file system; or of anything else that may answer slowly.

    Attributes:
        threads_until: calls go to threads before this moment of the workers' clock.
        careful_until: `threads_until`, or later: until then calls are watched closely.
        nowait: whether `preadv(RWF_NOWAIT)` is worth a try.
    """

    __slots__ = ("careful_until", "name", "nowait", "threads_until")

    def __init__(self, name: str = "", *, threads: bool = False, nowait: bool = hasattr(os, "RWF_NOWAIT")) -> None:
        self.name = name
        self.nowait = nowait
        self.threads_until = self.careful_until = inf if threads else -inf


class Workers:
    """
    Runs blocking calls.

    Args:
        reactor: IReactorFromThreads, for results that come back from threads.
        pool: `callInThreadWithCallback`, as the reactor's thread pool has it.
        rule: AUTOMATIC decides by mount; INLINE and THREADS decide for all of them.
        clock: seconds from any origin, never going back.
        waits: how often the calling thread has given up the processor of its own will; -1 where that is not counted.

    Attributes:
        log: told of mounts that answer slowly.
        reactor: see above.
        scans: a few of the threads, for what a client causes with one packet and takes long: reading whole files,
            allocating room, looking up a thousand names.
    """

    log: Logger = Logger()

    def __init__(
        self,
        reactor: Any,
        pool: Any,
        *,
        rule: Rule = Rule.AUTOMATIC,
        clock: Callable[[], float] = perf_counter,
        waits: Callable[[], int] | None = None,
    ) -> None:
        self.rule = rule
        self.clock = clock
        self.reactor = reactor
        self._pool = pool
        self._waits = waits if waits is not None else _voluntary_switches
        self._limit = inf if rule is Rule.INLINE else SLOW_SECONDS
        self._shared: dict[type[Any], Any] = {}
        # Each keeps a disk or a processor busy; a client asks for a hash with one packet.
        self.scans = FewThreads(self, 4)
        self._mounts: dict[int, Mount] = {}
        self._mount_table: list[MountRow] = []
        self._table_until = -inf

    def shared(self, kind: type[R]) -> R:
        """Return the one object of a class that all file systems of a server share."""
        if kind not in self._shared:
            self._shared[kind] = kind()
        found: R = self._shared[kind]
        return found

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "Deferred[R]":
        """Call the function in a thread."""
        return shield(self.thread(function, *args, **kwargs))

    def thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "Deferred[R]":
        """
        Call the function in a thread; the Deferred is not for those who may cancel it.

        For who must know when the thread is really done, because it uses a descriptor or a buffer that is lent. What
        goes further is `shield()` of it.
        """
        return deferToThreadPool(self.reactor, self._pool, function, *args, **kwargs)

    def call(
        self,
        mount: Mount,
        function: Callable[..., R],
        *args: Any,
        run: "Callable[..., Any] | None" = None,
    ) -> Any:
        """
        Call the function at once, or in a thread if its mount is slow.

        Args:
            run: what to do instead of `self.run`, with the same arguments, where a thread is needed: for who lends
                descriptors or buffers to it.
        Returns:
            The result, not wrapped in anything, if it was called at once; otherwise a Deferred, or what `run` returned.
        """
        start = self.clock()
        if start < mount.careful_until:
            if start < mount.threads_until:
                return (run or self.run)(function, *args)
            return self._call_carefully(mount, start, function, args)
        try:
            return function(*args)
        finally:
            if self.clock() - start > self._limit:
                self._suspect(mount)

    def mount(self, name: str, kind: str = "") -> Mount:
        """Return a new mount of a file system type; also for what is no mount, but may answer slowly."""
        network = kind in NETWORK_TYPES or kind.startswith("fuse.")
        slow = self.rule is Rule.THREADS or (network and self.rule is Rule.AUTOMATIC)
        return Mount(name, threads=slow)

    def mount_of(self, device: int, descriptor: int) -> Mount:
        """
        Return the mount that an open file is on; the same object for the same device.

        Args:
            device: its `st_dev`.
            descriptor: asked only if the device has not been seen before.
        """
        mount = self._mounts.get(device)
        if mount is None:
            mount = self._mounts[device] = self.mount(f"device {device}", type_of_mount(descriptor))
        return mount

    def knows(self, device: int) -> bool:
        """Whether a file on this device has been seen before."""
        return device in self._mounts

    def mounts_below(self, descriptor: int, *, fresh: bool = False) -> list[tuple[str, Mount]]:
        """Return (path below the open directory, mount) of what is mounted there, deepest first."""
        found = []
        for point, device, kind in mount_points(descriptor, self._table(fresh)):
            mount = self._mounts.get(device)
            if mount is None:
                mount = self._mounts[device] = self.mount(f"device {device}", kind)
            found.append((point, mount))
        return sorted(found, key=lambda row: len(row[0]), reverse=True)

    def _table(self, fresh: bool) -> "list[MountRow]":
        # Fresh: what was mounted some seconds ago is not good enough.
        now = self.clock()
        if fresh or now > self._table_until:
            self._mount_table = mount_table()
            self._table_until = now + TABLE_SECONDS
        return self._mount_table

    # Found by measuring (10 s of lstat on two cores): with one other busy process 15 calls a second take longer than
    # 5 ms because the kernel ran somebody else meanwhile. Threads cure a mount that makes us wait; they make a busy
    # processor worse. So a slow call is a reason to look closely, and going to threads takes a slow call in which our
    # thread really slept. Asking that always would double the price of a call.
    def _suspect(self, mount: Mount) -> None:
        now = self.clock()
        mount.careful_until = now + WATCH_SECONDS
        if self._waits() < 0:
            self._use_threads(mount, now)

    def _call_carefully(self, mount: Mount, start: float, function: Callable[..., R], args: Any) -> R:
        waits = self._waits()
        try:
            return function(*args)
        finally:
            now = self.clock()
            if now - start > self._limit and self._waits() != waits:
                self._use_threads(mount, now)

    def _use_threads(self, mount: Mount, now: float) -> None:
        mount.threads_until = now + WATCH_SECONDS
        mount.careful_until = mount.threads_until + WATCH_SECONDS
        self.log.debug("{mount} answers slowly: threads for {seconds} s", mount=mount.name, seconds=WATCH_SECONDS)


def shield(work: "Deferred[R]", late: "Callable[[R | Failure], object] | None" = None) -> "Deferred[R]":
    """
    Return a Deferred for the same result, which may be cancelled: `work` goes on all the same.

    Args:
        work: not to be touched any more by the caller.
        late: takes a result, or a failure, that nobody waits for any more, to undo what was done or release it.
    """
    result: Deferred[R] = Deferred()

    def arrived(outcome: Any) -> None:
        if not result.called:
            result.callback(outcome)
        elif late is not None:
            late(outcome)

    work.addBoth(arrived)
    return result


class IWorkers(Protocol):
    """Where blocking calls run: `Workers`, or a stand-in."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call a function in a thread."""


class FewThreads:
    """
    A few of the threads, for work that strangers can cause: what is more than that waits, and leaves the others alone.

    Sources have their turns one after the other: who causes much of it waits longest.

    Args:
        workers: whose threads they are.
        most: how many of them.
    """

    def __init__(self, workers: IWorkers, most: int) -> None:
        self._workers = workers
        self._places = Places(most)

    def run(
        self,
        function: Callable[..., R],
        *args: Any,
        source: Hashable = None,
        late: "Callable[[R | Failure], object] | None" = None,
    ) -> "Deferred[R]":
        """
        Call the function in a thread when there is a place; cancelled before that, it is not called at all.

        Args:
            source: whom it is done for.
            late: as in `shield`.
        """
        return Deferred.fromCoroutine(self._run(source, late, function, *args))

    async def _run(self, source: Hashable, late: Any, function: Callable[..., R], *args: Any) -> R:
        await self._places.acquire(source)
        work = maybeDeferred(self._workers.run, function, *args)
        # The place is free when the thread is, and not when nobody waits for it any more.
        work.addBoth(self._done)
        return await shield(work, late)

    def _done(self, outcome: Any) -> Any:
        self._places.release()
        return outcome


def type_of_mount(descriptor: int, table: "Sequence[MountRow] | None" = None) -> str:
    """Return the file system type of an open file, for example `ext4`; empty if it cannot be known."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}") as lines:
            number = next(line.split()[1] for line in lines if line.startswith("mnt_id:"))
    except (OSError, StopIteration):
        return ""
    return next((row.kind for row in (mount_table() if table is None else table) if row.number == number), "")


def mount_points(descriptor: int, table: "Sequence[MountRow]") -> list[tuple[str, int, str]]:
    """Return (path below an open directory, device, file system type) of every mount beneath it."""
    try:
        place = os.readlink(f"/proc/self/fd/{descriptor}").rstrip("/") + "/"
    except OSError:
        return []
    below = [row for row in table if row.point.startswith(place) and row.point != place]
    return [(row.point[len(place) - 1 :], row.device, row.kind) for row in below]


class MountRow(NamedTuple):
    """One mounted file system: its number, its `st_dev`, where it is mounted, its type."""

    number: str
    device: int
    point: str
    kind: str


def mount_table() -> list[MountRow]:
    """Return every mount; none where the system does not tell. Source: proc_pid_mountinfo(5)."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            return [_mount_row(line) for line in lines]
    except OSError:
        return []


def _mount_row(line: str) -> MountRow:
    before, _, after = line.partition(" - ")
    fields = before.split(" ")
    major, _, minor = fields[2].partition(":")
    point = fields[4]
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(escape, character)
    return MountRow(fields[0], os.makedev(int(major), int(minor)), point, after.split(" ")[0])


def _voluntary_switches() -> int:
    """Return how often this thread has waited for something; -1 where the system does not count by thread."""
    return -1 if _THIS_THREAD is None else resource.getrusage(_THIS_THREAD).ru_nvcsw
