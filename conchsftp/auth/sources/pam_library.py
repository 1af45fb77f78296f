"""
One login with PAM, from the beginning to the end, by pamela.

Blocks, for as long as modules take and people type. What is asked is answered by who calls; knows no credentials.
Source: the Linux-PAM Application Developers' Guide.
"""

import os
from collections.abc import Callable, Sequence
from ctypes import POINTER, c_char_p, c_int, cast, pointer, sizeof
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from twisted.internet.interfaces import IAddress

from conchsftp.errors import ServerError

_SUCCESS, _CONVERSATION_ERROR, _NEW_PASSWORD_NEEDED = 0, 19, 12
_ECHO_OFF, _ECHO_ON, _ERROR, _INFO = 1, 2, 3, 4
_USER, _TTY, _REMOTE_HOST = 2, 3, 4
_DISALLOW_NULL, _CHANGE_EXPIRED = 0x1, 0x20
# PAM_MAX_RESP_SIZE: what modules have room for.
_LONGEST_ANSWER_BYTES = 511

Converse = Callable[[Sequence[tuple[str, bool]], str], Sequence[bytes]]
"""Given prompts, each with whether its answer is shown, and a text to show before them: returns the answers."""


@dataclass(slots=True, kw_only=True)
class _Talk:
    """What was said so far: texts that wait for the next question, and what went wrong in answering."""

    texts: list[str] = field(default_factory=list)
    problem: BaseException | None = None


class PAM:
    """
    A service of PAM. Several threads may use it at once.

    Args:
        service: its name, or the absolute path of a file that says which modules it has.
    Raises:
        ServerError: there is no such service, or no PAM.
    """

    def __init__(self, service: str) -> None:
        folder, self.service = os.path.split(service)
        self._folder = folder
        if not self.service or (folder and not os.path.isabs(service)):
            raise ServerError(0, "the name of a PAM service expected, or the absolute path of its file")
        places = [service] if folder else [f"{place}/{service}" for place in ("/etc/pam.d", "/usr/lib/pam.d")]
        # PAM would take the service `other` instead, whatever that allows.
        if not any(map(os.path.isfile, places)):
            raise ServerError(0, f"no such PAM service: there is no file {' or '.join(places)}")
        self._pamela = _pamela()
        if folder and not hasattr(self._pamela.LIBPAM, "pam_start_confdir"):
            raise ServerError(0, f"{service}: only libpam 1.4 and later reads services outside /etc/pam.d")

    def authenticate(self, user: str, converse: Converse, address: IAddress) -> str:
        """
        Let the modules of a service ask and decide.

        An account that has expired, or may not be used now, is refused like a wrong password. A password that has
        expired is changed, in the same conversation.

        Args:
            user: the user name.
            converse: answers; what it raises ends the login.
            address: where the client is; modules that look at it get the host.
        Returns:
            What is wrong, for the log; empty if nothing is.
        """
        library, talk = self._pamela, _Talk()
        # PAM keeps a pointer to this function: it lives as long as the name.
        answer = _conversation(library, converse, talk)
        handle = self._start(user, answer)
        code = _SUCCESS
        try:
            handle.set_item(_TTY, "ssh")
            handle.set_item(_REMOTE_HOST, getattr(address, "host", ""))
            code = library.PAM_AUTHENTICATE(handle, _DISALLOW_NULL)
            if code == _SUCCESS:
                code = library.PAM_ACCT_MGMT(handle, _DISALLOW_NULL)
            if code == _NEW_PASSWORD_NEEDED:
                code = library.PAM_CHAUTHTOK(handle, _CHANGE_EXPIRED)
            if code == _SUCCESS and handle.get_item(_USER) != user:
                return "PAM names another user"
            if talk.problem is not None:
                return f"the conversation ended: {type(talk.problem).__name__}"
            return "" if code == _SUCCESS else f"PAM: {library.pam_strerror(handle, code)}"
        finally:
            library.PAM_END(handle, code)

    def _start(self, user: str, answer: Any) -> Any:
        library = self._pamela
        if not self._folder:
            return library.pam_start(self.service, user, conv_func=answer)
        start = library.LIBPAM.pam_start_confdir
        name, conversation, handle = library.PAM_START.argtypes[1:]
        start.restype, start.argtypes = c_int, [name, name, conversation, name, handle]
        made, talk = library.PamHandle(), pointer(library.PamConv(answer, 0))
        code = start(os.fsencode(self.service), user.encode(), talk, os.fsencode(self._folder), pointer(made))
        if code != _SUCCESS:
            raise library.PAMError(errno=code)
        return made


def _conversation(library: Any, converse: Converse, talk: _Talk) -> Any:
    """Return what PAM calls with questions."""

    @library.CONV_FUNC
    def answer(count: int, messages: Any, response: Any, data: object) -> int:
        try:
            said = [(messages[each].contents.msg_style, _text(messages[each].contents.msg)) for each in range(count)]
            talk.texts += [text for style, text in said if style in (_ERROR, _INFO)]
            asked = [place for place, (style, _) in enumerate(said) if style in (_ECHO_OFF, _ECHO_ON)]
            answers: Sequence[bytes] = ()
            if asked:
                prompts = [(said[place][1], said[place][0] == _ECHO_ON) for place in asked]
                shown, talk.texts = "\n".join(talk.texts), []
                answers = converse(prompts, shown)
            _check(answers)
            # PAM frees them.
            made = cast(library.CALLOC(count, sizeof(library.PamResponse)), POINTER(library.PamResponse))
            for place, each in zip(asked, answers, strict=True):
                made[place].resp = library.STRDUP(each)
            response[0] = made
        except BaseException as problem:
            # Nothing could go through C; PAM is told, and the login refused.
            talk.problem = problem
            return _CONVERSATION_ERROR
        return _SUCCESS

    return answer


def _check(answers: Sequence[bytes]) -> None:
    for each in answers:
        if len(each) > _LONGEST_ANSWER_BYTES or b"\0" in each:
            # To C it would be another, shorter one.
            raise ValueError("an answer that PAM cannot take")


def _text(message: Any) -> str:
    value = cast(message, c_char_p).value or b""
    return value.decode("utf-8", "replace")


def _pamela() -> Any:
    """Return the library; it is optional, and so imported only where PAM is wanted."""
    try:
        return import_module("pamela")
    except (ImportError, AttributeError, OSError) as problem:
        raise ServerError(0, f"PAM needs libpam, and pip install 'conchsftp[pam]': {problem}") from None
