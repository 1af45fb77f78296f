"""
The kinds of PerSourcePenalties and its companions: what a host is refused for, and for how long.

Says what the rules are; who has broken them is counted in `server/penalties.py`. Source: sshd_config(5) of OpenSSH 9.8,
whose words these are.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, NamedTuple

from conchsftp.settings.hosts import HOSTS, Hosts, plain_address
from conchsftp.settings.kinds import Kind, integer, one_of
from conchsftp.settings.row import hint


class Offence(Enum):
    """
    What a host can do, before anybody has logged in, that counts against it. The values are words of the setting.

    Attributes:
        described: what the log says of it.
    """

    described: str

    def __new__(cls, word: str, described: str) -> "Offence":
        made = object.__new__(cls)
        made._value_ = word
        made.described = described
        return made

    AUTHFAIL = "authfail", "wrong passwords, answers or keys"
    NOAUTH = "noauth", "connections that left without a guess and without a login"
    GRACE_EXCEEDED = "grace-exceeded", "logins that were not completed in time"
    REFUSECONNECTION = "refuseconnection", "connections that were refused"
    CRASH = "crash", "a message that broke something in the server"


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyRules:
    """
    How many seconds each offence adds, and how they are kept. All times are in seconds.

    Attributes:
        enforced: False: nobody is refused, and nothing is counted.
        authfail: for each wrong password, answer or signed key.
        noauth: for a client that said something, and leaves, or has to leave, without a guess or a login.
        grace_exceeded: for a client that has to leave because it took too long to log in.
        refuseconnection: for a client that AllowedClients, BlockedClients or a handler refuse.
        crash: for a client whose message the server failed at.
        max: nobody has more than this.
        min: who has this much is refused.
        max_sources4: how many hosts or networks of IPv4 are remembered.
        max_sources6: the same for IPv6.
        overflow: what happens when there are more; `permissive` forgets the one that would be free first, `deny-all`
            refuses everybody until one is.
        overflow6: the same for IPv6.
    """

    enforced: bool = True
    authfail: float = 5
    noauth: float = 1
    grace_exceeded: float = 10
    # What is refused anyway costs little, and what a handler refuses now it may accept in a moment.
    refuseconnection: float = 0
    crash: float = 90
    max: float = 600
    min: float = 15
    max_sources4: int = 16384
    max_sources6: int = 16384
    overflow: str = "permissive"
    overflow6: str = "permissive"

    def seconds(self, offence: Offence) -> float:
        """Return what an offence adds."""
        seconds: float = getattr(self, _attribute(offence.value))
        return seconds

    def __str__(self) -> str:
        """Return `yes`, `no`, or what differs from the defaults."""
        if not self.enforced:
            return "no"
        values = ((word, getattr(self, _attribute(word)), getattr(_USUAL, _attribute(word))) for word in WORDS)
        return " ".join(f"{word}:{kind_of(word).format(value)}" for word, value, usual in values if value != usual) or (
            "yes"
        )


class NetBlocks(NamedTuple):
    """How many leading bits of an address are one source: of IPv4, and of IPv6."""

    ipv4: int = 32
    ipv6: int = 64

    def __str__(self) -> str:
        return f"{self.ipv4}:{self.ipv6}"


def source_of(address: str, blocks: NetBlocks) -> tuple[int, int] | None:
    """
    Return the source of an address: of how many bits its kind is, and its own number there; None for what is none.

    Args:
        blocks: PerSourceNetBlockSize.
    """
    found = plain_address(address)
    if found is None:
        return None
    bits = found.max_prefixlen
    prefix = blocks.ipv4 if bits == 32 else blocks.ipv6
    # The length of the prefix is a part of it: it may be another one tomorrow.
    return bits, int(found) >> (bits - prefix) << 8 | prefix


# As OpenSSH writes times: 90, 90s, 1m30s, 2h.
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"(?:[0-9]{1,9}[smhdw])*(?:[0-9]{1,9})?", re.IGNORECASE)
_PART = re.compile(r"([0-9]+)([smhdw]?)", re.IGNORECASE)
_TIMES = "a time, such as `90`, `90s` or `1m30s`"


def _parse_time(text: str) -> float:
    if not text or not _TIME.fullmatch(text):
        raise ValueError(f"expected {_TIMES}; got {text!r}")
    return sum(int(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(text))


def _no(value: object) -> Any:
    raise ValueError(f"expected text; got {value!r}")


_TIME_KIND: Kind[float] = Kind(
    described=_TIMES, annotation="float", parse=_parse_time, take=_no, format=lambda value: f"{value:g}s"
)
_SOURCES_KIND = integer(1, 1_000_000, unit="hosts or networks")
_OVERFLOW_KIND = one_of("permissive", "deny-all")
_USUAL = PenaltyRules()
WORDS = tuple(each.name.replace("_", "-") for each in fields(PenaltyRules) if each.name != "enforced")
"""What may stand before a colon."""


def kind_of(word: str) -> Kind[Any]:
    """Return the kind of what stands behind a word and its colon."""
    usual = getattr(_USUAL, _attribute(word))
    if isinstance(usual, str):
        return _OVERFLOW_KIND
    return _SOURCES_KIND if word.startswith("max-sources") else _TIME_KIND


def _attribute(word: str) -> str:
    return word.replace("-", "_")


_RULES = "`yes`, `no`, or words with values, such as `authfail:10s max:1h`; the words are " + ", ".join(
    f"`{word}`" for word in WORDS
)


def _parse(text: str) -> PenaltyRules:
    parts = text.replace(",", " ").lower().split()
    if parts in (["yes"], ["no"]):
        return PenaltyRules(enforced=parts == ["yes"])
    if not parts:
        raise ValueError(f"expected {_RULES}")
    values: dict[str, Any] = {}
    for part in parts:
        word, colon, value = part.partition(":")
        if not colon:
            raise ValueError(f"expected {_RULES}; got {part!r}")
        if word not in WORDS:
            raise ValueError(f"unknown word {word!r}{hint(word, WORDS) or '; known are ' + ', '.join(WORDS)}")
        try:
            values[_attribute(word)] = kind_of(word).parse(value)
        except ValueError as problem:
            raise ValueError(f"{word}: {problem}") from None
    rules = PenaltyRules(**values)
    if rules.max < rules.min:
        raise ValueError(f"max is {rules.max:g} seconds, and min {rules.min:g}: nobody would ever be refused")
    return rules


def _take(value: object) -> PenaltyRules:
    if isinstance(value, bool):
        return PenaltyRules(enforced=value)
    if not isinstance(value, PenaltyRules):
        raise ValueError(f"expected {_RULES}; got {value!r}")
    return value


PENALTIES: Kind[PenaltyRules] = Kind(
    described=_RULES,
    annotation="PenaltyRules",
    module=__name__,
    parse=_parse,
    take=_take,
    given="PenaltyRules | bool",
)

_BLOCKS = "how many bits, of IPv4 and, after a colon, of IPv6, such as `24:56`"
_BITS_KINDS = integer(1, 32, unit="bits"), integer(1, 128, unit="bits")


def _parse_blocks(text: str) -> NetBlocks:
    ipv4, colon, ipv6 = text.partition(":")
    try:
        return NetBlocks(_BITS_KINDS[0].parse(ipv4), _BITS_KINDS[1].parse(ipv6) if colon else NetBlocks().ipv6)
    except ValueError:
        raise ValueError(f"expected {_BLOCKS}; got {text!r}") from None


def _take_blocks(value: object) -> NetBlocks:
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"expected {_BLOCKS}; got {value!r}")
    return NetBlocks(*(kind.take(bits) for kind, bits in zip(_BITS_KINDS, value, strict=True)))


NET_BLOCKS: Kind[NetBlocks] = Kind(
    described=_BLOCKS,
    annotation="NetBlocks",
    module=__name__,
    parse=_parse_blocks,
    take=_take_blocks,
    given="tuple[int, int]",
)


def _addresses(convert: Callable[[Any], Hosts]) -> Callable[[Any], Hosts]:
    def converted(value: Any) -> Hosts:
        hosts = convert(value)
        if hosts.has_names:
            # Names would have to be looked up for each connection, and whoever owns an address decides about its name.
            raise ValueError(f"expected addresses and networks, and no names; got {str(hosts)!r}")
        return hosts

    return converted


ADDRESSES: Kind[Hosts] = replace(
    HOSTS,
    described="a comma-separated list of addresses (`192.0.2.7`, `192.168.*`) and networks (`10.0.0.0/8`)",
    parse=_addresses(HOSTS.parse),
    take=_addresses(HOSTS.take),
)
