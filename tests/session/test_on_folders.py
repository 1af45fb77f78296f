"""
Free space, and folders for temporary files.
"""

import os
from types import SimpleNamespace
from typing import Any

from conchsftp.events import DirCreate, EventHub, ExtendedRequest
from conchsftp.files.local import LocalFileSystem
from conchsftp.session.view import View
from conchsftp.settings.permissions import Permissions
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.files.support import inline_workers
from tests.session.support import (
    EXTENDED_REPLY,
    GREETING,
    NAME,
    Avatar,
    HandlerCase,
    Session,
    SessionCase,
    extension,
    string,
    string_at,
    u64,
)
from tests.session.test_on_extensions import AbleCase
from tests.session.versions import in_versions

GET, MAKE = extension(b"get-temp-folder", 7), extension(b"make-temp-folder", 7)


@in_versions()
class SpaceTests(AbleCase):
    """space-available."""

    def test_space(self) -> None:
        """What there is and what is free, in bytes, first of the device, then of what users may have of it."""
        space = SimpleNamespace(f_bsize=4096, f_frsize=512, f_blocks=100, f_bfree=30, f_bavail=20)
        self.able.space = lambda path: self.able.asked.append(path) or space  # type: ignore
        expected = bytes.fromhex("c9 00000007") + b"".join(map(u64, (51200, 15360, 46080, 10240)))
        reply = self.one(extension(b"space-available", 7, string(b"a")))
        self.assertEqual(reply, expected + bytes.fromhex("00000200"))
        self.assertEqual(self.able.asked, ["/home/a"])

    def test_bounds(self) -> None:
        """Numbers that do not fit are the largest that do, or none."""
        space = SimpleNamespace(f_bsize=2**33, f_frsize=0, f_blocks=2**40, f_bfree=2**41, f_bavail=5)
        self.able.space = lambda path: space  # type: ignore
        most = b"\xff" * 8
        expected = most + most + u64(0) + u64(5 * 2**33) + b"\xff" * 4
        self.assertEqual(self.one(extension(b"space-available", 7, string(b"")))[5:], expected)

    def test_handled(self) -> None:
        """A handler may have the answer, but has to say it."""
        space = SimpleNamespace(f_bsize=1, f_frsize=1, f_blocks=1, f_bfree=1, f_bavail=1)
        self.on(ExtendedRequest, lambda event: setattr(event, "handled", event.before_exec))
        request = extension(b"space-available", 7, string(b""))
        self.assert_status(self.one(request), Status.OP_UNSUPPORTED)
        self.on(ExtendedRequest, lambda event: setattr(event, "result", space))
        self.assertEqual(self.one(request)[0], EXTENDED_REPLY)

    def test_on_disk(self) -> None:
        """The local file system tells."""
        self.begin(LocalFileSystem(self.make_folder(), workers=inline_workers()))
        reply = self.one(extension(b"space-available", 7, string(b"/")))
        self.assertEqual((reply[0], len(reply)), (EXTENDED_REPLY, 5 + 36))

    def make_folder(self) -> str:
        """Make a folder."""
        place = self.mktemp()
        os.mkdir(place)
        return place


