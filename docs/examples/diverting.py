"""Uploads land in a folder for each day and user, whatever path the client names: `twistd -ny diverting.py`."""

from datetime import date
from pathlib import Path, PurePosixPath

from twisted.application.service import Application
from twisted.internet.defer import maybeDeferred

from conchsftp import SFTPAvatar, SFTPServer, Status
from conchsftp.sftp.numbers import Access


class Sender(SFTPAvatar):
    """Goes on calling uploads by the names that they were sent with, as long as the session lasts."""

    def __init__(self, user_name, **facts):
        super().__init__(user_name, **facts)
        self.moved = {}

    def on_file_open(self, event):
        if event.before_exec and event.desired_access & Access.WRITE_DATA:
            folder = PurePosixPath("/", str(date.today()), self.user_name)
            Path(f"files{folder}").mkdir(parents=True, exist_ok=True)
            self.divert(event, "path", folder)

    def on_file_rename(self, event):
        """Clients that upload under a temporary name give the right one afterwards."""
        if event.before_exec and event.path in self.moved:
            event.path = self.moved.pop(event.path)
            self.divert(event, "new_path", PurePosixPath(event.path).parent)

    def divert(self, event, name, folder):
        asked = getattr(event, name)
        self.moved[asked] = str(folder / PurePosixPath(asked).name)
        setattr(event, name, self.moved[asked])

    def follow(self, event):
        event.path = self.moved.get(event.path, event.path)

    on_file_remove = on_set_attributes = follow

    async def on_get_attributes(self, event):
        if event.path in self.moved and event.status_code == Status.NO_SUCH_FILE:
            event.attributes = await maybeDeferred(self.files.stat, self.moved[event.path])
            event.status_code = Status.OK


application = Application("diverting")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    avatar_class=Sender,
)
server.setServiceParent(application)
