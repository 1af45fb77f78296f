"""
How far one connection has come with its login, and how often it may still try.

Belongs to exactly one connection: what is proven here must never help another one. Decides nothing; `UserAuth` does.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IAddress

from conchsftp.gss import Context
from conchsftp.settings.auth_policy import AuthPolicy, Factor
from conchsftp.settings.penalties import NetBlocks, source_of
from conchsftp.ssh.peers import host_of

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
        factors: the same as a policy names them.
        facts: what these have proved; none of it counts again.
        identity: user name and service of those methods; None before the first.
        avatar_id: whom the checkers have named by one of them; None if they have not.
        available: what handlers name as the methods to go on with; empty: DefaultAuthMethods says.
        passed: those of them that were accepted since they were named.
        home_dir: what handlers name as the home of this user; empty: the usual one.
        wants_new_password: whether this user was asked for a new password.
        expired: whether a password that was proved still has to be changed, after everything else was proved.
        required: name → policy, all of which have to be complete: what the client calls the user, and then what
            checkers call them, if they use another name; None for what a users file says that only they know.
    """

    requests: int = 0
    failures: int = 0
    proven: list[str] = field(default_factory=list)
    factors: list[Factor] = field(default_factory=list)
    facts: set[Hashable] = field(default_factory=set)
    identity: tuple[bytes, bytes] | None = None
    avatar_id: Any = None
    available: tuple[str, ...] = ()
    passed: set[str] = field(default_factory=set)
    home_dir: str = ""
    wants_new_password: bool = False
    expired: bool = False
    required: dict[str | None, AuthPolicy] = field(default_factory=dict)
    _asked: bool = False
    _now: tuple[bytes, bytes] | None = None

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

    def begin(self, identity: tuple[bytes, bytes]) -> None:
        """A request is looked at: what was said of another user or service does not hold for this one."""
        if identity != self._now:
            self._now, self.available, self.home_dir = identity, (), ""
            self.wants_new_password, self.required = False, {}

    def prove(
        self, factor: Factor, facts: Iterable[Hashable], identity: tuple[bytes, bytes], avatar_id: Any = None
    ) -> None:
        """Record what was accepted, for this user and service, although more is required."""
        self.identity = identity
        self.proven.append(factor.method)
        self.factors.append(factor)
        self.facts.update(facts)
        self.avatar_id = avatar_id if self.avatar_id is None else self.avatar_id

    def agrees(self, avatar_id: Any) -> bool:
        """Return whether the checkers name, if they do, whom they named before."""
        return avatar_id is None or self.avatar_id is None or _plain(self.avatar_id) == _plain(avatar_id)

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
        now: when it is looked at, in seconds since 1970, by the wall clock: what expires is compared with it.
        session_id: of the connection; signatures cover it.
        algorithms: the signature algorithms that a user may use.
        host_key: what we proved ourselves with when the connection began.
        demanded: what security keys must say, whoever they belong to: bits of `DeviceFlag`.
        ca_algorithms: those that a CA may use to sign certificates.
        progress: of the connection.
        gss: what accepts contexts of GSSAPI, a `conchsftp.ssh.gss.Acceptor`.
        gss_context: that of the connection's first key exchange; None without one.
        factor: what of the user's policy it may prove; `only` says what is asked. Empty where no policy says.
    """

    user: bytes
    user_name: str
    service: bytes
    method: str
    address: IAddress
    now: float
    session_id: bytes = field(repr=False)
    algorithms: tuple[str, ...] = field(repr=False)
    host_key: bytes = field(default=b"", repr=False)
    demanded: int = 0
    ca_algorithms: tuple[str, ...] = field(default=(), repr=False)
    progress: AuthProgress
    gss: Any = field(default=None, repr=False)
    gss_context: Context | None = field(default=None, repr=False)
    factor: Factor = Factor("")

    @property
    def host(self) -> str | None:
        """The client's address alone; None where it has none, as behind a local socket."""
        return getattr(self.address, "host", None)

    @property
    def source(self) -> Hashable:
        """Whose turn it is when the attempt has something computed: its address, or the network around it."""
        return source_of(host_of(self.address), NetBlocks())


def _plain(avatar_id: Any) -> Any:
    """Return an avatar id for comparison: one checker may give the name as text, another as bytes."""
    return avatar_id.encode("utf-8", "surrogateescape") if isinstance(avatar_id, str) else avatar_id
