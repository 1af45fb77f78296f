"""
Kerberos by the system's GSSAPI library: the server's half of a context.

The only module that knows the package `gssapi`, which is optional: the extra `conchsftp[gssapi]`. Everybody else knows
`Mechanism` and `Context`. What of it is sent, and what is made of who came, is elsewhere. Delegated credentials are not
looked at. Source: RFC 2743, RFC 4121.
"""

from functools import cache
from importlib import import_module
from os.path import abspath
from typing import Any, Protocol

KERBEROS = bytes.fromhex("06092a864886f712010202")
"""The object identifier of Kerberos, 1.2.840.113554.1.2.2, in DER."""

_EXTRA = "needs the extra conchsftp[gssapi]"


class GSSFailure(Exception):
    """
    A token, or what should make contexts, is of no use. The text is for the log: it may hold a local path.

    Args:
        text: what was wrong.
        token: what the other side should be sent about it; empty for nothing.
        major, minor: the status codes of the library.
    """

    def __init__(self, text: str, token: bytes = b"", major: int = 0, minor: int = 0) -> None:
        super().__init__(text)
        self.token = token
        self.major = major
        self.minor = minor


class Context(Protocol):
    """
    The server's half of one context.

    Attributes:
        complete: whether no more tokens are needed. What follows is known only then.
        mutual: whether the client knows by it who we are.
        integrity: whether it can make and check MICs.
        principal: who the client is, with the realm: `alice@EXAMPLE.COM`.
        realm: that of our key.
    """

    complete: bool
    mutual: bool
    integrity: bool
    principal: str
    realm: str

    def step(self, token: bytes) -> bytes:
        """Take a token, and return what to send for it, which may be nothing; blocks. Raises GSSFailure."""

    def mic(self, message: bytes) -> bytes:
        """Return what proves that a message is ours. Raises GSSFailure."""

    def verify(self, message: bytes, mic: bytes) -> bool:
        """Return whether a message is of the other side, and of this context."""


class Mechanism(Protocol):
    """What contexts are made of: our credentials."""

    def context(self) -> Context:
        """Return a new context."""


class Kerberos:
    """
    The credentials of a server, from a keytab.

    Args:
        acceptor: as what tickets are accepted: a service (`host`), one of one machine (`host@server.example.com`), or a
            principal (`host/server.example.com@EXAMPLE.COM`).
        keytab: the path of the keytab; empty for the system's.
    Raises:
        GSSFailure: there are none; blocks until that is known.
    """

    def __init__(self, acceptor: str, keytab: str) -> None:
        missing = needs_gssapi()
        if missing:
            raise GSSFailure(missing)
        library = self._library = import_module("gssapi")
        kind = library.NameType.kerberos_principal if "/" in acceptor else library.NameType.hostbased_service
        # Opened again for each context, when the server may have left this folder.
        store = {"keytab": f"FILE:{abspath(keytab)}"} if keytab else None
        self._kind = library.MechType.kerberos
        try:
            name = library.Name(acceptor, kind)
            self._credentials = library.Credentials(usage="accept", name=name, mechs=[self._kind], store=store)
        except library.exceptions.GSSError as problem:
            raise GSSFailure(f"no key to take tickets with: {_failure(problem)}") from None

    def context(self) -> "KerberosContext":
        """Return a new context."""
        # The keytab is read again for each: it may get new keys while the server runs.
        return KerberosContext(self._library, self._credentials)


class KerberosContext:
    """A context of Kerberos; see `Context`."""

    complete = mutual = integrity = False
    principal = realm = ""

    def __init__(self, library: Any, credentials: Any) -> None:
        self._library = library
        self._error = library.exceptions.GSSError
        self._context = library.SecurityContext(creds=credentials, usage="accept")
        # Else an error would show only at the next call.
        self._context.__DEFER_STEP_ERRORS__ = False

    def step(self, token: bytes) -> bytes:
        """Take a token; see `Context`."""
        try:
            answer = self._context.step(token) or b""
            if self._context.complete:
                self._learn()
        except self._error as problem:
            raise _failure(problem) from None
        except UnicodeDecodeError:
            raise GSSFailure("a principal whose name is not UTF-8") from None
        return bytes(answer)

    def mic(self, message: bytes) -> bytes:
        """Return what proves that a message is ours; see `Context`."""
        try:
            return bytes(self._context.get_signature(message))
        except self._error as problem:
            raise _failure(problem) from None

    def verify(self, message: bytes, mic: bytes) -> bool:
        """Return whether a message is of the other side; see `Context`."""
        try:
            self._context.verify_signature(message, mic)
        except self._error:
            return False
        return True

    def _learn(self) -> None:
        """The context is complete: look who came, and by what."""
        if self._context.mech != self._library.MechType.kerberos:
            raise GSSFailure("a context of another mechanism than Kerberos")
        flags, names = self._context.actual_flags, self._library.RequirementFlag
        self.mutual = bool(flags & names.mutual_authentication)
        self.integrity = bool(flags & names.integrity)
        self.principal = str(self._context.initiator_name)
        self.realm = str(self._context.target_name).rpartition("@")[2]
        self.complete = True


@cache
def needs_gssapi() -> str | None:
    """Return None if the package is there and finds its library, else the reason why nothing can be accepted."""
    try:
        import_module("gssapi")
    except ImportError:
        return _EXTRA
    except OSError as problem:
        return f"{_EXTRA}: {problem}"
    return None


def _failure(problem: Any) -> GSSFailure:
    """Return an error of the library as ours."""
    text = " ".join(str(problem).split())
    return GSSFailure(text, problem.token or b"", problem.maj_code, problem.min_code)
