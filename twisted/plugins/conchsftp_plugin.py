"""
What `twistd` finds: the command `sftpserver`, and the checker of `--auth sftp-users:FILE` for any server.
"""

from twisted.application.service import ServiceMaker

from conchsftp.cred_plugins import UsersFileFactory

sftpserver = ServiceMaker(
    "conchsftp", "conchsftp.tap", "An SFTP server: serves a folder to every SFTP client.", "sftpserver"
)
users_file = UsersFileFactory()
