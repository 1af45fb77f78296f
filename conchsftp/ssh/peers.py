"""
How a client is called in the log.
"""

from typing import Any


def called(address: Any) -> str:
    """Return an address of Twisted as people write it: `192.0.2.7:51022`, `[2001:db8::7]:51022`, `a local socket`."""
    host = getattr(address, "host", None)
    if host is None:
        return "a local socket"
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
