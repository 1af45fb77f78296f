"""
A server whose users may do what PERMISSIONS says, as JSON; for `twistd -ny`.

What it serves and where it listens is told by the environment. Everything is public API of the product.
"""

import json
import os

from twisted.application.service import Application

from conchsftp import SFTPAvatar, SFTPServer


class Limited(SFTPAvatar):
    """A user who may do this."""

    permissions = json.loads(os.environ["PERMISSIONS"])


application = Application("permissions")
server = SFTPServer(
    root_directory=os.environ["SERVED_ROOT"],
    listen=[os.environ["SERVED_AT"]],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
    avatar_class=Limited,
)
server.setServiceParent(application)
