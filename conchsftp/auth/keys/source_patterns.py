"""
Where a client may come from, as `from=` of authorized_keys and `source-address` of certificates say it.

Addresses and networks only. Names of hosts are not looked up: a pattern that only a name could match matches nobody,
and says so; one that excludes a name would look as if it did, and is a mistake. Sources: sshd(8), AUTHORIZED_KEYS FILE
FORMAT; ssh_config(5), PATTERNS; OpenSSH PROTOCOL.certkeys.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from conchsftp.settings.hosts import plain_address

Network = IPv4Network | IPv6Network

# An address, or a part of one and wildcards. A host name has other letters, or no colon.
_ADDRESS = re.compile(r"[0-9.*?]+|[0-9A-Fa-f.:*?]*:[0-9A-Fa-f.:*?]*")


@dataclass(slots=True, frozen=True)
class SourcePatterns:
    """
    A list of patterns.

    Attributes:
        text: as it was written.
        networks: those that let in, and those that exclude (`!`).
        wildcards: the same for addresses with `*` (any text) and `?` (one character).
        names: patterns that only the name of a host could match.
    """

    text: str
    networks: tuple[tuple[Network, bool], ...]
    wildcards: tuple[tuple[re.Pattern[str], bool], ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "SourcePatterns":
        """
        Read a comma-separated list.

        Raises:
            ValueError: it is empty, a network has bits behind its mask, or the name of a host is excluded.
        """
        networks: list[tuple[Network, bool]] = []
        wildcards: list[tuple[re.Pattern[str], bool]] = []
        names: list[str] = []
        for pattern in map(str.strip, text.split(",")):
            excludes = pattern.startswith("!")
            host = pattern.removeprefix("!")
            if not host:
                raise ValueError("an empty pattern")
            if "/" in host or plain_address(host) is not None:
                networks.append((network(host), not excludes))
            elif _ADDRESS.fullmatch(host):
                wildcards.append((_compiled(host), not excludes))
            elif excludes:
                raise ValueError(f"{pattern[:64]!r}: names of hosts are not looked up, and cannot be excluded")
            else:
                names.append(host)
        return cls(text, tuple(networks), tuple(wildcards), tuple(names))

    def allow(self, address: str) -> bool:
        """
        Return whether a client may come from an address.

        A pattern that excludes it counts more than any that lets it in; a list without one that lets in matches nobody.
        """
        plain = plain_address(address)
        if plain is None:
            return False
        said = [lets_in for each, lets_in in self.networks if plain in each]
        said += [lets_in for each, lets_in in self.wildcards if each.fullmatch(str(plain))]
        return bool(said) and all(said)


def network(text: str) -> Network:
    """
    Return a network, or an address as the smallest one; an IPv4 address may be written as IPv6 sockets see it.

    Raises:
        ValueError: it is none, or has bits behind its mask.
    """
    address = plain_address(text)
    try:
        return ip_network(text if address is None else address)
    except ValueError:
        raise ValueError(f"{text[:64]!r} is no address and no network, or its mask does not fit") from None


def _compiled(pattern: str) -> re.Pattern[str]:
    special = {"*": ".*", "?": "."}
    return re.compile("".join(special.get(letter) or re.escape(letter) for letter in pattern), re.IGNORECASE)
