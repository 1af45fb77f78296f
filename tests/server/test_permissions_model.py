"""
Whatever a user asks, one request after the other, permissions hold.
"""

import os
import shutil
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.pipeline import Pipeline
from conchsftp.session.view import view_of
from conchsftp.settings.permissions import Permissions
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import VERSIONS, Access, Disposition, FileType, OpenFlag, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.files.support import inline_workers
from tests.session.support import Avatar, Session

RULES = Permissions.parse(
    {
        "/": "list read",
        "/h": "all",
        "/h/d/no": "none",
        "/w": "create rename mkdir symlink link",
        "/secret": "none",
        "/**/x": "list read",
        "/p": "all",
        "/p/[bc]": "list read write create",
    }
)
# What nobody may read, and what nobody may change.
SECRETS = {"/secret/plan": b"secret", "/h/d/no/plan": b"also secret", "/w/old": b"dropped"}
KEPT = {"/top": b"top", "/r/kept": b"kept", "/h/x": b"x", "/p/x": b"x", **SECRETS}

FOLDERS = ["/", "/h", "/h/d", "/h/d/no", "/h/l", "/h/n", "/w", "/w/l", "/secret", "/p", "/p/l", "/p/b", "/r"]
PATHS = st.one_of(
    st.sampled_from([*FOLDERS, *KEPT]),
    st.builds(
        "{}/{}".format, st.sampled_from(FOLDERS), st.sampled_from(["d", "n", "l", "x", "b", "old", "no", "plan"])
    ),
)
TARGETS = st.one_of(PATHS, st.sampled_from(["..", "../secret", "../w", "no", "d/no/plan", "../../w/old", "../h/d"]))
HOW = st.sampled_from([*Disposition])
ACCESS = st.sampled_from([Access.READ_DATA, Access.WRITE_DATA, Access.READ_DATA | Access.WRITE_DATA])


def raw(path: str) -> bytes:
    """A path as it is sent."""
    return path.replace("//", "/").encode()


REQUESTS = st.one_of(
    st.builds(
        lambda path, access, how: requests.Open(
            path=raw(path), access=access, flags=OpenFlag(how), attributes=Attributes()
        ),
        PATHS,
        ACCESS,
        HOW,
    ),
    st.builds(lambda path, target: requests.SymLink(path=raw(path), target=raw(target)), PATHS, TARGETS),
    st.builds(lambda path, new: extended.HardLink(path=raw(path), new_path=raw(new)), PATHS, PATHS),
    st.builds(lambda path, new: extended.PosixRename(path=raw(path), new_path=raw(new)), PATHS, PATHS),
    st.builds(lambda path, new: requests.Rename(path=raw(path), new_path=raw(new), flags=RenameFlag(0)), PATHS, PATHS),
    st.builds(lambda path: requests.MkDir(path=raw(path), attributes=Attributes()), PATHS),
    st.builds(lambda path: requests.RmDir(path=raw(path)), PATHS),
    st.builds(lambda path: requests.Remove(path=raw(path)), PATHS),
    st.builds(lambda path: requests.OpenDir(path=raw(path)), PATHS),
    st.builds(lambda path: requests.SetStat(path=raw(path), attributes=Attributes(size=0)), PATHS),
)


class ModelTests(SynchronousTestCase):
    """Any requests."""

    def ask(self, conversation: Any, request: Any) -> Any:
        """Carry out a request, and what is done with what was opened."""
        pipeline = Pipeline(conversation)
        event: Any = pipeline.serve(OPERATIONS[type(request)], request)
        if event.status_code != Status.OK:
            return None
        if isinstance(request, requests.Open):
            handle = event.handle.encode()
            read: Any = pipeline.serve(OPERATIONS[requests.Read], requests.Read(handle=handle, offset=0, length=99))
            pipeline.serve(
                OPERATIONS[requests.Write], requests.Write(handle=handle, offset=0, data=[memoryview(b"mine")])
            )
            pipeline.serve(OPERATIONS[requests.Close], requests.Close(handle=handle))
            return bytes(read.data) if read.status_code == Status.OK else None
        if isinstance(request, requests.OpenDir):
            handle = event.result.handle
            listed: Any = pipeline.serve(OPERATIONS[requests.ReadDir], requests.ReadDir(handle=handle))
            pipeline.serve(OPERATIONS[requests.Close], requests.Close(handle=handle))
            return [name for name, *_ in listed.names]
        return None

    def check(self, version: int, files: Any, asked: list[Any]) -> None:
        """Check that nothing of what is secret is told, and nothing of what is kept is changed."""
        for target, path in (("/secret", "/h/l"), ("../h", "/w/l"), ("../secret/plan", "/h/n"), ("/", "/p/l")):
            files.make_symlink(path, target)
        session = Session(files, avatar=Avatar(files), version=version).greet()
        avatar = Avatar(files)
        avatar.permissions = RULES  # type: ignore[attr-defined]
        avatar.home = "/"
        view = self.successResultOf(Deferred.fromCoroutine(view_of(avatar, Settings(TABLE))))
        session.conversation.show(view)
        for request in asked:
            told = self.ask(session.conversation, request)
            self.assertNotIn(told, SECRETS.values(), request)
            if isinstance(told, list):
                self.assertNotIn(b"plan", told, request)
        for path, content in KEPT.items():
            self.assertEqual(content_of(files, path), content, (path, asked))

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.lists(REQUESTS, max_size=12))
    def test_memory(self, asked: list[Any]) -> None:
        """In memory."""
        for version in VERSIONS:
            self.check(version, MemoryFileSystem(KEPT), asked)

    @settings(max_examples=16, deadline=None, derandomize=True)
    @given(st.lists(REQUESTS, max_size=12))
    def test_local(self, asked: list[Any]) -> None:
        """On a disk."""
        for version in VERSIONS:
            self.check_local(version, asked)

    def check_local(self, version: int, asked: list[Any]) -> None:
        """Check it in a folder of its own."""
        root = os.path.abspath(self.mktemp())
        for path, content in KEPT.items():
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            with open(root + path, "wb") as file:
                file.write(content)
        try:
            self.check(version, LocalFileSystem(root, workers=inline_workers()), asked)
        finally:
            shutil.rmtree(root)


def content_of(files: Any, path: str) -> Any:
    """What a file holds; None if it is none, or if a link leads to it."""
    here = ""
    for name in path[1:].split("/"):
        here += f"/{name}"
        try:
            kind = files.lstat(here).type
        except OSError:
            return None
        if kind == FileType.SYMLINK:
            return None
    opened = files.open(path, Access.READ_DATA, OpenFlag(Disposition.OPEN_EXISTING), Attributes())
    try:
        return bytes(opened.read(0, 99))
    finally:
        opened.close()
