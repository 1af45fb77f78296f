"""
The programs of docs/examples that take part in what users do, asked by a client in memory.

`tests/test_examples.py` makes tests of them.
"""

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from conchsftp import Status
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.extended import PosixRename, StatVFS
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.requests import LStat, Open, ReadLink, RealPath, Remove, Rename, RmDir, SetStat, Stat


class EventPrograms:
    """Each is run, and does what its page says; for a `ProgramCase`."""

    assertEqual: Any
    assertLessEqual: Any
    log_in: Any
    place: Any
    refused: Any
    run_example: Any

    def test_run_forms(self) -> None:
        """Handlers of every form are asked."""
        session = self.log_in("forms")
        for request, text in (
            (Remove(path=b"/kept.log"), "logs are kept"),
            (RmDir(path=b"/any"), "folders are kept"),
        ):
            self.assertEqual(session.request(request).message, text)
        Path("maintenance").touch()
        mode = {"access": Access.READ_DATA, "flags": OpenFlag(Disposition.OPEN_EXISTING), "attributes": Attributes()}
        for request, told in (
            (Open(path=b"/kept.log", **mode), (Status.PERMISSION_DENIED, "try again later")),
            (Rename(path=b"/kept.log", new_path=b"/log"), (Status.OK, "Success")),
        ):
            answers: list[Any] = []
            session.ask(request).addCallback(answers.append)
            self.assertEqual(answers, [])
            session.advance(0.1)
            self.assertEqual([(reply.status, reply.message) for reply in answers], [told])

    def test_run_read_only_share(self) -> None:
        """Nothing can be changed, and hidden files are not there: neither listed nor under their names."""
        (self.place.path / "files" / ".git").mkdir()
        (self.place.path / "files" / ".git" / "config").write_text("secret")
        session = self.log_in("read_only_share")
        self.assertEqual([entry.name for entry in session.listing("/")], [b"kept.log"])
        self.assertEqual(session.get("/kept.log"), b"log")
        self.refused(Status.PERMISSION_DENIED, session.put, "/new.txt", b"new")
        self.refused(Status.NO_SUCH_FILE, session.get, "/.git/config")
        self.refused(Status.NO_SUCH_FILE, session.listing, "/.git")
        for kind in (Stat, LStat, RealPath, ReadLink, StatVFS):
            replies = [session.request(kind(path=path)) for path in (b"/.git", b"/.git/config", b"/.none")]
            told = {(reply.status, reply.message) for reply in replies}
            self.assertEqual(told, {(Status.NO_SUCH_FILE, "No such file")}, kind)

    def test_run_permissions(self) -> None:
        """The share is read, uploads go into one folder and replace what is there, and the rest cannot be found."""
        for name in ("incoming", "internal", "share/.git"):
            (self.place.path / "files" / name).mkdir(parents=True)
        session = self.log_in("permissions")
        names = {entry.name for entry in session.listing("/")} - {b".", b".."}
        self.assertEqual(names, {b"incoming", b"kept.log", b"share"})
        self.assertEqual(session.get("/kept.log"), b"log")
        self.refused(Status.PERMISSION_DENIED, session.put, "/new.txt", b"new")
        for content in (b"new", b"newer"):
            session.put("/incoming/new.part", content)
            rename = PosixRename(path=b"/incoming/new.part", new_path=b"/incoming/new")
            self.assertEqual(session.request(rename).status, Status.OK)
        self.assertEqual((self.place.path / "files" / "incoming" / "new").read_bytes(), b"newer")
        self.refused(Status.PERMISSION_DENIED, session.get, "/incoming/new")
        for path in ("/internal", "/share/.git"):
            self.refused(Status.NO_SUCH_FILE, session.listing, path)

    def test_run_audit_log(self) -> None:
        """Each connection and change has a line, with the user and how it went; listings and downloads' reads none."""
        session = self.log_in("audit_log")
        session.put("/new.part", b"new")
        session.request(Rename(path=b"/new.part", new_path=b"/new.txt"))
        session.get("/new.txt")
        session.listing("/")
        session.request(Remove(path=b"/absent"))
        session.close()
        lines = [json.loads(line) for line in Path("audit.log").read_text().splitlines()]
        self.assertEqual((lines[0]["event"], lines[0]["host"]), ("Connected", "198.51.100.7"))
        told = [(line["event"], line["path"], line["status"]) for line in lines[1:-1]]
        wanted = [
            ("TransferFinished", "/new.part", "OK"),
            ("FileRename", "/new.part", "OK"),
            ("TransferRenamed", "/new.part", "OK"),
            ("TransferFinished", "/new.txt", "OK"),
            ("FileRemove", "/absent", "NO_SUCH_FILE"),
        ]
        self.assertEqual(sorted(told), sorted(wanted))
        self.assertEqual({line["connection"] for line in lines}, {lines[0]["connection"]})
        self.assertEqual({line["user"] for line in lines[1:-1]}, {"alice"})
        self.assertEqual(lines[-1]["event"], "Disconnected")

    def test_run_quota(self) -> None:
        """What does not fit is refused, whatever was there before, and what was removed makes room."""
        session = self.log_in("quota")
        files = self.place.path / "files"
        session.put("/one", bytes(900_000))
        self.refused(Status.FAILURE, session.put, "/two", bytes(200_000))
        self.assertLessEqual(sum(path.stat().st_size for path in files.iterdir()), 1_000_000)
        session.request(Remove(path=b"/two"))
        for _ in range(5):
            session.put("/one", bytes(900_000))
        self.assertEqual((files / "one").stat().st_size, 900_000)
        session.request(Remove(path=b"/one"))
        session.put("/two", bytes(990_000))

    def test_run_diverting(self) -> None:
        """Uploads land in the folder of the day and the user; downloads and what was there stay where they are."""
        session = self.log_in("diverting")
        files = self.place.path / "files"
        folder = files / str(date.today()) / "alice"
        session.put("/deep/report.txt", b"figures")
        self.assertEqual((folder / "report.txt").read_bytes(), b"figures")
        self.assertEqual(session.request(Stat(path=b"/deep/report.txt")).attributes.size, 7)
        self.assertEqual(session.get("/kept.log"), b"log")
        session.put("/kept.log.part", b"other")
        mode = Attributes(permissions=0o640)
        self.assertEqual(session.request(SetStat(path=b"/kept.log.part", attributes=mode)).status, Status.OK)
        renamed = session.request(Rename(path=b"/kept.log.part", new_path=b"/kept.log"))
        self.assertEqual(renamed.status, Status.OK)
        self.assertEqual((folder / "kept.log").read_bytes(), b"other")
        self.assertEqual((folder / "kept.log").stat().st_mode & 0o777, 0o640)
        self.assertEqual((files / "kept.log").read_bytes(), b"log")
        self.assertEqual(session.request(Remove(path=b"/deep/report.txt")).status, Status.OK)
        self.assertEqual(os.listdir(folder), ["kept.log"])
