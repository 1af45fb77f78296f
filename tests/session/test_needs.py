"""
What each request needs of a user's permissions.
"""

from dataclasses import dataclass
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.session.handles import OpenFile
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.pipeline import Pipeline
from conchsftp.settings.permissions import ALL, WORDS, Permissions, written
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.session.support import Avatar, Session, SessionCase
from tests.session.versions import in_versions

# What every user may: what is about nothing, or about what is open and was judged when it was opened. What is resolved
# without a look is among them.
FREE = {
    "Abandon", "BadPacket", "Close", "ExpandPath", "FStat", "FStatVFS", "FSync", "FilenameTranslationControl",
    "HomeDirectory", "Limits", "ReadDir", "RealPath", "TextSeek", "Unblock", "UnknownExtended", "UsersGroupsById",
    "VendorId", "VersionSelect",
}  # fmt: skip

READS, WRITES = Access.READ_DATA, Access.WRITE_DATA
OVERWRITE = RenameFlag.OVERWRITE
NO_FLAGS = OpenFlag(0)
WHOLE: dict[str, Any] = {"offset": 0, "length": 0}
CHECKED: dict[str, Any] = {**WHOLE, "algorithms": [b"md5"], "block_size": 0}


@dataclass
class Case:
    """
    A request and what it needs.

    Attributes:
        request: the record.
        words: what it needs at which path; `handle` is what its handle was granted, and `target` the other one.
    """

    request: Any
    words: dict[str, str]


def opens(path: str, access: Access, how: Disposition, flags: OpenFlag = NO_FLAGS) -> Any:
    """OPEN."""
    return requests.Open(path=path.encode(), access=access, flags=OpenFlag(how) | flags, attributes=Attributes())


def sets(kind: Any, **attributes: Any) -> Any:
    """SETSTAT, or one of its kind."""
    where = {"handle": b"1"} if kind is requests.FSetStat else {"path": b"/d/f"}
    return kind(**where, attributes=Attributes(**attributes))


def setting(kind: Any, where: str) -> list[Case]:
    """What setting attributes needs."""
    return [
        Case(sets(kind, size=1), {where: "write"}),
        Case(sets(kind, permissions=0o600), {where: "chmod"}),
        Case(sets(kind, uid=1, gid=1), {where: "chown"}),
        Case(sets(kind, mtime=1, atime=1), {where: "times"}),
        Case(sets(kind, size=1, permissions=0o600, mtime=1), {where: "write chmod times"}),
    ]


def renames(kind: Any, **more: Any) -> list[Case]:
    """What a rename needs."""
    request = kind(path=b"/d/f", new_path=b"/d/new", **more)
    return [Case(request, {"/d/f": "rename", "/d/new": "rename"})]


