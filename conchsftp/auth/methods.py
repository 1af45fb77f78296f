"""
The authentication methods: one class for each, an instance for each request.

That of public keys is in `key_method.py`, those of GSSAPI are in `gss_methods.py`. A request of a method that we do not
know is whole if its head is. Sources: RFC 4252, RFC 4256.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import PASSWORD_FACTS, Answers, Credentials, IAnswers, Nothing, Password, answers_facts
from conchsftp.auth.dialogue import Conversation, Dialogue, IDialogue
from conchsftp.auth.gss_methods import ExchangedMethod, TicketMethod
from conchsftp.auth.key_method import HostBoundMethod, PublicKeyMethod
from conchsftp.auth.keys.signatures import end
from conchsftp.auth.method import AuthMethod, Served
from conchsftp.auth.password_change import PasswordChange
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.questions import PASSWORD, Questions, own_prompts
from conchsftp.secret import Secret
from conchsftp.settings.auth_policy import Factor
from conchsftp.wire.reader import Reader


@dataclass(slots=True, kw_only=True, frozen=True)
class NoneMethod(AuthMethod):
    """Nothing at all; clients ask for it to learn the other methods (RFC 4252, 5.2)."""

    name = "none"
    refusal_seconds = 0.0
    guesses = False

    @classmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> None:
        return None

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        end(reader)
        return cls()

    def verify(self, attempt: AuthAttempt) -> Credentials:
        return Nothing(attempt=attempt)


@dataclass(slots=True, kw_only=True, frozen=True)
class PasswordMethod(AuthMethod):
    """A password, or the wish to change it (RFC 4252, 8)."""

    name = "password"
    # What a guess costs on one connection; a person who mistyped does not feel it.
    refusal_seconds = 1.0

    secret: Secret
    new_secret: Secret | None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return (self.secret,) if self.new_secret is None else (self.secret, self.new_secret)

    @classmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> InterfaceClass:
        return IUsernamePassword

    @classmethod
    def could_prove(cls, kind: InterfaceClass | None, settings: Any, only: str = "") -> frozenset[Hashable]:
        return PASSWORD_FACTS

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        changes = reader.boolean()
        request = cls(secret=Secret(reader.string()), new_secret=Secret(reader.string()) if changes else None)
        end(reader)
        return request

    def verify(self, attempt: AuthAttempt) -> Credentials:
        if self.new_secret is not None:
            return PasswordChange(attempt=attempt, secret=self.secret, new_secret=self.new_secret)
        return Password(attempt=attempt, secret=self.secret)


@dataclass(slots=True, kw_only=True, frozen=True)
class KeyboardInteractiveMethod(AuthMethod):
    """
    Questions (RFC 4256).

    Without prompts of its own the same password, asked for: some clients know only this way, and many programs only
    `password`.
    """

    name = "keyboard-interactive"
    refusal_seconds = PasswordMethod.refusal_seconds
    along_with = PasswordMethod.name

    @classmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> InterfaceClass:
        if own_prompts(settings) and not only:
            return IAnswers
        # A code is asked for by who knows what it should be, or by nobody.
        return IDialogue if served(IDialogue) or only == "totp" else IUsernamePassword

    @classmethod
    def could_prove(cls, kind: InterfaceClass | None, settings: Any, only: str = "") -> frozenset[Hashable] | None:
        if only:
            return frozenset((only,))
        if kind is IAnswers:
            return answers_facts(own_prompts(settings))
        # Only who conducts a dialogue knows what it is about.
        return None if kind is IDialogue else PASSWORD_FACTS

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        # A language and a wish for some way of asking: "the server MAY ignore" both (RFC 4256, 3.1).
        reader.string()
        reader.string()
        end(reader)
        return cls()

    async def show(self, attempt: AuthAttempt, kind: InterfaceClass | None, conversation: Conversation) -> Credentials:
        if kind is IDialogue:
            return Dialogue(attempt=attempt, conversation=conversation)
        settings = conversation.settings
        prompts = own_prompts(settings) if kind is IAnswers else PASSWORD
        asked = Questions(prompts=prompts, instruction=settings.keyboard_interactive_message)
        answers = await conversation.ask(asked)
        if kind is not IAnswers:
            return Password(attempt=attempt, secret=answers[0])
        return Answers(attempt=attempt, prompts=prompts, answers=answers)

    def verify(self, attempt: AuthAttempt) -> Credentials:
        raise UnauthorizedLogin("the request alone says nothing")


METHODS: dict[str, type[AuthMethod]] = {
    method.name: method
    for method in (
        NoneMethod,
        PublicKeyMethod,
        PasswordMethod,
        KeyboardInteractiveMethod,
        TicketMethod,
        ExchangedMethod,
    )
}
"""The methods that lists of methods name."""

_REQUESTS: dict[str, type[AuthMethod]] = {**METHODS, HostBoundMethod.request_name: HostBoundMethod}


def offered(wanted: Iterable[str], settings: Any, served: Served, *, exactly: bool = False) -> list[str]:
    """
    Return the methods that can lead somewhere.

    Args:
        wanted: names, of which unknown ones are left out; the order stays.
        settings: those of the connection.
        served: says whether somebody can judge credentials of a kind.
        exactly: whether methods are left out that only go along with others.
    """
    names: list[str] = []
    for name in wanted:
        also = () if exactly else (each for each in METHODS.values() if each.along_with == name)
        # A dialogue asks for the password, too; prompts of one's own need not.
        same = METHODS[name].proves(settings, served) if name in METHODS else None, IDialogue
        names += name, *(each.name for each in also if each.proves(settings, served) in same)
    each = dict.fromkeys(names)
    return [name for name in each if (row := METHODS.get(name)) and served(row.proves(settings, served))]


def unserved(factor: Factor, settings: Any, served: Served) -> str:
    """Return why nobody can judge a factor; empty if somebody can."""
    if served(METHODS[factor.method].proves(settings, served, factor.only)):
        return ""
    who = "users with such codes" if factor.only == "totp" else "a checker for it or a handler of SSHUserAuthRequest"
    return f"{factor} needs {who}"


@dataclass(slots=True, kw_only=True, frozen=True)
class AuthRequest:
    """
    One USERAUTH_REQUEST.

    Attributes:
        user: the user name as it came.
        service: what the client wants to do after the login.
        method: the name of the method, as lists of methods have it.
        body: the rest; None if we do not know the method.
    """

    user: bytes
    service: bytes
    method: str
    body: AuthMethod | None

    @property
    def shown(self) -> str:
        """The user name for the log, which quotes it."""
        return self.user[:64].decode("utf-8", "backslashreplace")

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """
        Read a whole request, given without its message number.

        Raises:
            Malformed: it is cut short, or longer than its method allows.
        """
        reader = Reader(payload)
        user, service = reader.string(), reader.string()
        method = reader.string().decode("ascii", "backslashreplace")
        row = _REQUESTS.get(method)
        if row is None:
            return cls(user=user, service=service, method=method, body=None)
        return cls(user=user, service=service, method=row.name, body=row.parse(reader, payload))
