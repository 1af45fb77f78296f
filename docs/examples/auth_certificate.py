"""Contractors get in by certificates of a CA of their own, without being in a list of users."""

from twisted.application.service import Application

from conchsftp import SFTPServer, events

# What `ssh-keygen -lf contractors.pub` shows.
CONTRACTORS = "SHA256:lwq9f2imARJGZDPP4a3B9Cj1cJB5TbkFZVxKukcxQG4"

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
)
server.setServiceParent(application)


@server.on(events.SSHUserAuthRequest)
def by_certificate(event):
    shown = event.certificate
    if shown is not None and shown.ca_fingerprint == CONTRACTORS:
        event.accept = event.user in shown.principals
