"""
The PROXY header: what a proxy says of a connection before it passes the client's bytes on.

Bytes only: what is done with the address, and whom to believe, is not decided here. Source: haproxy's
proxy-protocol.txt, versions 1 and 2.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct

_LINE = b"PROXY "
# "the whole line […] is 107 chars maximum including the CRLF" (2.1).
_LONGEST_LINE = 107
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = Struct(">12sBBH")
# Addresses take 36 bytes; a proxy may add what it knows of TLS, such as a name.
_MOST_BYTES = 4096
_LOCAL, _PROXIED = 0x20, 0x21
# Family and transport → the two addresses and ports.
_ADDRESSES = {0x11: Struct(">4s4sHH"), 0x21: Struct(">16s16sHH")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHeader:
    """
    One header.

    Attributes:
        size: how many bytes it takes.
        host, port: the client's address; an empty host where the proxy speaks for itself, as in a health check, or
            cannot say.
    """

    size: int
    host: str = ""
    port: int = 0


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """
    Read the header that a connection begins with.

    Returns:
        The header; None if more bytes are needed.
    Raises:
        ValueError: it is none.
    """
    for start, read in ((_LINE, _read_line), (_SIGNATURE, _read_binary)):
        if data.startswith(start):
            return read(data)
        if start.startswith(data):
            return None
    raise ValueError("no PROXY header")


def _read_line(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:_LONGEST_LINE].partition(b"\r\n")
    if not end:
        if len(data) >= _LONGEST_LINE:
            raise ValueError("a PROXY line without an end")
        return None
    size = len(line) + 2
    words = line.decode("ascii").split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(size=size)
    if words[1] not in ("TCP4", "TCP6") or len(words) != 6:
        raise ValueError("a PROXY line that is not understood")
    host, port = ip_address(words[2]), int(words[4])
    # What may stand behind a "%" is any text, and would stand in logs.
    if host.version != int(words[1][-1]) or "%" in words[2] or not 0 <= port <= 0xFFFF:
        raise ValueError("a PROXY line with an impossible address")
    return ProxyHeader(size=size, host=str(host), port=port)


def _read_binary(data: bytes) -> ProxyHeader | None:
    if len(data) < _HEAD.size:
        return None
    _, command, family, length = _HEAD.unpack_from(data)
    if command not in (_LOCAL, _PROXIED) or length > _MOST_BYTES:
        raise ValueError("a PROXY header that is not understood")
    size = _HEAD.size + length
    if len(data) < size:
        return None
    addresses = _ADDRESSES.get(family)
    if command == _LOCAL or addresses is None:
        return ProxyHeader(size=size)
    if length < addresses.size:
        raise ValueError("a PROXY header that is too short for its addresses")
    source, _, port, _ = addresses.unpack_from(data, _HEAD.size)
    return ProxyHeader(size=size, host=str(ip_address(source)), port=port)
