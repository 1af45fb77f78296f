"""A users file says who may log in, a handler says when: `twistd -ny auth_hours.py`."""

from datetime import datetime

from twisted.application.service import Application

from conchsftp import SFTPServer, events

OPEN = range(8, 18)

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
)
server.setServiceParent(application)


@server.on(events.SSHUserAuthRequest)
def office_hours(event):
    if event.accept and datetime.now().hour not in OPEN:
        event.accept = False


@server.on(events.SSHUserAuthRequest)
def greet(event):
    if event.auth_method == "none":
        hours = f"{OPEN.start} to {OPEN.stop} o'clock"
        server.user_auth_banner[event.connection_id] = f"Hello {event.user}, we are open from {hours}."
