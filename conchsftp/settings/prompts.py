"""
Questions of keyboard-interactive, as a setting writes them.

Text in, prompts out; who asks them, and what the answers are for, is not known here. Source: the documented setting
KeyboardInteractivePrompts, `text,echo=false;text,echo=true`; the backslash is our own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from conchsftp.settings.kinds import BOOL, Kind

# A client that is sent more has nobody in front of it who would read them.
MOST_PROMPTS = 50

_DESCRIBED = (
    "prompts separated by `;`, each a text and `,echo=false` or `,echo=true` (without it, `false`);"
    " `\\;` is a semicolon"
)
_PROMPT = re.compile(r"(.*?)(?:,\s*echo\s*=\s*(\w+)\s*)?", re.DOTALL | re.IGNORECASE)


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


Prompts = tuple[Prompt, ...]


def _parse(text: str) -> Prompts:
    if not text.strip():
        return ()
    each = re.findall(r"((?:\\[;\\]|[^;])*)(?:;|\Z)", text)
    # The last one is what is found at the end of the text, behind the last that is meant.
    return _checked(_prompt(one) for one in each[:-1])


def _prompt(text: str) -> Prompt:
    match = _PROMPT.fullmatch(text)
    assert match is not None  # it takes any text
    return Prompt(text=re.sub(r"\\([;\\])", r"\1", match[1]), echo=BOOL.parse(match[2] or "false"))


def _take(value: object) -> Prompts:
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise ValueError(f"expected {_DESCRIBED}; got {value!r}")
    return _checked(_taken(each) for each in value)


def _taken(value: object) -> Prompt:
    """Return a prompt that is given as one, as a text, or as a pair of text and echo."""
    match value:
        case Prompt():
            return value
        case str():
            return Prompt(text=value)
        case (str() as text, bool() as echo):
            return Prompt(text=text, echo=echo)
    raise ValueError(f"expected a text, or a text and whether its answer is shown; got {value!r}")


def _checked(prompts: Iterable[Prompt]) -> Prompts:
    # Who writes them in one line puts a blank behind the semicolon.
    found = tuple(Prompt(text=each.text.lstrip(), echo=each.echo) for each in prompts)
    # "The prompt field(s) MUST NOT be empty strings." (RFC 4256, 3.2)
    if any(not each.text for each in found) or len(found) > MOST_PROMPTS:
        raise ValueError(f"expected {_DESCRIBED}; at most {MOST_PROMPTS}, none of them empty")
    return found


def _format(prompts: Prompts) -> str:
    return ";".join(
        re.sub(r"([;\\])", r"\\\1", each.text) + f",echo={'true' if each.echo else 'false'}" for each in prompts
    )


PROMPTS: Kind[Prompts] = Kind(
    described=_DESCRIBED,
    annotation="Prompts",
    module=__name__,
    parse=_parse,
    take=_take,
    format=_format,
)
