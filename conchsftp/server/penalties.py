"""
Who is refused for a while, for what came from there before.

Each offence adds seconds to a source, which time takes away again; a source is an address, or the network around it.
Counts and remembers only: connections are refused in `factory.py`, offences are noticed in `admission.py` and by
`UserAuth`. Source: PerSourcePenalties of OpenSSH 9.8, sshd_config(5).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from conchsftp.settings.penalties import Offence, PenaltyRules, source_of

# A guess takes this many times as long at most: a person who mistyped again would take a longer one for a dead server.
_SLOWEST = 8.0
_IPV4_BITS, _IPV6_BITS = 32, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """
    One source that is refused.

    Attributes:
        source: its address; or its network, `2001:db8:0:7::/64`.
        seconds: for how long from now.
        reason: the last thing that was done.
        refused: how many connections were refused since then.
    """

    source: str
    seconds: float
    reason: Offence | None
    refused: int = 0


class _Entry:
    """What is held against one source; `until` is when nothing is, by the clock; `over` what was beyond the most."""

    __slots__ = ("active", "over", "reason", "refused", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.active = False
        self.reason: Offence | None = None
        self.refused = 0
        self.over = 0.0


class _Table:
    """
    The sources of one version of IP: as many as may be kept, those that are free soonest at hand.

    Attributes:
        bits: of an address.
        entries: by key.
        turned: how many connections were refused because there was no room.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.entries: dict[int, _Entry] = {}
        self.turned = 0
        # (until, key); one that no longer says what the entry does is skipped.
        self._soonest: list[tuple[float, int]] = []

    def hold(self, key: int, entry: _Entry) -> None:
        """Keep an entry, new or changed."""
        self.entries[key] = entry
        heappush(self._soonest, (entry.until, key))
        if len(self._soonest) > 2 * len(self.entries) + 64:
            self._soonest = [(each.until, key) for key, each in self.entries.items()]
            heapify(self._soonest)

    def expire(self, now: float) -> None:
        """Forget who is free by now."""
        while self._soonest and self._soonest[0][0] <= now:
            self._forget_first()

    def make_room(self, most: int) -> None:
        """Forget those who would be free first, until one more may come."""
        while len(self.entries) >= most:
            self._forget_first()

    def next_free(self) -> float:
        """Return when the first of them is free; there is one."""
        while True:
            until, key = self._soonest[0]
            entry = self.entries.get(key)
            if entry is not None and entry.until == until:
                return until
            heappop(self._soonest)

    def _forget_first(self) -> None:
        until, key = heappop(self._soonest)
        entry = self.entries.get(key)
        if entry is not None and entry.until == until:
            del self.entries[key]


