"""
Checkers of passwords beside one that conducts dialogues.
"""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.sources.portals import register
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    SUCCESS,
    Passwords,
    Transport,
    answers,
    interactive_request,
)


@implementer(ICredentialsChecker)
class Talking:
    """Lets bob in who knows both answers."""

    credentialInterfaces = (IDialogue, IUsernamePassword)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._ask(credentials))

    async def _ask(self, dialogue: Any) -> bytes:
        (password,) = await dialogue.ask(["Password: "])
        if dialogue.username != b"bob" or password.to_bytes() != b"word":
            raise UnauthorizedLogin("no")
        (code,) = await dialogue.ask(["Code: "])
        if code.to_bytes() != b"42":
            raise UnauthorizedLogin("no")
        return b"bob"


class OtherDialogueTests(SynchronousTestCase):
    def transport(self, *checkers: Any) -> Transport:
        transport = Transport()
        register(transport.factory.portal, checkers)
        return transport

    def test_both(self) -> None:
        """Users of either get in by keyboard-interactive, in either order; the password is asked for once."""
        for checkers in ((Talking(), Passwords()), (Passwords(), Talking())):
            for user, said in ((b"alice", [b"right"]), (b"bob", [b"word", b"42"])):
                transport = self.transport(*checkers)
                self.assertEqual(transport.ask(interactive_request(user))[0][0], INFO_REQUEST)
                got = [transport.ask(answers(text), number=INFO_RESPONSE)[0][0] for text in said]
                self.assertEqual(got, [INFO_REQUEST, SUCCESS][-len(said) :])
                self.assertEqual([login[0] for login in transport.logins], [user.decode()])

    def test_wrong(self) -> None:
        """A password that is nobody's lets nobody in."""
        transport = self.transport(Talking(), Passwords())
        transport.ask(interactive_request(b"alice"))
        self.assertEqual(transport.ask(answers(b"wrong"), number=INFO_RESPONSE)[0][0], FAILURE)
        self.assertEqual(transport.logins, [])

    def test_alone(self) -> None:
        """Where nobody conducts dialogues, there are none."""
        transport = self.transport(Passwords())
        self.assertNotIn(IDialogue, transport.factory.portal.checkers)
