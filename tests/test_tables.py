"""
Whatever the component documents stands in the tables: settings, methods, events with their parameters, numbers.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ErrorCode
from conchsftp.events import EVENTS
from conchsftp.server.service import SFTPServer
from conchsftp.settings.choices import CertStoreType
from conchsftp.settings.row import SAME, Change, Index, Setting, Support, plain, words
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.keys.stores import STORE_TYPES
from tests import documented

INDEXES = {"-": Index.NONE, "id": Index.CONNECTION, "i": Index.POSITION}
OWN = {row.name for row in TABLE.chapters["Of our own"]}


class Documented(NamedTuple):
    """A property or a setting, as it is documented."""

    name: str
    index: Index
    writable: bool
    default: str | None


def rows(text: str) -> Iterator[Documented]:
    """Read a table of `documented`."""
    for line in text.strip().splitlines():
        name, index, access, default = line.split(maxsplit=3)
        value = None if default == "?" else default.replace("''", "")
        yield Documented(name, INDEXES[index], access == "rw", value)


PROPERTIES = list(rows(documented.PROPERTIES))
SETTINGS = list(rows(documented.SETTINGS))

# Documented as read-only, but its own tutorial sets it; so it can be set.
WRITABLE_HERE = {"Listening"}
# Documented as read-only parameters, but here every path can be diverted, and a new file's attributes corrected.
WIDER = {f"{event}.Path" for event in ("DirList", "DirRemove", "FileRemove", "SetAttributes")} | {
    f"FileOpen.{name}" for name in documented.ATTRIBUTES.split()
}


def found() -> Iterator[tuple[Documented, Setting[Any]]]:
    """Yield what is documented with its row."""
    for each in (*PROPERTIES, *SETTINGS):
        yield each, TABLE.find(each.name)


class SettingsTests(SynchronousTestCase):
    """Properties and settings."""

    def test_count(self) -> None:
        """The lists are whole: 49 properties, 53 settings, none twice."""
        self.assertEqual((len(PROPERTIES), len(SETTINGS)), (49, 53))
        self.assertEqual(len({each.name for each in (*PROPERTIES, *SETTINGS)}), 102)

    def test_every_name(self) -> None:
        """Each is a row under exactly its documented name, found in any case; all other rows are our own."""
        names = {each.name for each in (*PROPERTIES, *SETTINGS)}
        self.assertEqual({row.name for row in TABLE} - OWN, names)
        for each, row in found():
            for spelling in (each.name.lower(), each.name.upper(), row.attribute, row.option):
                self.assertIs(TABLE.find(spelling), row)

    def test_index(self) -> None:
        """Each takes the index that it is documented with."""
        wrong = {each.name: row.index.name for each, row in found() if row.index is not each.index}
        self.assertEqual(wrong, {})

    def test_access(self) -> None:
        """What is documented as read-only is, and what can be written can be."""
        wrong = {each.name for each, row in found() if each.writable is (row.change is Change.NEVER)}
        self.assertEqual(wrong, WRITABLE_HERE)

    def test_profile(self) -> None:
        """AlgorithmProfile=documented brings each documented default back, unless its row gives a reason why not."""
        settings = Settings(TABLE, algorithm_profile="documented")
        wrong = {}
        for each, row in found():
            # What is computed has no default; it has a value, or there is none.
            if each.default is None or row.read is not None:
                continue
            default = row.default_for("documented") if row.count else settings.get(row.name)
            text = "" if row.secret and not default else row.kind.format(default)
            if text.lower() == each.default.lower():
                continue
            if row.restored or row.kind.format(row.documented).lower() != each.default.lower():
                wrong[each.name] = text
            self.assertTrue(row.why, each.name)
        self.assertEqual(wrong, {})

    def test_differences(self) -> None:
        """What differs from a documented default says so, and nothing else does."""
        for each, row in found():
            if each.default is None or row.read is not None:
                continue
            differs = row.kind.format(row.default).lower() != each.default.lower()
            self.assertEqual(differs, row.documented is not SAME, each.name)
            self.assertTrue(row.why or not differs and row.support is Support.FULL, each.name)


class MethodsTests(SynchronousTestCase):
    """Methods."""

    def test_every_name(self) -> None:
        """Each of the nine is a method of the server."""
        names = documented.METHODS.split()
        self.assertEqual(len(names), 9)
        wanted = {"_".join(words(name)) for name in names}
        self.assertEqual({name for name in wanted if not callable(getattr(SFTPServer, name, None))}, set())


class EventsTests(SynchronousTestCase):
    """Events and their parameters."""

    def test_every_name(self) -> None:
        """The nineteen are the events that are not our own, and each can be listened to."""
        self.assertEqual(len(documented.EVENTS), 19)
        self.assertEqual({each.name for each in EVENTS.values() if each.documented}, set(documented.EVENTS))

    def test_parameters(self) -> None:
        """Each parameter is there, and can be set where it is documented so; `WIDER` tells where one can besides."""
        wrong = set()
        for name, text in documented.EVENTS.items():
            event = EVENTS[name]
            have = {plain(each): each for each in dir(event) if each[0] != "_"}
            for parameter in text.split():
                own = have.get(plain(parameter.rstrip("*")))
                if own is None or (own in event.writable) is not parameter.endswith("*"):
                    wrong.add(f"{name}.{parameter}")
        self.assertEqual(wrong, WIDER)

    def test_phases(self) -> None:
        """What has BeforeExec fires before and after, other events of files after."""
        for name, text in documented.EVENTS.items():
            phases = EVENTS[name].phases
            if "BeforeExec" in text:
                self.assertEqual(phases.name, "BOTH", name)
            else:
                self.assertEqual(phases.name, "AFTER" if "User " in text and "Auth" not in text else "ONCE", name)


class NumbersTests(SynchronousTestCase):
    """Codes, statuses, types of stores."""

    def test_errors(self) -> None:
        """The 69 error codes are the table's."""
        codes = [int(code) for code in documented.ERRORS.split()]
        self.assertEqual(len(codes), 69)
        self.assertEqual(codes, [int(each) for each in ErrorCode])

    def test_statuses(self) -> None:
        """The 32 statuses have their numbers."""
        names = documented.STATUSES.split()
        self.assertEqual(len(names), 32)
        self.assertEqual({name: getattr(Status, name, None) for name in names}, {n: i for i, n in enumerate(names)})

    def test_store_types(self) -> None:
        """The 24 types of stores have their numbers, and each is known by its name."""
        documented_types = [each.split() for each in documented.STORE_TYPES.split(",")]
        self.assertEqual(len(documented_types), 24)
        self.assertEqual([int(each) for each in CertStoreType], [int(number) for number, _ in documented_types])
        self.assertEqual([[str(int(kind)), row.name] for kind, row in STORE_TYPES.items()], documented_types)
