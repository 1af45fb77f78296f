"""
What is asked by name: opening, asking, changing, renaming, linking, resolving.
"""

from conchsftp.events import FileRename, LinkCreate
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.session.support import (
    ATTRS,
    CLOSE,
    LSTAT,
    MKDIR,
    NAME,
    NO_ATTRIBUTES,
    OPENDIR,
    READLINK,
    REALPATH,
    REMOVE,
    RENAME,
    RMDIR,
    SETSTAT,
    STAT,
    SYMLINK,
    HandlerCase,
    SessionCase,
    extension,
    opening,
    reading,
    request,
    string,
    string_at,
    unhex,
    writing,
)
from tests.session.versions import in_versions

OK, EXISTS, MISSING = Status.OK, Status.FILE_ALREADY_EXISTS, Status.NO_SUCH_FILE
NO_DIRECTORY = Status.NOT_A_DIRECTORY
SUCCESS = "00000000  00000007 53756363657373  00000002 656e"


class WireTests(SessionCase):
    """Requests by name and their replies in version 3, byte by byte (filexfer-02, 6 and 7)."""

    rows = (
        # MKDIR "d" with mode 0750
        ("0e 00000001  00000001 64  00000004 000001e8", f"65 00000001 {SUCCESS}"),
        # SETSTAT "d" with times 1 and 2
        ("09 00000002  00000001 64  00000008 00000001 00000002", f"65 00000002 {SUCCESS}"),
        # STAT "d"; ATTRS: size, uid and gid, mode 040750, times
        (
            "11 00000003  00000001 64",
            "69 00000003  0000000f 0000000000000000 000003e8 000003e8 000041e8 00000001 00000002",
        ),
        # OPENDIR "d"; HANDLE. READDIR is in test_on_handles
        ("0b 00000004  00000001 64", "66 00000004  00000008 3030303030303030"),
        # RENAME "d" to "/e"
        ("12 00000005  00000001 64  00000002 2f65", f"65 00000005 {SUCCESS}"),
        # SYMLINK "e" at "/l": OpenSSH puts the target first
        ("14 00000006  00000001 65  00000002 2f6c", f"65 00000006 {SUCCESS}"),
        # READLINK; NAME with one entry, the target twice, no attributes
        ("13 00000007  00000002 2f6c", "68 00000007  00000001  00000001 65  00000001 65  00000000"),
        # LSTAT "/l": a link of one byte
        (
            "07 00000008  00000002 2f6c",
            "69 00000008  0000000f 0000000000000001 000003e8 000003e8 0000a1ff 00000000 00000000",
        ),
        # REALPATH "/l/../x/."; NAME with one entry
        (
            "10 00000009  00000009 2f6c2f2e2e2f782f2e",
            "68 00000009  00000001  00000002 2f78  00000002 2f78  00000000",
        ),
        # REMOVE "/l", RMDIR "/e"
        ("0d 0000000a  00000002 2f6c", f"65 0000000a {SUCCESS}"),
        ("0f 0000000b  00000002 2f65", f"65 0000000b {SUCCESS}"),
        # posix-rename@openssh.com "a" to "b"
        (
            "c8 0000000c  00000018 706f7369782d72656e616d65406f70656e7373682e636f6d  00000001 61  00000001 62",
            f"65 0000000c {SUCCESS}",
        ),
        # hardlink@openssh.com from "b" to "c"
        (
            "c8 0000000d  00000014 686172646c696e6b406f70656e7373682e636f6d  00000001 62  00000001 63",
            f"65 0000000d {SUCCESS}",
        ),
        # lsetstat@openssh.com "c" with mode 0600
        (
            "c8 0000000e  00000014 6c73657473746174406f70656e7373682e636f6d  00000001 63  00000004 00000180",
            f"65 0000000e {SUCCESS}",
        ),
        # expand-path@openssh.com "~/x" and home-directory of oneself; NAME
        (
            "c8 0000000f  00000017 657870616e642d70617468406f70656e7373682e636f6d  00000003 7e2f78",
            "68 0000000f  00000001  00000007 2f686f6d652f78  00000007 2f686f6d652f78  00000000",
        ),
        (
            "c8 00000010  0000000e 686f6d652d6469726563746f7279  00000000",
            "68 00000010  00000001  00000005 2f686f6d65  00000005 2f686f6d65  00000000",
        ),
    )

    def test_conversation(self) -> None:
        """The whole way of some names."""
        self.files._clock = lambda: 0
        for asked, expected in self.rows:
            with self.subTest(asked=asked):
                self.assertEqual(self.one(unhex(asked)).hex(" "), bytes.fromhex(expected).hex(" "))

    def test_order(self) -> None:
        """The order of the names in SYMLINK depends on the client: OpenSSH's, or that of the draft (WinSCP)."""
        for client, names in (
            (b"SSH-2.0-OpenSSH_9.9", (b"to", b"/l1")),
            (b"SSH-2.0-WinSCP_release_6", (b"/l2", b"to")),
        ):
            self.begin(client=client)
            self.assert_status(self.one(request(SYMLINK, 1, *map(string, names))), OK)
        self.assertEqual((self.files.read_link("/l1"), self.files.read_link("/l2")), ("to", "to"))


