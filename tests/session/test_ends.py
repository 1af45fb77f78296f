"""
What version 6 adds at the end of a listing and of a file: told exactly where it is true.
"""

from typing import Any

from conchsftp import events
from conchsftp.sftp import requests
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from tests.session.versions_case import READS, VersionsCase


class ListingTests(VersionsCase):
    """READDIR's end-of-list."""

    def batches(self, count: int = 99) -> list[Any]:
        """Read `/` with a few READDIRs that are sent together: names and whether it ends there, or a status."""
        handle = self.open_directory()
        answers: list[Any] = []
        for _ in range(count):
            self.session.ask(requests.ReadDir(handle=handle)).addCallback(answers.append)
        while len(answers) < count:
            # The others have their turn between portions of which nothing is left.
            self.session.advance(1)
        found: list[Any] = []
        for reply in answers:
            if isinstance(reply, StatusReply):
                found.append(reply.status)
            else:
                found.append(({entry.name for entry in reply.entries}, reply.end_of_list))
        return found

    def names(self) -> set[bytes]:
        """Return what is in `/`."""
        paths = {path[1:].split("/")[0].encode() for path in (*self.files, *self.directories, *self.links)}
        return paths | {b".", b".."}

    def test_told(self) -> None:
        """The last names come with it in version 6, and it is EOF from then on; other versions have EOF alone."""
        for session in self.sessions():
            told = True if session.version == 6 else None
            self.assertEqual(self.batches(3), [(self.names(), told), Status.EOF, Status.EOF])

    def test_in_portions(self) -> None:
        """It is with none but the last, whether the directory gives few at a time or the reply has no room."""
        for _ in self.sessions([6], dir_list_buffer_size=2):
            found = self.batches(8)
            batches = [each for each in found if isinstance(each, tuple)]
            self.assertEqual(set().union(*(names for names, _ in batches)), self.names())
            self.assertEqual({told for _, told in batches[:-1]}, {None})
            self.assertEqual({*found[len(batches) :]}, {Status.EOF})

    def test_no_room(self) -> None:
        """What waits for the next reply is not forgotten."""
        self.files = {f"/{'x' * 200}{number:03}": b"" for number in range(90)}
        for _ in self.sessions([6]):
            found = self.batches(4)
            batches = [each for each in found if isinstance(each, tuple)]
            self.assertEqual(sum(len(names) for names, _ in batches), len(self.names()))
            self.assertEqual([told for _, told in batches], [None] * (len(batches) - 1) + [True])

    def test_handlers(self) -> None:
        """Handlers may add names when there are no more: they are asked, so that it is not told."""
        added: list[Any] = []

        def add(event: Any) -> None:
            if not event.entries and added:
                event.entries = [added.pop()]

        for session in self.sessions([6]):
            added.append(("added", None))
            session.server.on(events.DirRead, add)
            self.assertEqual(self.batches(3), [(self.names(), None), ({b"added"}, None), Status.EOF])

    def test_hidden(self) -> None:
        """What the user may not know of does not make the listing end early."""
        self.files = {f"/{number:03}": b"" for number in range(20)} | {"/shown": b""}
        for _ in self.sessions([6], permissions={"/shown": "read"}, dir_list_buffer_size=3):
            found = self.batches(10)
            names = set().union(*(each[0] for each in found if isinstance(each, tuple)))
            self.assertEqual(names, {b".", b"..", b"shown"})


class DataTests(VersionsCase):
    """READ's end-of-file."""

    def read(self, handle: bytes, offset: int, length: int) -> Any:
        """Return what is read and whether the file ends there, or the status."""
        reply: Any = self.session.request(requests.Read(handle=handle, offset=offset, length=length))
        return reply.status if isinstance(reply, StatusReply) else (bytes(reply.data), reply.end_of_file)

    def test_told(self) -> None:
        """It comes with what is short, in version 6; nothing is told where nobody has looked further."""
        for session in self.sessions():
            handle, six = self.open(access=READS), session.version == 6
            self.assertEqual(self.read(handle, 0, 9), (b"012345678", False))
            self.assertEqual(self.read(handle, 0, 10), (b"0123456789", False))
            self.assertEqual(self.read(handle, 0, 11), (b"0123456789", six))
            self.assertEqual(self.read(handle, 9, 99), (b"9", six))
            self.assertEqual(self.read(handle, 10, 1), Status.EOF)
            self.assertEqual(self.read(handle, 3, 0), (b"", False))

    def test_handlers(self) -> None:
        """What a handler leaves of the data says nothing of the file."""
        for session in self.sessions([6]):
            session.server.on(events.FileRead, lambda event: setattr(event, "data", event.data[:2]))
            handle = self.open(access=READS)
            self.assertEqual(self.read(handle, 0, 5), (b"01", False))
            self.assertEqual(self.read(handle, 5, 99), (b"56", False))
