"""Files without a disk: each user gets reports that are written at login. `twistd -ny reports.py`."""

from twisted.application.service import Application

from conchsftp import SFTPAvatar, SFTPServer
from conchsftp.files.memory import MemoryFileSystem

SALES = {"alice": {"january": 7, "february": 9}, "bob": {"january": 3}}


class Reports(SFTPServer):
    """Makes an avatar with files of its own; to ask a database first, make this an `async def`."""

    def make_avatar(self, user_name):
        months = SALES.get(user_name, {})
        files = {f"/{month}.csv": f"sold,{count}\n".encode() for month, count in months.items()}
        return SFTPAvatar(user_name, files=MemoryFileSystem(files), read_only=True)


application = Application("reports")
server = Reports(listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"], users="users.toml")
server.setServiceParent(application)