@in_versions()
class AskTests(SessionCase):
    """STAT, LSTAT, SETSTAT and lsetstat."""

    def test_links(self) -> None:
        """STAT and SETSTAT follow a link, LSTAT and lsetstat do not."""
        self.files.make_symlink("/home/l", "a")
        size = lambda reply: int.from_bytes(reply[9:17], "big")  # noqa: E731
        self.assertEqual(size(self.one(request(STAT, 1, string(b"l")))), 10)
        self.assertEqual(size(self.one(request(LSTAT, 1, string(b"l")))), 1)
        times = bytes.fromhex("00000008 00000001 00000002")
        self.assert_status(self.one(request(SETSTAT, 1, string(b"l"), times)), OK)
        self.assertEqual((self.files.stat("/home/a").mtime, self.files.lstat("/home/l").mtime == 2), (2, False))
        times = bytes.fromhex("00000008 00000003 00000004")
        self.assert_status(self.one(extension(b"lsetstat@openssh.com", 1, string(b"l"), times)), OK)
        self.assertEqual((self.files.stat("/home/a").mtime, self.files.lstat("/home/l").mtime), (2, 4))

    def test_missing(self) -> None:
        """NO_SUCH_FILE, also where a directory on the way is missing or a file."""
        for path, status in ((b"none", MISSING), (b"none/x", MISSING), (b"a/x", NO_DIRECTORY)):
            for packet in (request(STAT, 1, string(path)), request(LSTAT, 1, string(path))):
                self.assert_status(self.one(packet), status)
            self.assert_status(self.one(request(SETSTAT, 1, string(path), NO_ATTRIBUTES)), status)

    def test_size(self) -> None:
        """SETSTAT with a size cuts or extends; lsetstat with a size is BAD_MESSAGE, and changes nothing (OpenSSH)."""
        for size in (3, 20, 0):
            packet = request(SETSTAT, 1, string(b"a"), bytes.fromhex(f"00000001 {size:016x}"))
            self.assert_status(self.one(packet), OK)
            self.assertEqual(len(self.files.get("/home/a")), size)
        attributes = bytes.fromhex("00000005 0000000000000005 00000180")
        reply = self.one(extension(b"lsetstat@openssh.com", 1, string(b"a"), attributes))
        self.assert_status(reply, Status.BAD_MESSAGE)
        self.assertEqual((self.files.get("/home/a"), self.files.stat("/home/a").permissions), (b"", 0o644))

    def test_refused(self) -> None:
        """What a file system does not set is told, not passed over."""
        self.files.make_symlink("/home/l", "a")
        mode = bytes.fromhex("00000004 00000180")
        self.assert_status(self.one(extension(b"lsetstat@openssh.com", 1, string(b"l"), mode)), Status.OP_UNSUPPORTED)


