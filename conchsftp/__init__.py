"""
An SFTP server for Twisted: serve a folder, or a program's own files, to SFTP clients.
"""

from conchsftp.errors import ServerError, SFTPError
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp.statuses import Status

__all__ = ["SFTPAvatar", "SFTPError", "SFTPServer", "ServerError", "Status"]
