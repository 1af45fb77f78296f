"""
Where blocking calls run.
"""

import ast
import os
from math import inf
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import conchsftp.files
from conchsftp.blocking import BLOCKING, Policy
from conchsftp.workers import (
    NETWORK_TYPES,
    SLOW_SECONDS,
    WATCH_SECONDS,
    FewThreads,
    Mount,
    MountRow,
    Rule,
    Workers,
    _mount_row,
    mount_points,
    mount_table,
    shield,
    type_of_mount,
)
from tests.files.support import HeldPool, Reactor


class WorkersTestCase(SynchronousTestCase):
    """A clock that calls advance, and a count of how often "this thread" has waited."""

    rule = Rule.AUTOMATIC

    def setUp(self) -> None:
        self.now = 100.0
        self.waits = 0
        self.pool = HeldPool()
        self.workers = Workers(Reactor(), self.pool, rule=self.rule, clock=lambda: self.now, waits=lambda: self.waits)
        self.mount = self.workers.mount("a disk", "ext4")

    def take(self, seconds: float, waits: int = 0) -> str:
        """What a blocking call does: time passes."""
        self.now += seconds
        self.waits += waits
        return "done"

    def threaded(self, mount: Mount) -> bool:
        """Whether a call would use a thread now."""
        return self.now < mount.threads_until

    def slow_call(self, *, waits: int = 1) -> object:
        return self.workers.call(self.mount, self.take, SLOW_SECONDS * 2, waits)


class CallTests(WorkersTestCase):
    """Automatically: inline, or in threads, as the mount answers."""

    def test_quick(self) -> None:
        """A result that is there is returned as it is."""
        self.assertEqual(self.workers.call(self.mount, self.take, 0.0), "done")
        self.assertEqual(self.pool.calls, 0)

    def test_error(self) -> None:
        """An error is raised as it is."""
        self.assertRaises(ValueError, self.workers.call, self.mount, int, "x")

    def test_slow_mount(self) -> None:
        """A mount that made us wait twice is called in threads for 30 s, and inline again after that."""
        self.assertEqual(self.slow_call(), "done")
        self.assertEqual(self.slow_call(), "done")
        result = self.workers.call(self.mount, self.take, 0.0)
        assert isinstance(result, Deferred)
        self.assertNoResult(result)
        self.pool.work()
        self.assertEqual(self.successResultOf(result), "done")
        self.now += WATCH_SECONDS - 1
        self.assertTrue(self.threaded(self.mount))
        self.now += 1.1
        self.assertFalse(self.threaded(self.mount))
        self.assertEqual(self.workers.call(self.mount, self.take, 0.0), "done")

    def test_slow_again(self) -> None:
        """After its time in threads, one slow call is enough."""
        self.slow_call()
        self.slow_call()
        self.now += WATCH_SECONDS + 1
        self.slow_call()
        self.assertTrue(self.threaded(self.mount))

    def test_slow_now_and_then(self) -> None:
        """Slow calls that are far apart change nothing."""
        for _ in range(5):
            self.slow_call()
            self.now += WATCH_SECONDS + 1
        self.assertFalse(self.threaded(self.mount))

    def test_busy_processor(self) -> None:
        """Calls that take long because others had the processor are no reason for threads."""
        for _ in range(10):
            self.assertEqual(self.slow_call(waits=0), "done")
        self.assertFalse(self.threaded(self.mount))

    def test_waiting_shortly(self) -> None:
        """Neither are calls that wait, but not for long."""
        self.slow_call()
        for _ in range(10):
            self.workers.call(self.mount, self.take, SLOW_SECONDS / 2, 1)
        self.assertFalse(self.threaded(self.mount))

    def test_limit(self) -> None:
        """5 ms are quick, and anything longer is slow."""
        for factor, slow in ((0.99, False), (1.0, False), (1.01, True)):
            self.now = 0.0  # no rounding
            mount = Mount()
            self.workers.call(mount, self.take, SLOW_SECONDS * factor)
            self.assertEqual(mount.careful_until > self.now, slow, factor)

    def test_uncounted(self) -> None:
        """Where nobody counts waits, the first slow call is enough."""
        self.waits = -1
        self.workers.call(self.mount, self.take, SLOW_SECONDS * 2)
        self.assertTrue(self.threaded(self.mount))

    def test_slow_error(self) -> None:
        """A call that fails slowly was slow."""

        def fail() -> None:
            self.take(1.0, 1)
            raise OSError("no answer")

        for _ in range(2):
            self.assertRaises(OSError, self.workers.call, self.mount, fail)
        self.assertTrue(self.threaded(self.mount))

    def test_other_ways(self) -> None:
        """Who lends something to a thread says how it is run; inline that makes no difference."""

        def run(function: object, *args: object) -> object:
            return function, args

        self.assertEqual(self.workers.call(self.mount, self.take, 1.0, 1, run=run), "done")
        self.assertEqual(self.workers.call(self.mount, self.take, 1.0, 1, run=run), "done")
        self.assertEqual(self.workers.call(self.mount, self.take, 1.0, 1, run=run), (self.take, (1.0, 1)))

    def test_other_mounts(self) -> None:
        """A slow mount does not slow others down."""
        self.slow_call()
        self.slow_call()
        self.assertFalse(self.threaded(self.workers.mount("another", "ext4")))

    def test_network(self) -> None:
        """File servers are called in threads from the start."""
        for kind in (*NETWORK_TYPES, "fuse.sshfs"):
            self.assertTrue(self.threaded(self.workers.mount("far away", kind)), kind)
        for kind in ("ext4", "tmpfs", "overlay", ""):
            self.assertFalse(self.threaded(self.workers.mount("here", kind)), kind)

    def test_run(self) -> None:
        """`run` uses a thread, whatever is known, and passes errors on."""
        good, bad = self.workers.run(max, 1, 2), self.workers.run(int, "x")
        self.assertNoResult(good)
        self.pool.work()
        self.assertEqual(self.successResultOf(good), 2)
        self.failureResultOf(bad, ValueError)