@in_versions()
class NameTests(HandlerCase):
    """MKDIR, RMDIR, REMOVE, RENAME."""

    def test_directories(self) -> None:
        """An existing name (FAILURE in version 3: curl), and a missing parent; neither is made."""
        make = lambda path: self.one(request(MKDIR, 1, string(path), NO_ATTRIBUTES))  # noqa: E731
        self.assert_status(make(b"d"), OK)
        self.assertEqual(self.files.stat("/home/d").permissions, 0o755)
        for path in (b"d", b"a", b"/"):
            self.assert_status(make(path), EXISTS)
        self.assert_status(make(b"x/y"), Status.NO_SUCH_PATH)
        self.assert_status(make(b"a/y"), NO_DIRECTORY)

    def test_removing(self) -> None:
        """RMDIR of what is not empty or no directory, REMOVE of a directory; a link is removed, not its target."""
        self.files.put("/d/f", b"")
        self.files.make_symlink("/l", "/d/f")
        for packet, status in (
            (request(RMDIR, 1, string(b"/d")), Status.DIR_NOT_EMPTY),
            (request(RMDIR, 1, string(b"a")), NO_DIRECTORY),
            (request(RMDIR, 1, string(b"none")), MISSING),
            (request(REMOVE, 1, string(b"/d")), Status.FILE_IS_A_DIRECTORY),
            (request(REMOVE, 1, string(b"none")), MISSING),
            (request(REMOVE, 1, string(b"/l")), OK),
            (request(REMOVE, 1, string(b"/d/f")), OK),
            (request(RMDIR, 1, string(b"/d")), OK),
        ):
            self.assert_status(self.one(packet), status)

    def test_renaming(self) -> None:
        """RENAME does not replace; posix-rename does, and its event says so."""
        flags: list[RenameFlag] = []
        self.on(FileRename, lambda event: flags.append(event.flags))
        self.files.put("/home/b", b"b")
        names = string(b"a"), string(b"b")
        self.assert_status(self.one(request(RENAME, 1, *names)), EXISTS)
        self.assertEqual(self.files.get("/home/b"), b"b")
        self.assert_status(self.one(extension(b"posix-rename@openssh.com", 1, *names)), OK)
        self.assertEqual(self.files.get("/home/b"), b"0123456789")
        self.assert_status(self.one(request(RENAME, 1, *names)), MISSING)
        none, replace = RenameFlag(0), RenameFlag.OVERWRITE | RenameFlag.ATOMIC
        self.assertEqual(flags, [none, none, replace, replace, none, none])

    def test_open_file(self) -> None:
        """A file that was renamed or removed while it is open can still be read, written and closed."""
        handle = self.opened(opening(b"a"))
        self.one(request(RENAME, 1, string(b"a"), string(b"b")))
        self.assert_status(self.one(writing(handle, 0, b"X")), OK)
        self.one(request(REMOVE, 1, string(b"b")))
        self.assertEqual(string_at(self.one(reading(handle, 0, 3)), 5), b"X12")
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), OK)


@in_versions()
class LinkTests(HandlerCase):
    """SYMLINK, READLINK and hardlink."""

    def test_target(self) -> None:
        """A target is kept as it is: relative, dangling, any bytes."""
        for target in (b"../x", b"none", b"/", b"a//b/./c", b"\xff"):
            self.session.ask(request(REMOVE, 1, string(b"l")))
            self.assert_status(self.one(request(SYMLINK, 1, string(target), string(b"l"))), OK)
            reply = self.one(request(READLINK, 1, string(b"l")))
            self.assertEqual((reply[0], string_at(reply, 9)), (NAME, target))

    def test_refused(self) -> None:
        """An existing name; asking what is no link; what is not there."""
        self.assert_status(self.one(request(SYMLINK, 1, string(b"x"), string(b"a"))), EXISTS)
        self.assert_status(self.one(request(READLINK, 1, string(b"a"))), Status.INVALID_PARAMETER)
        self.assert_status(self.one(request(READLINK, 1, string(b"none"))), MISSING)

    def test_hard_link(self) -> None:
        """hardlink@openssh.com names the existing file first."""
        events: list[tuple[str, str, bool]] = []
        self.on(LinkCreate, lambda event: events.append((event.path, event.target, event.symbolic)))
        link = extension(b"hardlink@openssh.com", 1, string(b"a"), string(b"b"))
        self.assert_status(self.one(link), OK)
        self.assertEqual(self.files.get("/home/b"), b"0123456789")
        self.assertEqual(events, [("/home/b", "/home/a", False)] * 2)
        self.assert_status(self.one(link), EXISTS)


