"""
What a row of the operations table can say, and the replies that rows share.
"""

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.events.own import FileRequest
from conchsftp.session.handles import HandleTable, OpenFile
from conchsftp.session.operation import (
    LARGEST_READ,
    LARGEST_WRITE,
    MOST_READ,
    Operation,
    attributes_reply,
    by_both_paths,
    by_handle,
    by_nothing,
    name_reply,
)
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.extended import CopyData
from conchsftp.sftp.replies import Attrs, StatusReply
from conchsftp.sftp.requests import Remove, Rename
from conchsftp.sftp.statuses import Status


def row(**columns: Any) -> Operation:
    """Make a row."""
    plain: Any = {"announce": lambda c, r: None, "perform": lambda c, e, r: None, "needs": None}
    return Operation(request=Remove, event=FileRequest, **plain, **columns)


class RowTests(SynchronousTestCase):
    """Columns."""

    def test_defaults(self) -> None:
        """A row that says nothing more is about the file of its path, exclusively, for everybody, and answers OK."""
        conversation = SimpleNamespace(path=lambda raw: "/home/" + raw.decode())
        plain = row()
        self.assertEqual(plain.files(conversation, Remove(path=b"a")), ("/home/a",))
        self.assertFalse(plain.shared or plain.alone or plain.enters_first or plain.bulk or plain.own)
        self.assertFalse(plain.changes(Remove(path=b"a")))
        self.assertEqual(plain.reply(conversation, None, None), StatusReply(status=Status.OK))

    def test_changes(self) -> None:
        """Whether a request changes something is known of all, or depends on the request."""
        self.assertTrue(row(mutates=True).changes(None))
        depends = row(mutates=lambda request: request.path == b"a")
        self.assertTrue(depends.changes(Remove(path=b"a")))
        self.assertFalse(depends.changes(Remove(path=b"b")))


class FilesTests(SynchronousTestCase):
    """The files that a request is about."""

    def test_paths(self) -> None:
        """Two names are two files, in the order of the request."""
        conversation = SimpleNamespace(path=lambda raw: "/" + raw.decode())
        self.assertEqual(by_both_paths(conversation, Rename(path=b"a", new_path=b"b")), ("/a", "/b"))
        self.assertEqual(by_nothing(conversation, None), ())

    def test_handle(self) -> None:
        """A handle is the path of what is open; one that is none is a file without a name."""
        handles = HandleTable(5)
        handles.add(b"h", OpenFile("/a", None))
        conversation = SimpleNamespace(handles=handles)
        for handle, path in ((b"h", "/a"), (b"x", "")):
            copy = CopyData(handle=handle, offset=0, length=0, target_handle=b"", target_offset=0)
            self.assertEqual(by_handle(conversation, copy), (path,))


class ReplyTests(SynchronousTestCase):
    """Replies that rows share."""

    def test_attributes(self) -> None:
        """Attributes, or that there are none."""
        attributes = Attributes(size=1)
        self.assertEqual(
            attributes_reply(SimpleNamespace(numbers_owners=False), SimpleNamespace(attributes=attributes), None),
            Attrs(attributes=attributes),
        )
        problem = self.assertRaises(SFTPError, attributes_reply, None, SimpleNamespace(attributes=None), None)
        self.assertEqual(problem.status, Status.NO_SUCH_FILE)

    def test_name(self) -> None:
        """One name, twice in version 3, without attributes (filexfer-02, 6.11)."""
        packet = Codec(3).encode(1, name_reply(b"/a"))
        self.assertEqual(
            packet.hex(" ", 4),
            bytes.fromhex("00000019 68 00000001 00000001 00000002 2f61 00000002 2f61 00000000").hex(" ", 4),
        )

    def test_limits(self) -> None:
        """The largest READ and WRITE fit, with their headers, into the largest packet that OpenSSH's client takes."""
        self.assertLess(LARGEST_READ, MOST_READ)
        self.assertEqual(MOST_READ + 1 + 4 + 4, 256 * 1024)
        self.assertLess(LARGEST_WRITE + 4 + 1 + 4 + 4 + 256 + 8 + 4, 256 * 1024)
