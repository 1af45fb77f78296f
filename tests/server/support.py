"""
A server of the real kind on a reactor in memory, for the tests of the service.
"""

import os
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.server.service import SFTPServer
from conchsftp.ssh.keys.host_keys import generate_ed25519
from conchsftp.testing import MemoryReactor


class ServiceCase(SynchronousTestCase):
    """A reactor in memory, a host key and a folder."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.folder = self.mktemp()
        os.makedirs(f"{self.folder}/served/home")
        self.key = f"{self.folder}/host_key"
        self.root = f"{self.folder}/served"

    def server(self, **options: Any) -> SFTPServer:
        """Return a server of the real kind."""
        if not os.path.exists(self.key):
            generate_ed25519(self.key)
        defaults = {"host_keys": [self.key], "root_directory": self.root, "one_time_user": ("guest", "secret")}
        return SFTPServer(**{"reactor": self.reactor, **defaults, **options})

    def busy(self, number: int, *ports: int) -> None:
        """Make some ports of the reactor impossible to open."""
        listen = self.reactor.listenTCP

        def refuse(port: int, *arguments: Any, **options: Any) -> Any:
            if port in ports:
                raise CannotListenError("127.0.0.1", port, OSError(number, os.strerror(number)))
            return listen(port, *arguments, **options)

        self.reactor.listenTCP = refuse  # type: ignore[method-assign]
