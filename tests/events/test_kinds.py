"""
Events as records: what they hold, what is documented, how they refuse.
"""

import dataclasses
import errno

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import events
from conchsftp.errors import SFTPError
from conchsftp.events.kinds import EVENTS, FileEvent, Phase, deliberate, find, outcome
from conchsftp.events.own import FileRequest
from conchsftp.sftp.numbers import Access, OpenFlag, PFlag
from conchsftp.sftp.statuses import MISTAKE, Status

ATTRIBUTES = (
    "filetype filesize fileowner filegroup filepermissions fileatime filecreatetime filemtime fileattribbits"
    " fileattribbitsvalid otherattributes"
)

# The component's "Parameter List" of each event, in the order of its event list.
DOCUMENTED = {
    "Connected": "connectionid statuscode description certstoretype certstore certpassword certsubject",
    "ConnectionRequest": "address port accept",
    "DirCreate": f"connectionid user path {ATTRIBUTES} beforeexec statuscode",
    "DirList": "connectionid user path beforeexec statuscode",
    "DirRemove": "connectionid user path beforeexec statuscode",
    "Disconnected": "connectionid statuscode description",
    "Error": "connectionid errorcode description",
    "FileClose": "connectionid user path handle statuscode",
    "FileOpen": f"connectionid user path desiredaccess flags {ATTRIBUTES} handle beforeexec statuscode",
    "FileRead": "connectionid user handle fileoffset length statuscode",
    "FileRemove": "connectionid user path beforeexec statuscode",
    "FileRename": "connectionid user path newpath flags beforeexec statuscode",
    "FileWrite": "connectionid user handle fileoffset beforeexec statuscode",
    "GetAttributes": f"connectionid user path flags {ATTRIBUTES} statuscode",
    "Log": "connectionid loglevel message logtype",
    "ResolvePath": "connectionid user originalpath controlflags realpath statuscode",
    "SetAttributes": f"connectionid user path {ATTRIBUTES} beforeexec statuscode",
    "SSHStatus": "connectionid message",
    "SSHUserAuthRequest": "connectionid user service authmethod authparam accept partialsuccess availablemethods"
    " homedir keyalgorithm",
}

# They choose the host key of one connection, from a certificate store; there are no stores yet.
LATER = {"certstoretype", "certstore", "certpassword", "certsubject"}

BOTH = "DirCreate DirList DirRemove FileOpen FileRemove FileRename FileWrite SetAttributes".split()
AFTER = "FileClose FileRead GetAttributes ResolvePath".split()


class RegistryTests(SynchronousTestCase):
    def test_documented(self):
        """Every documented event is there, and nothing else calls itself documented."""
        self.assertEqual({name for name, each in EVENTS.items() if each.documented}, set(DOCUMENTED))

    def test_parameters(self):
        """Every documented parameter is an attribute of its event, under its name with underscores."""
        for name, parameters in DOCUMENTED.items():
            attributes = {each.replace("_", "") for each in dir(EVENTS[name])}
            self.assertEqual(set(parameters.split()) - attributes - LATER, set(), name)

    def test_phases(self):
        """Eight documented events fire before and after, four after only, the others once."""
        phases = {name: EVENTS[name].phases for name in DOCUMENTED}
        self.assertEqual([name for name in DOCUMENTED if phases[name] is Phase.BOTH], BOTH)
        self.assertEqual([name for name in DOCUMENTED if phases[name] is Phase.AFTER], AFTER)
        self.assertEqual({phases[name] for name in set(DOCUMENTED) - {*BOTH, *AFTER}}, {Phase.ONCE})
        self.assertEqual(len({each.described for each in Phase}), 2)

    def test_hooks(self):
        """The hook of an event is its name in words."""
        self.assertEqual(events.FileOpen.hook, "on_file_open")
        self.assertEqual(events.SSHUserAuthRequest.hook, "on_ssh_user_auth_request")

    def test_find(self):
        """An event is found by class, by name in any case, and by hook; the internal one is not found at all."""
        for spelling in (events.FileOpen, "FileOpen", "fileopen", "on_file_open"):
            self.assertIs(find(spelling), events.FileOpen)
        for spelling in (FileRequest, "FileRequest", "Nothing", FileEvent, int):
            self.assertIsNone(find(spelling))

    def test_writable(self):
        """What a handler may set exists; the status of a file's event may always be set."""
        for each in EVENTS.values():
            self.assertEqual([name for name in each.writable if not hasattr(each, name)], [], each.name)
            self.assertEqual("status_code" in each.writable, issubclass(each, FileEvent), each.name)


