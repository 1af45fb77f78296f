"""
Patterns of paths: names with wildcards, one after the other.

Text in, an answer for one name out. Never slow, whatever a client asks for: nothing here tries a name twice.
"""

import re
from unicodedata import normalize

_SPECIAL = re.compile(r"[*?\[]")
_PARTS = re.compile(r"\*+|\?|\[[!^]?\]?[^]]*\]|[^*?\[]+|\[")
# What means something in a set of regular expressions, or will.
_IN_SETS = re.compile(r"([\\\[\]^&|~])")


class Glob:
    """
    One name of a pattern.

    Args:
        text: as it is written; `*`, `?` and `[…]` are wildcards.
    Raises:
        ValueError: it cannot be understood.

    Attributes:
        rank: how exactly it says which name it means; the greater counts.
    """

    __slots__ = ("_exact", "_folded", "rank", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._exact = _compiled(text)
        self._folded = _compiled(fold(text))
        characters = sum(1 if part[0] in "?[" else len(part) for part in _PARTS.findall(text) if part[0] != "*")
        self.rank = (1 if _SPECIAL.search(text) else 2, characters)

    def fits(self, name: str) -> bool:
        """Return whether it means a name."""
        exact = self._exact
        return name == exact if isinstance(exact, str) else exact.fullmatch(name) is not None

    def fits_folded(self, name: str) -> bool:
        """Return whether it means a name, both without case; the name is folded already."""
        folded = self._folded
        return name == folded if isinstance(folded, str) else folded.fullmatch(name) is not None


def parse_pattern(text: str) -> tuple[Glob, ...]:
    """
    Return the names of a pattern; none for `/`.

    Raises:
        ValueError: it is no pattern of a path; the text names it.
    """
    if not isinstance(text, str) or not text.startswith("/"):
        raise ValueError(f"{text!r}: a pattern begins with /")
    names = text[1:].removesuffix("/").split("/") if text != "/" else []
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(f"{text!r}: a pattern has no empty names, no . and no ..")
    found: list[Glob] = []
    for name in names:
        if name != "**" and "**" in name:
            raise ValueError(f"{text!r}: ** stands alone between slashes")
        if name != "**":
            try:
                found.append(Glob(name))
            except (ValueError, re.error):
                raise ValueError(f"{text!r}: {name!r} has a [ that cannot be understood; [[] is a bracket") from None
        elif not found or found[-1] is not DEEP:
            found.append(DEEP)
    if found and found[-1] is DEEP:
        # Everything below a folder is what is in it, and what is below that.
        found[-1] = Glob("*")
    return tuple(found)


def fold(text: str) -> str:
    """Return a text as it is to file systems that know neither case nor forms of Unicode."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFD", text).casefold())


def _compiled(text: str) -> str | re.Pattern[str]:
    """Return what a name is compared with."""
    if not _SPECIAL.search(text):
        return text
    pieces: list[str] = [""]
    for part in _PARTS.findall(text):
        if part[0] == "*":
            pieces.append("")
        else:
            pieces[-1] += _piece(part)
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    # Taking the first place where a piece fits is always right, so none is tried twice: "(?>" forbids it.
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last, re.DOTALL)


def _piece(part: str) -> str:
    if part == "?":
        return "."
    if part[0] != "[":
        return re.escape(part)
    if len(part) < 3:
        raise ValueError(part)
    negated = part[1] in "!^"
    content = part[1 + negated : -1]
    if not content:
        raise ValueError(part)
    escaped = _IN_SETS.sub(r"\\\1", content)
    return ("[^" if negated else "[") + escaped + "]"


DEEP = Glob("**")
"""Stands for any number of names. Compared by identity."""
DEEP.rank = (0, 0)
