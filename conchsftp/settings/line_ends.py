"""
How lines end: a name, or the characters themselves, which are CR and LF: anything else is a mistyped name.
"""

from conchsftp.settings.kinds import Kind

_LINE_END = r"`LF`, `CrLf` or `Cr`; or the characters themselves, also written `\r` and `\n`"
_NAMES = {"LF": "\n", "CrLf": "\r\n", "Cr": "\r"}
_LONGEST = 8


def _parse(text: str) -> str:
    for name, characters in _NAMES.items():
        if text.strip().lower() == name.lower():
            return characters
    characters = text.replace(r"\r", "\r").replace(r"\n", "\n")
    if not 0 < len(characters) <= _LONGEST or not set(characters) <= {"\r", "\n"}:
        raise ValueError(f"{text!r}: {_LINE_END} expected")
    return characters


def _take(value: object) -> str:
    if not isinstance(value, bytes):
        raise ValueError(f"{value!r}: {_LINE_END} expected")
    return _parse(value.decode("latin-1"))


def _format(characters: str) -> str:
    for name, each in _NAMES.items():
        if each == characters:
            return name
    return characters.replace("\r", r"\r").replace("\n", r"\n")


LINE_END: Kind[str] = Kind(
    described=_LINE_END, annotation="str", parse=_parse, take=_take, format=_format, given="bytes"
)
