"""
What docs/events.md says that handlers can do with each documented event of files: every entry of its table.
"""

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

from zope.interface import implementer

from conchsftp.events import EVENTS, FileClose, FileOpen, FileRead, FileWrite, TransferFinished
from conchsftp.interfaces import IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    CLOSE,
    DATA,
    FOR_WRITING,
    FSTAT,
    HANDLE,
    MKDIR,
    NAME,
    NO_ATTRIBUTES,
    OPENDIR,
    READDIR,
    REALPATH,
    REMOVE,
    RENAME,
    RMDIR,
    SETSTAT,
    STAT,
    TO_CREATE,
    HandlerCase,
    opening,
    reading,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions

GENERATOR = run_path(str(Path(__file__).parent.parent.parent / "docs" / "generate_events.py"))
MODE_777 = bytes.fromhex("00000004 000001ff")
MODE_600 = Attributes(permissions=0o600)
H, FOR_READING_ONLY = b"00000000", b"00000001"


class Case(HandlerCase):
    """A session with the file `a` open, once for both and once for reading; a file `b` and an empty directory `d`."""

    def setUp(self) -> None:
        super().setUp()
        self.files.put("/home/b", b"other")
        self.files.make_directory("/home/d", Attributes())
        self.begin(events=self.session.events, dir_list_buffer_size=1)
        self.opened(opening(b"a"))
        self.opened(opening(b"a", pflags=1))

    def before(self, event: str, **values: Any) -> None:
        """Have a handler set values before the operation."""
        self._set(event, True, values)

    def after(self, event: str, **values: Any) -> None:
        """Have a handler set values after it."""
        self._set(event, False, values)

    def _set(self, event: str, before: bool, values: dict[str, Any]) -> None:
        @self.on(event)
        def handler(event: Any) -> None:
            if event.before_exec == before:
                for name, value in values.items():
                    setattr(event, name, value)

    def mode(self, path: str) -> int | None:
        """Return the permissions of a file."""
        permissions: int | None = self.files.stat(path).permissions
        return permissions

    def ok(self, packet: bytes) -> None:
        """Send a request that goes well."""
        self.assert_status(self.one(packet), Status.OK)

    def names(self, handle: bytes) -> list[bytes]:
        """Return the first names of each reply to READDIR, to the end."""
        found = []
        while (reply := self.one(request(READDIR, 1, string(handle))))[0] == NAME:
            found.append(string_at(reply, 9))
        return found


def _path(packet: bytes, done: Callable[[Any], bool]) -> Callable[[Any, str], None]:
    def check(case: Any, event: str) -> None:
        case.before(event, path="/home/other" if event != "DirRemove" else "/home/d")
        case.ok(packet)
        case.assertTrue(done(case))
        case.assertTrue(case.exists("/home/a"))

    return check


def _remove_other(case: Any, event: str) -> None:
    case.before(event, path="b")
    case.ok(request(REMOVE, 1, string(b"a")))
    case.assertEqual((case.exists("/home/a"), case.exists("/home/b")), (True, False))


def _list_other(case: Any, event: str) -> None:
    case.before(event, path="/")
    case.assertIn(b"home", case.names(case.opened(request(OPENDIR, 1, string(b"d")))))


def _open_other(case: Any, event: str) -> None:
    case.before(event, path="b")
    handle = case.opened(opening(b"none", pflags=1))
    case.assertEqual(string_at(case.one(reading(handle, 0, 9)), 5), b"other")


def _open_mode(case: Any, event: str) -> None:
    case.before(event, file_permissions=0o600)
    case.opened(opening(b"new", pflags=TO_CREATE, attributes=MODE_777))
    case.assertEqual(case.mode("/home/new"), 0o600)


def _handle(case: Any, event: str) -> None:
    case.before(event, handle="mine")
    case.assertEqual(case.opened(opening(b"a")), b"mine")


