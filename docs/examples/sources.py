"""
Users of a file of htpasswd, and keys of one file for each user.
"""

import os

from twisted.application.service import Application

from conchsftp import SFTPServer
from conchsftp.auth.sources.htpasswd import HtpasswdChecker
from conchsftp.auth.sources.key_directory import AuthorizedKeysDirectory

server = SFTPServer(
    listen=["tcp:2222:interface=127.0.0.1"],
    root_directory="files",
    host_keys=["host_key"],
    checkers=[HtpasswdChecker("users.htpasswd"), AuthorizedKeysDirectory(os.path.abspath("keys/%u"))],
)

application = Application("sources")
server.setServiceParent(application)
