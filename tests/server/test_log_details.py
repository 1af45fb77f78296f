"""
The log of sessions: transferred files, requests and packets; and that no secret is ever in it.
"""

import io
from errno import ENOSPC
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import eventAsText, jsonFileLogObserver

from conchsftp.errors import SFTPError
from conchsftp.events import (
    Connected,
    ConnectionRequest,
    Disconnected,
    Error,
    FileClose,
    FileOpen,
    FileRemove,
    Log,
    SSHStatus,
)
from conchsftp.files.memory_node import MemoryFile
from conchsftp.secret import Secret
from conchsftp.sftp.numbers import Access, Disposition
from conchsftp.sftp.requests import Close, Read, Remove, Rename, Write
from conchsftp.ssh.numbers import Message
from conchsftp.wire.kinds import BOOL, BYTES, U32
from tests.auth.support import Ed25519, proof
from tests.server.test_log import LogCase
from tests.ssh.case import opening

WHO = "[1 user@198.51.100.7] "


class TransferTests(LogCase):
    """A line for each file that was transferred."""

    def said(self) -> list[str]:
        """Take the lines about files, without their beginning."""
        lines = [line.removeprefix(WHO) for line in self.lines if " bytes received" in line or " bytes sent" in line]
        self.lines.clear()
        return lines

    def test_each_file(self) -> None:
        """How much was received or sent, and how long it was open; of downloads that went well at level 2."""
        session = self.session()
        session.put("/in", b"x" * 70_000)
        session.get("/f")
        self.assertEqual(self.said(), ["'/in': 70000 bytes received in 0.0 s"])
        self.serve(log_level=2)
        session = self.session()
        session.put("/in", b"x" * 70_000)
        session.get("/f")
        self.assertEqual(self.said(), ["'/in': 70000 bytes received in 0.0 s", "'/f': 10 bytes sent in 0.0 s"])

    def test_observed(self) -> None:
        """The same where handlers look on, and data takes another way."""
        self.serve(log_level=2)
        for event in ("FileRead", "FileWrite", "TransferFinished"):
            self.server.on(event, lambda event: None)
        session = self.session()
        session.put("/in", b"x" * 70_000)
        session.get("/in")
        self.assertEqual(self.said(), ["'/in': 70000 bytes received in 0.0 s", "'/in': 70000 bytes sent in 0.0 s"])

    def test_handled(self) -> None:
        """The same where handlers are the file."""
        self.serve(log_level=2)
        self.server.on("FileOpen", lambda event: setattr(event, "handled", True))
        self.server.on("FileWrite", lambda event: setattr(event, "handled", True))
        self.server.on("FileRead", lambda event: setattr(event, "data", b"0123456789"[event.file_offset :]))
        session = self.session()
        session.put("/in", b"x" * 70_000)
        session.get("/f")
        self.assertEqual(self.said(), ["'/in': 70000 bytes received in 0.0 s", "'/f': 10 bytes sent in 0.0 s"])

    def test_empty(self) -> None:
        """An empty file that was uploaded was transferred; one that was opened and closed was not."""
        session = self.session()
        session.put("/empty", b"")
        session.get("/empty")
        self.assertEqual(self.said(), ["'/empty': 0 bytes received in 0.0 s"])

    def test_cut_off(self) -> None:
        """What a lost connection has left open was cut off."""
        session = self.session()
        session.request(opening(b"/f"))
        session.request(Read(handle=b"00000000", offset=0, length=10))
        session.cut()
        self.assertEqual(self.said(), ["'/f': 10 bytes sent in 0.0 s, cut off"])

    def test_failed(self) -> None:
        """What could not all be written was not transferred, whether the disk refused it or a handler."""

        def full(*args: Any) -> None:
            raise OSError(ENOSPC, "No space left on device")

        self.serve()
        self.server.on("FileWrite", lambda event: event.deny("no more") if event.file_offset else None)
        self.write_twice()
        self.assertEqual(self.said(), ["'/in': 3 bytes received in 0.0 s, failed"])
        self.serve()
        self.patch(MemoryFile, "write", full)
        self.patch(MemoryFile, "write_from", full)
        self.write_twice()
        self.assertEqual(self.said(), ["'/in': 6 bytes received in 0.0 s, failed"])

    def write_twice(self) -> None:
        session = self.session()
        session.request(opening(b"/in", Access.WRITE_DATA, Disposition.CREATE_TRUNCATE))
        for offset in (0, 3):
            session.request(Write(handle=b"00000000", offset=offset, data=[b"abc"]))
        session.request(Close(handle=b"00000000"))

    def test_none(self) -> None:
        """LogLevel 0 has no such line."""
        self.serve(log_level=0)
        self.session().get("/f")
        self.assertEqual(self.lines, [])


