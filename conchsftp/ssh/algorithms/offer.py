"""
Which algorithms a server offers by its settings and its host keys.

Holds no row: those are in `exchanges.py`, `signatures.py` and `protection.py`. Chooses none in a negotiation: see
`kexinit.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.settings.table import TABLE
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.algorithms.protection import CIPHERS, COMPRESSIONS, MACS
from conchsftp.ssh.algorithms.registry import (
    Algorithm,
    Chapter,
    CipherRow,
    CompressionRow,
    HostKeyRow,
    KeyExchangeRow,
    MacRow,
    Profile,
    SignatureRow,
)
from conchsftp.ssh.algorithms.signatures import CERTIFIED, HOST_KEYS, NO_HOST_KEY, USER_SIGNATURES

CHAPTERS: tuple[Chapter[Any], ...] = (KEY_EXCHANGES, HOST_KEYS, CIPHERS, MACS, COMPRESSIONS, USER_SIGNATURES)

VALIDATORS: dict[str, Callable[[Any], None]] = {chapter.setting.name: chapter.check for chapter in CHAPTERS}
"""For `Settings(validators=…)`: setting → what raises ValueError for a list with an unknown name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    What a server offers in its KEXINIT, in its order.

    Attributes:
        strict: whether strict key exchange is offered.
    """

    key_exchanges: tuple[KeyExchangeRow, ...]
    host_keys: tuple[HostKeyRow, ...]
    ciphers: tuple[CipherRow, ...]
    macs: tuple[MacRow, ...]
    compressions: tuple[CompressionRow, ...]
    strict: bool

    def without_curve25519(self) -> "Offer":
        """Return the offer for a client that often fails at it; the same if it would have no other choice."""
        left = tuple(row for row in self.key_exchanges if "25519" not in row.name)
        return replace(self, key_exchanges=left) if left else self


def no_gss() -> str:
    """Return the reason of a server that accepts no contexts of GSSAPI."""
    return "nobody accepts contexts of GSSAPI here"


def offered(settings: Any, host_key_algorithms: Iterable[str], without_gss: Callable[[], str] = no_gss) -> Offer:
    """
    Return what a server with these settings and host keys offers.

    Args:
        settings: `algorithm_profile`, `use_strict_key_exchange` and the lists of algorithms, where empty is the
            profile's.
        host_key_algorithms: what its host keys can sign with.
        without_gss: returns why no context of GSSAPI can be accepted, empty if some can; asked where one is listed.
    Raises:
        ServerError: a list names an algorithm that does not exist or leaves nothing to offer (0); no host key signs
            with an algorithm of its list (1301).
    """
    can_sign = frozenset(host_key_algorithms)
    host_keys = tuple(row for row in HOST_KEYS.offered(settings) if row.name in can_sign)
    exchanges = _exchanges(settings, without_gss)
    if any(row.gss for row in exchanges):
        if not host_keys:
            exchanges = tuple(row for row in exchanges if row.gss)
        host_keys += (NO_HOST_KEY,)
    if not host_keys:
        # What only sends the same keys otherwise would make the text too long to be read.
        wanted = ", ".join(name for name in HOST_KEYS.listed(settings) if not name.endswith(CERTIFIED))
        have = ", ".join(sorted(can_sign)) or "nothing"
        text = f"{HOST_KEYS.setting.name}: a host key for {wanted} is needed; there is {have}"
        # Where a list was named, or only what is approved counts, another profile changes nothing.
        by_default = HOST_KEYS.listed(settings) == HOST_KEYS.names(Profile.MODERN)
        if by_default and can_sign & set(HOST_KEYS.names(Profile.COMPATIBLE)):
            text += f", which AlgorithmProfile={Profile.COMPATIBLE} offers"
        raise ServerError(ErrorCode.NO_HOST_KEY, text)
    return Offer(
        key_exchanges=exchanges,
        host_keys=host_keys,
        ciphers=CIPHERS.offered(settings),
        macs=MACS.offered(settings),
        compressions=COMPRESSIONS.offered(settings),
        strict=settings.use_strict_key_exchange != 0,
    )


def _exchanges(settings: Any, without_gss: Callable[[], str]) -> tuple[KeyExchangeRow, ...]:
    """Return the key exchanges of the settings, those of GSSAPI only where a context can be accepted."""
    rows = KEY_EXCHANGES.offered(settings)
    if not any(row.gss for row in rows) or not without_gss():
        return rows
    left = tuple(row for row in rows if not row.gss)
    if not left:
        raise ServerError(0, f"{KEY_EXCHANGES.setting.name}: no {KEY_EXCHANGES.title} is left: {without_gss()}")
    return left


def user_signatures(settings: Any) -> tuple[str, ...]:
    """Return the signature algorithms that keys of users may use, in our order. Raises ServerError as `offered`."""
    return tuple(row.name for row in USER_SIGNATURES.offered(settings) if not _lacking(settings, row))


def why_not(settings: Any, chapter: Chapter[Any], name: str, *, without_gss: Callable[[], str] = str) -> str:
    """
    Return why a name that the settings list is not offered; empty if it is.

    Args:
        settings: those of the server.
        chapter: where the name stands.
        name: as it is listed.
        without_gss: as in `offered`; by default, it is taken for granted that contexts can be accepted.
    """
    reason = chapter.reason(name, fips=settings.use_fips_compliant_api)
    if reason is not None:
        return reason
    row = chapter[name]
    return without_gss() if isinstance(row, KeyExchangeRow) and row.gss else _lacking(settings, row)


def left_out(
    settings: Any, chapters: Iterable[Chapter[Any]] = CHAPTERS, *, without_gss: Callable[[], str] = str
) -> dict[str, list[str]]:
    """
    Return the names that the settings list and that are not offered, by reason; a line in the log for each.

    Args:
        settings: those of the server.
        chapters: whose names.
        without_gss: as in `offered`; by default, it is taken for granted that contexts can be accepted.
    """
    found: dict[str, list[str]] = {}
    for chapter in chapters:
        named = getattr(settings, chapter.setting.attribute)
        for name in chapter.listed(settings):
            reason = why_not(settings, chapter, name, without_gss=without_gss)
            # What a profile lists waits for its setting without a word.
            if reason and (named or not _lacking(settings, chapter.rows.get(name))):
                found.setdefault(f"{chapter.setting.name}: {reason}", []).append(name)
    return found


def weak(
    settings: Any, host_key_algorithms: Iterable[str] | None = None, chapters: Iterable[Chapter[Any]] = CHAPTERS
) -> dict[str, str]:
    """
    Return what is offered and weak: a warning in the log for each setting that lists such names, or whose profile does.

    Args:
        host_key_algorithms: what the host keys can sign with; None: anything.
    Returns:
        The names with what is wrong with them, by the setting that lists them.
    """
    can_sign = frozenset(HOST_KEYS.rows if host_key_algorithms is None else host_key_algorithms)
    found = {}
    for chapter in chapters:
        remarks: dict[str, list[str]] = {}
        for row in chapter.offered(settings):
            if row.remark and (chapter is not HOST_KEYS or row.name in can_sign) and not _lacking(settings, row):
                remarks.setdefault(row.remark, []).append(row.name)
        if remarks:
            profile = settings.algorithm_profile
            by = f" (of AlgorithmProfile={profile})" if chapter.listed(settings) == chapter.names(profile) else ""
            told = "; ".join(f"{', '.join(names)}: {remark}" for remark, names in remarks.items())
            found[f"{chapter.setting.name}{by}"] = told
    return found


def _lacking(settings: Any, row: Algorithm | None) -> str:
    """Return that an algorithm needs a setting that says nothing; empty if there is no such."""
    needs = row.needs if isinstance(row, SignatureRow) else ""
    return f"needs {needs}" if needs and not getattr(settings, TABLE.find(needs).attribute) else ""
