"""
Our server with somebody who listens to every READ and WRITE, for `twistd -ny`.

The environment says what it serves, where it listens, its settings, and how its handlers are written. They count bytes
and do not look at what these are, as an audit or a quota does.
"""

import os
from typing import Any

from twisted.application.service import Application

from conchsftp import SFTPServer


class Plain:
    """Handlers that are functions."""

    counted = 0

    def on_file_read(self, event: Any) -> None:
        self.counted += event.size

    def on_file_write(self, event: Any) -> None:
        if event.before_exec:
            self.counted += event.size


class Async:
    """Handlers that are coroutines, and do not wait."""

    counted = 0

    async def on_file_read(self, event: Any) -> None:
        self.counted += event.size

    async def on_file_write(self, event: Any) -> None:
        if event.before_exec:
            self.counted += event.size


application = Application("observed")
server = SFTPServer(
    root_directory=os.environ["SERVED_ROOT"],
    listen=[os.environ["SERVED_AT"]],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
)
for setting in filter(None, os.environ["SETTINGS"].split("\n")):
    server.config(setting)
server.add_listener({"plain": Plain, "async": Async}[os.environ["OBSERVED_BY"]]())
server.setServiceParent(application)
