"""
What comes with SFTP: `scp`, which speaks it, and commands on the same connection.
"""

from typing import Any

from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Message
from conchsftp.testing import memory_server
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    DATA,
    FOR_READING,
    FSETSTAT,
    FSTAT,
    LSTAT,
    NAME,
    REALPATH,
    STAT,
    TO_CREATE,
    extension,
    numbers,
    reading,
    request,
    string,
    string_at,
    u32,
    writing,
)
from tests.session.versions import in_versions

EXIT_STATUS_0 = string(b"exit-status") + b"\0" + u32(0)
ENDINGS = (Message.CHANNEL_REQUEST, Message.CHANNEL_EOF, Message.CHANNEL_CLOSE)


def ended_well(channel: Any) -> bool:
    """Whether the server has said exit-status 0, EOF and CLOSE, once each and in this order."""
    last = channel.history[-3:]
    wanted = [(Message.CHANNEL_REQUEST, EXIT_STATUS_0), (Message.CHANNEL_EOF, b""), (Message.CHANNEL_CLOSE, b"")]
    return last == wanted and channel.numbers.count(Message.CHANNEL_CLOSE) == 1


@bug_class(22)
class AboutScp:
    """OpenSSH's scp, from version 9 on, request by request as it makes them."""

    def upload(self: Any, target: bytes, data: bytes) -> bytes:
        """`scp file host:target`; return the path that it went to."""
        path = self.expanded(target)
        found = self.one(request(STAT, 3, string(path)))
        if found[0] == ATTRS:
            path += b"/my file"
        # WRITE, CREAT and TRUNC, with the mode of the file that is sent.
        handle = self.open(path, TO_CREATE, u32(4) + u32(0o100644))
        self.assert_status(self.one(writing(handle, 0, data)), Status.OK)
        self.assert_status(self.one(request(FSETSTAT, 5, string(handle), u32(4) + u32(0o100644))), Status.OK)
        self.close(handle)
        return path

    def expanded(self: Any, path: bytes) -> bytes:
        """Have a path that begins with `~` expanded, as scp does where the server can."""
        if path.startswith(b"~"):
            self.assertIn(b"expand-path@openssh.com", self.session.memory.extensions)
            reply = self.one(extension(b"expand-path@openssh.com", 2, string(path)))
        else:
            reply = self.one(request(REALPATH, 2, string(path)))
        self.assertEqual((reply[0], reply[5:9]), (NAME, u32(1)), reply)
        return string_at(reply, 9)

    def test_upload(self: Any) -> None:
        """A file goes to a name, to a name with blanks and quotes, below home, and into a folder."""
        self.files.make_directory("/a folder", Attributes())
        for target, arrived in (
            (b"plain", "/plain"),
            (b"a blank  and 'quotes' \"$HOME\"", "/a blank  and 'quotes' \"$HOME\""),
            (b"~/below home", "/below home"),
            (b"~user/named", "/named"),
            (b"a folder", "/a folder/my file"),
            (b"~/a folder", "/a folder/my file"),
        ):
            self.upload(target, arrived.encode())
            self.assertEqual(self.get(arrived), arrived.encode())

    def test_download(self: Any) -> None:
        """`scp host:~/'a blank' .`"""
        self.put("/a blank", b"content")
        path = self.expanded(b"~/a blank")
        self.assertEqual(self.one(request(STAT, 3, string(path)))[0], ATTRS)
        handle = self.open(path, FOR_READING)
        self.assertEqual(self.one(request(FSTAT, 4, string(handle)))[0], ATTRS)
        self.assertEqual(self.one(reading(handle, 0, 32768))[0], DATA)
        self.assert_status(self.one(reading(handle, 7, 32768)), Status.EOF)
        self.close(handle)

    def test_whose_home(self: Any) -> None:
        """The home of somebody else is no place that anybody learns of; a name that only contains `~` is a name."""
        for path in (b"~root/x", b"~root", b"~user2/x"):
            reply = self.one(extension(b"expand-path@openssh.com", 2, string(path)))
            self.assert_status(reply, Status.NO_SUCH_FILE)
            self.assertEqual(self.text(reply), "No such user")
        for path, expanded in ((b"~", b"/"), (b"~user", b"/"), (b"~/~x", b"/~x"), (b"a~b", b"/a~b"), (b"/~x", b"/~x")):
            reply = self.one(extension(b"expand-path@openssh.com", 2, string(path)))
            self.assertEqual(string_at(reply, 9), expanded)

    def test_exit_status(self: Any) -> None:
        """When the client has said that it is done, the channel ends with exit-status 0: else scp exits with 1."""
        self.upload(b"file", b"content")
        channel = self.session.channel
        channel.eof()
        self.assertTrue(ended_well(channel), channel.history)
        channel.close()
        self.assertIsNone(self.session.client.disconnected)

    def test_exit_status_behind_the_answers(self: Any) -> None:
        """What was asked before that is still answered, and comes first."""
        self.put("/file", b"x" * 100_000)
        handle = self.open(b"/file", FOR_READING)
        channel = self.session.channel
        channel.lay_data(b"".join(reading(handle, at, 10_000, at) for at in range(0, 100_000, 10_000)))
        channel.eof()
        self.assertEqual(numbers(self.session.replies()), list(range(0, 100_000, 10_000)))
        self.assertTrue(ended_well(channel), channel.history)

    def test_refused(self: Any) -> None:
        """A channel on which nothing was asked, or only nonsense, ends as well."""
        for packets in ((), (extension(b"nonsense", 1),)):
            self.session = self.begin()
            self.session.ask(*packets)
            self.session.channel.eof()
            self.assertTrue(ended_well(self.session.channel))