class RecordTests(SynchronousTestCase):
    def test_positions(self):
        """Fields are given by position in their order; what every file event has besides, by keyword."""
        event = events.FileRead(3, "alice", "/a", "1", 99, 32768, before_exec=False)
        self.assertEqual((event.connection_id, event.user, event.path, event.handle), (3, "alice", "/a", "1"))
        self.assertEqual((event.file_offset, event.length, event.pieces), (99, 32768, ()))
        self.assertEqual((event.status_code, event.error_message), (Status.OK, ""))
        # A handler may write its name into a log.
        self.assertEqual((event.status_code.name, Status(event.status_code)), ("OK", Status.OK))

    def test_slots(self):
        """No event carries a dictionary: one is made for every request."""
        for each in (*EVENTS.values(), FileRequest):
            fields = [field for field in dataclasses.fields(each) if field.default is dataclasses.MISSING]
            self.assertFalse(hasattr(each(*[""] * len(fields)), "__dict__"), each.name)

    def test_secrets(self):
        """The repr of a login shows no password."""
        event = events.SSHUserAuthRequest(1, "alice", "ssh-connection", "password", "hunter2")
        self.assertNotIn("hunter2", repr(event))

    def test_flags_of_open(self):
        """FileOpen shows the flags of version 3, whatever the version."""
        event = events.FileOpen(1, "alice", "/a", Access.WRITE_DATA, OpenFlag(1))
        self.assertEqual(event.flags, PFlag.WRITE | PFlag.CREAT | PFlag.TRUNC)

    def test_failed(self):
        """A failed event is a copy: the one that a late handler still has no longer counts."""
        event = events.FileRemove(1, "alice", "/a", before_exec=True)
        ended = event.failed(SFTPError(Status.QUOTA_EXCEEDED, "full"))
        event.status_code = Status.EOF
        self.assertEqual((ended.status_code, ended.error_message), (Status.QUOTA_EXCEEDED, "full"))
        self.assertEqual((ended.path, ended.before_exec), ("/a", True))


class ContentTests(SynchronousTestCase):
    def test_data(self):
        """Pieces become bytes when somebody looks, once."""
        buffer = bytearray(b"abcdef")
        event = events.FileWrite(1, "alice", "/a", "1", 0, [memoryview(buffer)[:3], memoryview(buffer)[3:]])
        self.assertEqual(event.data, b"abcdef")
        self.assertIs(event.data, event.data)
        self.assertEqual(event.pieces, (b"abcdef",))

    def test_size(self):
        """How long the content is can be asked without a copy of it."""
        pieces = [memoryview(b"abc"), memoryview(b"de")]
        event = events.FileWrite(1, "alice", "/a", "1", 0, pieces)
        self.assertEqual((event.size, event.pieces), (5, pieces))
        self.assertEqual(events.FileRead(1, "alice", "/a", "1", 0, 10).size, 0)

    def test_set_data(self):
        """Data that a handler sets replaces the pieces."""
        event = events.FileRead(1, "alice", "/a", "1", 0, 10)
        self.assertEqual(event.data, b"")
        event.data = bytearray(b"new")
        self.assertEqual(event.pieces, (b"new",))
        self.assertIs(type(event.pieces[0]), bytes)

    def test_own(self):
        """After own() the buffer that the pieces lay in may be used again."""
        buffer = bytearray(b"abc")
        event = events.FileWrite(1, "alice", "/a", "1", 0, [memoryview(buffer)])
        event.own()
        buffer[:] = b"xyz"
        self.assertEqual(event.data, b"abc")

    def test_own_nothing(self):
        """Where there is nothing, there is nothing to own."""
        event = events.FileRead(1, "alice", "/a", "1", 0, 10)
        event.own()
        self.assertEqual(event.pieces, ())

    def test_repr(self):
        """The content is not in the repr."""
        self.assertNotIn("secret", repr(events.FileWrite(1, "alice", "/a", "1", 0, [b"secret"])))


class RefusalTests(SynchronousTestCase):
    def test_outcome(self):
        """SFTPError says the status itself, an OSError by its number, anything else is FAILURE; never OK."""
        self.assertEqual(outcome(SFTPError(Status.EOF, "m")), (Status.EOF, "m"))
        self.assertEqual(outcome(SFTPError(Status.OK, "m")), (Status.FAILURE, "m"))
        self.assertEqual(outcome(OSError(errno.ENOENT, "no", "/srv/secret")), (Status.NO_SUCH_FILE, ""))
        self.assertEqual(outcome(TimeoutError("late")), (Status.FAILURE, MISTAKE))
        self.assertEqual(outcome(KeyError("/srv/secret")), (Status.FAILURE, MISTAKE))
        full = outcome(OSError(errno.ENAMETOOLONG, "no", "/srv/secret"))
        self.assertEqual(full, (Status.INVALID_FILENAME, "Name too long"))

    def test_deliberate(self):
        """An SFTPError is an answer everywhere, an OSError with a number for files only."""
        login = events.SSHUserAuthRequest(1, "alice", "ssh-connection", "none")
        remove = events.FileRemove(1, "alice", "/a")
        cases = ((SFTPError(4), True, True), (OSError(2, "no"), False, True), (OSError("no"), False, False))
        for problem, for_login, for_file in cases:
            self.assertEqual((deliberate(login, problem), deliberate(remove, problem)), (for_login, for_file))

    def test_connection_events(self):
        """Refusing closes a connection, ends a login, and means nothing where nothing is decided."""
        request = events.ConnectionRequest("192.0.2.1", 5)
        connected = events.Connected(1)
        login = events.SSHUserAuthRequest(1, "alice", "ssh-connection", "password", accept=True, partial_success=True)
        status = events.SSHStatus(1, "hello")
        for each in (request, connected, login, status):
            each.refuse(ValueError())
        self.assertIs(request.accept, False)
        self.assertNotEqual(connected.status_code, 0)
        self.assertEqual((login.accept, login.partial_success), (False, False))
        self.assertEqual(status, events.SSHStatus(1, "hello"))
