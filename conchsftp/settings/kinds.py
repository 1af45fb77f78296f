"""
How the value of a setting is read, checked, written and described.

A kind knows nothing of settings. What it refuses it refuses with a ValueError that says what was expected.
"""

import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[T]):
    """
    One kind of value.

    Attributes:
        described: what the documents say that may be set.
        annotation: the type of the value, as written in source.
        module: where that type is imported from; empty for a built-in one.
        parse: text → value.
        take: any other Python value → value.
        format: value → text; `parse` gives the same value back.
        given: the type of what may be set besides text, where that is more than `annotation`.
        named: whether `described` names every value that there is.
    """

    described: str
    annotation: str
    module: str = ""
    parse: Callable[[str], T]
    take: Callable[[Any], T]
    format: Callable[[T], str] = str
    given: str = ""
    named: bool = False

    def convert(self, value: object) -> T:
        """
        Return the checked value.

        Raises:
            ValueError: it is not of this kind.
        """
        return self.parse(value) if isinstance(value, str) else self.take(value)


class Patterns:
    """
    A comma-separated list of patterns in which `*` stands for any text, and nothing else is special.

    Args:
        text: such as `"*SSH-1.99-*,*SSH-2.0-*"`. Case does not matter.
    """

    __slots__ = ("_compiled", "patterns")

    def __init__(self, text: str) -> None:
        self.patterns: Names = _split(text)
        each = (".*".join(map(re.escape, pattern.split("*"))) for pattern in self.patterns)
        self._compiled = re.compile("|".join(each) or "(?!)", re.IGNORECASE | re.DOTALL)

    def matches(self, text: str) -> bool:
        """Return whether the whole text is like one of the patterns; without patterns, nothing is."""
        return self._compiled.fullmatch(text) is not None

    def __str__(self) -> str:
        return ",".join(self.patterns)

    def __repr__(self) -> str:
        return f"Patterns({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self.patterns == other.patterns if isinstance(other, Patterns) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.patterns)


