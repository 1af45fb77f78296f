"""
What all authentication methods have in common.

`parse` reads what is special about a request as soon as it arrives; a request that is not whole ends the connection.
`verify` makes credentials of it when its turn comes, or refuses. Neither looks at accounts: that is for the checkers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Self

from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Credentials
from conchsftp.auth.dialogue import Conversation
from conchsftp.auth.progress import AuthAttempt
from conchsftp.secret import Secret
from conchsftp.wire.reader import Reader

Served = Callable[[InterfaceClass | None], bool]
"""Says whether somebody can judge credentials of a kind."""


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
        name: as it stands in lists of methods.
        refusal_seconds: the least time that a refusal takes.
        early: messages of its own (60 to 79) that a client may send before they are awaited.
        along_with: the method whose place in the setting is also its own, if both prove the same; empty: only where it
            is named itself.
    """

    name: ClassVar[str]
    refusal_seconds: ClassVar[float]
    along_with: ClassVar[str] = ""
    early: ClassVar[frozenset[int]] = frozenset()

    @property
    def detail(self) -> str:
        """What the log says besides the name of the method."""
        return ""

    @property
    def slow(self) -> bool:
        """Whether `verify` computes for so long that others would notice: it belongs in a thread."""
        return False

    @property
    def guesses(self) -> bool:
        """Whether a refusal is one of somebody who may be guessing, and counts against where they are."""
        return True

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What the request holds that only the log of an operator may show who asks for it."""
        return ()

    @classmethod
    def missing(cls, connection: Any) -> str:
        """
        Return why it is of no use on a connection, whoever judges; empty if it is.

        Args:
            connection: see `UserAuth` for what is known of it.
        """
        return ""

    @classmethod
    @abstractmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> InterfaceClass | None:
        """
        Return the credentials that it yields.

        Where nobody can judge those, it is not offered. None: it never is.

        Args:
            settings: those of the connection.
            served: says whether somebody can judge credentials of a kind.
            only: the one thing that a policy has asked, see `Factor`.
        """

    @classmethod
    def could_prove(cls, kind: InterfaceClass | None, settings: Any, only: str = "") -> frozenset[Hashable] | None:
        """
        Return the facts that it can prove at most; None: that has no end.

        Args:
            kind: what it yields.
            settings: those of the connection.
            only: the one thing that a policy has asked.
        """
        return None

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

    async def show(self, attempt: AuthAttempt, kind: InterfaceClass | None, conversation: Conversation) -> Credentials:
        """
        Return what the client shows; it is asked for what the request does not say.

        Args:
            attempt: what it is judged by.
            kind: what the method proves here.
            conversation: by which is asked; its `messages` are for a method that has messages of its own.
        Raises:
            UnauthorizedLogin: as `verify` does.
            DialogueEnded, Aborted, CancelledError: there is no answer. To catch these is a mistake.
        """
        return self.verify(attempt)

    @abstractmethod
    def verify(self, attempt: AuthAttempt) -> Credentials:
        """
        Make credentials of the request.

        Args:
            attempt: what it is judged by.
        Raises:
            BadProof: there is a signature, and it is wrong.
            UnauthorizedLogin: the request is refused, whoever asks; the text is for the log.
        """