@in_versions()
class ResolveTests(SessionCase):
    """REALPATH, expand-path and home-directory."""

    def resolved(self, packet: bytes) -> bytes:
        reply = self.one(packet)
        self.assertEqual(reply[:9], bytes((NAME, 0, 0, 0, 1, 0, 0, 0, 1)))
        name = string_at(reply, 9)
        self.assertEqual(reply[9:], string(name) * 2 + NO_ATTRIBUTES)
        return name

    def test_real_path(self) -> None:
        """Absolute, from home, links resolved; `..` does not climb above the root; the last name need not exist."""
        self.files.make_symlink("/l", "/home")
        for path, expected in (
            (b".", b"/home"),
            (b"", b"/home"),
            (b"/", b"/"),
            (b"/..", b"/"),
            (b"..", b"/"),
            (b"new", b"/home/new"),
            (b"/l/a", b"/home/a"),
            (b"/l/new", b"/home/new"),
            (b"~", b"/home/~"),
            (b"\xff", b"/home/\xff"),
        ):
            self.assertEqual(self.resolved(request(REALPATH, 1, string(path))), expected)

    def test_expand(self) -> None:
        """`~` and one's own `~name` are home; of other users nothing is told."""
        expand = lambda path: extension(b"expand-path@openssh.com", 1, string(path))  # noqa: E731
        for path, expected in (
            (b"~", b"/home"),
            (b"~/x", b"/home/x"),
            (b"~alice", b"/home"),
            (b"~alice/x/..", b"/home"),
            (b"x", b"/home/x"),
            (b"/x", b"/x"),
            (b"x/~", b"/home/x/~"),
            (b"~//x", b"/home/x"),
            (b"~/../x", b"/x"),
        ):
            self.assertEqual(self.resolved(expand(path)), expected)
        for path in (b"~bob", b"~bob/x", b"~root/.ssh", b"~alicex"):
            self.assert_status(self.one(expand(path)), MISSING)

    def test_home(self) -> None:
        """home-directory of oneself, by name or not; of other users nothing is told."""
        home = lambda user: extension(b"home-directory", 1, string(user))  # noqa: E731
        self.assertEqual(self.resolved(home(b"")), b"/home")
        self.assertEqual(self.resolved(home(b"alice")), b"/home")
        for user in (b"bob", b"alice/..", b"/", b"root"):
            self.assert_status(self.one(home(user)), MISSING)


@in_versions()
class ListTests(SessionCase):
    """OPENDIR."""

    def test_failures(self) -> None:
        """What is missing, or no directory, is told here and not at the first READDIR."""
        self.assert_status(self.one(request(OPENDIR, 1, string(b"none"))), MISSING)
        self.assert_status(self.one(request(OPENDIR, 1, string(b"a"))), NO_DIRECTORY)

    def test_attributes(self) -> None:
        """An open directory has attributes, and they can be set."""
        handle = self.opened(request(OPENDIR, 1, string(b"/home")))
        reply = self.one(request(10, 1, string(handle), bytes.fromhex("00000004 000001c0")))
        self.assert_status(reply, OK)
        self.assertEqual(self.one(request(8, 1, string(handle)))[0], ATTRS)
        attributes: Attributes = self.files.stat("/home")
        self.assertEqual((attributes.type, attributes.permissions), (FileType.DIRECTORY, 0o700))
