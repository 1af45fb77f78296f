"""
Our server with an avatar that was written for Conch's own: its `ISFTPServer` for users of a Unix machine.

For `twistd -ny`. What it serves and where it listens is told by the environment. It prints the events that reach the
avatar. Conch's paths are those of the machine; its home is the folder that is served.
"""

import os

from twisted.application.service import Application

from conchsftp import SFTPServer
from conchsftp.auth.realm import SFTPRealm
from tests.files.unix_user import UnixUser


class User(UnixUser):
    """A user who stays who they are."""

    def __init__(self, user_name):
        super().__init__(os.environ["SERVED_ROOT"])

    def tell(self, event):
        if not event.before_exec:
            print(f"told: {event.name} {event.path} {int(event.status_code)}", flush=True)

    on_file_open = on_file_close = on_file_remove = on_file_rename = on_dir_create = on_dir_remove = tell
    on_dir_read = on_link_create = on_transfer_finished = tell


application = Application("unix")
server = SFTPServer(
    realm=SFTPRealm(User),
    listen=[os.environ["SERVED_AT"]],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
)
server.setServiceParent(application)
