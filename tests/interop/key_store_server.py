"""
The program of check_key_stores.py, for twistd: keys on a token, and one of a key store of Java for one address.
"""

import os

from twisted.application.service import Application

from conchsftp import SFTPServer

_KEYS = ("ed25519", "rsa")
_URI = f"pkcs11:token=host%20keys;object={{}}?module-path={os.environ['MODULE']}"


class ByAddress(SFTPServer):
    """Has Java's key at 127.0.0.2."""

    def on_connected(self, event):
        if self.connection(event.connection_id).local_address == "127.0.0.2":
            event.cert_store, event.cert_password, event.cert_subject = "java.jks", "secret1", "host"


application = Application("keys")
server = ByAddress(
    listen=[f"tcp:{os.environ['PORT']}"],
    root_directory="files",
    users="users.toml",
    algorithm_profile="compatible",
    ssh_cert_store=os.environ["MODULE"],
    ssh_cert_store_type=23,
    ssh_cert_store_password="271828",
    ssh_cert_subject="p256",
    alt_ssh_cert_count=len(_KEYS),
    # Every connection is from one host; most only look at the keys.
    per_source_penalty_exempt_list="127.0.0.0/8",
)
for place, name in enumerate(_KEYS):
    server.alt_ssh_cert_store[place] = _URI.format(name)
    server.alt_ssh_cert_store_password[place] = "271828"
server.setServiceParent(application)
