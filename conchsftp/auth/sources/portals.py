"""
Lets a portal ask several checkers, of whatever kinds.

Who is asked for what, and in which order; asks nobody itself.
"""

from collections.abc import Iterable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.portal import Portal

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.sources.conductor import Conductor, ICodes
from conchsftp.auth.sources.first_of import FirstOf
from conchsftp.errors import ServerError


def register(portal: Portal, checkers: Iterable[ICredentialsChecker]) -> None:
    """
    Let a portal ask all of the checkers, in their order; and one-time codes of who has some, after the password.

    Raises:
        ServerError: one of them is no checker.
    """
    known = list(checkers)
    by_kind: dict[Any, list[ICredentialsChecker]] = {}
    for checker in known:
        if isinstance(checker, type) or not hasattr(checker, "requestAvatarId"):
            name = f"the class {checker.__name__}" if isinstance(checker, type) else type(checker).__name__
            raise ServerError(0, f"checkers: an object that provides ICredentialsChecker expected, got {name}")
        for interface in checker.credentialInterfaces:
            by_kind.setdefault(interface, []).append(checker)
    sources = [each for each in known if ICodes.providedBy(each)]
    dialogues = [each for each in by_kind.pop(IDialogue, []) if each not in sources]
    if sources or dialogues:
        # Who conducts a dialogue asks for the password in it.
        passwords = [each for each in by_kind.get(IUsernamePassword, []) if each not in dialogues]
        by_kind[IDialogue] = [Conductor(passwords, dialogues, sources)]
    for interface, asked in by_kind.items():
        portal.registerChecker(asked[0] if len(asked) == 1 else FirstOf(interface, asked), interface)
