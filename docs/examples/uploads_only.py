"""A letter box: users put files in and see nothing of what is there. `twistd -ny uploads_only.py`."""

from twisted.application.service import Application

from conchsftp import SFTPAvatar, SFTPError, SFTPServer, Status
from conchsftp.sftp.numbers import Access


class Sender(SFTPAvatar):
    """Refuses whoever wants to read, list or remove."""

    def on_file_open(self, event):
        if event.before_exec and event.desired_access & Access.READ_DATA:
            raise SFTPError(Status.PERMISSION_DENIED, "this folder takes files, and gives none")

    def on_dir_list(self, event):
        raise SFTPError(Status.PERMISSION_DENIED)

    on_file_remove = on_dir_list


application = Application("letter box")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    avatar_class=Sender,
)
server.setServiceParent(application)
