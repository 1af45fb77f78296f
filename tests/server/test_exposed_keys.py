"""
Files of host keys that others than their owner can read: the log warns of them.
"""

import os
from typing import Any

from twisted.logger import LogLevel

from conchsftp.events import Connected
from tests.server.test_keys import ED25519, VECTORS, KeysCase


class ExposedTests(KeysCase):
    """Files of keys that others can read."""

    def _note(self, event: Any) -> None:
        if event["log_level"] is LogLevel.warn:
            self.warnings.append(event["log_format"].format(**event))

    def start(self, **options: Any) -> list[str]:
        """Start a server, and return what the log warns of."""
        self.warnings.clear()
        server = self.server(**options)
        self.successResultOf(server.start_listening())
        self.successResultOf(server.stop_listening())
        return self.warnings

    def test_setting(self) -> None:
        """A file that SSHCertStore or AltSSHCertStore names is used, and the log warns of it, as of --host-key."""
        path = self.copied("ed25519")
        for mode, warned in ((0o640, True), (0o604, True), (0o600, False), (0o400, False)):
            os.chmod(path, mode)
            expected = [f"host key {path}: others than its owner have access to the file"] if warned else []
            self.assertEqual(self.start(ssh_cert_store=path), expected)
            self.assertEqual(self.start(host_keys=path), expected)
        os.chmod(path, 0o644)
        settings = ["AltSSHCertCount=1", f"AltSSHCertStore[0]={path}", "AltSSHCertSubject[0]=*"]
        server = self.server(ssh_cert_store=(VECTORS / "rsa.pem").read_bytes())
        for each in settings:
            server.config(each)
        self.warnings.clear()
        self.successResultOf(server.start_listening())
        self.assertEqual(len(self.warnings), 1)

    def test_content(self) -> None:
        """A key that is given as its content is in no file."""
        self.assertEqual(self.start(ssh_cert_store=(VECTORS / "ed25519").read_text()), [])

    def test_chosen(self) -> None:
        """A file that a handler chooses is warned of when it is read, not for each connection."""
        path = self.copied("ed25519")
        os.chmod(path, 0o644)
        server = self.server(ssh_cert_store=(VECTORS / "rsa.pem").read_bytes())
        server.on(Connected, lambda event: setattr(event, "cert_store", path))
        self.warnings.clear()
        for _ in range(3):
            self.assert_seen(self.client(server), ED25519)
        self.assertEqual(len(self.warnings), 1)
