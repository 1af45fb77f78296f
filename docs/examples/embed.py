"""A folder, served by an application of your own: `twistd -ny embed.py`."""

from twisted.application.service import Application

from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
)
server.setServiceParent(application)
