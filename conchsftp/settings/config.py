"""
The grammar `Name[index]=value`, of `config()`, of `--set` and of the configuration file.

Reads text only: which names exist and what they take is the table's business.
"""

import re
from dataclasses import dataclass

from conchsftp.errors import ServerError

_NAME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)")
_STATEMENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)\s*(?:\[\s*([0-9]{1,18})\s*\]\s*)?(?:=(.*))?\s*", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Statement:
    """
    What one statement says.

    Attributes:
        name: as it was written, in any spelling; case does not matter.
        index: the number in brackets; None without brackets.
        value: the text after `=`, without white space around it; None if the statement asks for the value.
    """

    name: str
    index: int | None = None
    value: str | None = None


def parse(text: str) -> Statement:
    """
    Read one statement.

    Raises:
        ServerError: it is none. The text repeats nothing of the value, which may be a password.
    """
    match = _STATEMENT.fullmatch(text)
    if match is None:
        # No more than a name: the value may stand where the "=" is missing.
        start = _NAME.match(text)
        given = f"it begins with {start[1][:40]!r}" if start else "it begins with no name"
        raise ServerError(0, f"expected Name=value, Name[index]=value or Name; {given}")
    name, index, value = match.groups()
    return Statement(
        name=name,
        index=None if index is None else int(index),
        value=None if value is None else value.strip(),
    )
