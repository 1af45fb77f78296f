"""
What all authentication methods have in common.

`parse` reads what is special about a request as soon as it arrives; a request that is not whole ends the connection.
`verify` makes credentials of it when its turn comes, or refuses. Neither looks at accounts: that is for the checkers.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Credentials
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.questions import Questions
from conchsftp.secret import Secret
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
