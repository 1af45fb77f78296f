"""
Users of PAM: whoever the modules of one of its services let in.

What they ask is asked of the client, in a thread of its own for each login: a slow module, or a slow person, holds up
nobody else. How PAM is called is in `pam_library.py`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.sources.own_threads import OwnThreads
from conchsftp.auth.sources.pam_library import PAM, Converse
from conchsftp.auth.sources.threads import ThreadedChecker
from conchsftp.auth.users.user import AvatarID
from conchsftp.workers import FewThreads

# Each waits for a person: strangers who answer slowly must not keep the others out.
_DIALOGUES_AT_ONCE = 128
_PASSWORDS_AT_ONCE = 32


class IService(Protocol):
    """What decides: `PAM`, or a stand-in."""

    def authenticate(self, user: str, converse: Converse, address: IAddress) -> str:
        """Return what is wrong, or nothing; blocks."""


@implementer(ICredentialsChecker)
class PamChecker(ThreadedChecker):
    """
    A service of PAM.

    Args:
        service: its name, or the absolute path of its file, or an object that decides as `PAM` does.
        threads: where it runs; None: in threads of the server's reactor.
    Raises:
        ServerError: there is no such service, or no PAM.
    """

    credentialInterfaces = (IUsernamePassword, IDialogue)

    def __init__(self, service: str | IService, threads: OwnThreads | None = None) -> None:
        super().__init__()
        self._service = PAM(service) if isinstance(service, str) else service
        if threads is not None:
            self._begin(threads)

    def use(self, workers: Any) -> None:
        """Take threads of the reactor that these use."""
        self._begin(OwnThreads(workers.reactor))

    def _begin(self, own: OwnThreads) -> None:
        self._own = own
        self._threads = FewThreads(own, _PASSWORDS_AT_ONCE)
        self._talking = FewThreads(own, _DIALOGUES_AT_ONCE)

    def requestAvatarId(self, credentials: Any) -> Deferred[AvatarID]:
        """Return the user name, as bytes; see `ICredentialsChecker`."""
        return Deferred.fromCoroutine(self._judge(credentials))

    async def _judge(self, credentials: Any) -> AvatarID:
        address = getattr(credentials, "address", IPv4Address("TCP", "", 0))
        user = _user(credentials.username)
        if IDialogue.providedBy(credentials):
            converse = partial(self._own.wait, partial(_ask, credentials))
            reason = await self._talking.run(self._service.authenticate, user, converse, address, late=self._late)
        else:
            converse = partial(_only_password, [credentials.password])
            reason = await self.in_thread(self._service.authenticate, user, converse, address)
        if reason:
            raise UnauthorizedLogin(reason)
        if IDialogue.providedBy(credentials):
            credentials.prove("password")
        return bytes(credentials.username)


def _user(username: bytes) -> str:
    name = username.decode("utf-8", "replace")
    if not name or "\0" in name or "\N{REPLACEMENT CHARACTER}" in name:
        raise UnauthorizedLogin("no user name for PAM")
    return name


async def _answers(dialogue: Any, prompts: Sequence[tuple[str, bool]], text: str) -> Sequence[bytes]:
    # "The prompt field(s) MUST NOT be empty strings." (RFC 4256, 3.2)
    asked = [(prompt or ": ", echo) for prompt, echo in prompts]
    return [each.to_bytes() for each in await dialogue.ask(asked, instruction=text)]


def _ask(dialogue: Any, prompts: Sequence[tuple[str, bool]], text: str) -> "Deferred[Sequence[bytes]]":
    return Deferred.fromCoroutine(_answers(dialogue, prompts, text))


def _only_password(left: list[bytes], prompts: Sequence[tuple[str, bool]], text: str) -> Sequence[bytes]:
    """Answer the first hidden question with the password; nothing else can be asked."""
    if len(prompts) != 1 or prompts[0][1] or not left:
        raise LookupError("PAM asks for more than a password")
    return (left.pop(),)
