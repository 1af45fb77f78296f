"""
The authentication methods: one class for each, an instance for each request.

`parse` reads what is special about a request as soon as it arrives; a request that is not whole ends the connection.
`verify` makes credentials of it when its turn comes, or refuses. Neither looks at accounts: that is for the checkers.
A request of a method that we do not know is whole if its head is. Sources: RFC 4252, RFC 4256.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from twisted.conch.ssh.common import NS
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Answers, Credentials, IAnswers, KeyOffer, KeyProof, Nothing, Password, plain
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.questions import PASSWORD, Questions, own_prompts
from conchsftp.auth.signatures import BadKey, BadSignature, PublicKey, end, fingerprint
from conchsftp.secret import Secret
from conchsftp.ssh.numbers import Message
from conchsftp.wire.reader import Reader


class BadProof(UnauthorizedLogin):
    """
    A signature came that proves nothing.

    Args:
        text: why, for the log.
        algorithm: how the client says it has signed.
    """

    def __init__(self, text: str, algorithm: str) -> None:
        super().__init__(text)
        self.algorithm = algorithm


class AuthMethod(ABC):
    """
    A method, and one request of it.

    Attributes:
        name: as it stands in requests and in lists of methods.
        refusal_seconds: the least time that a refusal takes.
        along_with: the method whose place in the setting is also its own, if both prove the same; empty: only where it
            is named itself.
    """

    name: ClassVar[str]
    refusal_seconds: ClassVar[float]
    along_with: ClassVar[str] = ""

    @property
    def detail(self) -> str:
        """What the log says besides the name of the method."""
        return ""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What the request holds that only the log of an operator may show who asks for it."""
        return ()

    @classmethod
    @abstractmethod
    def proves(cls, settings: Any) -> InterfaceClass | None:
        """
        Return the credentials that it yields with the settings of a connection.

        Where nobody can judge those, it is not offered. None: it never is.
        """

    def questions(self, settings: Any) -> Questions | None:
        """Return what the client is asked before `verify`; None: the request says it all."""
        return None

    def tokens(self, credentials: Credentials) -> tuple[tuple[str, str | bytes], ...]:
        """Return what handlers of SSHUserAuthRequest are told: method and parameter of each event."""
        return ((self.name, credentials.token),)

    @classmethod
    @abstractmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        """
        Read what follows the name of the method, up to its end.

        Args:
            reader: stands behind the name of the method.
            payload: the whole message without its number.
        Raises:
            Malformed: the request is not whole, or there is more than that.
        """

    @abstractmethod
    def verify(
        self, attempt: AuthAttempt, questions: Questions | None = None, answers: Sequence[Secret] = ()
    ) -> Credentials:
        """
        Make credentials of the request.

        Args:
            attempt: what it is judged by.
            questions: what was asked.
            answers: one for each question.
        Raises:
            BadProof: there is a signature, and it is wrong.
            UnauthorizedLogin: the request is refused, whoever asks; the text is for the log.
        """


@dataclass(slots=True, kw_only=True, frozen=True)
class NoneMethod(AuthMethod):
    """Nothing at all; clients ask for it to learn the other methods (RFC 4252, 5.2)."""

    name = "none"
    refusal_seconds = 0.0

    @classmethod
    def proves(cls, settings: Any) -> None:
        return None

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        end(reader)
        return cls()

    def verify(
        self, attempt: AuthAttempt, questions: Questions | None = None, answers: Sequence[Secret] = ()
    ) -> Credentials:
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
    def proves(cls, settings: Any) -> InterfaceClass:
        return IUsernamePassword

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        changes = reader.boolean()
        request = cls(secret=Secret(reader.string()), new_secret=Secret(reader.string()) if changes else None)
        end(reader)
        return request

    def verify(
        self, attempt: AuthAttempt, questions: Questions | None = None, answers: Sequence[Secret] = ()
    ) -> Credentials:
        if self.new_secret is not None:
            # The old password is not looked at: a request to change must not be a second way of guessing.
            raise UnauthorizedLogin("passwords cannot be changed here")
        return Password(attempt=attempt, secret=self.secret)


