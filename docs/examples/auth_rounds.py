"""The server asks in three rounds, and the second depends on the first: `twistd -ny auth_rounds.py`."""

from hmac import compare_digest
from secrets import randbelow

from twisted.application.service import Application
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp import SFTPServer
from conchsftp.auth.dialogue import IDialogue

PASSWORDS = {"alice": "wonderland"}


def send(user_name, way, code):
    """Stands for what sends a text message or a mail."""
    with open("sent", "a") as file:
        file.write(f"{way} {user_name} {code}\n")


def same(given, wanted):
    return wanted is not None and compare_digest(given.to_bytes(), wanted.encode())


@implementer(ICredentialsChecker)
class SentCodes:
    """A password, then a code that is sent by the way that the user chooses."""

    credentialInterfaces = (IDialogue,)

    def requestAvatarId(self, dialogue):
        return Deferred.fromCoroutine(self.conduct(dialogue))

    async def conduct(self, dialogue):
        (password,) = await dialogue.ask(["Password: "])
        if not same(password, PASSWORDS.get(dialogue.user_name)):
            raise UnauthorizedLogin("wrong password")
        dialogue.prove("password")
        (way,) = await dialogue.ask([("Mail or text message? ", True)], instruction="We send you a code.")
        code = f"{randbelow(10**6):06}"
        send(dialogue.user_name, "mail" if same(way, "mail") else "text", code)
        (answer,) = await dialogue.ask(["Code: "])
        if not same(answer, code):
            raise UnauthorizedLogin("wrong code")
        return dialogue.username


application = Application("files")
server = SFTPServer(
    root_directory="files", listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"], checkers=[SentCodes()]
)
server.setServiceParent(application)