def integer(low: int, high: int | None = None, *, unit: str = "") -> Kind[int]:
    """Return the kind of whole numbers from `low` to `high` (no end if None), both included."""
    end = f"from {low} to {high}" if high is not None else f"from {low}"
    described = f"a whole number {end}" + (f", in {unit}" if unit else "")

    def take(value: object) -> int:
        # bool is an int in Python; LocalPort=True is a mistake all the same.
        if not isinstance(value, int) or isinstance(value, bool):
            raise _refusal(described, value)
        if value < low or (high is not None and value > high):
            raise _refusal(described, value)
        return int(value)

    def parse(text: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", text):
            raise _refusal(described, text)
        return take(int(text))

    return Kind(described=described, annotation="int", parse=parse, take=take)


def one_of(*choices: str) -> Kind[str]:
    """Return the kind of one word out of a few; case does not matter."""
    described = "one of " + ", ".join(f"`{choice}`" for choice in choices)

    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in choices:
            raise _refusal(described, text)
        return word

    return Kind(described=described, annotation="str", parse=parse, take=_never(described), named=True)


def some_of(*choices: str) -> Kind[Names]:
    """Return the kind of a comma-separated list, not empty, of words out of a few."""
    described = "a comma-separated list of " + ", ".join(f"`{choice}`" for choice in choices)

    def check(names: Names) -> Names:
        if not names or not set(names) <= set(choices):
            raise _refusal(described, ",".join(names))
        return names

    return Kind(
        described=described,
        annotation="tuple[str, ...]",
        parse=lambda text: check(_split(text.lower())),
        take=lambda value: check(_names(described, value)),
        format=",".join,
        given="Iterable[str]",
        named=True,
    )


def numbered(choices: type[E]) -> Kind[E]:
    """Return the kind of the members of an enumeration, set by number, by name or as the member."""
    described = "one of " + ", ".join(f"{member.value} ({member.name})" for member in choices)

    def take(value: object) -> E:
        if not isinstance(value, int) or isinstance(value, bool) or value not in choices._value2member_map_:
            raise _refusal(described, value)
        return choices(value)

    def parse(text: str) -> E:
        word = text.strip().upper()
        if word in choices.__members__:
            return choices[word]
        if not word.isdecimal():
            raise _refusal(described, text)
        return take(int(word))

    return Kind(
        described=described,
        annotation=choices.__name__,
        module=choices.__module__,
        parse=parse,
        take=take,
        format=lambda value: str(int(value)),
        given="int",
        named=True,
    )


def matching(pattern: str, described: str) -> Kind[str]:
    """Return the kind of texts that match a regular expression as a whole."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise _refusal(described, text)
        return text

    return Kind(described=described, annotation="str", parse=parse, take=_never(described))


def _refusal(described: str, value: object) -> ValueError:
    """Return the error for a value that is not of a kind."""
    return ValueError(f"expected {described}; got {value!r}")


def _never(described: str) -> Callable[[object], Any]:
    """Return what takes no Python value but text."""

    def take(value: object) -> Any:
        raise _refusal(described, value)

    return take


def _split(text: str) -> Names:
    """Return the names between commas, without spaces around them and without repetitions."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _names(described: str, value: object) -> Names:
    """Return a list or tuple of names as a tuple without repetitions."""
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise _refusal(described, value)
    names = tuple(value)
    if not all(isinstance(name, str) and name == name.strip() and name and "," not in name for name in names):
        raise _refusal(described, value)
    return tuple(dict.fromkeys(names))


_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
_TRUTH = "`True` or `False` (also 1, 0, Yes, No, On, Off)"


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise _refusal(_TRUTH, text)
    return word in _TRUE


def _take_bool(value: object) -> bool:
    if not isinstance(value, int) or value not in (0, 1):
        raise _refusal(_TRUTH, value)
    return bool(value)


_DURATION = "a number of seconds, 0 or more; a fraction is allowed"


def _take_seconds(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise _refusal(_DURATION, value)
    return int(value) if value == int(value) else float(value)


def _parse_seconds(text: str) -> float:
    try:
        return _take_seconds(float(text))
    except ValueError:
        raise _refusal(_DURATION, text) from None


def _take_bytes(value: object) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _refusal("bytes", value)
    return bytes(value)


def _parse_path(text: str) -> str:
    if "\0" in text:
        raise _refusal("a path without NUL", text)
    return text


def _take_path(value: object) -> str:
    place = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(place, (str, bytes)):
        raise _refusal("a path", value)
    return _parse_path(os.fsdecode(place))


def _parse_paths(text: str) -> Names:
    parts = (re.sub(r"\\(.)", r"\1", each.strip()) for each in re.findall(r"(?:\\.|[^,\\])+", text))
    return tuple(dict.fromkeys(_parse_path(each) for each in parts if each))


def _take_paths(value: object) -> Names:
    if isinstance(value, os.PathLike):
        return (_take_path(value),)
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise _refusal("paths", value)
    return tuple(dict.fromkeys(map(_take_path, value)))


_MASK = "up to three octal digits, such as 022; empty for the process's own"


def _parse_mask(text: str) -> int | None:
    digits = text.strip().removeprefix("0o")
    if digits and not re.fullmatch("0?[0-7]{1,3}", digits):
        raise _refusal(_MASK, text)
    return _take_mask(int(digits, 8) if digits else None)


def _take_mask(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0o777):
        raise _refusal(_MASK, value)
    return value


_MODE = "up to four octal digits, such as 0644 or 2775"


def _parse_mode(text: str) -> int:
    digits = text.strip().removeprefix("0o")
    if not re.fullmatch("0?[0-7]{1,4}", digits):
        raise _refusal(_MODE, text)
    return int(digits, 8)


def _take_mode(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0o7777:
        raise _refusal(_MODE, value)
    return value


_LIST = "a comma-separated list of names"
_STRINGS = r"a comma-separated list of endpoint strings; a comma inside one is written `\,`"


def _parse_endpoints(text: str) -> Names:
    # Twisted's own grammar reads "\," as a comma, so that the backslash may stay where it is.
    # A blank behind a backslash is none at the end: without it the backslash would take the next comma.
    found = (
        re.sub(r"(\\.)|\s+\Z", lambda m: m[1] or "", each.lstrip()) for each in re.findall(r"(?:\\.|[^,\\])+", text)
    )
    return tuple(dict.fromkeys(each for each in found if each))


def _take_endpoints(value: object) -> Names:
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise _refusal(_STRINGS, value)
    strings = tuple(value)
    # A backslash at the end would take the comma to the next string for its own.
    if not all(isinstance(each, str) and re.fullmatch(r"(?:\\.|[^\\])+", each) for each in strings):
        raise _refusal(_STRINGS, value)
    return _parse_endpoints(",".join(re.sub(r"(\\.)|,", lambda m: m[1] or r"\,", each) for each in strings))


BOOL: Kind[bool] = Kind(described=_TRUTH, annotation="bool", parse=_parse_bool, take=_take_bool)
SECONDS: Kind[float] = Kind(described=_DURATION, annotation="float", parse=_parse_seconds, take=_take_seconds)
TEXT: Kind[str] = Kind(described="text", annotation="str", parse=str, take=_never("text"))
BYTES: Kind[bytes] = Kind(
    described="bytes; a text stands for its UTF-8",
    annotation="bytes",
    parse=lambda text: text.encode("utf-8", "surrogateescape"),
    take=_take_bytes,
    format=lambda value: value.decode("utf-8", "surrogateescape"),
    given="bytearray | memoryview",
)
PATH: Kind[str] = Kind(
    described="a path on this machine", annotation="str", parse=_parse_path, take=_take_path, given="PathLike[str]"
)
MASK: Kind[int | None] = Kind(
    described=_MASK,
    annotation="int | None",
    parse=_parse_mask,
    take=_take_mask,
    format=lambda value: "" if value is None else f"{value:03o}",
)
MODE: Kind[int] = Kind(
    described=_MODE,
    annotation="int",
    parse=_parse_mode,
    take=_take_mode,
    format=lambda value: f"{value:04o}",
)
NAMES: Kind[Names] = Kind(
    described=_LIST,
    annotation="tuple[str, ...]",
    parse=_split,
    take=lambda value: _names(_LIST, value),
    format=",".join,
    given="Iterable[str]",
)
ENDPOINTS: Kind[Names] = Kind(
    described=_STRINGS,
    annotation="tuple[str, ...]",
    parse=_parse_endpoints,
    take=_take_endpoints,
    format=",".join,
    given="Iterable[str]",
)
PATHS: Kind[Names] = Kind(
    described=r"a comma-separated list of paths on this machine; a comma inside one is written `\,`",
    annotation="tuple[str, ...]",
    parse=_parse_paths,
    take=_take_paths,
    format=lambda value: ",".join(re.sub(r"([\\,])", r"\\\1", each) for each in value),
    given="Iterable[str | PathLike[str]]",
)
PATTERNS: Kind[Patterns] = Kind(
    described="a comma-separated list of patterns, in which `*` stands for any text",
    annotation="Patterns",
    module=__name__,
    parse=Patterns,
    take=lambda value: value if isinstance(value, Patterns) else Patterns(",".join(_names(_LIST, value))),
    given="Patterns | Iterable[str]",
)
