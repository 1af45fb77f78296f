"""
What the settings that are numbers from a short list mean.

Numbers as documented for the component.
"""

from enum import IntEnum


class StrictKeyExchange(IntEnum):
    """What is asked of a client against the Terrapin attack (CVE-2023-48795)."""

    OFF = 0
    """Not offered."""
    ALLOWED = 1
    """Offered; a client without it may connect."""
    FILTERED = 2
    """Offered; a client without it may connect with algorithms that the attack does not touch."""
    REQUIRED = 3
    """Offered; a client without it is refused."""


class IPVersions(IntEnum):
    """Which versions of IP are listened to."""

    IPV4 = 0
    """IPv4 only."""
    IPV6 = 1
    """IPv6 only."""
    BOTH = 2
    """Both, on one port; IPv4 only where the system has no IPv6."""
