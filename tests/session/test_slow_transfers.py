"""
TransferFinished where something waits: the file system, or the handlers.
"""

from twisted.internet.defer import Deferred

from conchsftp.events import EventHub, TransferFinished
from conchsftp.session import transfers
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import CLOSE, FOR_READING, opening, reading, request, string, writing
from tests.session.test_transfers import TransferCase
from tests.session.versions import in_versions


@in_versions()
class SlowTests(TransferCase):
    """On a file system that waits."""

    def test_waits(self) -> None:
        """What waits is counted when it is done, and the transfer is finished when the file is closed."""
        files = SlowFileSystem(self.files, ["file.read", "file.write", "file.close"])
        session = self.watch(files)
        handle = self.opened(opening(b"a"))
        session.feed(reading(handle, 0, 4), writing(handle, 0, b"AB"), request(CLOSE, 1, string(handle)))
        files.gate.release()
        files.gate.release()
        self.assertEqual(self.told, [])
        files.gate.release()
        self.assertEqual(self.told, [("/home/a", 6, 0, True, False, Status.OK)])

    def test_slow_handlers(self) -> None:
        """Nobody waits for handlers, until they have many transfers to do: then CLOSE waits until they have done."""
        self.patch(transfers, "_MOST_TOLD", 3)
        self.begin(events=(events := EventHub(clock=None)))
        working: list[Deferred[None]] = []

        @events.on(TransferFinished)
        def work(event: TransferFinished) -> "Deferred[None]":
            working.append(Deferred())
            return working[-1]

        for _ in range(3):
            handle = self.opened(opening(b"a"))
            self.session.ask(writing(handle, 0, b"AB"))
            self.close(handle)
        handle = self.opened(opening(b"a"))
        self.session.feed(writing(handle, 0, b"AB"), request(CLOSE, 9, string(handle)))
        self.assertEqual(len(working), 4)
        self.assertEqual(len(self.session.replies()), 1)
        for each in working[1:]:
            each.callback(None)
        self.assertEqual(self.session.replies(), [])
        working[0].callback(None)
        (reply,) = self.session.replies()
        self.assert_status(reply, Status.OK)

    def test_would_block(self) -> None:
        """A read that would have to wait, and is then done another way, is counted once."""
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        opened = self.session.conversation.handles.get(handle, object)
        transfer = opened.into.__self__
        transfer._calls = (transfer._calls[0], lambda views, offset: None, *transfer._calls[2:])
        self.session.ask(reading(handle, 0, 4))
        self.close(handle)
        self.assertEqual(self.told[0][1], 4)