class Penalties:
    """
    The penalties of one server.

    Args:
        settings: `per_source_penalties`, `per_source_penalty_exempt_list`, `per_source_net_block_size`; as they are
            when somebody asks.
        seconds: what time it is.
        told: called with each source that is refused from now on.
    """

    def __init__(
        self, settings: Any, seconds: Callable[[], float], told: Callable[[Penalty], object] = lambda penalty: None
    ) -> None:
        self._settings = settings
        self._seconds = seconds
        self._told = told
        self._tables = {bits: _Table(bits) for bits in (_IPV4_BITS, _IPV6_BITS)}

    def __len__(self) -> int:
        """Return how many sources are remembered, refused or not."""
        return sum(len(table.entries) for table in self._tables.values())

    def __iter__(self) -> Iterator[Penalty]:
        """Yield who is refused now."""
        now = self._seconds()
        for table in self._tables.values():
            table.expire(now)
            for key, entry in list(table.entries.items()):
                if entry.active:
                    yield self._penalty(table, key, entry, now)

    def add(self, address: str, offence: Offence) -> None:
        """Hold an offence against the source of an address; where there is none, or an exempt one, nothing happens."""
        rules: PenaltyRules = self._settings.per_source_penalties
        seconds = rules.seconds(offence)
        place = self._place(address) if rules.enforced and seconds else None
        if place is None:
            return
        now = self._seconds()
        table, key = place
        table.expire(now)
        entry = table.entries.get(key)
        if entry is None:
            if not self._has_room(table, rules):
                # Everybody is refused as it is, so that it could only be somebody who was here before.
                return
            table.make_room(self._most(table, rules))
            entry = _Entry(now)
        until = min(entry.until + seconds, max(entry.until, now + rules.max))
        entry.over += entry.until + seconds - until
        entry.until = until
        entry.reason = offence
        begins = not entry.active and entry.until - now >= rules.min
        entry.active = entry.active or begins
        table.hold(key, entry)
        if begins:
            self._told(self._penalty(table, key, entry, now))

    def slower(self, address: str) -> float:
        """Return how many times as long a refusal takes for a source, for what was held against it before; from 1."""
        rules: PenaltyRules = self._settings.per_source_penalties
        entry = self._entry(address) if rules.enforced and rules.authfail else None
        return min(1 + (entry.until - self._seconds()) / rules.authfail, _SLOWEST) if entry is not None else 1.0

    def refuses(self, address: str) -> Penalty | None:
        """Return why a connection of an address is refused, and count it; None if it is not."""
        rules: PenaltyRules = self._settings.per_source_penalties
        if not len(self) or not rules.enforced:
            return None
        place = self._place(address)
        if place is None:
            return None
        now = self._seconds()
        table, key = place
        table.expire(now)
        entry = table.entries.get(key)
        if entry is None:
            return self._overflow(table, rules, now)
        if not entry.active:
            return None
        entry.refused += 1
        return self._penalty(table, key, entry, now)

    def forgive(self, address: str, offence: Offence, times: int) -> None:
        """Take back offences of a source that were none."""
        table, key = self._place(address) or (None, 0)
        entry = table.entries.get(key) if table is not None else None
        if table is not None and entry is not None:
            seconds = times * self._settings.per_source_penalties.seconds(offence)
            # What was never added is not taken back: whoever has an account could get rid of the rest by it.
            beyond = min(entry.over, seconds)
            entry.over -= beyond
            entry.until -= seconds - beyond
            table.hold(key, entry)

    def set(self, address: str, seconds: float) -> None:
        """
        Refuse the source of an address for so long from now, whatever was held against it; 0: not at all.

        Raises:
            ValueError: it is no address and no network.
        """
        table, key = self._place_of(address)
        if seconds <= 0:
            table.entries.pop(key, None)
            return
        entry = table.entries.get(key)
        if entry is None:
            table.make_room(self._most(table, self._settings.per_source_penalties))
            entry = _Entry(0)
        entry.until, entry.active = self._seconds() + seconds, True
        table.hold(key, entry)

    def lift(self, address: str) -> bool:
        """
        Forget everything that is held against the source of an address; return whether there was anything.

        Raises:
            ValueError: it is no address and no network.
        """
        table, key = self._place_of(address)
        table.expire(self._seconds())
        return table.entries.pop(key, None) is not None

    def _entry(self, address: str) -> _Entry | None:
        """Return what is held against the source of an address now, if anything is."""
        place = self._place(address) if len(self) else None
        if place is None:
            return None
        table, key = place
        table.expire(self._seconds())
        return table.entries.get(key)

    def _place(self, address: str) -> tuple[_Table, int] | None:
        """Return where the source of an address stands; None for what is no address, or exempt."""
        source = source_of(address, self._settings.per_source_net_block_size)
        if source is None or self._settings.per_source_penalty_exempt_list.has_address(address):
            return None
        return self._tables[source[0]], source[1]

    def _place_of(self, address: str) -> tuple[_Table, int]:
        source = source_of(address.partition("/")[0], self._settings.per_source_net_block_size)
        if source is None:
            raise ValueError(f"{address!r} is no address")
        return self._tables[source[0]], source[1]

    def _penalty(self, table: _Table, key: int, entry: _Entry, now: float) -> Penalty:
        return Penalty(
            source=_called(table, key), seconds=entry.until - now, reason=entry.reason, refused=entry.refused
        )

    def _overflow(self, table: _Table, rules: PenaltyRules, now: float) -> Penalty | None:
        """Return why somebody is refused of whom nothing is known: there is no room to remember them."""
        if self._has_room(table, rules):
            table.turned = 0
            return None
        table.turned += 1
        everybody = f"everybody of IPv{4 if table.bits == _IPV4_BITS else 6}"
        return Penalty(source=everybody, seconds=table.next_free() - now, reason=None, refused=table.turned)

    def _most(self, table: _Table, rules: PenaltyRules) -> int:
        return rules.max_sources4 if table.bits == _IPV4_BITS else rules.max_sources6

    def _has_room(self, table: _Table, rules: PenaltyRules) -> bool:
        """Return whether somebody new may be remembered, or somebody else forgotten for them."""
        overflow = rules.overflow if table.bits == _IPV4_BITS else rules.overflow6
        return overflow == "permissive" or len(table.entries) < self._most(table, rules)


def _called(table: _Table, key: int) -> str:
    """Return a source as people write it."""
    bits = key & 0xFF
    kind = IPv4Network if table.bits == _IPV4_BITS else IPv6Network
    network = kind((key >> 8 << (table.bits - bits), bits))
    return str(network.network_address) if bits == table.bits else str(network)
