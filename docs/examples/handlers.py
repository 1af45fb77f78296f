"""A server that refuses to remove logs, and tells of every upload: `twistd -ny handlers.py`."""

from twisted.application.service import Application
from twisted.logger import Logger

from conchsftp import SFTPServer, Status, events

log = Logger("uploads")
application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
)
server.setServiceParent(application)


@server.on(events.FileRemove)
def keep_logs(event):
    if event.before_exec and event.path.endswith(".log"):
        event.status_code = Status.PERMISSION_DENIED
        event.error_message = "logs are kept"


@server.on(events.TransferFinished)
async def tell(event):
    if event.upload:
        log.info("{user} put {path}: {bytes} bytes", user=event.user, path=event.path, bytes=event.bytes)
