"""
What a method asks a client's user in the middle of an attempt, and what comes back.

One INFO_REQUEST and its INFO_RESPONSE as bytes; does not know what the answers are for. Source: RFC 4256, 3.2 to 3.4.
"""

from dataclasses import dataclass

from twisted.cred.error import UnauthorizedLogin

from conchsftp.auth.signatures import end
from conchsftp.secret import Secret
from conchsftp.wire.kinds import BOOL, BYTES, U32
from conchsftp.wire.reader import Reader


@dataclass(slots=True, kw_only=True, frozen=True)
class Prompt:
    """
    One question.

    Attributes:
        text: what the user is shown, usually with ": " at its end.
        echo: whether the user may see what they type.
    """

    text: str
    echo: bool = False


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
