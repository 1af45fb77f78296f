"""
Which message may come in which stage of a connection: one table, asked before anything else looks at a message.

This one check keeps messages of the connection protocol out before authentication, and everything out of a strict key
exchange. Sources: RFC 4253 sections 7.1 and 10; RFC 4252 section 6; OpenSSH's PROTOCOL, section 1.10 (strict key
exchange, the answer to CVE-2023-48795).
"""

from enum import Enum, auto

from conchsftp.ssh.numbers import Message


class Stage(Enum):
    """Where a connection stands, seen from what may arrive."""

    VERSION = auto()
    """Only the identification line."""
    FIRST_KEXINIT = auto()
    FIRST_KEX = auto()
    """The peer's KEXINIT is here, its NEWKEYS is not."""
    SERVICE = auto()
    """Encrypted; no service was asked for yet."""
    AUTH = auto()
    CONNECTED = auto()
    REKEY_AUTH = auto()
    """As FIRST_KEX, during authentication."""
    REKEY = auto()
    """As FIRST_KEX, after authentication."""


_TRANSPORT = frozenset({Message.DISCONNECT, Message.IGNORE, Message.UNIMPLEMENTED, Message.DEBUG})
# 30 to 49 belong to the key exchange method, which knows what it expects next.
_EXCHANGE = frozenset({Message.NEWKEYS, *range(30, 50)})
_KEXINIT = frozenset({Message.KEXINIT})

ALLOWED: dict[Stage, frozenset[int]] = {
    Stage.VERSION: frozenset(),
    Stage.FIRST_KEXINIT: _TRANSPORT | _KEXINIT,
    Stage.FIRST_KEX: _TRANSPORT | _EXCHANGE,
    Stage.SERVICE: _TRANSPORT | _KEXINIT | {Message.SERVICE_REQUEST, Message.EXT_INFO},
    # 60 to 79 belong to the authentication method. paramiko asks for the service again before each attempt.
    Stage.AUTH: _TRANSPORT
    | _KEXINIT
    | {Message.SERVICE_REQUEST, Message.USERAUTH_REQUEST, Message.EXT_INFO, *range(60, 80)},
    # "Any further authentication requests received after that SHOULD be silently ignored" (RFC 4252, 5.1).
    Stage.CONNECTED: _TRANSPORT | _KEXINIT | {Message.USERAUTH_REQUEST, Message.PING, *range(80, 101)},
    Stage.REKEY_AUTH: _TRANSPORT | _EXCHANGE,
    Stage.REKEY: _TRANSPORT | _EXCHANGE,
}

# Any message that is not the next of the initial key exchange ends the connection, IGNORE and DEBUG included.
STRICT: dict[Stage, frozenset[int]] = ALLOWED | {
    Stage.FIRST_KEX: frozenset({Message.DISCONNECT}) | _EXCHANGE,
}

KNOWN: frozenset[int] = frozenset().union(*ALLOWED.values())
"""Numbers that mean something in some stage; any other is answered UNIMPLEMENTED (RFC 4253, 11.4)."""

HELD_DURING_KEX: frozenset[int] = frozenset(range(256)) - _TRANSPORT - _EXCHANGE - _KEXINIT
"""What may not be sent between our KEXINIT and our NEWKEYS (RFC 4253, 7.1)."""
