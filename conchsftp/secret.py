"""
A value that must not show itself: a password, a passphrase, a hash.

Keeps it out of `repr`, log lines, tracebacks and pickles. It does not wipe memory: Python cannot promise that.
"""

from hmac import compare_digest
from typing import NoReturn

MASK = "***"


class Secret:
    """
    Text or bytes whose only way out is `reveal()`.

    Equality takes the same time wherever the values differ; text counts as its UTF-8 bytes. A secret is true if it is
    not empty. Copies of it are the same object, pickling is refused.

    Args:
        value: what is kept; another `Secret` gives what it keeps.
    """

    __slots__ = ("_value",)

    def __init__(self, value: "str | bytes | Secret") -> None:
        self._value: str | bytes = value._value if isinstance(value, Secret) else value

    def reveal(self) -> str | bytes:
        """Return the value as it was given; never put it into a message."""
        return self._value

    def to_bytes(self) -> bytes:
        """Return the value as bytes: text in UTF-8."""
        value = self._value
        return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self.to_bytes(), other.to_bytes())

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return MASK

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memory: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")