@dataclass(slots=True, kw_only=True, frozen=True)
class PublicKeyMethod(AuthMethod):
    """A key, offered or proven (RFC 4252, 7)."""

    name = "publickey"
    # Clients offer key after key; nobody can guess one, only the time of looking it up must not show.
    refusal_seconds = 0.025

    algorithm: str
    blob: bytes
    signature: bytes | None = field(repr=False)
    signed: bytes = field(repr=False)

    @classmethod
    def proves(cls, settings: Any) -> InterfaceClass:
        return ISSHPrivateKey

    @property
    def detail(self) -> str:
        return f" {self.algorithm[:64]!r} {fingerprint(self.blob)}"

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        proves = reader.boolean()
        algorithm = reader.string().decode("ascii", "backslashreplace")
        blob = reader.string()
        signed = bytes((Message.USERAUTH_REQUEST,)) + payload[: reader.at]
        signature = reader.string() if proves else None
        end(reader)
        return cls(algorithm=algorithm, blob=blob, signature=signature, signed=signed)

    def verify(
        self, attempt: AuthAttempt, questions: Questions | None = None, answers: Sequence[Secret] = ()
    ) -> Credentials:
        if self.algorithm not in attempt.algorithms:
            raise UnauthorizedLogin(f"signature algorithm {self.algorithm[:64]!r} is not accepted")
        try:
            key = PublicKey(self.blob)
            if not key.fits(self.algorithm):
                raise BadKey(f"a key of type {key.type} does not fit {self.algorithm}")
            if self.signature is None:
                return KeyOffer(attempt=attempt, key=key, algorithm=self.algorithm)
            signed = key.verify(self.algorithm, self.signature, NS(attempt.session_id) + self.signed)
        except (BadKey, BadSignature) as problem:
            if self.signature is None:
                raise UnauthorizedLogin(str(problem)) from problem
            raise BadProof(str(problem), self.algorithm) from problem
        return KeyProof(attempt=attempt, key=key, algorithm=self.algorithm, signed=signed)


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
    def proves(cls, settings: Any) -> InterfaceClass:
        return IAnswers if own_prompts(settings) else IUsernamePassword

    def questions(self, settings: Any) -> Questions:
        prompts = own_prompts(settings) or PASSWORD
        return Questions(prompts=prompts, instruction=settings.keyboard_interactive_message)

    def tokens(self, credentials: Credentials) -> tuple[tuple[str, str | bytes], ...]:
        shown: Sequence[str | bytes] = (credentials.token,)
        if isinstance(credentials, Answers):
            shown = [plain(each) for each in credentials.answers]
        return (*((f"{self.name}-{number}", each) for number, each in enumerate(shown, 1)), (self.name, ""))

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        # A language and a wish for some way of asking: "the server MAY ignore" both (RFC 4256, 3.1).
        reader.string()
        reader.string()
        end(reader)
        return cls()

    def verify(
        self, attempt: AuthAttempt, questions: Questions | None = None, answers: Sequence[Secret] = ()
    ) -> Credentials:
        assert questions is not None
        if questions.prompts is PASSWORD:
            (secret,) = answers
            return Password(attempt=attempt, secret=secret)
        return Answers(attempt=attempt, prompts=questions.prompts, answers=tuple(answers))


METHODS: dict[str, type[AuthMethod]] = {
    method.name: method for method in (NoneMethod, PublicKeyMethod, PasswordMethod, KeyboardInteractiveMethod)
}


def offered(
    wanted: Sequence[str],
    settings: Any,
    served: Callable[[InterfaceClass | None], bool],
    spent: Container[InterfaceClass | None],
    *,
    exactly: bool = False,
) -> list[str]:
    """
    Return the methods that can lead somewhere.

    Args:
        wanted: names, of which unknown ones are left out; the order stays.
        settings: those of the connection.
        served: says whether somebody can judge credentials of a kind.
        spent: the kinds that were accepted although more is required. What they proved cannot be proved again by
            another method: one password is one factor, whichever way it came.
        exactly: whether methods are left out that only go along with others.
    """
    names: list[str] = []
    for name in wanted:
        also = () if exactly else (each for each in METHODS.values() if each.along_with == name)
        names += name, *(each.name for each in also if each.proves(settings) is METHODS[name].proves(settings))
    return [
        name
        for name in dict.fromkeys(names)
        if (row := METHODS.get(name)) and served(kind := row.proves(settings)) and kind not in spent
    ]


@dataclass(slots=True, kw_only=True, frozen=True)
class AuthRequest:
    """
    One USERAUTH_REQUEST.

    Attributes:
        user: the user name as it came.
        service: what the client wants to do after the login.
        method: the name of the method.
        body: the rest; None if we do not know the method.
    """

    user: bytes
    service: bytes
    method: str
    body: AuthMethod | None

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
        row = METHODS.get(method)
        return cls(user=user, service=service, method=method, body=row.parse(reader, payload) if row else None)
