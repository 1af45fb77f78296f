"""
The table of locks against a simple model of it.
"""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.locks import Locks
from conchsftp.sftp.statuses import Status
from tests.files.about_locks import ADVISORY, ALONE, CONFLICT, NO_READ, NO_WRITE, REFUSED


class File:
    """An open file, as far as the table cares."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.access = int(ALONE)


RANGES = some.tuples(some.integers(0, 12), some.integers(1, 6))
STEPS = some.lists(some.tuples(some.sampled_from(("lock", "unlock", "close", "check")), some.integers(0, 3), RANGES))


class ModelTests(SynchronousTestCase):
    """The table against a list of bytes."""

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS, some.sampled_from((NO_READ, NO_WRITE, ALONE, ALONE | ADVISORY)))
    def test_model(self, steps: Any, mask: Any) -> None:
        """Whatever is locked, released, closed and touched: a byte has one owner at most, and only the owner may."""
        locks, model = Locks(), Model()
        files = [File(number // 3) for number in range(4)]
        for file in files:
            locks.enter(file)
        for step, number, (offset, length) in steps:
            file = files[number]
            expected = model.expect(step, file, offset, length, mask)
            self.assertEqual(outcome(locks, step, file, offset, length, mask), expected, (step, number, offset, length))
        self.assertEqual(len(locks), len(model.ranges))
        for file in files:
            locks.leave(file)
        self.assertEqual((locks.held, locks.opened), ({}, set()))


class Model:
    """What the table should do: a set of ranges."""

    def __init__(self) -> None:
        self.ranges: set[tuple[Any, int, int]] = set()

    def expect(self, step: str, file: Any, offset: int, length: int, mask: Any) -> Status:
        """Do it and return the status."""
        wanted = set(range(offset, offset + length))
        touched = {
            each for each in self.ranges if each[0].key == file.key and wanted & set(range(each[1], sum(each[1:])))
        }
        if step == "lock":
            if touched:
                return REFUSED
            self.ranges.add((file, offset, length))
        elif step == "unlock":
            if (file, offset, length) not in self.ranges:
                return Status.NO_MATCHING_BYTE_RANGE_LOCK
            self.ranges.remove((file, offset, length))
        elif step == "close":
            self.ranges = {each for each in self.ranges if each[0] is not file}
        elif mask & NO_WRITE and not mask & ADVISORY and any(each[0] is not file for each in touched):
            return CONFLICT
        return Status.OK


def outcome(locks: Locks, step: str, file: Any, offset: int, length: int, mask: Any) -> Status:
    """Do it with the table and return the status."""
    try:
        if step == "lock":
            locks.grant(file, offset, length, mask)
        elif step == "unlock":
            locks.withdraw(locks.find(file, offset, length))
        elif step == "close":
            locks.leave(file)
            locks.enter(file)
        else:
            locks.check(file, file.key, int(NO_WRITE), offset, length)
    except SFTPError as problem:
        return Status(problem.status)
    return Status.OK
