"""
One login: who may not log in at all, what is required, what of it is proved, and what the client may go on with.

Joins the user's policy, what handlers ask for besides, and the progress of the connection. Judges no proof
(`event_checker.py` does) and answers nobody (`user_auth.py` does).
"""

from collections.abc import Hashable, Sequence, Set
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred

from conchsftp.auth.credentials import PASSWORD_FACTS, Credentials
from conchsftp.auth.event_checker import Verdict
from conchsftp.auth.keys.security_keys import DEMANDS
from conchsftp.auth.method import Served
from conchsftp.auth.methods import METHODS, AuthRequest, NoneMethod, offered, unserved
from conchsftp.auth.policies import Policies, policy_of, proved_by
from conchsftp.auth.progress import AuthAttempt, AuthProgress
from conchsftp.auth.questions import PromptsOfUser
from conchsftp.auth.reachable import unreachable
from conchsftp.auth.users.user import UserId, is_plain, user_name_of
from conchsftp.errors import ProtocolViolation
from conchsftp.events.waiting import limited, settled
from conchsftp.settings.auth_policy import ASKED, AUTH_POLICY, AuthPolicy, Factor
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.peers import unwrapped

# By which methods a password can be changed.
_CHANGING = {"password": Factor("password"), ASKED: Factor(ASKED, "password")}


