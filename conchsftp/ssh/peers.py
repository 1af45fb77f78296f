"""
What an address of Twisted tells: the host alone, and how a client is called in the log.
"""

from typing import Any


def unwrapped(address: Any) -> Any:
    """Return what a transport of Conch wraps in an address of its own, of which nobody could ask the host."""
    return getattr(address, "address", address)


def host_of(address: Any) -> str:
    """Return the host of an address; of one that has none, such as a local socket, the whole of it."""
    plain = unwrapped(address)
    return str(getattr(plain, "host", plain))


def called(address: Any) -> str:
    """Return an address of Twisted as people write it: `192.0.2.7:51022`, `[2001:db8::7]:51022`, `a local socket`."""
    host = getattr(address, "host", None)
    if host is None:
        return "a local socket"
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
