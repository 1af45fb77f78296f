"""
The servers of the matrix in one process, for twistd: one for each cell, at a port of its own.

Reads CELLS, a JSON list of settings by attribute; writes PORTS, a JSON list, once all listen. Appends to RECORDS a line
of JSON for each connection that has ended: the number of the cell, who logged in, how, and each thing negotiated.
"""

import json
import os
from pathlib import Path

from twisted.application.service import Application
from twisted.internet import reactor

from conchsftp import SFTPServer

# A file of the matrix is longer: new keys come while it is on its way.
RENEWED_BYTES = 65536


class Recording(SFTPServer):
    """Lets everybody in who proves a key, and records what was negotiated."""

    def __init__(self, cell: int, **settings: object) -> None:
        self.cell = cell
        self.seen: dict[int, dict[str, object]] = {}
        super().__init__(
            listen=["tcp:0:backlog=100:interface=127.0.0.1"],
            root_directory=os.environ["ROOT"],
            key_renegotiation_threshold=RENEWED_BYTES,
            per_source_penalty_exempt_list=["127.0.0.1"],
            per_source_max_startups=100,
            **settings,
        )

    def on_connected(self, event) -> None:
        self.seen[event.connection_id] = {"cell": self.cell, "user": "", "signature": "", "steps": []}

    def on_ssh_status(self, event) -> None:
        if event.connection_id in self.seen:
            self.seen[event.connection_id]["steps"].append(event.message)

    def on_ssh_user_auth_request(self, event) -> None:
        if event.auth_method == "publickey":
            event.accept = True
            self.seen[event.connection_id] |= {"user": event.user, "signature": event.key_algorithm}

    def on_disconnected(self, event) -> None:
        record = self.seen.pop(event.connection_id, None)
        if record is not None:
            with open(os.environ["RECORDS"], "a") as file:
                file.write(json.dumps(record) + "\n")


def _listening() -> None:
    ports = [server.addresses[0].port for server in servers]
    path = Path(os.environ["PORTS"])
    path.with_suffix(".new").write_text(json.dumps(ports))
    path.with_suffix(".new").rename(path)


application = Application("algorithms")
servers = []
# The keys and their certificates are loaded once, by the first, for all.
keys = {"host_keys": json.loads(os.environ["HOST_KEYS"]), "host_certificate": json.loads(os.environ["CERTIFICATES"])}
for number, settings in enumerate(json.loads(os.environ["CELLS"])):
    servers.append(Recording(number, algorithm_profile="compatible", **keys, **settings))
    if number == 0:
        keys = {"host_keys": servers[0].keys.current}
    servers[-1].setServiceParent(application)
reactor.callWhenRunning(_listening)
