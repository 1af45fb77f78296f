"""
The KEXINIT message, and what two of them agree on.

Does not send, and does not know how far the exchange is. Sources: RFC 4253 section 7.1, RFC 8308 section 2.1
(ext-info), OpenSSH's PROTOCOL section 1.10 (strict key exchange).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from conchsftp.errors import ProtocolViolation
from conchsftp.settings.choices import StrictKeyExchange
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.algorithms.offer import Offer
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
)
from conchsftp.ssh.algorithms.signatures import HOST_KEYS, NO_HOST_KEY
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.wire.kinds import BOOL, NAMES, U8, U32
from conchsftp.wire.reader import Reader

EXT_INFO_CLIENT = "ext-info-c"
EXT_INFO_SERVER = "ext-info-s"
STRICT_CLIENT = "kex-strict-c-v00@openssh.com"
STRICT_SERVER = "kex-strict-s-v00@openssh.com"
MARKERS = frozenset({EXT_INFO_CLIENT, EXT_INFO_SERVER, STRICT_CLIENT, STRICT_SERVER})
"""Names in the list of key exchanges that are none: they say what their sender can do."""

# What every implementation can take (RFC 4253, 6.1). Anybody may send a KEXINIT, and real ones have a tenth of this.
_MOST_BYTES = 32768
_MOST_NAMES = 256
_COOKIE_BYTES = 16
# In texts that go to the peer and to the log.
_MOST_TOLD = 300

R = TypeVar("R", bound=Algorithm)
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KexInit:
    """
    One KEXINIT.

    Attributes:
        cookie: 16 random bytes.
        guessed: whether the first message of the sender's preferred key exchange follows at once.
    The other attributes are its lists of names in the order of the wire; `in` is from client to server.
    """

    cookie: bytes
    kex: Names
    host_key: Names
    cipher_in: Names
    cipher_out: Names
    mac_in: Names
    mac_out: Names
    compression_in: Names
    compression_out: Names
    language_in: Names = ()
    language_out: Names = ()
    guessed: bool = False

    @classmethod
    def offering(cls, offer: Offer, *, first: bool) -> "KexInit":
        """
        Return our KEXINIT.

        Args:
            offer: the algorithms.
            first: whether it is the connection's first: only that one carries markers, whose meaning lasts.
        """
        markers = (EXT_INFO_SERVER, STRICT_SERVER) if offer.strict else (EXT_INFO_SERVER,)
        ciphers, macs, compressions = _names(offer.ciphers), _names(offer.macs), _names(offer.compressions)
        return cls(
            cookie=secrets.token_bytes(_COOKIE_BYTES),
            kex=_names(offer.key_exchanges) + (markers if first else ()),
            host_key=_names(offer.host_keys),
            cipher_in=ciphers,
            cipher_out=ciphers,
            mac_in=macs,
            mac_out=macs,
            compression_in=compressions,
            compression_out=compressions,
        )

    @classmethod
    def parse(cls, payload: bytes) -> "KexInit":
        """
        Read a KEXINIT.

        Args:
            payload: with the message number.
        Raises:
            ProtocolViolation: it is malformed, or a list is longer than anybody needs.
        """
        if len(payload) > _MOST_BYTES:
            text = f"KEXINIT of {len(payload)} bytes, at most {_MOST_BYTES} taken"
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, text)
        reader = Reader(payload, 1)
        cookie = reader.take(_COOKIE_BYTES)
        lists = {name: _list(reader) for name in _LISTS}
        guessed = reader.boolean()
        reader.u32()
        if reader.remaining:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"KEXINIT: {reader.remaining} bytes after its last field")
        return cls(cookie=cookie, guessed=guessed, **lists)

    @property
    def payload(self) -> bytes:
        """The message with its number, as it is sent and hashed."""
        lists = (NAMES.pack(list(getattr(self, name))) for name in _LISTS)
        return b"".join((U8.pack(Message.KEXINIT), self.cookie, *lists, BOOL.pack(self.guessed), U32.pack(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """
    What both sides agreed on; `in` is from client to server.

    Attributes:
        mac_in, mac_out: None where the cipher authenticates by itself.
        guess_wrong: whether the client's next message is a guess that was wrong, to be ignored.
        strict: whether both KEXINITs carry the marker of strict key exchange. Counts in a connection's first only.
        ext_info: whether the client takes EXT_INFO.
    """

    kex: KeyExchangeRow
    host_key: HostKeyRow
    cipher_in: CipherRow
    cipher_out: CipherRow
    mac_in: MacRow | None
    mac_out: MacRow | None
    compression_in: CompressionRow
    compression_out: CompressionRow
    guess_wrong: bool
    strict: bool
    ext_info: bool

    @property
    def described(self) -> tuple[str, ...]:
        """Return what was agreed on, in lines for people."""
        incoming, outgoing = (
            (self.cipher_in, self.mac_in, self.compression_in),
            (self.cipher_out, self.mac_out, self.compression_out),
        )
        return (
            f"key exchange {self.kex.name}, host key {self.host_key.name}",
            f"from the client: {_described(*incoming)}",
            f"to the client: {_described(*outgoing)}",
        )


def _described(cipher: CipherRow, mac: MacRow | None, compression: CompressionRow) -> str:
    return f"cipher {cipher.name}, MAC {mac.name if mac else 'of the cipher'}, compression {compression.name}"


def negotiate(client: KexInit, server: KexInit) -> Negotiated:
    """
    Return what the two agree on: of each kind, the first on the client's list that is on the server's as well.

    Raises:
        ProtocolViolation: of one kind there is none; the text names both lists.
    """
    kex, host_key = _agree_on_exchange(client, server)
    cipher_in = _agree(CIPHERS, client.cipher_in, server.cipher_in)
    cipher_out = _agree(CIPHERS, client.cipher_out, server.cipher_out)
    return Negotiated(
        kex=kex,
        host_key=host_key,
        cipher_in=cipher_in,
        cipher_out=cipher_out,
        # A client that wants such a cipher only may list no MAC at all.
        mac_in=None if cipher_in.aead else _agree(MACS, client.mac_in, server.mac_in),
        mac_out=None if cipher_out.aead else _agree(MACS, client.mac_out, server.mac_out),
        compression_in=_agree(COMPRESSIONS, client.compression_in, server.compression_in),
        compression_out=_agree(COMPRESSIONS, client.compression_out, server.compression_out),
        # Both guess their own first name; the server's are what the client's must equal (RFC 4253, 7.1).
        guess_wrong=client.guessed and (client.kex[:1], client.host_key[:1]) != (server.kex[:1], server.host_key[:1]),
        strict=STRICT_CLIENT in client.kex and STRICT_SERVER in server.kex,
        ext_info=EXT_INFO_CLIENT in client.kex,
    )


def enforce_strict(agreed: Negotiated, policy: StrictKeyExchange, *, strict: bool) -> None:
    """
    Refuse a client without strict key exchange, or algorithms that are not safe without it, as the setting demands.

    Args:
        agreed: the result of any exchange of the connection.
        policy: the setting UseStrictKeyExchange.
        strict: whether the connection's first exchange was strict.
    Raises:
        ProtocolViolation: what was agreed on may not be used.
    """
    if strict or policy < StrictKeyExchange.FILTERED:
        return
    if policy == StrictKeyExchange.REQUIRED:
        raise _failed("strict key exchange is required here, and the client does not offer it")
    for cipher, mac in ((agreed.cipher_in, agreed.mac_in), (agreed.cipher_out, agreed.mac_out)):
        # A packet that an attacker has dropped is not missed where each one is opened by its number alone, nor where a
        # chain is authenticated as it was encrypted. A MAC over the plain packet misses it.
        if cipher.terrapin and (mac is None or mac.etm):
            name = f"{cipher.name} with {mac.name}" if mac else cipher.name
            raise _failed(f"{name} needs strict key exchange here, and the client does not offer it")


_LISTS = (
    "kex",
    "host_key",
    "cipher_in",
    "cipher_out",
    "mac_in",
    "mac_out",
    "compression_in",
    "compression_out",
    "language_in",
    "language_out",
)


def _names(rows: Sequence[Algorithm]) -> Names:
    return tuple(row.name for row in rows)


def _list(reader: Reader) -> Names:
    names = reader.names()
    if len(names) > _MOST_NAMES:
        text = f"KEXINIT: a list of {len(names)} names, at most {_MOST_NAMES} taken"
        raise ProtocolViolation(Reason.PROTOCOL_ERROR, text)
    return tuple(names)


def _agree_on_exchange(client: KexInit, server: KexInit) -> tuple[KeyExchangeRow, HostKeyRow]:
    """
    Return the first exchange of the client's that we have, and for which there is a host key that both know.

    `null` is one only where a context of GSSAPI proves who we are (RFC 4462, 5).
    """
    null = NO_HOST_KEY.name
    signing = tuple(name for name in client.host_key if name != null)
    common = [name for name in client.host_key if name in server.host_key]
    for name in client.kex:
        row = KEY_EXCHANGES[name] if name in server.kex and name not in MARKERS else None
        key = next((each for each in common if each != null or row.gss), None) if row is not None else None
        if row is not None and key is not None:
            return row, NO_HOST_KEY if key == null else HOST_KEYS[key]
    exchange = _agree(KEY_EXCHANGES, client.kex, server.kex)
    return exchange, _agree(HOST_KEYS, signing, tuple(name for name in server.host_key if name != null))


def _agree(chapter: Chapter[R], client: Names, server: Names) -> R:
    offered = set(server) - MARKERS
    for name in client:
        if name in offered:
            return chapter[name]
    lists = f"the client has {_told(client)}; the server {_told(server)}"
    raise _failed(f"no common {chapter.title}: {lists}; {_remedy(chapter, client)}")


def _remedy(chapter: Chapter[Any], client: Names) -> str:
    """Return what an operator can do, if they want to serve such a client."""
    for profile in (Profile.MODERN, Profile.COMPATIBLE):
        for name in chapter.names(profile):
            if name in client and chapter.reason(name) is None:
                if chapter is HOST_KEYS:
                    return f"a host key for {name} would help, with AlgorithmProfile={profile}"
                return f"{name} comes with AlgorithmProfile={profile}"
    return "no AlgorithmProfile has any of the client's"


def _told(names: Names) -> str:
    text = ",".join(name for name in names if name not in MARKERS)
    # Anybody can connect and write here what a log or a terminal would take for something else than text.
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: _MOST_TOLD + 1])
    return text if len(text) <= _MOST_TOLD else text[:_MOST_TOLD] + "…"


def _failed(text: str) -> ProtocolViolation:
    return ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, text)