class RequestTests(LogCase):
    """LogLevel 2: each request and how it ended."""

    def test_long_paths(self) -> None:
        """A client cannot fill the log: of a path that no file system takes the beginning is shown."""
        self.serve(log_level=2)
        session = self.session()
        self.lines.clear()
        session.request(Remove(path=b"/" + b"\xff" * 32_000))
        session.request(Remove(path=b"/" + b"a" * 4095))
        long, short = self.lines
        self.assertLess(len(long), 6 * 4096 + 100)
        self.assertTrue(short.endswith(f"REMOVE '/{'a' * 4095}': NO_SUCH_FILE"), short)

    def test_requests(self) -> None:
        """What was asked, of which paths, and the status; with the text where there is one."""
        self.serve(log_level=2)
        session = self.session()
        self.lines.clear()
        session.put("/in", b"abc")
        session.get("/in")
        session.request(Rename(path=b"/in", new_path=b"/out"))
        self.assertRaises(SFTPError, session.listing, "/missing")
        self.server.on("FileRemove", lambda event: event.deny("keep\nit"))
        session.request(Remove(path=b"/out"))
        self.assertEqual(
            [line.removeprefix(WHO) for line in self.lines],
            [
                "OPEN '/in': OK",
                "WRITE '/in' 3 bytes at 0: OK",
                "'/in': 3 bytes received in 0.0 s",
                "CLOSE '/in': OK",
                "OPEN '/in': OK",
                "READ '/in' 32768 bytes at 0: OK",
                "READ '/in' 32768 bytes at 3: OK",
                "'/in': 3 bytes sent in 0.0 s",
                "CLOSE '/in': OK",
                "RENAME '/in' '/out': OK",
                "OPENDIR '/missing': NO_SUCH_FILE",
                "REMOVE '/out': PERMISSION_DENIED, 'keep\\nit'",
            ],
        )

    def test_nothing_is_left(self) -> None:
        """Where it is not wanted, the methods that requests and packets go through are untouched."""
        self.serve(log_level=3)
        session = self.session()
        transport = session.client.server
        (channel,) = transport.service.channels.values()
        parts = (transport, transport.sender, channel._subsystem)
        self.assertTrue(all({"_handle", "_seal", "_emit"} & vars(part).keys() for part in parts))
        self.server.settings.log_level = 1
        self.assertFalse(any({"_handle", "_seal", "_emit"} & vars(part).keys() for part in parts))
        self.server.settings.log_level = 3
        session.cut()
        self.assertFalse(any({"_handle", "_seal", "_emit"} & vars(part).keys() for part in parts))


class PacketTests(LogCase):
    """LogLevel 3: name and size of each packet."""

    def test_packets(self) -> None:
        """In both directions, from the first one on."""
        self.serve(log_level=3)
        client = self.client()
        client.connect()
        client.packet(Message.SERVICE_REQUEST, BYTES.pack(b"ssh-userauth"))
        packets = [line.partition("] ")[2] for line in self.lines]
        for line in (
            "received message 30, 37 bytes",
            "sent NEWKEYS, 1 bytes",
            "received SERVICE_REQUEST, 17 bytes",
            "sent SERVICE_ACCEPT, 17 bytes",
        ):
            self.assertIn(line, packets)


