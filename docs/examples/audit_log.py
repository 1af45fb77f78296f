"""Who did what and how it went, in `audit.log` as lines of JSON: `twistd -ny audit_log.py`."""

import json
import time

from twisted.application.service import Application

from conchsftp import SFTPServer, Status, events

FACTS = {
    events.TransferFinished: ("path", "final_path", "upload", "bytes", "duration", "resumed", "aborted"),
    events.TransferRenamed: ("path", "final_path", "bytes"),
    events.FileRemove: ("path",),
    events.FileRename: ("path", "new_path"),
    events.DirCreate: ("path",),
    events.DirRemove: ("path",),
    events.LinkCreate: ("path", "target", "symbolic"),
    events.SetAttributes: ("path", "file_size", "file_permissions", "file_m_time"),
    events.ExtendedRequest: ("request_name", "path", "target"),
}
# Whoever stops the program loses nothing: each line is written at once.
log = open("audit.log", "a", buffering=1, encoding="utf-8")  # noqa: SIM115


def write(event, **facts):
    line = {"time": time.time(), "event": event.name, "connection": event.connection_id, **facts}
    print(json.dumps(line), file=log)


def done(event):
    """Write down what a user has done, or tried to do."""
    if not event.before_exec:
        facts = {name: getattr(event, name) for name in FACTS[type(event)]}
        write(event, user=event.user, status=Status(event.status_code).name, **facts)


application = Application("audited")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
)
server.setServiceParent(application)
for each in FACTS:
    server.on(each, done)


@server.on(events.Connected)
def come(event):
    write(event, host=server.connection(event.connection_id).remote_host)


@server.on(events.Disconnected)
def gone(event):
    write(event, reason=event.description)
