"""
A small mechanism of GSSAPI for tests: tickets and MICs are HMACs. It owes the server's side nothing but `Context`.

Whoever holds a `Realm` is KDC and keytab at once: who knows its key can vouch for everybody.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from conchsftp import gss
from conchsftp.gss import GSSFailure
from conchsftp.ssh.algorithms import registry
from tests.ssh.clients import string, strings

MUTUAL, INTEGRITY = 1, 2
KERBEROS = bytes.fromhex("06092a864886f712010202")


def proof(key: bytes, *parts: bytes) -> bytes:
    """Return what only who has the key can make of the parts."""
    return hmac.digest(key, b"".join(map(string, parts)), "sha256")


class Realm:
    """
    A realm, and the server in it.

    Args:
        name: as it stands behind an `@`.
        rounds: how many tokens a client has to send.
    """

    def __init__(self, name: str = "EXAMPLE.COM", rounds: int = 1) -> None:
        self.name = name
        self.rounds = rounds
        self.key = secrets.token_bytes(32)
        self.asked: list[tuple[str, str]] = []
        self.contexts: list[Acceptor] = []

    def credentials(self, acceptor: str, keytab: str) -> Realm:
        """Be what `conchsftp.gss.Kerberos` is."""
        self.asked.append((acceptor, keytab))
        return self

    def context(self) -> Acceptor:
        """Return a server's half."""
        self.contexts.append(Acceptor(self))
        return self.contexts[-1]

    def client(self, principal: str = "alice@EXAMPLE.COM", flags: int = MUTUAL | INTEGRITY) -> Initiator:
        """Return a client's half."""
        return Initiator(self, principal, flags)


class Half:
    """What both halves can do, each with a name of its own."""

    own: bytes
    other: bytes
    session = b""

    def mic(self, message: bytes) -> bytes:
        return proof(self.session, self.own, message)

    def verify(self, message: bytes, mic: bytes) -> bool:
        return hmac.compare_digest(mic, proof(self.session, self.other, message))


class Acceptor(Half):
    """The server's half; see `conchsftp.gss.Context`."""

    own, other = b"server", b"client"
    complete = mutual = integrity = False
    principal = ""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._taken = 0
        self.realm = realm.name

    def step(self, token: bytes) -> bytes:
        if not self.session:
            try:
                principal, flags, nonce, ticket = strings(token)
            except (AssertionError, ValueError):
                raise GSSFailure("no token in /etc/krb5.keytab", b"error token", 0x90000, 7) from None
            if not hmac.compare_digest(ticket, proof(self._realm.key, b"ticket", principal, flags, nonce)):
                raise GSSFailure("not a ticket for /etc/krb5.keytab", b"", 0xD0000, 0x1_9698_C60A)
            self.session = proof(self._realm.key, b"session", principal, nonce)
            self.principal = principal.decode()
            self.mutual, self.integrity = bool(flags[0] & MUTUAL), bool(flags[0] & INTEGRITY)
        elif token != proof(self.session, b"more", bytes((self._taken,))):
            raise GSSFailure("not the next token")
        self._taken += 1
        self.complete = self._taken == self._realm.rounds
        answers = self.mutual or not self.complete
        return proof(self.session, b"answer", bytes((self._taken,))) if answers else b""


class Initiator(Half):
    """The client's half."""

    own, other = b"client", b"server"

    def __init__(self, realm: Realm, principal: str, flags: int) -> None:
        nonce = secrets.token_bytes(16)
        named = principal.encode(), bytes((flags,)), nonce
        self.first = b"".join(map(string, (*named, proof(realm.key, b"ticket", *named))))
        self.session = proof(realm.key, b"session", named[0], nonce)
        self._taken = 0

    def take(self, answer: bytes) -> bytes:
        """Take the server's token; return the next one of ours."""
        self._taken += 1
        assert answer == proof(self.session, b"answer", bytes((self._taken,)))
        return proof(self.session, b"more", bytes((self._taken,)))


def install(case: Any, *, there: bool = True) -> None:
    """Let the package `gssapi` be there, or not, whatever is installed, until the test is over."""

    def found(name: str) -> None:
        if not there:
            raise ImportError(name)

    def forget() -> None:
        gss.needs_gssapi.cache_clear()
        registry._resolve.cache_clear()

    forget()
    case.addCleanup(forget)
    case.patch(gss, "import_module", found)
