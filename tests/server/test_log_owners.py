"""
To which connection lines and events of the log belong, whoever writes them.
"""

from pathlib import Path
from typing import Any

from twisted.cred.credentials import IUsernamePassword
from twisted.internet.defer import Deferred

from conchsftp.events import Disconnected, Error, SSHStatus
from conchsftp.server.service import SFTPServer
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.testing import MemoryReactor
from conchsftp.wire.kinds import BOOL, BYTES
from tests.server.test_log import LogCase


class OwnerTests(LogCase):
    """Connections, and the server."""

    def only(self) -> tuple[int, int, str]:
        (error,) = self.told
        return error.connection_id, error.error_code, error.description

    def test_handler_of_the_end(self) -> None:
        """The number of the connection is told also where it is gone already."""
        self.listen(Error)

        @self.server.on(Disconnected)
        def broken(event: Disconnected) -> None:
            raise ZeroDivisionError("by nothing")

        self.logged_in().pipe.cut()
        self.assertEqual(self.only(), (1, 0, "A handler of Disconnected failed: ZeroDivisionError: by nothing"))
        self.assertEqual(self.lines[-1], "[1] A handler of Disconnected failed")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_logout(self) -> None:
        """An avatar that cannot be logged out is told of with its connection, which is still known."""

        def broken() -> None:
            raise ZeroDivisionError("by nothing")

        self.patch(self.avatar, "logged_out", broken)
        self.listen(Error)
        self.logged_in().pipe.cut()
        self.assertEqual(self.only(), (1, 0, "an avatar could not be logged out: ZeroDivisionError: by nothing"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.lines[-1], "[1 user@198.51.100.7] an avatar could not be logged out")

    def test_not_seen(self) -> None:
        """A user who cannot be confined: the line names them and the client once."""
        self.avatar.user_name = ".."
        self.listen(Error, user_root_directory="/srv/%u")
        client = self.client()
        client.connect()
        client.ask_for_login()
        client.authenticate("user", "password", BOOL.pack(False) + BYTES.pack(b"password"))
        text = "'user' cannot be let in: UserRootDirectory /srv/%u: the user name is no name of a folder"
        self.assertEqual(self.only(), (1, 0, text))
        self.assertIn(f"[1 198.51.100.7] {text}", self.lines)

    def test_parts_of_the_server(self) -> None:
        """What belongs to the server and has lines about no connection writes them to the server's log."""
        users = Path(self.mktemp())
        users.write_text("")
        server = SFTPServer(host_keys=HostKeys([]), users=str(users), reactor=MemoryReactor())
        checker = server.factory.portal.checkers[IUsernamePassword]
        for each in (server.workers, server.keys, server.factory.portal.realm, checker, server._accounts):
            self.assertIs(each.log, server.factory.log.own, each)

    def test_not_connected(self) -> None:
        """There is none of a connection before its Connected, however it ends."""
        self.listen(SSHStatus)
        waiting: Deferred[None] = Deferred()
        self.server.on("ConnectionRequest", lambda event: waiting)
        self.client().pipe.cut()
        waiting.callback(None)

        @self.server.on("ConnectionRequest")
        def refuse(event: Any) -> None:
            event.accept = False

        self.client().connect()
        self.assertEqual(self.told, [])
        self.assertEqual(self.lines[-1], "[2 198.51.100.7] disconnecting: a handler refuses it")
