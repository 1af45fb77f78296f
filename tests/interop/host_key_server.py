"""
The program of check_host_keys.py, for twistd: keys from key stores only, and another one for one address.

What `openssl`, `ssh-keygen` and `puttygen` have made lies in the current folder.
"""

import os

from twisted.application.service import Application

from conchsftp import SFTPServer


class ByAddress(SFTPServer):
    """Has another key at 127.0.0.2, and one that cannot be opened at 127.0.0.3."""

    async def on_connected(self, event):
        address = self.connection(event.connection_id).local_address
        if address != "127.0.0.1":
            event.cert_store = "other"
            event.cert_password = "secret" if address == "127.0.0.2" else "wrong"


application = Application("keys")
server = ByAddress(
    listen=[f"tcp:{os.environ['PORT']}"],
    root_directory="files",
    users="users.toml",
    algorithm_profile="compatible",
    ssh_cert_store="rsa.p12",
    ssh_cert_store_password="secret",
    alt_ssh_cert_count=2,
)
server.alt_ssh_cert_store[0] = "ecdsa.ppk"
with open("ed25519") as file:
    server.config("AltSSHCertStoreType[1]=7")
    server.config("AltSSHCertStore[1]=" + file.read())
    server.config("AltSSHCertSubject[1]=*")
server.setServiceParent(application)