CASES: tuple[Case, ...] = (
    Case(requests.LStat(path=b"/d/f"), {"/d/f": "any"}),
    Case(requests.Stat(path=b"/d/f"), {"/d/f": "any"}),
    Case(requests.ReadLink(path=b"/d/l"), {"/d/l": "any"}),
    Case(extended.StatVFS(path=b"/d"), {"/d": "any"}),
    *setting(requests.SetStat, "/d/f"),
    *setting(extended.LSetStat, "/d/f")[1:4],
    *setting(requests.FSetStat, "handle"),
    Case(opens("/d/f", READS, Disposition.OPEN_EXISTING), {"/d/f": "read"}),
    Case(opens("/d/f", Access(0), Disposition.OPEN_EXISTING), {"/d/f": "read"}),
    Case(opens("/d/f", Access.READ_ATTRIBUTES, Disposition.OPEN_EXISTING), {"/d/f": "read"}),
    Case(opens("/d/f", WRITES, Disposition.OPEN_EXISTING), {"/d/f": "write"}),
    Case(opens("/d/f", Access.APPEND_DATA, Disposition.OPEN_EXISTING), {"/d/f": "write"}),
    Case(opens("/d/f", READS | WRITES, Disposition.OPEN_EXISTING), {"/d/f": "read write"}),
    Case(opens("/d/f", READS, Disposition.TRUNCATE_EXISTING), {"/d/f": "read write"}),
    Case(opens("/d/f", WRITES, Disposition.TRUNCATE_EXISTING), {"/d/f": "write"}),
    Case(opens("/d/f", WRITES, Disposition.CREATE_TRUNCATE), {"/d/f": "write"}),
    Case(opens("/d/f", WRITES, Disposition.OPEN_OR_CREATE), {"/d/f": "write"}),
    Case(opens("/d/new", WRITES, Disposition.CREATE_NEW), {"/d/new": "create"}),
    Case(opens("/d/new", WRITES, Disposition.CREATE_TRUNCATE), {"/d/new": "create"}),
    Case(opens("/d/new", WRITES, Disposition.OPEN_OR_CREATE), {"/d/new": "create"}),
    Case(opens("/d/new", READS | WRITES, Disposition.OPEN_OR_CREATE), {"/d/new": "read create"}),
    Case(opens("/d/f", READS, Disposition.OPEN_OR_CREATE), {"/d/f": "read"}),
    Case(opens("/d/f", READS, Disposition.OPEN_EXISTING, OpenFlag.DELETE_ON_CLOSE), {"/d/f": "read delete"}),
    Case(requests.OpenDir(path=b"/d"), {"/d": "list"}),
    Case(requests.MkDir(path=b"/d/new", attributes=Attributes()), {"/d/new": "mkdir"}),
    Case(requests.RmDir(path=b"/d/empty"), {"/d/empty": "rmdir"}),
    Case(requests.Remove(path=b"/d/f"), {"/d/f": "delete"}),
    *renames(requests.Rename),
    *renames(extended.PosixRename),
    Case(
        requests.Rename(path=b"/d/f", new_path=b"/d/g", flags=OVERWRITE),
        {"/d/f": "rename write", "/d/g": "rename write"},
    ),
    Case(extended.PosixRename(path=b"/d/f", new_path=b"/d/g"), {"/d/f": "rename write", "/d/g": "rename write"}),
    Case(requests.SymLink(path=b"/d/new", target=b"f"), {"/d/new": "symlink", "/d/f": "symlink"}),
    Case(requests.Link(path=b"/d/new", target=b"f", symbolic=True), {"/d/new": "symlink", "/d/f": "symlink"}),
    Case(requests.Link(path=b"/d/new", target=b"/d/f", symbolic=False), {"/d/new": "link", "/d/f": "link"}),
    Case(extended.HardLink(path=b"/d/f", new_path=b"/d/new"), {"/d/new": "link", "/d/f": "link"}),
    Case(requests.Read(handle=b"1", offset=0, length=1), {"handle": "read"}),
    Case(requests.Write(handle=b"1", offset=0, data=[b"x"]), {"handle": "write"}),
    Case(extended.MD5Hash(path=b"/d/f", quick_hash=b"", **WHOLE), {"/d/f": "read"}),
    Case(extended.MD5HashHandle(handle=b"1", quick_hash=b"", **WHOLE), {"handle": "read"}),
    Case(extended.CheckFileName(path=b"/d/f", **CHECKED), {"/d/f": "read"}),
    Case(extended.CheckFileHandle(handle=b"1", **CHECKED), {"handle": "read"}),
    Case(extended.CheckFile(handle=b"1", **CHECKED), {"handle": "read"}),
    Case(extended.SpaceAvailable(path=b"/d"), {"/d": "any"}),
    Case(extended.CopyFile(path=b"/d/f", new_path=b"/d/new", overwrite=False), {"/d/f": "read", "/d/new": "create"}),
    Case(extended.CopyFile(path=b"/d/f", new_path=b"/d/new", overwrite=True), {"/d/f": "read", "/d/new": "create"}),
    Case(extended.CopyFile(path=b"/d/f", new_path=b"/d/g", overwrite=True), {"/d/f": "read", "/d/g": "write"}),
    Case(extended.GetTempFolder(), {"/d": "mkdir"}),
    Case(extended.MakeTempFolder(), {"/d": "mkdir"}),
    Case(requests.Block(handle=b"1", offset=0, length=1, mask=OpenFlag.BLOCK_READ), {"handle": "write"}),
    Case(requests.Block(handle=b"1", offset=0, length=1, mask=OpenFlag.BLOCK_DELETE), {"handle": "delete"}),
    Case(opens("/d/f", READS, Disposition.OPEN_EXISTING, OpenFlag.BLOCK_DELETE), {"/d/f": "read delete"}),
    Case(
        extended.CopyData(handle=b"1", offset=0, length=0, target_handle=b"2", target_offset=0),
        {"handle": "read", "target": "write"},
    ),
)