class InlineTests(WorkersTestCase):
    """The operator wants no threads."""

    rule = Rule.INLINE

    def test_never(self) -> None:
        """However slow, and wherever: inline."""
        self.mount = self.workers.mount("far away", "nfs")
        for _ in range(3):
            self.assertEqual(self.workers.call(self.mount, self.take, 60.0, 1), "done")


class ThreadsTests(WorkersTestCase):
    """The operator wants threads."""

    rule = Rule.THREADS

    def test_always(self) -> None:
        """However quick: in a thread."""
        self.assertEqual(self.mount.threads_until, inf)
        result = self.workers.call(self.mount, self.take, 0.0)
        self.pool.work()
        self.assertEqual(self.successResultOf(result), "done")  # type: ignore[arg-type]


class ShieldTests(SynchronousTestCase):
    """A Deferred that may be cancelled, for work that goes on."""

    def test_result(self) -> None:
        """Results and failures pass through."""
        work: Deferred[int] = Deferred()
        result = shield(work)
        work.callback(1)
        self.assertEqual(self.successResultOf(result), 1)
        work = Deferred()
        result = shield(work)
        work.errback(ValueError())
        self.failureResultOf(result, ValueError)

    def test_cancelled(self) -> None:
        """Cancelling does not stop the work; its result, or its failure, is given to who undoes it."""
        for outcome in (7, Failure(KeyError())):
            work: Deferred[int] = Deferred()
            late: list[object] = []
            result = shield(work, late=late.append)
            result.cancel()
            self.failureResultOf(result, CancelledError)
            self.assertFalse(work.called)
            work.callback(outcome)  # type: ignore[arg-type]
            self.assertEqual(late, [outcome])

    def test_cancelled_failure(self) -> None:
        """A failure that nobody waits for any more is not logged as unhandled."""
        work: Deferred[int] = Deferred()
        result = shield(work)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        work.errback(ValueError())
        self.assertIsNone(self.successResultOf(work))


