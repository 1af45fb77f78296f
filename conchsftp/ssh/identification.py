"""
The line that a client says what it is with, before the first packet.

Which clients are served is a setting; what is known of one stands in `conchsftp.sftp.clients`. Source: RFC 4253, 4.2.
"""

from conchsftp.errors import ProtocolViolation
from conchsftp.settings.kinds import Patterns
from conchsftp.ssh.numbers import Reason

LONGEST_LINE = 255
""""The maximum length of the string is 255 characters, including the Carriage Return and Line Feed"."""

_OURS = b"SSH-2.0-"


def speaks_our_version(line: bytes) -> bool:
    """Whether a client speaks the version of SSH that we do, and so would understand a packet."""
    return line.startswith(_OURS)


def check_identification(line: bytes, accepted: Patterns) -> None:
    """
    Refuse a client that cannot be served, or is not to be.

    Args:
        line: without its end.
        accepted: what the setting SSHVersionPattern says.
    Raises:
        ProtocolViolation: it is no identification, or none that is served.
    """
    text = line.decode("ascii", "replace")
    if not text.startswith("SSH-"):
        # "The client MUST NOT send lines before it" in effect: RFC 4253, 4.2 allows them to the server only.
        more = ", but a PROXY header" if text.startswith("PROXY ") else ""
        raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"no SSH identification line{more}")
    if not speaks_our_version(line):
        raise ProtocolViolation(Reason.VERSION_NOT_SUPPORTED, f"version not supported: {text!r}")
    if not accepted.matches(text):
        raise ProtocolViolation(Reason.VERSION_NOT_SUPPORTED, f"clients of this kind are not served: {text!r}")
