"""
What the rows of the algorithm registry say, and how settings choose among them.

Holds no row; those are in `exchanges.py`, `signatures.py` and `protection.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Generic, TypeVar

from cryptography.x509 import Certificate

from conchsftp.errors import ServerError
from conchsftp.settings.row import hint
from conchsftp.settings.table import TABLE
from conchsftp.ssh.kex.groups import Groups
from conchsftp.ssh.kex.methods import Method
from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.compression import Decompressor
from conchsftp.ssh.packets.macs import PacketMac

Compressor = Callable[[memoryview], bytes]


class Profile(StrEnum):
    """
    From which AlgorithmProfile on a row is offered.

    `documented` goes by the component's lists instead. What has `none` has to be named in its setting.
    """

    MODERN = "modern"
    COMPATIBLE = "compatible"
    DOCUMENTED = "documented"
    NONE = "none"


# "SHOULD NOT encrypt more than 2**(L/4) blocks" of L bits, from L = 128 on (RFC 4344, 3.2): 64 GiB of blocks of 16
# bytes. Half of it, because what is on its way when an exchange starts comes on top.
MANY_BYTES = 2**35
# "it is still advisable [...] to follow the original recommendation: rekey at least once for every gigabyte" (the same,
# for smaller blocks, where OpenSSH does so too). Half of it as well. arcfour, which has no blocks, goes by this, too.
FEW_BYTES = 2**29
# "SHOULD rekey [...] before sending more than 2**31 packets" (RFC 4344, 3.1); the numbers of packets repeat at 2**32.
MANY_PACKETS = 2**31


def usable() -> str | None:
    """Return None: the algorithm can be used on every machine."""
    return None


def nothing() -> None:
    """Return None: there is nothing to do to a payload."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """
    What all rows say.

    Attributes:
        name: as on the wire.
        profile: from which AlgorithmProfile on it is offered.
        available: returns None, or the reason why it cannot be used on this machine.
        remark: what who names it should know: what is wrong with it; empty if there is nothing to say.
        fips: whether it is approved (FIPS 140-3; SP 800-131A, 800-56A, FIPS 186-5), and OpenSSL's FIPS provider has
            what it computes. What neither encrypts nor proves anything needs no approval.
    """

    name: str
    profile: Profile
    _: KW_ONLY
    available: Callable[[], str | None] = usable
    remark: str = ""
    fips: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExchangeRow(Algorithm):
    """
    A key exchange method.

    Attributes:
        build: makes the method's state for one exchange.
        hash: of the exchange and of the derivation of keys.
        heavy: whether one exchange belongs in a thread: it computes for more than about five milliseconds, or reads
            files.
        gss: whether a context of GSSAPI proves who we are, and not a host key.
    """

    build: Callable[[Groups], Method]
    hash: Callable[[bytes], Any]
    heavy: bool = False
    gss: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    A public key, and who vouches for it.

    Attributes:
        public: the bare key as SSH sends it.
        certificate: an OpenSSH host certificate of this key; empty if there is none.
        x509: an X.509 certificate of this key, and after it those of who issued it; empty if there is none.
    """

    public: bytes
    certificate: bytes = b""
    x509: tuple[Certificate, ...] = ()


def bare_key(identity: Identity) -> bytes:
    """Return the key alone: nobody vouches for it."""
    return identity.public


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeyRow(Algorithm):
    """
    A signature algorithm of host keys.

    Attributes:
        key: the type of key that signs with it, as named in the key's blob.
        build: makes the signature, without the algorithm's name, of a private key and the data.
        signature: the name in the signature, where that is not the algorithm's own.
        blob: makes what is sent as the key; empty if a key does not come with what this algorithm needs.
    """

    key: str
    build: Callable[[Any, bytes], bytes]
    signature: str = ""
    blob: Callable[[Identity], bytes] = bare_key


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherRow(Algorithm):
    """
    A cipher.

    Attributes:
        build: makes the protection of one direction of key, initial vector and MAC (None if `aead`).
        key, iv: lengths in bytes.
        aead: whether it authenticates by itself, so that no MAC is negotiated.
        terrapin: whether it is open to the Terrapin attack (CVE-2023-48795) if the key exchange is not strict; one that
            needs a MAC, with encrypt-then-MAC only.
        most_bytes, most_packets: what one key may protect in one direction before new ones are exchanged.
    """

    build: Callable[[bytes, bytes, Any], PacketCipher]
    key: int
    iv: int
    aead: bool = False
    terrapin: bool = False
    most_bytes: int = MANY_BYTES
    most_packets: int = MANY_PACKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class MacRow(Algorithm):
    """
    A message authentication code.

    Attributes:
        build: makes it of its key.
        key: the length of the key in bytes.
        etm: whether it covers the encrypted packet rather than the plain one.
    """

    build: Callable[[bytes], PacketMac]
    key: int
    etm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionRow(Algorithm):
    """
    A compression.

    Attributes:
        build_compressor: makes the function that compresses one direction; None if there is nothing to do.
        build_decompressor: the same for inflating.
        delayed: whether it starts only when the user has logged in.
    """

    build_compressor: Callable[[], Compressor | None] = nothing
    build_decompressor: Callable[[], Decompressor | None] = nothing
    delayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRow(Algorithm):
    """
    A signature algorithm for the keys of users; `conchsftp.auth.keys.signatures` checks them.

    Attributes:
        needs: the setting without which it is not offered, although it is listed; empty: none.
    """

    needs: str = ""


