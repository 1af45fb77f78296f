"""Two addresses, two servers to clients: each has a host key of its own. `twistd -ny host_key_by_address.py`."""

from twisted.application.service import Application

from conchsftp import SFTPServer

KEYS = {"192.0.2.1": "partner_key"}


class ByAddress(SFTPServer):
    """Proves itself by the address at which it was reached; elsewhere by the key of all."""

    def on_connected(self, event):
        address = self.connection(event.connection_id).local_address
        event.cert_store = KEYS.get(address, "")


application = Application("files")
server = ByAddress(listen=["tcp:2222"], host_keys=["host_key"], root_directory="files", users="users.toml")
server.setServiceParent(application)