def files() -> MemoryFileSystem:
    """What all of them work on."""
    found = MemoryFileSystem({"/d/f": b"content", "/d/g": b"other"})
    found.make_directory("/d/empty", Attributes())
    found.make_symlink("/d/l", "f")
    return found


class Limited(Avatar):
    """A user with permissions."""

    def __init__(self, files: Any, permissions: Any) -> None:
        super().__init__(files)
        self.permissions = permissions


def bits(words: str) -> int:
    """What words mean; `any` is one that nothing else takes."""
    return Permissions.parse({"/": words.replace("any", "chown") or "none"}).may("/")


class TableTests(SynchronousTestCase):
    """The cases."""

    def test_complete(self) -> None:
        """Every operation either needs something, which is told here, or is known to need nothing."""
        needing = {request.__name__ for request, row in OPERATIONS.items() if row.needs is not None}
        self.assertEqual({type(case.request).__name__ for case in CASES}, needing)
        self.assertEqual({request.__name__ for request in OPERATIONS} - needing, FREE)

    def test_every_word_is_needed(self) -> None:
        """Every word is needed by some request."""
        needed = {word for case in CASES for words in case.words.values() for word in words.split()}
        self.assertEqual(needed - {"any"}, set(WORDS))


@in_versions()
class NeedsTests(SessionCase):
    """The column `needs`, in sessions that are told more as well."""

    def serve(self, case: Case, allowed: dict[str, int]) -> tuple[Status, MemoryFileSystem]:
        """Ask for a case with what is allowed at its paths; nothing is at any other."""
        found = files()
        rules = [(path, words) for path, words in allowed.items() if path.startswith("/")]
        session = self.begin(found, avatar=Limited(found, Permissions(rules)), temp_folder="/d")
        conversation = session.conversation
        self.open(session, b"1", "/d/f", allowed.get("handle", ALL))
        self.open(session, b"2", "/d/g", allowed.get("target", ALL))
        event: Any = Pipeline(conversation).serve(OPERATIONS[type(case.request)], case.request)
        return Status(event.status_code), found

    def open(self, session: Session, handle: bytes, path: str, granted: int) -> None:
        """Have a file open with what was granted."""
        source = session.files.open(path, READS | WRITES, OpenFlag(Disposition.OPEN_EXISTING), Attributes())
        opened = OpenFile(path, source)
        opened.granted = granted
        session.conversation.handles.add(handle, opened)

    def test_allowed(self) -> None:
        """A request with all its words is carried out, or fails for what it is."""
        for case in CASES:
            status, _ = self.serve(case, {path: bits(words) for path, words in case.words.items()})
            unsupported = isinstance(case.request, extended.StatVFS | extended.SpaceAvailable)
            self.assertEqual(status, Status.OP_UNSUPPORTED if unsupported else Status.OK, case)

    def test_refused(self) -> None:
        """A request that lacks one of its words is refused, whatever else is allowed; and nothing is changed."""
        before = snapshot(files())
        for case in CASES:
            for path, words in case.words.items():
                for word in words.split():
                    lacking = 0 if word == "any" else ALL & ~WORDS[word].bits
                    self.check_refused(case, {**dict.fromkeys(case.words, ALL), path: lacking}, before)

    def check_refused(self, case: Case, allowed: dict[str, int], before: Any) -> None:
        """Check that a case is refused."""
        status, found = self.serve(case, allowed)
        told = f"{case} with { ({path: written(words) for path, words in allowed.items()}) }"
        hidden = "any" in case.words.values()
        self.assertEqual(status, Status.NO_SUCH_FILE if hidden else Status.PERMISSION_DENIED, told)
        self.assertEqual(snapshot(found), before, told)


def snapshot(found: MemoryFileSystem) -> Any:
    """All that there is, with what can be changed of it."""

    def look(path: str) -> Any:
        attributes = found.lstat(path)
        content: Any = None
        if attributes.type == 2:
            listing = found.list(path)
            content = sorted(name for name, _ in listing.read(1000) if name not in (".", ".."))
            content = [look(f"{path}/{name}") for name in content]
        elif attributes.type == 1:
            content = found.get(path)
        return path, attributes.permissions, attributes.uid, attributes.type, content

    return look("/d")