class SecretTests(LogCase):
    """No password, answer, signature or key is in the log, at any level."""

    def setUp(self) -> None:
        super().setUp()
        self.everything = io.StringIO()
        self.json = jsonFileLogObserver(self.everything)

    def note(self, event: Any) -> None:
        super().note(event)
        self.everything.write(eventAsText(event) + repr({**event, "log_logger": None, "log_source": None}))
        self.json(event)

    def log_in_every_way(self) -> None:
        """Fail and succeed with each method."""
        key = Ed25519()
        client = self.client()
        client.connect()
        client.ask_for_login()
        for password in (b"hunter2-wrong", b"hunter2-other"):
            client.authenticate("user", "password", BOOL.pack(False) + BYTES.pack(password))
            self.clock.advance(3.0)
            client.pump()
        client.packet(Message.USERAUTH_REQUEST, proof(b"user", key, session=client.session_id))
        self.clock.advance(3.0)
        client.pump()
        client.authenticate("user", "keyboard-interactive", BYTES.pack(b"") + BYTES.pack(b""))
        client.take(60)
        client.packet(61, U32.pack(1) + BYTES.pack(b"hunter2"))
        self.clock.advance(3.0)
        client.pump()
        client.take(Message.USERAUTH_SUCCESS)
        client.disconnect()

    def test_twisted_log(self) -> None:
        """Nothing of it reaches Twisted's log, as text, JSON or an object, whatever MaskSensitiveData says."""
        for masked in (True, False):
            self.serve(log_level=3, mask_sensitive_data=masked, one_time_user=("user", "hunter2"))
            self.log_in_every_way()
        text = self.everything.getvalue()
        self.assertIn("USERAUTH_REQUEST", text)
        self.assertNotIn("hunter2", text)

    def test_masked(self) -> None:
        """Nor does it reach Log, SSHStatus or Error events; these say that there was something."""
        self.listen(Log, SSHStatus, Error, log_level=3, one_time_user=("user", "hunter2"))
        self.log_in_every_way()
        self.assertNotIn("hunter2", repr(self.told))
        self.assertIn("'user' says *** for 'password'", repr(self.told).replace('\\"', "").replace("\\'", "'"))

    def test_unmasked(self) -> None:
        """MaskSensitiveData=False shows passwords and answers in Log events of LogLevel 3, and in these alone."""
        self.listen(Log, log_level=3, mask_sensitive_data=False, one_time_user=("user", "hunter2"))
        self.log_in_every_way()
        said = [event.message.partition("] ")[2] for event in self.told if "hunter2" in event.message]
        self.assertEqual(
            said,
            [
                "'user' says hunter2-wrong for 'password'",
                "'user' says hunter2-other for 'password'",
                "'user' says hunter2 for 'keyboard-interactive'",
            ],
        )
        self.listen(Log, log_level=2, mask_sensitive_data=False, one_time_user=("user", "hunter2"))
        self.told.clear()
        self.log_in_every_way()
        self.assertNotIn("hunter2", repr(self.told))

    def test_unprintable(self) -> None:
        """A password that is shown can neither break the line nor turn it around."""
        self.listen(Log, log_level=3, mask_sensitive_data=False)
        self.server.factory.log.of(7, "host").secret("it is {secret}.", Secret("a\n\u202eb"))
        self.assertEqual(self.told[-1].message, "[7 host] it is a\\n\\u202eb.")

    def test_unmasked_later(self) -> None:
        """MaskSensitiveData counts for what comes after a change."""
        self.listen(Log, log_level=3, one_time_user=("user", "hunter2"))
        for masked, shown in (("False", True), ("True", False)):
            self.server.config(f"MaskSensitiveData={masked}")
            self.told.clear()
            self.log_in_every_way()
            self.assertEqual("hunter2-wrong" in repr(self.told), shown)
            self.listen(Log, log_level=3, mask_sensitive_data=False, one_time_user=("user", "hunter2"))


class MistakeTests(LogCase):
    """What tells of mistakes, and in which level."""

    def broken(self, event: Any) -> None:
        """Handle an event."""
        raise ZeroDivisionError

    def test_at_none(self) -> None:
        """A mistake has its traceback in Twisted's log at LogLevel 0, too."""
        self.listen(Log, log_level=0)
        self.server.on(FileRemove, self.broken)
        self.session().request(Remove(path=b"/f"))
        self.assertEqual((len(self.flushLoggedErrors(ZeroDivisionError)), self.told), (1, []))

    def test_of_log_itself(self) -> None:
        """A broken handler of Log is no Error, nor is a broken one of Error that fails later."""
        self.listen(Error)
        self.server.on(Log, self.broken)
        self.client().connect()
        self.assertEqual(self.told, [])
        later: Deferred[None] = Deferred()
        self.server.on(Error, lambda event: later)
        self.server.on(FileRemove, self.broken)
        self.session().request(Remove(path=b"/f"))
        later.errback(ZeroDivisionError())
        self.assertEqual([error.description[:21] for error in self.told], ["A handler of FileRemo"])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_debugging(self) -> None:
        """What is for debugging is of LogLevel 3, whoever writes it."""
        for level, told in ((2, []), (3, [3])):
            self.told.clear()
            self.listen(Log, log_level=level)
            self.server.factory.log.own.debug("a detail")
            self.assertEqual([event.log_level for event in self.told], told)


class OrderTests(LogCase):
    """The events of one connection come in an order that can be relied on."""

    def test_whole_life(self) -> None:
        """ConnectionRequest, Connected, the steps of SSH, those of the files, Disconnected."""
        self.listen(Disconnected, FileClose, FileOpen, SSHStatus, Connected, ConnectionRequest)
        session = self.session()
        session.get("/f")
        session.close()
        names = [type(event).__name__ for event in self.told]
        steps = names.count("SSHStatus")
        self.assertEqual(
            names,
            [
                "ConnectionRequest",
                "Connected",
                *["SSHStatus"] * (steps - 1),
                "FileOpen",
                "FileOpen",
                "FileClose",
                "SSHStatus",
                "Disconnected",
            ],
        )

    def test_files_before_the_end(self) -> None:
        """What a lost connection had open is closed before Disconnected fires."""
        self.listen(Disconnected, FileClose)
        session = self.session()
        session.request(opening(b"/f"))
        session.cut()
        self.assertEqual([type(event) for event in self.told], [FileClose, Disconnected])
