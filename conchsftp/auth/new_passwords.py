"""
When a client is asked for a new password, and when it may send one: after everything else was proved.

Who only knows the old password must not be able to lock out its owner, who has a second factor as well.

By the method `password` it is told so and begins anew; by `keyboard-interactive` it is asked on the spot. Whether a
password is right, and what becomes of a new one, is up to checkers and handlers. Source: RFC 4252, section 8.
"""

from collections.abc import Hashable
from typing import Any

from twisted.cred.error import UnauthorizedLogin

from conchsftp.auth.credentials import PASSWORD_FACTS, Credentials, Password
from conchsftp.auth.dialogue import Conversation
from conchsftp.auth.event_checker import EventChecker, Verdict
from conchsftp.auth.login import Login
from conchsftp.auth.password_change import IPasswordChange, PasswordChange
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.questions import Questions
from conchsftp.log import ConnectionLog
from conchsftp.settings.prompts import Prompt

_PROMPTS = (Prompt(text="New password: "), Prompt(text="New password again: "))


class NewPasswords:
    """
    New passwords on one connection.

    Args:
        checker: who judges.
        login: that of the connection.
        settings: those of the connection.
        log: that of the connection.
    """

    def __init__(self, checker: EventChecker, login: Login, settings: Any, log: ConnectionLog) -> None:
        self._checker = checker
        self._login = login
        self._progress = login.progress
        self._settings = settings
        self._log = log

    def check(self, credentials: Credentials) -> None:
        """
        Refuse a change that nobody wants.

        The old password is not looked at: it would be one more way of guessing.

        Raises:
            UnauthorizedLogin: nobody can change passwords, nobody has asked for a new one, or something else has to be
                proved before.
        """
        if not isinstance(credentials, PasswordChange):
            return
        if not self._checker.serves(IPasswordChange):
            raise UnauthorizedLogin("passwords cannot be changed here")
        if not self._progress.wants_new_password and not self._settings.allow_password_change:
            raise UnauthorizedLogin("nobody has asked for a new password, and AllowPasswordChange is off")
        if self._login.needs_more(credentials):
            raise UnauthorizedLogin("a password is changed when everything else is proved")

    def postpone(self, credentials: Credentials, verdict: Verdict) -> None:
        """Let a right password count that has to be changed, where more is to be proved first."""
        expired = verdict.new_password and PASSWORD_FACTS <= credentials.facts and self._checker.serves(IPasswordChange)
        if expired and not verdict.good and self._login.needs_more(credentials):
            self._log.info("{user!r} has to change the password at the end", user=credentials.user_name, step=True)
            verdict.good = self._progress.expired = True

    def prompt(self, attempt: AuthAttempt, verdict: Verdict) -> str:
        """
        Return what the client is told that has to send a new password; empty if it need not.

        The password was right: to ask for another is no refusal, and does not count as one.
        """
        wanted = verdict.new_password if not verdict.good else ""
        if not wanted or attempt.method != "password" or not self._checker.serves(IPasswordChange):
            return ""
        self._log.info("{user!r} is asked for a new password", user=attempt.user_name, step=True)
        self._progress.wants_new_password = True
        return wanted

    async def asked_for(
        self, credentials: Credentials, verdict: Verdict, conversation: Conversation
    ) -> tuple[Credentials, Verdict]:
        """
        Ask by keyboard-interactive, if the password came that way and has to be changed.

        Only where a checker changes passwords: a handler that accepts the answers has not changed anything.

        Returns:
            What was shown in the end, and what is decided about it.
        Raises:
            DialogueEnded: there is no answer; also if none of many has been good.
        """
        old = credentials if isinstance(credentials, Password) else conversation.expired
        while verdict.new_password and not verdict.good and conversation.rounds and old is not None:
            if not self._checker.changes_passwords or self._login.needs_more(credentials):
                break
            credentials = await ask_for_change(old, credentials.facts, conversation, verdict.new_password)
            verdict = await self._checker.judge(credentials, conversation)
        return credentials, verdict


async def ask_for_change(
    password: Password, facts: frozenset[Hashable], conversation: Conversation, prompt: str
) -> PasswordChange:
    """
    Ask for a new password until the same was typed twice.

    Args:
        password: the old one.
        facts: what was proved with it.
        conversation: by which is asked.
        prompt: what the user is told.
    Raises:
        DialogueEnded: there is no answer; also if none of many has been good.
    """
    while True:
        new, again = await conversation.ask(Questions(prompts=_PROMPTS, instruction=prompt))
        if new == again:
            return PasswordChange(attempt=password.attempt, secret=password.secret, new_secret=new, besides=facts)
        prompt = "The two are not the same."
