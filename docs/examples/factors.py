"""A program says who has to prove what: `twistd -ny factors.py`."""

from twisted.application.service import Application

from conchsftp import SFTPServer

STAFF = {"alice", "bob"}


async def policy(user_name):
    if user_name in STAFF:
        return "publickey,password"
    return None


application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    policies=policy,
)
server.setServiceParent(application)
