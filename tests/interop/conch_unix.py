"""
Our server with an avatar that was written for Conch's own: its `ISFTPServer` for users of a Unix machine.

For `twistd -ny`. What it serves and where it listens is told by the environment. It prints the events that reach the
avatar. Conch's paths are those of the machine; its home is the folder that is served.
"""

import os

from twisted.application.service import Application
from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import ISFTPServer
from twisted.conch.unix import SFTPServerForUnixConchUser
from twisted.python.components import registerAdapter
from twisted.python.filepath import FilePath

from conchsftp import SFTPServer
from conchsftp.auth.realm import SFTPRealm


class UnixUser(ConchUser):
    """As much of `UnixConchUser` as its server asks for; it stays who it is."""

    def getHomeDir(self):
        return FilePath(os.environ["SERVED_ROOT"])

    def getUserGroupId(self):
        return os.getuid(), os.getgid()

    def _runAsUser(self, function, *args, **options):
        calls = [(function, args, options)] if callable(function) else function
        for call, *rest in calls:
            result = call(*rest[0], **(rest[1] if len(rest) > 1 else {}))
        return result

    def tell(self, event):
        if not event.before_exec:
            print(f"told: {event.name} {event.path}", flush=True)

    on_file_open = on_file_close = on_file_remove = on_file_rename = on_dir_create = on_dir_remove = tell
    on_dir_read = on_link_create = on_transfer_finished = tell


registerAdapter(SFTPServerForUnixConchUser, UnixUser, ISFTPServer)
application = Application("unix")
server = SFTPServer(
    realm=SFTPRealm(lambda user_name: UnixUser()),
    listen=[os.environ["SERVED_AT"]],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
)
server.setServiceParent(application)