def _rename_other(case: Any, event: str) -> None:
    case.before(event, path="b")
    case.ok(request(RENAME, 1, string(b"a"), string(b"c")))
    case.assertEqual(case.files.get("/home/c"), b"other")


def _rename_elsewhere(case: Any, event: str) -> None:
    case.before(event, new_path="d/x")
    case.ok(request(RENAME, 1, string(b"a"), string(b"c")))
    case.assertEqual(case.files.get("/home/d/x"), b"0123456789")


def _written(case: Any, event: str) -> None:
    case.before(event, data=b"XYZ")
    case.ok(writing(H, 1, b"ab"))
    case.assertEqual(case.files.get("/home/a"), b"0XYZ456789")


def _set_other(case: Any, event: str) -> None:
    case.before(event, path="/home/b")
    before = case.mode("/home/a")
    case.ok(request(SETSTAT, 1, string(b"a"), MODE_777))
    case.assertEqual((case.mode("/home/a"), case.mode("/home/b")), (before, 0o777))


def _set_less(case: Any, event: str) -> None:
    case.before(event, attributes=MODE_600)
    case.ok(request(SETSTAT, 1, string(b"a"), MODE_777))
    case.assertEqual(case.mode("/home/a"), 0o600)


def _made_less(case: Any, event: str) -> None:
    case.before(event, attributes=Attributes(permissions=0o700))
    case.ok(request(MKDIR, 1, string(b"new"), MODE_777))
    case.assertEqual(case.mode("/home/new"), 0o700)


def _is_directory(case: Any) -> bool:
    return bool(case.files.stat("/home/other").type == FileType.DIRECTORY)


DIVERTED: dict[tuple[str, str], Callable[[Any, str], None]] = {
    ("DirCreate", "path"): _path(request(MKDIR, 1, string(b"new"), NO_ATTRIBUTES), _is_directory),
    ("DirCreate", "attributes"): _made_less,
    ("DirList", "path"): _list_other,
    ("DirRemove", "path"): _path(request(RMDIR, 1, string(b"none")), lambda case: not case.exists("/home/d")),
    ("FileOpen", "path"): _open_other,
    ("FileOpen", "attributes"): _open_mode,
    ("FileOpen", "handle"): _handle,
    ("FileRemove", "path"): _remove_other,
    ("FileRename", "path"): _rename_other,
    ("FileRename", "new_path"): _rename_elsewhere,
    ("FileWrite", "data"): _written,
    ("SetAttributes", "path"): _set_other,
    ("SetAttributes", "attributes"): _set_less,
}

# What goes well, and what does not: for each event a request that the file system refuses, with what a handler supplies
# to make an answer of the refusal, and what the client then gets.
CORRECTED: dict[str, tuple[bytes, dict[str, Any], int]] = {
    "DirCreate": (request(MKDIR, 1, string(b"d"), NO_ATTRIBUTES), {}, 101),
    "DirList": (request(OPENDIR, 1, string(b"none")), {"result": ["x"]}, HANDLE),
    "DirRemove": (request(RMDIR, 1, string(b"none")), {}, 101),
    "FileOpen": (opening(b"none", pflags=1), {"handle": "x"}, HANDLE),
    "FileRead": (reading(H, 10, 5), {"data": b"made up"[:5]}, DATA),
    "FileRemove": (request(REMOVE, 1, string(b"none")), {}, 101),
    "FileRename": (request(RENAME, 1, string(b"none"), string(b"x")), {}, 101),
    "FileWrite": (writing(FOR_READING_ONLY, 0, b"x"), {}, 101),
    "GetAttributes": (request(STAT, 1, string(b"none")), {"file_size": 77}, ATTRS),
    "ResolvePath": (request(REALPATH, 1, string(b"x" * 40000)), {"real_path": "/elsewhere"}, NAME),
    "SetAttributes": (request(SETSTAT, 1, string(b"none"), MODE_777), {}, 101),
}

