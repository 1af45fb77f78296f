"""A folder that takes so many bytes, and no more: `twistd -ny quota.py`."""

import os
from contextlib import suppress

from twisted.application.service import Application
from twisted.internet.defer import DeferredLock
from twisted.internet.threads import deferToThread

from conchsftp import SFTPServer, Status


def measured(folder):
    """Return how many bytes all files of a folder have."""
    size = 0
    for path in (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names):
        with suppress(FileNotFoundError):
            size += os.lstat(path).st_size
    return size


class Quota:
    """Adds up what is written, as if all of it were new; looks what there really is before it refuses anything."""

    def __init__(self, folder, limit):
        self.folder, self.limit, self.used = folder, limit, limit
        self.under_way, self.measuring = {}, DeferredLock()

    def on_file_write(self, event):
        return self.claim(event, event.size, event.file_offset + event.size)

    def on_set_attributes(self, event):
        return self.claim(event, 0, event.file_size or 0)

    def on_extended_request(self, event):
        return self.claim(event, os.path.getsize(self.folder + event.path) if event.target else 0, 0)

    async def claim(self, event, written, end):
        """Before a file grows, find room for that; afterwards it is there, for whoever measures."""
        if not event.before_exec:
            return self.under_way.pop((event.connection_id, event.handle), None)
        size = max(written, end - os.path.getsize(self.folder + event.path))
        if self.used + size > self.limit:
            await self.measuring.run(self.measure)
        if self.used + size > self.limit:
            return event.deny("The folder is full", Status.QUOTA_EXCEEDED)
        self.used += size
        self.under_way[event.connection_id, event.handle] = size

    async def measure(self):
        before, promised = self.used, sum(self.under_way.values())
        self.used = await deferToThread(measured, self.folder) + promised + self.used - before


application = Application("quota")
options = {"listen": ["tcp:2222:interface=127.0.0.1"], "host_keys": ["host_key"], "users": "users.toml"}
server = SFTPServer(root_directory="files", **options)
server.add_listener(Quota("files", limit=1_000_000))
server.setServiceParent(application)
