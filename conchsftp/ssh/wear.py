"""
When keys have protected enough: what the settings and the cipher allow them.

Counts nothing itself: packets and bytes are counted where they are sealed and opened. Sources: RFC 4253 section 9, RFC
4344 section 3.
"""

from typing import Any

from conchsftp.ssh.kexinit import Negotiated
from conchsftp.ssh.packets.receiving import Receiver
from conchsftp.ssh.packets.staging import Sender

# An exchange is not followed by the next before something was sent under its keys.
_FEWEST_PACKETS = 2


class Wear:
    """
    What the keys of one connection have done since they were new.

    Args:
        settings: those of the server.
        clock: the reactor.
        sender, receiver: what counts.
    """

    def __init__(self, settings: Any, clock: Any, sender: Sender, receiver: Receiver) -> None:
        self._settings = settings
        self._clock = clock
        self._sender = sender
        self._receiver = receiver
        self._since = clock.seconds()

    def renew(self) -> None:
        """The keys are new."""
        self._since = self._clock.seconds()

    def reason(self, agreed: Negotiated) -> str:
        """
        Return what wants new keys: the name of a setting, or of a cipher; empty if nothing does.

        Args:
            agreed: whose ciphers are in use.
        """
        sender, receiver, settings = self._sender, self._receiver, self._settings
        if sender.packets + receiver.packets <= _FEWEST_PACKETS:
            return ""
        for used, row in ((sender, agreed.cipher_out), (receiver, agreed.cipher_in)):
            if used.bytes >= settings.key_renegotiation_threshold:
                return "KeyRenegotiationThreshold"
            if used.packets >= settings.rekey_packets:
                return "RekeyPackets"
            if used.bytes >= row.most_bytes or used.packets >= row.most_packets:
                return row.name
        return "RekeySeconds" if self._clock.seconds() - self._since >= settings.rekey_seconds > 0 else ""