class ScpTests(AboutScp, WireCase):
    """In memory."""


class LocalScpTests(AboutScp, LocalWireCase):
    """On a disk."""


@bug_class(22)
class HeldScpTests(WireCase):
    """A disk that has not answered yet when scp says that it is done."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.put("/file", b"0123456789")
        self.slow = SlowFileSystem(self.files, ["file.read"])
        return memory_server(SFTPAvatar("user", files=self.slow), **settings)

    def test_exit_status_waits(self) -> None:
        """Neither exit-status nor EOF nor CLOSE is sent while an answer is owed; then they come behind the last one."""
        handle = self.open(b"/file", FOR_READING)
        channel = self.session.channel
        self.assertEqual(self.session.ask(*(reading(handle, at, 1, at) for at in range(3))), [])
        before = list(channel.history)
        channel.eof()
        while self.slow.gate.waiting:
            self.assertEqual([each for each in channel.history[len(before) :] if each[0] in ENDINGS], [])
            self.slow.gate.release()
        self.assertEqual([reply[9:] for reply in self.session.replies()], [b"0", b"1", b"2"])
        self.assertTrue(ended_well(channel), channel.history)


@in_versions()
@bug_class(22)
class HomeTests(WireCase):
    """A user who does not start in `/`."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.files.put("/home/user/x", b"")
        return memory_server(SFTPAvatar("user", files=self.files, home="/home/user"), **settings)

    def test_expanded(self) -> None:
        """`~` is where relative paths start, and not `/`."""
        for path, expanded in ((b"~/x y", b"/home/user/x y"), (b"~user/x", b"/home/user/x"), (b"x", b"/home/user/x")):
            reply = self.one(extension(b"expand-path@openssh.com", 2, string(path)))
            self.assertEqual(string_at(reply, 9), expanded)


# rclone looks for a shell and for programs, and for how full the disk is; WinSCP and old libraries want scp.
COMMANDS = (
    b"echo ${ShellId}%ComSpec%",
    b"md5sum",
    b"sha1sum 'a blank'",
    b"df -k /",
    b"scp -t /up",
    b"scp -f /up",
    b"",
    b"\xff\0\n",
)


@bug_class(23)
class CommandTests(WireCase):
    """A command on a channel of its own, beside an SFTP session that is at work."""

    settings = {"max_channels": 4}

    def setUp(self) -> None:
        super().setUp()
        self.put("/file", b"0123456789")
        self.handle = self.open(b"/file", FOR_READING)

    def command(self, command: bytes, rest: Any = None) -> Any:
        """Ask for a command on a new channel and close that, unless the server has; return it."""
        channel = self.session.client.open_channel()
        channel.request(b"exec", string(command) if rest is None else rest)
        if rest is None:
            channel.eof()
        channel.close()
        self.assertTrue(channel.closed)
        self.assertEqual(channel.numbers.count(Message.CHANNEL_CLOSE), 1)
        return channel

    def assert_at_work(self) -> None:
        """Fail unless the SFTP session goes on, with the handle that was open."""
        self.assertIsNone(self.session.client.disconnected)
        self.assertFalse(self.session.channel.closed)
        self.assertEqual(self.one(reading(self.handle, 3, 4))[9:], b"3456")
        self.assertEqual(self.one(request(LSTAT, 1, string(b"/file")))[0], ATTRS)

    def test_every_command(self) -> None:
        """Whatever a client asks to run, the session goes on, and nothing is left of the channel."""
        for command in COMMANDS:
            self.command(command)
            self.assert_at_work()
            self.assertEqual(len(self.session.client.server.service.channels), 1)

    def test_again_and_again(self) -> None:
        """One command for every file, as a tool that compares checksums asks, uses nothing up."""
        for _ in range(50):
            self.command(b"md5sum file")
        self.assert_at_work()
        self.assertEqual(len(self.session.client.server.service.channels), 1)

    def test_while_requests_wait(self) -> None:
        """Requests that are on their way meanwhile are answered, once and in order."""
        client = self.session.client
        self.session.channel.lay_data(b"".join(reading(self.handle, 0, 10, number) for number in range(5)))
        channel = client.open_channel()
        self.session.channel.lay_data(b"".join(reading(self.handle, 0, 10, number) for number in range(5, 10)))
        channel.request(b"exec", string(b"sha1sum"))
        channel.close()
        self.assertEqual(numbers(self.session.replies()), list(range(10)))
        self.assert_at_work()

    def test_first(self) -> None:
        """A client may ask for a command before it asks for SFTP."""
        client = self.session.client
        self.session.channel.close()
        self.command(b"echo ${ShellId}%ComSpec%")
        channel = client.open_subsystem()
        channel.send(bytes.fromhex("00000005 01 00000003"))
        self.assertEqual(channel.take()[4], 2)

    def test_the_other_way_round(self) -> None:
        """Nor does the end of the SFTP session end a channel beside it."""
        other = self.session.client.open_channel()
        self.session.channel.close()
        self.assertFalse(other.closed)
        self.assertIs(other.request(b"subsystem", string(b"sftp")), True)
