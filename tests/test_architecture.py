"""
The rules of the architecture that can be read from the sources: floors, sizes, who may name the reactor.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PROJECT = Path(__file__).parent.parent
ROOT = PROJECT / "conchsftp"

FLOORS = (
    {"errors", "interfaces", "secret", "workers"},
    {"wire"},
    {"sftp"},
    {"events", "settings"},
    {"auth", "ssh"},
    {"files"},
    {"session"},
    {"server"},
    {"__init__", "command", "cred_plugins", "tap", "testing"},
)
PURE = ("wire", "sftp", "events", "settings")
# What the pure floors may take from outside the standard library, besides our own lower floors.
BORROWED = {
    "wire": (),
    "sftp": (),
    "events": ("twisted.internet.defer", "twisted.internet.interfaces", "twisted.logger", "twisted.python", "zope"),
    "settings": ("twisted.logger",),
}
NAMES_THE_REACTOR = {"server/service.py", "tap.py"}

MODULE_LINES = 400
FUNCTION_LINES = 40


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file names in an import, absolute."""
    package = ".".join(("conchsftp", *path.relative_to(ROOT).parts[:-1]))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level + (node.module or "")
            base = resolve_name(dots, package) if node.level else dots
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def floor_of(part: str) -> int:
    """Return the floor of a module or package directly below conchsftp."""
    return next(floor for floor, parts in enumerate(FLOORS) if part in parts)


def part_of(path: Path) -> str:
    """Return the module or package, directly below conchsftp, that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def ours(path: Path) -> Iterator[str]:
    """Yield what a file imports of ours, as modules or packages directly below conchsftp."""
    for module in imported(path):
        parts = module.split(".")
        if parts[0] == "conchsftp" and len(parts) > 1:
            yield parts[1]


def sources(*folders: str) -> list[Path]:
    """Return the Python files below folders of the project."""
    return sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring and decorators left out."""
    first = function.body[0]
    docstring = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


class FloorsTests(SynchronousTestCase):
    """A module imports its own floor or a lower one."""

    def test_every_part_has_a_floor(self) -> None:
        """What lies below conchsftp stands in FLOORS, once."""
        parts = sorted({part_of(path) for path in sources("conchsftp")})
        self.assertEqual(parts, sorted(part for floor in FLOORS for part in floor))

    def test_nothing_reaches_up(self) -> None:
        """No import names a higher floor."""
        upwards = [
            f"{path.relative_to(ROOT)} imports {part}"
            for path in sources("conchsftp")
            for part in ours(path)
            if (ROOT / part).exists() or (ROOT / f"{part}.py").exists()
            if floor_of(part) > floor_of(part_of(path))
        ]
        self.assertEqual(upwards, [])

    def test_pure_floors_borrow_little(self) -> None:
        """Bytes and sockets never meet: the lower floors import no reactor, no transport, and few libraries."""
        borrowed = [
            f"{path.relative_to(ROOT)} imports {module}"
            for part in PURE
            for path in sources(f"conchsftp/{part}")
            for module in imported(path)
            if module.split(".")[0] not in {*sys.stdlib_module_names, "conchsftp"}
            if not any(f"{module}.".startswith(f"{allowed}.") for allowed in BORROWED[part])
            # `from twisted.internet import defer` names twisted.internet as well.
            if not any(allowed.startswith(f"{module}.") for allowed in BORROWED[part])
        ]
        self.assertEqual(borrowed, [])

    def test_the_reactor_is_named_in_one_place(self) -> None:
        """Everything but the defaults of the service and the command line is given a reactor or a clock."""
        naming = {
            str(path.relative_to(ROOT))
            for path in sources("conchsftp")
            if "twisted.internet.reactor" in set(imported(path))
        }
        self.assertLessEqual(naming, NAMES_THE_REACTOR)


class SizesTests(SynchronousTestCase):
    """What does not fit lacks a noun."""

    def test_modules(self) -> None:
        """No module is longer than 400 lines."""
        lengths = {
            str(path.relative_to(PROJECT)): len(path.read_text().splitlines())
            for path in sources("conchsftp", "bench", "docs")
        }
        self.assertEqual({name: length for name, length in lengths.items() if length > MODULE_LINES}, {})

    def test_functions(self) -> None:
        """No function is longer than 40 lines, its docstring left out."""
        long = {
            f"{path.relative_to(PROJECT)}:{node.name}": length
            for path in sources("conchsftp", "bench", "docs")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if (length := lines_of(node)) > FUNCTION_LINES
        }
        self.assertEqual(long, {})

    def test_docstrings(self) -> None:
        """Every module begins by saying what it is."""
        silent = [
            str(path.relative_to(PROJECT))
            for path in sources("conchsftp", "bench")
            if not ast.get_docstring(ast.parse(path.read_text()))
        ]
        self.assertEqual(silent, [])
