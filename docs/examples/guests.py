"""Users of your own, of which one may only read: `twistd -ny guests.py`."""

from twisted.application.service import Application
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse

from conchsftp import SFTPAvatar, SFTPServer


class User(SFTPAvatar):
    """Guests read; the others may do everything."""

    def __init__(self, user_name, **facts):
        super().__init__(user_name, **facts)
        self.read_only = user_name == "guest"


application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    checkers=[InMemoryUsernamePasswordDatabaseDontUse(guest=b"guest", alice=b"wonderland")],
    avatar_class=User,
)
server.setServiceParent(application)