class Login:
    """
    The login of one connection.

    Args:
        transport: see `UserAuth` for what is asked of it.
        served: says whether somebody can judge credentials of a kind.

    Attributes:
        progress: what was proved so far.
    """

    def __init__(self, transport: Any, served: Served) -> None:
        self.progress = AuthProgress()
        self._transport = transport
        self._settings = transport.settings
        self._log = transport.log
        self._served = served
        self._prompts = PromptsOfUser(transport.settings)
        self._told = False

    async def begin(self, request: AuthRequest) -> AuthAttempt:
        """
        Look at a request.

        Returns:
            What it is judged by, and what of the user's policy it may prove.
        Raises:
            ProtocolViolation: it is for another service, or for another user than that of whom something is proved.
            UnauthorizedLogin: it can prove nothing.
        """
        identity = request.user, request.service
        if request.service != b"ssh-connection":
            # "If the requested service is not available, the server MAY disconnect immediately […]. Sending a proper
            # disconnect message is RECOMMENDED." (RFC 4252, 5)
            raise ProtocolViolation(Reason.SERVICE_NOT_AVAILABLE, f"service not available: {request.service[:64]!r}")
        if self.progress.contradicts(identity):
            # What was proven for one user must not count for another (RFC 4252, 5).
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, "user name changed after partial success")
        self.progress.begin(identity)
        self._prompts.begin(request.user)
        user_name = _user_name(request.user)
        await self._require(user_name)
        factor = self._factor(request.method)
        if factor is None:
            raise UnauthorizedLogin("unknown method" if request.body is None else "this method is not offered")
        transport = self._transport
        return AuthAttempt(
            user=request.user,
            user_name=user_name,
            service=request.service,
            method=request.method,
            address=unwrapped(transport.getPeer()),
            now=transport.factory.now(),
            session_id=transport.sessionID,
            algorithms=transport.user_signature_algorithms,
            host_key=transport.first_host_key,
            demanded=DEMANDS[transport.settings.pubkey_auth_options],
            ca_algorithms=transport.settings.ca_signature_algorithms,
            progress=self.progress,
            gss=transport.factory.gss,
            gss_context=transport.gss_context,
            factor=factor,
        )

    async def _require(self, user_name: str) -> None:
        """
        Learn what is required of a user; asked once, it holds for as long as the client gives the same name.

        Raises:
            UnauthorizedLogin: it cannot be known, so that nobody is let in.
        """
        required = self.progress.required
        if user_name not in required:
            # Of whom the checkers name instead nothing is known but what is said of them: the setting holds already.
            usual = AuthPolicy() if required else self._settings.authentication_methods
            required[user_name] = await self._asked(user_name) or usual

    async def _asked(self, user_name: str) -> AuthPolicy | None:
        policies: Policies | None = self._transport.factory.policies
        if policies is None:
            return None
        try:
            policy = settled(policies(user_name))
            if isinstance(policy, Deferred):
                seconds = self._settings.handler_time_limit
                clock = self._transport.clock
                policy = await (limited(policy, seconds, clock, " of the policies") if seconds else policy)
            return None if policy is None else AUTH_POLICY.convert(policy)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("what {user!r} has to prove cannot be known", user=user_name)
            raise UnauthorizedLogin("the user's policy cannot be known") from None

    @property
    def available(self) -> list[str]:
        """
        The methods that can still lead somewhere.

        In the order of DefaultAuthMethods, so that the order says nothing of a user; or as a handler names them.
        """
        named, usual = self.progress.available, self._usual
        if self.only_expired:
            return [name for name in usual if name in _CHANGING]
        policy = self._incomplete(self.progress.factors)
        if policy is None:
            return self._more(named, usual)
        # What a handler names may open a method, as it does without a policy, and choose between those of the policy.
        possible = (*usual, *(name for name in named if name not in usual))
        names = [name for name in possible if self._next(policy, name) is not None]
        return [name for name in names if name in named] or names

    def _more(self, named: Sequence[str], usual: Sequence[str]) -> list[str]:
        """Return what is available where no policy says it: none is there, or a handler wants more than it."""
        if named:
            possible = offered(named, self._settings, self._served, exactly=True)
            # What was named before a proof does not ask for the same method again; what was named with it does.
            left = (name for name in possible if name not in self.progress.passed)
            return [name for name in left if self._useful(Factor(name))]
        proven = self.progress.proven
        # Who says nothing means something else than what has been there, by whichever method.
        other = (name for name in usual if name not in proven and METHODS[name].along_with not in proven)
        return [name for name in other if self._useful(Factor(name))]

    def _factor(self, method: str) -> Factor | None:
        """Return what a request of a method would prove; None if it would lead nowhere."""
        if method == NoneMethod.name:
            return Factor(method)
        if method not in self.available:
            return None
        if self.only_expired:
            return _CHANGING[method]
        policy = self._incomplete(self.progress.factors)
        return Factor(method) if policy is None else self._next(policy, method)

    def _next(self, policy: AuthPolicy, method: str) -> Factor | None:
        """Return what a policy asks for next by a method, if it can be proved."""
        wanted = (factor for factor in policy.next(self.progress.factors) if factor.method == method)
        return next((factor for factor in wanted if self._useful(factor)), None)

    def _useful(self, factor: Factor) -> bool:
        """Return whether somebody can judge a factor, and it can prove what is not proved yet."""
        row = METHODS[factor.method]
        if unserved(factor, self._settings, self._served) or row.missing(self._transport):
            return False
        kind = row.proves(self._settings, self._served, factor.only)
        facts = row.could_prove(kind, self._settings, factor.only)
        return facts is None or not facts <= self.progress.facts

    async def refuse_barred(self, attempt: AuthAttempt, verdict: Verdict) -> None:
        """
        Refuse somebody who is not to be let in, whoever accepts the proof.

        Args:
            attempt: the request.
            verdict: what was decided. A users file that vouched has looked at its user by itself, but there may be
                others.
        Raises:
            UnauthorizedLogin: the proof is good, or only too old a password, and the user refused; the text is for the
                log.
        """
        barred = self._transport.factory.barred
        if not (verdict.good or verdict.new_password) or barred is None:
            return
        # Another name for the same user must not be a way around it, whichever of the two the file knows.
        for name in dict.fromkeys((attempt.user_name, user_name_of(verdict.avatar_id) or attempt.user_name)):
            reason = await barred(name, attempt.host, attempt.now)
            if reason:
                raise UnauthorizedLogin(reason)

    def refuse_repeated(self, credentials: Credentials) -> None:
        """
        See whether credentials could prove anything new.

        Raises:
            UnauthorizedLogin: all of it has been proved, and does not count again.
        """
        if credentials.facts and credentials.facts <= self.progress.facts and not self.only_expired:
            raise UnauthorizedLogin("this was proved already, and counts once")

    async def prove(self, attempt: AuthAttempt, verdict: Verdict, credentials: Credentials) -> bool:
        """
        Take a proof.

        Returns:
            Whether nothing more is required; then, nothing is recorded. Else it is.
        Raises:
            UnauthorizedLogin: it does not count.
        """
        progress, changed = self.progress, self.only_expired
        if not progress.agrees(verdict.avatar_id):
            raise UnauthorizedLogin("the proof is one of somebody else")
        self.refuse_repeated(credentials)
        await self.require_of(verdict.avatar_id)
        facts, factor = self._proves(attempt, credentials)
        factors = [*progress.factors, factor]
        if attempt.method == NoneMethod.name:
            self._refuse_nothing()
        progress.home_dir = verdict.home_dir or progress.home_dir
        if changed:
            if not PASSWORD_FACTS <= facts:
                raise UnauthorizedLogin("nothing is left but to change the password")
            progress.expired = False
            progress.avatar_id = progress.avatar_id or verdict.avatar_id
            return not verdict.partial and self._incomplete(progress.factors) is None
        if not verdict.partial and not progress.expired and self._incomplete(factors) is None:
            return True
        progress.prove(factor, facts, (attempt.user, attempt.service), verdict.avatar_id)
        progress.passed = set() if verdict.available else progress.passed | {attempt.method}
        return False

    async def require_of(self, avatar_id: Any) -> None:
        """Learn what is required of whom a checker names; see `_require`."""
        name = user_name_of(avatar_id)
        if name:
            # Another name for the same user must not be a way around what is required of them.
            await self._require(name)
        if isinstance(avatar_id, UserId) and self._transport.factory.policies is None:
            # A users file that only a checker knows: it could not be asked before.
            self.progress.required[None] = policy_of(avatar_id.user, self._settings) or AuthPolicy()

    def _proves(self, attempt: AuthAttempt, credentials: Credentials) -> tuple[Set[Hashable], Factor]:
        """Return what an attempt proves if it is good."""
        progress, facts = self.progress, credentials.facts or {attempt.method}
        return facts, proved_by(attempt.factor, progress.facts | facts, progress.required.values())

    def needs_more(self, credentials: Credentials) -> bool:
        """Return whether a policy asks for more than what is proved, and what these credentials would prove."""
        _, factor = self._proves(credentials.attempt, credentials)
        return not self.only_expired and self._incomplete([*self.progress.factors, factor]) is not None

    @property
    def only_expired(self) -> bool:
        """Whether all is proved, and nothing is left but to change the password."""
        return self.progress.expired and self._incomplete(self.progress.factors) is None

    def _refuse_nothing(self) -> None:
        """Say why a request without a proof is worth nothing, though a handler accepts it, if so."""
        if NoneMethod.name not in self._settings.default_auth_methods:
            # A handler that compares nothing with nothing must not open the door to everybody.
            reason = "DefaultAuthMethods does not name `none`"
        elif self._incomplete(()) is not None:
            reason = "a policy asks for proofs"
        else:
            return
        self._log.warn("accepted without a proof, but {reason}", reason=reason)
        raise UnauthorizedLogin(f"no proof, and {reason}")

    def tell_dead_end(self, user_name: str) -> None:
        """Say in the log that nobody can go on from here, if that is so; once."""
        if self._told or self.available:
            return
        self._told = True
        factors = self.progress.factors
        policy = self._incomplete(factors)
        text = "{user!r} cannot log in: proved is {proved}, and there is no method to go on with{reasons}"
        reasons = "; ".join(dict.fromkeys(map(self._reason, policy.next(factors)))) if policy is not None else ""
        self._log.warn(
            text,
            user=user_name,
            proved=", ".join(map(str, factors)) or "nothing",
            reasons=f", of what `{policy}` asks for: {reasons}" if reasons else "",
        )

    def _reason(self, factor: Factor) -> str:
        """Return why a factor cannot be proved."""
        missing = METHODS[factor.method].missing(self._transport)
        if missing:
            return f"{factor}: {missing}"
        reason = unreachable(factor, self._usual, self._settings, self._served)
        return reason or f"{factor} was proved in another way, and counts once"

    @property
    def _usual(self) -> list[str]:
        """The methods that everybody may try."""
        possible = offered(self._settings.default_auth_methods, self._settings, self._served)
        return [name for name in possible if not METHODS[name].missing(self._transport)]

    def _incomplete(self, factors: Sequence[Factor]) -> AuthPolicy | None:
        """Return the first policy that these factors do not complete; one that asks for anything at all is none."""
        each = self.progress.required.values() or (self._settings.authentication_methods,)
        return next((policy for policy in each if policy.lists and not policy.complete(factors)), None)


def _user_name(user: bytes) -> str:
    """Return a user name as text; names that cannot be told apart on a screen, or in a log, are nobody's."""
    try:
        name = user.decode("utf-8")
    except UnicodeDecodeError:
        raise UnauthorizedLogin("the user name is not UTF-8") from None
    if not is_plain(name):
        raise UnauthorizedLogin("the user name is too long, or holds control characters")
    return name
