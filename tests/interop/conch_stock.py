"""
Conch's own SSH and SFTP servers with an avatar of ours behind them, for `twistd -ny`.

What it serves and where it listens is told by the environment. It prints the events that reach the avatar.
"""

import os
import tomllib
from pathlib import Path

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.filetransfer import FileTransferServer
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.session import SSHSession
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from conchsftp import SFTPAvatar, SFTPServer
from conchsftp.auth.realm import SFTPRealm


class User(SFTPAvatar):
    """A user of Conch's server, whose handlers are asked all the same."""

    def __init__(self, user_name, **facts):
        super().__init__(user_name, **facts)
        self.channelLookup = {b"session": SSHSession}
        self.subsystemLookup = {b"sftp": FileTransferServer}

    def tell(self, event):
        if not event.before_exec:
            print(f"told: {event.name} {event.path} {int(event.status_code)}", flush=True)

    on_file_open = on_file_close = on_file_remove = on_file_rename = on_dir_create = on_dir_remove = tell
    on_dir_read = on_link_create = on_transfer_finished = tell


users = tomllib.loads(Path(os.environ["USERS_FILE"]).read_text())
keys = {name.encode(): [Key.fromString(key) for key in user["keys"]] for name, user in users.items()}
host_key = Key.fromFile(os.environ["HOST_KEY"])
factory = SSHFactory()
maker = SFTPServer(root_directory=os.environ["SERVED_ROOT"], avatar_class=User)
factory.portal = Portal(SFTPRealm(maker.make_avatar), [SSHPublicKeyChecker(InMemorySSHKeyDB(keys))])
factory.publicKeys = {host_key.sshType(): host_key.public()}
factory.privateKeys = {host_key.sshType(): host_key}
application = Application("stock")
endpoint = serverFromString(reactor, os.environ["SERVED_AT"])
StreamServerEndpointService(endpoint, factory).setServiceParent(application)
