"""
An SFTP server for Twisted: serve a folder, or a program's own files, to SFTP clients.
"""

from conchsftp.errors import ServerError, SFTPError
from conchsftp.files.supplied.sink import SpooledSink
from conchsftp.files.supplied.sources import ByteSource, Stream
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

__all__ = [
    "Attributes",
    "ByteSource",
    "SFTPAvatar",
    "SFTPError",
    "SFTPServer",
    "ServerError",
    "SpooledSink",
    "Status",
    "Stream",
]