@in_versions()
class TempTests(SessionCase):
    """get-temp-folder and make-temp-folder."""

    def setUp(self) -> None:
        super().setUp()
        for path in ("/tmp", "/home/tmp"):
            self.files.make_directory(path, Attributes())

    def name(self, packet: bytes) -> str:
        """Ask and return the name in the answer."""
        reply = self.one(packet)
        self.assertEqual((reply[0], reply[5:9]), (NAME, b"\0\0\0\1"), reply)
        return string_at(reply, 9).decode()

    def test_none(self) -> None:
        """Where none is set there is none, and clients are not told of one."""
        (version,) = Session(self.files).ask(GREETING)
        self.assertNotIn(b"temp-folder", version)
        for packet in (GET, MAKE):
            self.assert_status(self.one(packet), Status.OP_UNSUPPORTED, 7)
        (version,) = Session(self.files, temp_folder="/tmp").ask(GREETING)
        self.assertEqual(version.count(b"temp-folder"), 2)

    def test_get(self) -> None:
        """Its path, as the user sees it; a relative one starts from home."""
        for folder, path in (("/tmp", "/tmp"), ("tmp", "/home/tmp"), (".", "/home"), ("/", "/")):
            self.begin(temp_folder=folder)
            self.assertEqual(self.name(GET), path)

    def test_make(self) -> None:
        """A new folder in it at every call, that only its owner enters, under a name that nobody can guess."""
        self.begin(temp_folder="/tmp")
        names = {self.name(MAKE) for _ in range(3)}
        self.assertEqual(len(names), 3)
        for name in names:
            self.assertRegex(name, "^/tmp/tmp-[0-9a-f]{32}$")
            self.assertEqual(self.files.stat(name).permissions, 0o700)

    def test_missing(self) -> None:
        """One that is not there, or no folder, is said to be what it is."""
        for folder, status in (("/nowhere", Status.NO_SUCH_FILE), ("/home/a", Status.NOT_A_DIRECTORY)):
            self.begin(temp_folder=folder)
            for packet in (GET, MAKE):
                self.assert_status(self.one(packet), status)

    def test_read_only(self) -> None:
        """Who may change nothing has none."""
        self.begin(temp_folder="/tmp", read_only=True)
        for packet in (GET, MAKE):
            self.assert_status(self.one(packet), Status.PERMISSION_DENIED)

    def test_confined(self) -> None:
        """Who is confined to a home has only what is in it."""
        for folder, allowed in (("tmp", True), ("/tmp", False), ("../tmp", False), ("/home/tmp", True)):
            session = self.begin(temp_folder=folder)
            session.conversation.show(View(files=self.files, home="/home", within="/home"))
            session.conversation.speak(self.version)
            for packet in (GET, MAKE):
                if allowed:
                    self.assertTrue(self.name(packet).startswith("/home/tmp"))
                else:
                    self.assert_status(self.one(packet), Status.PERMISSION_DENIED)

    def test_permitted(self) -> None:
        """Who may make folders in it, though nothing else, can use it; nobody else is told of it."""
        for words, allowed in (({"/tmp": "list", "/tmp/*": "mkdir"}, True), ({"/tmp": "list read create"}, False)):
            session = self.begin(temp_folder="/tmp")
            view = View(files=self.files, permissions=Permissions.of(words))
            session.conversation.show(view)
            for packet in (GET, MAKE):
                if allowed:
                    self.assertTrue(self.name(packet).startswith("/tmp"))
                else:
                    self.assert_status(self.one(packet), Status.PERMISSION_DENIED)


@in_versions()
class TempHandlerTests(HandlerCase):
    """Handlers of events."""

    def setUp(self) -> None:
        super().setUp()
        self.files.make_directory("/tmp", Attributes())
        self.begin(events=self.session.events, temp_folder="/tmp")

    def test_directory(self) -> None:
        """A temporary folder is a folder: whoever counts or forbids new ones is asked."""
        seen: list[Any] = []
        self.on(DirCreate, lambda event: seen.append((event.path, event.before_exec)))
        reply = self.one(MAKE)
        path = string_at(reply, 9).decode()
        self.assertEqual(seen, [(path, True), (path, False)])
        self.on(DirCreate, lambda event: event.deny("Enough"))
        self.assert_status(self.one(MAKE), Status.PERMISSION_DENIED)
        self.assertEqual(len(self.files.list("/tmp").read(10)), 3)

    def test_diverted(self) -> None:
        """A client goes on with the name that it was to have; the handler diverts what comes after, too."""
        self.on(DirCreate, lambda event: setattr(event, "path", "/home/x"))
        reply = self.one(MAKE)
        self.assertTrue(string_at(reply, 9).startswith(b"/tmp/tmp-"))
        self.assertEqual(self.files.stat("/home/x").permissions, 0o700)

    def test_virtual(self) -> None:
        """Without a file system, handlers say where it is, and make folders."""
        events = EventHub(clock=None)
        self.begin(None, avatar=Avatar(None), events=events, temp_folder="/t")
        self.assert_status(self.one(GET), Status.OP_UNSUPPORTED)
        self.assert_status(self.one(MAKE), Status.OP_UNSUPPORTED)
        events.on(ExtendedRequest, lambda event: setattr(event, "result", event.path))
        events.on(DirCreate, lambda event: setattr(event, "handled", True))
        self.assertEqual(string_at(self.one(GET), 9), b"/t")
        self.assertTrue(string_at(self.one(MAKE), 9).startswith(b"/t/tmp-"))