SUPPLIED: dict[str, tuple[bytes, Callable[[Any], bool]]] = {
    "DirCreate": (request(MKDIR, 1, string(b"new"), NO_ATTRIBUTES), lambda case: not case.exists("/home/new")),
    "DirRemove": (request(RMDIR, 1, string(b"d")), lambda case: case.files.stat("/home/d") is not None),
    "FileRemove": (request(REMOVE, 1, string(b"a")), lambda case: case.exists("/home/a")),
    "FileRename": (request(RENAME, 1, string(b"a"), string(b"c")), lambda case: case.exists("/home/a")),
    "FileWrite": (writing(H, 0, b"x"), lambda case: case.files.get("/home/a") == b"0123456789"),
    "SetAttributes": (request(SETSTAT, 1, string(b"a"), MODE_777), lambda case: case.mode("/home/a") != 0o777),
}


@in_versions()
class TableTests(Case):
    """One after the other, each with a session of its own."""

    def documented(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return what handlers of the documented events can do."""
        return {each.name: GENERATOR["abilities"](each) for each in GENERATOR["answered"]() if each.documented}

    def test_all(self) -> None:
        """The twelve documented events of files are in the table."""
        self.assertEqual(len(self.documented()), 12)

    def test_divert(self) -> None:
        """Each field that can be diverted is, and it is another file, name, content or handle that is worked on."""
        table = {(name, field) for name, can in self.documented().items() for field in can["divert"]}
        self.assertEqual(table, set(DIVERTED))
        for (name, field), check in DIVERTED.items():
            with self.subTest(event=name, field=field):
                self.setUp()
                check(self, name)

    def test_supply(self) -> None:
        """What a handler has done the file system does not do; the two that give something have tests of their own."""
        table = {name for name, can in self.documented().items() if can["supply"] == ("handled",)}
        self.assertEqual(table, set(SUPPLIED))
        for name, (packet, untouched) in SUPPLIED.items():
            with self.subTest(event=name):
                self.setUp()
                self.before(name, handled=True)
                self.ok(packet)
                self.assertTrue(untouched(self))

    def test_correct(self) -> None:
        """A refusal becomes an answer."""
        table = {name for name, can in self.documented().items() if can["correct"]} - {"FileClose"}
        self.assertEqual(table, set(CORRECTED))
        for name, (packet, values, kind) in CORRECTED.items():
            with self.subTest(event=name):
                self.setUp()
                if name == "FileOpen":
                    values = {**values, "result": self.files.open("/home/b", 1, 2, Attributes())}
                self.after(name, status_code=Status.OK, **values)
                reply = self.one(packet)
                self.assertEqual(reply[0], kind, reply)
                if kind == 101:
                    self.assert_status(reply, Status.OK)


@in_versions()
class CorrectedTests(Case):
    """What a handler says afterwards."""

    def test_data(self) -> None:
        """FileRead: other data, and the end of the file in either way."""
        for values, answer in (
            ({"data": b"xy"}, b"xy"),
            ({"data": b""}, None),
            ({"status_code": Status.EOF}, None),
            ({"status_code": Status.OK, "data": b"0"}, b"0"),
        ):
            with self.subTest(values=values):
                self.setUp()
                self.after("FileRead", **values)
                reply = self.one(reading(H, 0, 5))
                if answer is None:
                    self.assert_status(reply, Status.EOF)
                else:
                    self.assertEqual(string_at(reply, 5), answer)

    def test_attributes(self) -> None:
        """GetAttributes: one parameter is changed and the others stay, for a path and for a handle."""
        self.after("GetAttributes", file_size=77)
        for packet in (request(STAT, 1, string(b"a")), request(FSTAT, 1, string(H))):
            reply = self.one(packet)
            self.assertEqual(reply[0], ATTRS)
            self.assertEqual(int.from_bytes(reply[9:17], "big"), 77)
            self.assertGreater(len(reply), 20)

    def test_real_path(self) -> None:
        """ResolvePath: another path."""
        self.after("ResolvePath", real_path="/elsewhere")
        self.assertEqual(string_at(self.one(request(REALPATH, 1, string(b"."))), 9), b"/elsewhere")

    def test_closed(self) -> None:
        """FileClose: only the answer; the handle is gone all the same."""
        self.after("FileClose", status_code=Status.FAILURE)
        self.assert_status(self.one(request(CLOSE, 1, string(H))), Status.FAILURE)
        self.assert_status(self.one(request(FSTAT, 1, string(H))), Status.INVALID_HANDLE)
        self.assertEqual(len(self.session.conversation.handles), 1)

    def test_around(self) -> None:
        """FileOpen: a file that a handler puts around the one that was opened; it is not closed before."""
        files = SlowFileSystem(self.files, [])
        self.begin(files, events=self.session.events)

        @implementer(IFile)
        class Loud:
            """Shouts."""

            def __init__(self, file: Any) -> None:
                self.file = file
                self.close = file.close

            def read(self, offset: int, length: int) -> bytes:
                """Read louder."""
                return bytes(self.file.read(offset, length)).upper()

        self.on(FileOpen, lambda event: event.before_exec or setattr(event, "result", Loud(event.result)))
        handle = self.opened(opening(b"b", pflags=1))
        self.assertEqual((string_at(self.one(reading(handle, 0, 9)), 5), files.gate.closed), (b"OTHER", 0))
        self.ok(request(CLOSE, 1, string(handle)))
        self.assertEqual(files.gate.closed, 1)

    def test_listing(self) -> None:
        """DirList: names in place of the directory that was opened, which is closed at once."""
        files = SlowFileSystem(self.files, [])
        self.begin(files, events=self.session.events)
        self.after("DirList", result=["b"])
        self.assertEqual(self.names(self.opened(request(OPENDIR, 1, string(b"d")))), [])
        self.assertEqual((files.gate.opened, files.gate.closed), (1, 1))


@in_versions()
class DivertedTests(Case):
    """What follows a diversion."""

    def test_told(self) -> None:
        """All that follows tells the path where the data goes."""
        told: list[tuple[str, str]] = []
        for kind in (FileOpen, FileRead, FileWrite, FileClose, TransferFinished):
            self.on(kind, lambda event: event.before_exec or told.append((event.name, event.path)))
        self.on("GetAttributes", lambda event: told.append((event.name, event.path)))
        self.before("FileOpen", path="b")
        handle = self.opened(opening(b"a"))
        for packet in (
            reading(handle, 0, 3),
            writing(handle, 0, b"x"),
            request(FSTAT, 1, string(handle)),
            request(CLOSE, 1, string(handle)),
        ):
            self.one(packet)
        self.assertEqual({path for _, path in told}, {"/home/b"})
        self.assertEqual(len(told), 6)

    def test_order(self) -> None:
        """Work on the open file and requests by the path that it was diverted to keep their order."""
        files = SlowFileSystem(self.files, ["file.write"])
        self.begin(files, events=self.session.events)
        self.before("FileOpen", path="b")
        handle = self.opened(opening(b"a", pflags=FOR_WRITING))
        replies = self.session.ask(writing(handle, 5, b"12345"), request(STAT, 1, string(b"b")))
        self.assertEqual((replies, files.gate.held), ([], ["file.write"]))
        files.gate.release()
        replies = self.session.replies()
        self.assertEqual(int.from_bytes(replies[1][9:17], "big"), 10)

    def test_renamed(self) -> None:
        """A diverted rename takes what is open with it."""
        told: list[str] = []
        self.on(FileRead, lambda event: told.append(event.path))
        self.before("FileRename", new_path="d/x")
        self.ok(request(RENAME, 1, string(b"a"), string(b"c")))
        self.one(reading(H, 0, 3))
        self.assertEqual(told, ["/home/d/x"])

    def test_undocumented(self) -> None:
        """Every event of an operation says which of its fields are writable."""
        for each in GENERATOR["answered"]():
            self.assertIn(each.name, EVENTS)
            self.assertIn("status_code", each.writable)
