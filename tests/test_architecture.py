"""
The rules of the architecture that can be read from the sources: floors, sizes, names, who may name the reactor.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.interfaces import IPushProducer, IReactorThreads, ITCPTransport
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementedBy
from zope.interface.interface import InterfaceClass

PROJECT = Path(__file__).parent.parent
ROOT = PROJECT / "conchsftp"

FLOORS = (
    {"blocking", "errors", "gss", "interfaces", "log", "places", "secret", "watched", "workers"},
    {"wire"},
    {"sftp"},
    {"events", "settings"},
    {"auth", "ssh"},
    {"files"},
    {"session"},
    {"server"},
    {"__init__", "cred_plugins", "tap", "testing"}
    | {"command", "algorithms_command", "hostkey_command", "totp_command", "users_command"},
)
PURE = ("wire", "sftp", "events", "settings")
# What the pure floors may take from outside the standard library, besides our own lower floors.
BORROWED = {
    "wire": (),
    "sftp": (),
    "events": ("twisted.internet.defer", "twisted.internet.interfaces", "twisted.logger", "twisted.python", "zope"),
    "settings": ("twisted.logger",),
}
# What of the standard library moves bytes or waits for them.
SOCKETS = {"asyncio", "select", "selectors", "socket", "socketserver", "ssl"}
# The global reactor, and what asks for it behind our back.
REACTOR = {"twisted.internet.reactor", "twisted.internet.task.react", "twisted.internet.threads.deferToThread"}
# A checker of `--auth` is made before there is a server whose workers it could use.
NAMES_THE_REACTOR = {"server/service.py", "tap.py", "command.py", "cred_plugins.py"}

# The rooms of a part, lowest first; "" is what lies in none of them.
ROOMS = {
    "auth": ("keys", "users", "", "sources"),
    "files": ("disk", "attributes", "supplied", ""),
    "ssh": ("numbers", "packets", "kex", "algorithms", "keys", ""),
}

OURS = ("conchsftp", "bench", "tests", "docs")
MODULE_LINES = 400
FUNCTION_LINES = 40

CAMEL_CASE = re.compile(r"_*[a-z0-9]+[A-Z]")
# What Twisted calls on objects of ours that inherit nothing of it: stand-ins for transports, threads and services. And
# what every test case has.
CONTRACTS = (
    ICredentialsChecker,
    IPushProducer,
    IReactorThreads,
    IServiceMaker,
    ITCPTransport,
    SSHServerTransport,
    SSHService,
    SynchronousTestCase,
    ThreadPool,
)
# What checkers of Conch read: `twisted.cred.credentials.SSHPrivateKey` has them on its instances only.
CREDENTIALS = {"algName", "sigData"}


@cache
def parsed(path: Path) -> ast.Module:
    """Return what a file holds."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """Return every module that a file names in an import, absolute."""
    return frozenset(_imports(parsed(path), ".".join(("conchsftp", *path.relative_to(ROOT).parts[:-1]))))


def _imports(module: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(module):
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


def room_of(part: str, within: str) -> int:
    """Return how high a room of a part lies; `within` is what follows the part, with dots."""
    name = within.split(".")[0]
    return ROOMS[part].index(name if name in ROOMS[part] else "")


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

    def test_rooms(self) -> None:
        """Within a part that has rooms, a module imports its own room or a lower one."""
        upwards = [
            f"{path.relative_to(ROOT)} imports {module}"
            for part in ROOMS
            for path in sources(f"conchsftp/{part}")
            for module in imported(path)
            if module.startswith(f"conchsftp.{part}.")
            if room_of(part, module.split(".", 2)[2]) > room_of(part, ".".join(path.relative_to(ROOT / part).parts))
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

    def test_pure_floors_move_no_bytes(self) -> None:
        """The lower floors do not take from the standard library what they may not take from Twisted."""
        moving = [
            f"{path.relative_to(ROOT)} imports {module}"
            for part in PURE
            for path in sources(f"conchsftp/{part}")
            for module in imported(path)
            if module.split(".")[0] in SOCKETS
        ]
        self.assertEqual(moving, [])

    def test_the_reactor_is_named_in_one_place(self) -> None:
        """Everything but the defaults of the service and the commands is given a reactor or a clock."""
        naming = {
            str(path.relative_to(ROOT)) for path in sources("conchsftp") if not REACTOR.isdisjoint(imported(path))
        }
        self.assertLessEqual(naming, NAMES_THE_REACTOR)

    def test_documented(self) -> None:
        """docs/architecture.md names every part."""
        text = (PROJECT / "docs" / "architecture.md").read_text()
        parts = {part for floor in FLOORS for part in floor if part != "__init__"}
        self.assertEqual({part for part in parts if f"`{part}" not in text}, set())


class SizesTests(SynchronousTestCase):
    """What does not fit lacks a noun."""

    def test_modules(self) -> None:
        """No module is longer than 400 lines."""
        lengths = {str(path.relative_to(PROJECT)): len(path.read_text().splitlines()) for path in sources(*OURS)}
        long = {name: length for name, length in lengths.items() if length > MODULE_LINES}
        self.assertEqual(long, {})

    def test_functions(self) -> None:
        """No function is longer than 40 lines, its docstring left out."""
        long = {
            f"{path.relative_to(PROJECT)}:{node.name}": length
            for path in sources(*OURS)
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if (length := lines_of(node)) > FUNCTION_LINES
        }
        self.assertEqual(long, {})

    def test_docstrings(self) -> None:
        """Every module begins by saying what it is."""
        silent = [
            str(path.relative_to(PROJECT))
            for path in sources(*OURS)
            # An empty __init__.py of the tests only marks a package.
            if path.read_text() and not ast.get_docstring(parsed(path))
        ]
        self.assertEqual(silent, [])


class NamesTests(SynchronousTestCase):
    """Everything of our own is snake_case."""

    def test_camel_case_is_dictated(self) -> None:
        """A function has a name in camelCase only where Twisted or zope calls it by that name."""
        own = [
            f"{path.relative_to(PROJECT)}: {'.'.join((*inside, name))}"
            for path in sources(*OURS)
            for inside, name in functions(parsed(path))
            if CAMEL_CASE.match(name) and not dictated(path, inside, name)
        ]
        self.assertEqual(own, [])


def functions(node: ast.AST, inside: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the functions below a node: what each is in, and its name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inside, child.name
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield from functions(child, (*inside, child.name) if named else inside)  # type: ignore[attr-defined]


def dictated(path: Path, inside: tuple[str, ...], name: str) -> bool:
    """Return whether a name is one that a base class or an interface of somebody else's defines."""
    if name in CREDENTIALS or any(defines(contract, name) for contract in CONTRACTS):
        return True
    if path.is_relative_to(PROJECT / "docs"):
        # To import a program is to run it.
        return False
    place: Any = import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))
    for step in inside:
        place = getattr(place, step, None)
    if not isinstance(place, type):
        return False
    above = (*place.__mro__[1:], *implementedBy(place))
    return any(defines(each, name) for each in above if each.__module__.split(".")[0] not in OURS)


def defines(contract: Any, name: str) -> bool:
    """Return whether a class or an interface has a name."""
    return name in contract if isinstance(contract, InterfaceClass) else hasattr(contract, name)
