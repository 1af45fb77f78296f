"""
How far one connection has come with its login, and how often it may still try.

Belongs to exactly one connection: what is proven here must never help another one. Decides nothing; `UserAuth` does.
"""

from dataclasses import dataclass, field

from twisted.internet.interfaces import IAddress

# Requests that are no failure (an accepted offer, the first `none`) cost a peer nothing: without this cap it could go
# on for ever. An agent with dozens of keys stays well below.
MOST_REQUESTS = 64


@dataclass(slots=True, kw_only=True)
class AuthProgress:
    """
    The progress of one connection.

    Attributes:
        requests: how many requests came, of any kind.
        failures: how many count against MaxAuthAttempts.
        proven: the methods that were accepted although more is required, in order.
        identity: user name and service of those methods; None before the first.
    """

    requests: int = 0
    failures: int = 0
    proven: list[str] = field(default_factory=list)
    identity: tuple[bytes, bytes] | None = None
    _asked: bool = False

    def arrived(self) -> bool:
        """Count a request; return whether the connection may still make it."""
        self.requests += 1
        return self.requests <= MOST_REQUESTS

    def failed(self, method: str) -> None:
        """
        Count a refusal.

        The first `none` is free: clients send it to learn which methods there are (RFC 4252, 5.2).
        """
        if method == "none" and not self._asked:
            self._asked = True
        else:
            self.failures += 1

    def prove(self, method: str, identity: tuple[bytes, bytes]) -> None:
        """Record a method that was accepted, for this user and service, although more is required."""
        self.identity = identity
        self.proven.append(method)

    def contradicts(self, identity: tuple[bytes, bytes]) -> bool:
        """Return whether something is proven for another user or service."""
        return self.identity is not None and self.identity != identity


@dataclass(slots=True, kw_only=True)
class AuthAttempt:
    """
    One request, and what it is judged by.

    Attributes:
        user: the user name as it came.
        user_name: the same as text.
        service: what the client wants to do after the login.
        method: the method of the request.
        address: where the client is.
        session_id: of the connection; signatures cover it.
        algorithms: the signature algorithms that a user may use.
        progress: of the connection.
    """

    user: bytes
    user_name: str
    service: bytes
    method: str
    address: IAddress
    session_id: bytes = field(repr=False)
    algorithms: tuple[str, ...] = field(repr=False)
    progress: AuthProgress
