"""
What a method asks a client's user in the middle of an attempt, and what comes back.

What the settings say is to be asked; one INFO_REQUEST and its INFO_RESPONSE as bytes. Does not know what the answers
are for. Source: RFC 4256, 3.2 to 3.4.
"""

from dataclasses import dataclass
from typing import Any

from twisted.cred.error import UnauthorizedLogin

from conchsftp.auth.keys.signatures import end
from conchsftp.secret import Secret
from conchsftp.settings.prompts import Prompt
from conchsftp.wire.kinds import BOOL, BYTES, U32
from conchsftp.wire.reader import Reader

# Exactly this: programs that answer by themselves look for one prompt that they know, without a title or a text.
PASSWORD = (Prompt(text="Password: "),)
_SETTING = "KeyboardInteractivePrompts"


def own_prompts(settings: Any) -> tuple[Prompt, ...]:
    """Return the prompts that the settings of a connection name; empty if they name none."""
    prompts: tuple[Prompt, ...] = settings.keyboard_interactive_prompts
    if prompts or not settings.keyboard_interactive_prompt_count:
        return prompts
    pairs = zip(settings.keyboard_interactive_prompt_prompt, settings.keyboard_interactive_prompt_echo, strict=True)
    # "The prompt field(s) MUST NOT be empty strings." (RFC 4256, 3.2)
    return tuple(Prompt(text=text or ": ", echo=echo) for text, echo in pairs)


class PromptsOfUser:
    """
    The prompts that a connection has of its own: what a handler sets while one user is tried ends with that user.

    Args:
        settings: those of the connection. What they hold now, before anybody is tried, is for everybody.
    """

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._first = settings.keyboard_interactive_prompts if settings.has_own(_SETTING) else None
        self._user: bytes | None = None

    def begin(self, user: bytes) -> None:
        """A user is tried: forget what is only for another."""
        if self._user not in (None, user) and self._settings.has_own(_SETTING):
            if self._first is None:
                self._settings.drop(_SETTING)
            else:
                self._settings.set(_SETTING, self._first)
        self._user = user


@dataclass(slots=True, kw_only=True, frozen=True)
class Questions:
    """
    What is asked at a time.

    Attributes:
        prompts: the questions, each with one answer; none is legal, and answered by none.
        name: a title for the window in which they are shown; may be empty.
        instruction: a text above them; may be empty.
    """

    prompts: tuple[Prompt, ...]
    name: str = ""
    instruction: str = ""

    def pack(self) -> bytes:
        """Return the INFO_REQUEST, without its number; the language tag is empty, as it is deprecated."""
        head = BYTES.pack(self.name.encode("utf-8")) + BYTES.pack(self.instruction.encode("utf-8")) + BYTES.pack(b"")
        prompts = (BYTES.pack(each.text.encode("utf-8")) + BOOL.pack(each.echo) for each in self.prompts)
        return head + U32.pack(len(self.prompts)) + b"".join(prompts)

    def read(self, payload: bytes) -> tuple[Secret, ...]:
        """
        Return the answers of an INFO_RESPONSE, given without its number.

        Raises:
            UnauthorizedLogin: there are more or fewer than questions (RFC 4256, 3.4: a failed attempt).
            Malformed: it is cut short, or longer than its answers.
        """
        reader = Reader(payload)
        count = reader.u32()
        if count != len(self.prompts):
            raise UnauthorizedLogin(f"{len(self.prompts)} answers expected, {count} came")
        answers = tuple(Secret(reader.string()) for _ in self.prompts)
        end(reader)
        return answers
