"""
Lists of hosts: addresses, networks, and names with wildcards.

Text in, an answer for one host out; nothing is looked up here. Source: the documented settings AllowedClients and
BlockedClients, which know addresses and names with `*`; networks and IPv6 are our own.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from conchsftp.settings.kinds import NAMES, Kind, Names, Patterns

_DESCRIBED = (
    "a comma-separated list of addresses (`192.0.2.7`, `192.168.*`, `2001:db8::1`), networks (`10.0.0.0/8`) and names"
    " (`*.example.com`); `*` stands for any text"
)
# What only an address looks like, whole or with wildcards. No host name ends with a number, and none has a colon.
_ADDRESS = re.compile(r"[0-9.*]+|[0-9A-Fa-f.*]*:[0-9A-Fa-f.:*]*")
_NAME = re.compile(r"[A-Za-z0-9_.*-]+")


class Hosts:
    """
    A list of hosts.

    Args:
        entries: each an address, a network, or a name; addresses and names may have `*` for any text.
    Raises:
        ValueError: an entry is none of these.
    """

    __slots__ = ("_addresses", "_names", "_networks", "entries")

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries: Names = tuple(dict.fromkeys(entries))
        self._networks: list[IPv4Network | IPv6Network] = []
        addresses: list[str] = []
        names: list[str] = []
        for entry in self.entries:
            network = _network(entry)
            if network is not None:
                self._networks.append(network)
            elif _ADDRESS.fullmatch(entry):
                addresses.append(entry)
            else:
                names.append(entry)
        self._addresses = Patterns(",".join(addresses))
        self._names = Patterns(",".join(names))

    @property
    def has_names(self) -> bool:
        """Whether an answer may take the name of a host."""
        return bool(self._names.patterns)

    def has_address(self, address: str) -> bool:
        """Return whether an address is in the list; that of an IPv4 host may be written as IPv6 sockets see it."""
        found = plain_address(address)
        if any(found in network for network in self._networks if found is not None):
            return True
        return self._addresses.matches(str(found) if found is not None else address)

    def has_name(self, name: str) -> bool:
        """Return whether the name of a host is in the list."""
        return self._names.matches(name.rstrip("."))

    def __str__(self) -> str:
        return ",".join(self.entries)

    def __repr__(self) -> str:
        return f"Hosts({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self.entries == other.entries if isinstance(other, Hosts) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.entries)


def plain_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as IPv4 where it is one in IPv6's clothes (`::ffff:192.0.2.7`); None if it is no address."""
    try:
        # What stands behind a % is the interface of a link-local address.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None else address


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """Return the network that an entry is, one address being the smallest; None if it has wildcards or is a name."""
    if "/" not in entry:
        address = plain_address(entry)
        if address is not None:
            return ip_network(address)
        numeric = _ADDRESS.fullmatch(entry) is not None
        if numeric and "*" not in entry or not numeric and not _NAME.fullmatch(entry):
            raise ValueError(f"expected {_DESCRIBED}; got {entry!r}")
        return None
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"expected {_DESCRIBED}; got {entry!r}") from None


HOSTS: Kind[Hosts] = Kind(
    described=_DESCRIBED,
    annotation="Hosts",
    module=__name__,
    parse=lambda text: Hosts(NAMES.parse(text)),
    take=lambda value: value if isinstance(value, Hosts) else Hosts(NAMES.take(value)),
    given="Hosts | Iterable[str]",
)