class MountTests(SynchronousTestCase):
    """What the system tells about mounts."""

    def test_type(self) -> None:
        """The type of the file system that an open file is on."""
        descriptor = os.open("/proc/self", os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        self.assertEqual(type_of_mount(descriptor), "proc")

    def test_unknown(self) -> None:
        """A descriptor that is none has no type."""
        self.assertEqual(type_of_mount(-1), "")

    def test_same(self) -> None:
        """Files on one device share what is known about their mount."""
        workers = Workers(Reactor(), HeldPool())
        descriptor = os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        device = os.fstat(descriptor).st_dev
        self.assertFalse(workers.knows(device))
        mount = workers.mount_of(device, descriptor)
        self.assertTrue(workers.knows(device))
        self.assertIs(workers.mount_of(device, -1), mount)

    def test_below(self) -> None:
        """Everything but the root is mounted below it; the deepest comes first."""
        workers = Workers(Reactor(), HeldPool())
        descriptor = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        points = [point for point, _ in workers.mounts_below(descriptor)]
        self.assertIn("/proc", points)
        self.assertNotIn("/", points)
        self.assertEqual(points, sorted(points, key=len, reverse=True))

    def test_point_names(self) -> None:
        """Only what is really below a directory: `/srv/ab` is not below `/srv/a`."""
        os.makedirs("a")
        descriptor = os.open("a", os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        here = os.path.realpath("a")
        table = [MountRow("1", number, here + more, "nfs") for number, more in ((5, "b"), (6, "/x"), (7, ""))]
        self.assertEqual(mount_points(descriptor, table), [("/x", 6, "nfs")])

    def test_escapes(self) -> None:
        """Blanks in the place of a mount are written as octal numbers."""
        row = _mount_row("36 35 98:1 / /mnt/a\\040b\\134c rw,noatime master:1 - fuse.sshfs me@there rw\n")
        self.assertEqual(row, MountRow("36", os.makedev(98, 1), "/mnt/a b\\c", "fuse.sshfs"))

    def test_table(self) -> None:
        """The root is mounted."""
        self.assertIn("/", [row.point for row in mount_table()])


class TableTests(SynchronousTestCase):
    """The table of blocking calls."""

    # What only computes, or reads our own memory.
    harmless = frozenset(
        "os.strerror os.fsencode os.sysconf os.makedev os.stat_result os.statvfs_result os.DirEntry os.dup"
        " os.path.isabs os.path.normpath os.path.samestat os.path.split".split()
    )
    # The same call by another name.
    same = {"os.writev": "os.pwritev", "os.write": "os.pwritev", "os.pwrite": "os.pwritev", "os.pread": "os.preadv"}

    def test_complete(self) -> None:
        """Every call to the system in the file systems is in the table."""
        used = set()
        for path in Path(conchsftp.files.__path__[0]).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func)
                    if name.partition(".")[0] in ("os", "pwd", "grp"):
                        used.add(self.same.get(name, name))
        self.assertEqual(sorted(used - self.harmless - set(BLOCKING)), [])

    def test_policies(self) -> None:
        """Every kind has a policy, and every policy a text."""
        for kind, policy in BLOCKING.items():
            self.assertIsInstance(policy, Policy, kind)
            self.assertTrue(policy.value)


class HeldThreads:
    """Threads whose work is done when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.work: list[Deferred[Any]] = []

    def run(self, function: Any, *args: Any) -> "Deferred[Any]":
        self.begun.append(function(*args))
        self.work.append(Deferred())
        return self.work[-1]


class FewThreadsTests(SynchronousTestCase):
    """Not all threads are taken by what strangers cause."""

    def setUp(self) -> None:
        self.threads = HeldThreads()
        few = FewThreads(self.threads, 3)
        self.waiting = [few.run(str, number) for number in range(6)]

    def test_a_few(self) -> None:
        """Three run; the next one begins when a thread is free, whether its work went well or not."""
        self.assertEqual(self.threads.begun, ["0", "1", "2"])
        self.threads.work[0].callback("name")
        self.assertEqual(self.successResultOf(self.waiting[0]), "name")
        self.threads.work[1].errback(LookupError())
        self.failureResultOf(self.waiting[1], LookupError)
        self.assertEqual(self.threads.begun, ["0", "1", "2", "3", "4"])

    def test_gone(self) -> None:
        """Who has gone takes no thread any more; one that is taken is only free when its work is done."""
        for number in (0, 3, 4):
            self.waiting[number].cancel()
            self.failureResultOf(self.waiting[number], CancelledError)
        self.assertEqual(self.threads.begun, ["0", "1", "2"])
        self.threads.work[0].callback("late")
        self.assertEqual(self.threads.begun, ["0", "1", "2", "5"])
