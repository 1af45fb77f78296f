"""A share to read, a folder for uploads, and one that nobody sees: `twistd -ny permissions.py`."""

from twisted.application.service import Application

from conchsftp import SFTPAvatar, SFTPServer


class Supplier(SFTPAvatar):
    """Reads the share, and uploads into one folder."""

    permissions = {
        "/": "list read",
        "/incoming": "list upload",
        "/internal": "none",
        "/**/.*": "none",
    }


application = Application("share")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    avatar_class=Supplier,
)
server.setServiceParent(application)
