"""
TransferFinished, where handlers are the file.
"""

from typing import Any

from conchsftp.events import TransferFinished
from conchsftp.sftp.statuses import Status
from tests.session.support import CLOSE, TO_CREATE, HandlerCase, opening, reading, request, string, string_at, writing
from tests.session.versions import in_versions


@in_versions()
class HandledTests(HandlerCase):
    """Transfers that handlers have carried out themselves."""

    def test_counted(self) -> None:
        """What handlers take in FileWrite and give in FileRead is counted as if a file system had done it."""
        told: list[Any] = []
        self.on(TransferFinished, told.append)
        content = bytearray()

        @self.on("FileOpen")
        def opened(event: Any) -> None:
            event.handled = True

        @self.on("FileWrite")
        def take(event: Any) -> None:
            if event.before_exec:
                content[event.file_offset :] = event.data
                event.handled = True

        @self.on("FileRead")
        def give(event: Any) -> None:
            event.data = bytes(content[event.file_offset :])

        handle = self.opened(opening(b"x", pflags=TO_CREATE))
        self.assert_status(self.one(writing(handle, 0, b"abc")), Status.OK)
        self.assert_status(self.one(writing(handle, 3, b"def")), Status.OK)
        self.one(request(CLOSE, 1, string(handle)))
        handle = self.opened(opening(b"x", pflags=1))
        self.assertEqual(string_at(self.one(reading(handle, 2, 3)), 5), b"cde")
        self.assert_status(self.one(reading(handle, 6, 3)), Status.EOF)
        self.one(request(CLOSE, 1, string(handle)))
        facts = [(each.bytes, each.upload, each.resumed, each.status_code) for each in told]
        self.assertEqual(facts, [(6, True, False, Status.OK), (3, False, True, Status.OK)])

    def test_unspeakable_status(self) -> None:
        """A status that no version knows is a failure here, too: it is answered, told and logged as one."""
        told: list[Any] = []
        self.on(TransferFinished, told.append)
        for status in (99, "no", None):
            handler = self.on("FileRead", lambda event, status=status: setattr(event, "status_code", status))
            handle = self.opened(opening(b"a"))
            self.assert_status(self.one(reading(handle, 0, 5)), Status.FAILURE)
            self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.OK)
            self.assertIs(told.pop().status_code, Status.FAILURE)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
            self.session.events.off("FileRead", handler)

    def test_refused(self) -> None:
        """A piece that a handler refuses never comes to the file; the transfer has failed with what it said first."""
        told: list[Any] = []
        self.on(TransferFinished, told.append)

        @self.on("FileWrite")
        def refuse(event: Any) -> None:
            if event.before_exec and event.file_offset:
                event.deny(f"No more than {event.file_offset}", Status.QUOTA_EXCEEDED)

        handle = self.opened(opening(b"x", pflags=TO_CREATE))
        for offset, status in ((0, Status.OK), (3, Status.QUOTA_EXCEEDED), (6, Status.QUOTA_EXCEEDED)):
            self.assert_status(self.one(writing(handle, offset, b"abc")), status)
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.OK)
        facts = [(each.bytes, each.upload, each.status_code, each.error_message) for each in told]
        self.assertEqual(facts, [(3, True, Status.QUOTA_EXCEEDED, "No more than 3")])