R = TypeVar("R", bound=Algorithm)


class Chapter(Generic[R]):
    """
    All rows of one kind, in order of preference.

    Args:
        title: what messages call one of them.
        setting: the setting that lists such names.
        rows: the rows.
        unbuilt: documented names, apart from those in that setting's documented default, that may have no row yet.
    """

    def __init__(self, title: str, setting: str, rows: Iterable[R], unbuilt: str = "") -> None:
        self.title = title
        self.setting = TABLE.find(setting)
        self.rows: Mapping[str, R] = {row.name: row for row in rows}
        self._documented: tuple[str, ...] = self.setting.default_for(Profile.DOCUMENTED)
        self.unbuilt = tuple(name for name in (*self._documented, *unbuilt.split()) if name not in self.rows)
        """Names that the component documents and that are accepted in the setting, but have no row."""

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows.values())

    def __getitem__(self, name: str) -> R:
        return self.rows[name]

    def reason(self, name: str, *, fips: bool = False) -> str | None:
        """
        Return why a name may stand in the setting and is not offered all the same; None if it is.

        Args:
            fips: whether only what is approved is offered.
        Raises:
            ValueError: there is no such algorithm; the text names the nearest.
        """
        row = self.rows.get(name)
        if row is not None:
            return "not approved, as UseFIPSCompliantAPI wants" if fips and not row.fips else row.available()
        if name in self.unbuilt:
            return "not built into this server"
        # Most often the part that says who invented it is missing.
        whole = next((each for each in self.rows if each.partition("@")[0] == name), None)
        nearest = f"; did you mean {whole}?" if whole else hint(name, self.rows)
        raise ValueError(f"unknown {self.title} {name!r}{nearest}")

    def check(self, names: Iterable[str], *, fips: bool = False) -> None:
        """Raise ValueError if a name is unknown, or if nothing of the list could be offered."""
        reasons = {name: self.reason(name, fips=fips) for name in names}
        if reasons and None not in reasons.values():
            told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise ValueError(f"no {self.title} is left: {told}")

    def offered(self, settings: Any) -> tuple[R, ...]:
        """
        Return the rows that the settings offer, in order.

        Raises:
            ServerError: their list names an algorithm that does not exist, or nothing that can be used here.
        """
        return _resolve(self, self.listed(settings), settings.use_fips_compliant_api)

    def listed(self, settings: Any) -> tuple[str, ...]:
        """Return the names that the settings list, or else their profile."""
        return tuple(getattr(settings, self.setting.attribute)) or self.names(_profile(settings))

    def names(self, profile: str) -> tuple[str, ...]:
        """Return the names that a profile lists."""
        if profile == Profile.DOCUMENTED:
            return self._documented
        profiles = {Profile.MODERN, Profile(profile)}
        return tuple(row.name for row in self if row.profile in profiles)


def _profile(settings: Any) -> str:
    profile: str = settings.algorithm_profile
    # None of the modern key exchanges is approved.
    return Profile.COMPATIBLE if settings.use_fips_compliant_api and profile == Profile.MODERN else profile


@cache
def _resolve(chapter: Chapter[R], names: tuple[str, ...], fips: bool) -> tuple[R, ...]:
    """Return the rows of names. Lists do not change while a server runs, and each connection asks for them."""
    try:
        chapter.check(names, fips=fips)
    except ValueError as problem:
        raise ServerError(0, f"{chapter.setting.name}: {problem}") from None
    return tuple(chapter[name] for name in dict.fromkeys(names) if chapter.reason(name, fips=fips) is None)
