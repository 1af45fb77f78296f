"""
Every mistake of the table has a test that would find it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

from tests.bugs.classes import CLASSES, bug_class, named_by

TESTS = Path(__file__).parent.parent


def marking_modules() -> list[str]:
    """Return the modules of trial tests that name a class."""
    return sorted(
        ".".join((TESTS.name, *path.relative_to(TESTS).with_suffix("").parts))
        for path in TESTS.rglob("test_*.py")
        if "@bug_class(" in path.read_text(encoding="utf-8") and path != Path(__file__)
    )


def cases(suite: Any) -> Iterator[Any]:
    """Yield the single tests of a suite."""
    if hasattr(suite, "countTestCases") and not hasattr(suite, "__iter__"):
        yield suite
        return
    for each in suite:
        yield from cases(each)


def named_in(suite: Any) -> frozenset[int]:
    """Return the classes that the tests of a suite name."""
    found = [named_by(type(case), case.id().rpartition(".")[2]) for case in cases(suite)]
    return frozenset().union(*found)


class CompleteTests(SynchronousTestCase):
    """The table, and the tests that trial finds."""

    def test_every_class_has_a_test(self) -> None:
        """Each class of the table is named by a test that runs in memory."""
        suite = TestLoader().loadByNames(marking_modules())
        self.assertEqual(set(CLASSES) - named_in(suite), set())

    def test_numbers(self) -> None:
        """The table has a title for each of the 38 numbers, and no title twice."""
        self.assertEqual(list(CLASSES), list(range(1, 39)))
        self.assertEqual(len(set(CLASSES.values())), len(CLASSES))


class MarkTests(SynchronousTestCase):
    """How a test names its class."""

    def test_unknown(self) -> None:
        """A test that names a class which is not in the table cannot be loaded."""
        self.assertRaises(KeyError, bug_class, 39)

    def test_on_tests_and_cases(self) -> None:
        """A method names its own class, a case those of all its tests; one of a base class counts as well."""

        @bug_class(1)
        class Base:
            @bug_class(2)
            @bug_class(3, 4)
            def test_it(self) -> None:
                """A test."""

        class Derived(Base, SynchronousTestCase):
            """A case."""

        suite = TestLoader().loadClass(Derived)
        self.assertEqual(named_in(suite), {1, 2, 3, 4})

    def test_on_several_bases(self) -> None:
        """Of several bases of a case each speaks for its own tests only, the case itself for all."""

        @bug_class(1)
        class First:
            def test_first(self) -> None:
                """A test."""

        @bug_class(2)
        class Second:
            def test_second(self) -> None:
                """A test."""

        @bug_class(3)
        class Both(First, Second, SynchronousTestCase):
            """A case."""

        self.assertEqual(named_by(Both, "test_first"), {1, 3})
        self.assertEqual(named_by(Both, "test_second"), {2, 3})
        self.assertEqual(named_in(TestLoader().loadClass(Both)), {1, 2, 3})

    def test_unmarked(self) -> None:
        """A test that names nothing counts for nothing."""

        class Plain(SynchronousTestCase):
            def test_it(self) -> None:
                """A test."""

        self.assertEqual(named_in(TestLoader().loadClass(Plain)), frozenset())
