"""
Messages that wait until a key exchange is over: meanwhile only its own may be sent (RFC 4253, 7.1).
"""

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason

# For a peer that goes on asking instead of answering our KEXINIT.
_MOST_MESSAGES = 2000
_MOST_BYTES = 1024 * 1024


class HeldMessages:
    """What is to be sent behind our NEWKEYS, in order."""

    def __init__(self) -> None:
        self._messages: list[bytes] = []
        self._bytes = 0

    def add(self, message: bytes) -> None:
        """
        Keep a message.

        Raises:
            ProtocolViolation: the peer has us keep too many.
        """
        self._messages.append(message)
        self._bytes += len(message)
        if len(self._messages) > _MOST_MESSAGES or self._bytes > _MOST_BYTES:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, "too many requests during a key exchange")

    def release(self) -> list[bytes]:
        """Return what was kept, and forget it."""
        messages, self._messages, self._bytes = self._messages, [], 0
        return messages
