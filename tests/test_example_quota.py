"""
The quota of docs/examples, where it is not easy to keep.
"""

from typing import Any

from conchsftp import Status
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.extended import CopyData, CopyFile
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.requests import FSetStat, Open, SetStat, Write
from conchsftp.testing import MemorySession
from tests.test_examples import ProgramCase


class QuotaTests(ProgramCase):
    """No more gets in than there is room for, however it comes."""

    def test_holes(self) -> None:
        """A hole counts as well, whether it is written behind or made by a new size."""
        session = self.log_in("quota")
        flags = {"flags": OpenFlag(Disposition.CREATE_TRUNCATE), "attributes": Attributes()}
        handle = session.request(Open(path=b"/one", access=Access.WRITE_DATA, **flags)).handle
        for request in (
            Write(handle=handle, offset=2_000_000, data=[b"x"]),
            FSetStat(handle=handle, attributes=Attributes(size=2_000_000)),
            SetStat(path=b"/one", attributes=Attributes(size=2_000_000)),
        ):
            reply = session.request(request)
            self.assertEqual(reply.status, Status.FAILURE)
            self.assertIn("The folder is full", reply.message)
        self.assertEqual((self.place.path / "files" / "one").stat().st_size, 0)
        self.assertEqual(session.request(SetStat(path=b"/one", attributes=Attributes(size=900_000))).status, Status.OK)

    def test_copy(self) -> None:
        """Copies on the server need room as well."""
        session = self.log_in("quota")
        session.put("/one", bytes(600_000))
        flags = {"flags": OpenFlag(Disposition.OPEN_OR_CREATE), "attributes": Attributes()}
        handles = [
            session.request(Open(path=path, access=access, **flags)).handle
            for path, access in ((b"/one", Access.READ_DATA), (b"/two", Access.WRITE_DATA))
        ]
        copy = CopyData(handle=handles[0], offset=0, length=0, target_handle=handles[1], target_offset=0)
        self.assertEqual(session.request(copy).message, "The folder is full")
        by_name = CopyFile(path=b"/one", new_path=b"/three", overwrite=False)
        self.assertEqual(session.request(by_name).message, "The folder is full")
        self.assertFalse((self.place.path / "files" / "three").exists())
        self.assertEqual((self.place.path / "files" / "two").stat().st_size, 0)

    def test_together(self) -> None:
        """Sessions that write at the same time do not get more than there is."""
        server = self.run_example("quota")["server"]
        sessions = [MemorySession(server=server, user="alice", password="wonderland") for _ in range(3)]
        flags = OpenFlag(Disposition.CREATE_TRUNCATE)
        pending: list[Any] = []
        for number, session in enumerate(sessions):
            opening = Open(path=b"%d" % number, access=Access.WRITE_DATA, flags=flags, attributes=Attributes())
            handle = session.request(opening).handle
            for at in range(0, 600_000, 30_000):
                session.ask(Write(handle=handle, offset=at, data=[bytes(30_000)])).addCallback(pending.append)
        for session in sessions:
            session.read()
        self.assertEqual(len(pending), 60)
        statuses = [reply.status for reply in pending]
        self.assertEqual(statuses.count(Status.OK), 33)
        sizes = [path.stat().st_size for path in (self.place.path / "files").iterdir()]
        self.assertLessEqual(sum(sizes), 1_000_000)
