"""
Which proofs together let a user in, written as OpenSSH's AuthenticationMethods.

Text in, policy out, and what is missing of a policy after some proofs. Knows no user and no connection; whether
somebody can complete a policy is not known here. Source: sshd_config(5), AuthenticationMethods.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from conchsftp.settings.kinds import Kind
from conchsftp.settings.row import hint

ASKED = "keyboard-interactive"
ANY = "any"
_ONLY = ("password", "totp")
# Two ways to show the same ticket.
TICKETS = ("gssapi-with-mic", "gssapi-keyex")
"""The methods that take a ticket."""
_ALIKE = dict.fromkeys(TICKETS, "a ticket")
_WRITTEN = "lists of methods, such as `publickey,password publickey,keyboard-interactive`, or `any`"


@dataclass(slots=True, frozen=True)
class Factor:
    """
    One proof that a policy asks for.

    Attributes:
        method: the name of the method, as clients know it.
        only: with keyboard-interactive: the one thing that is asked, `password` or `totp`; empty: whatever is asked
            usually.
    """

    method: str
    only: str = ""

    def __str__(self) -> str:
        return f"{self.method}:{self.only}" if self.only else self.method

    @property
    def once(self) -> str:
        """What it proves, if that can be proved only once; empty: it can be proved again, as by a second key."""
        return "" if self.method == "publickey" else self.only or _ALIKE.get(self.method, self.method)


FACTORS = (
    Factor("publickey"),
    Factor("password"),
    Factor(ASKED),
    *(Factor(ASKED, only) for only in _ONLY),
    *map(Factor, _ALIKE),
)
"""Every factor that a policy can name."""

_BY_NAME = {str(factor): factor for factor in FACTORS}


@dataclass(slots=True, frozen=True)
class AuthPolicy:
    """
    Which proofs let a user in: one list of them, complete and in its order.

    Attributes:
        lists: the lists; none: each proof is enough by itself.
    """

    lists: tuple[tuple[Factor, ...], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a policy.

        Args:
            text: lists with spaces between them, of methods with commas between them; or `any`.
        Raises:
            ValueError: it is none, names an unknown method, or holds a list that nobody can complete.
        """
        each = text.lower().split()
        if each == [ANY]:
            return cls()
        if not each or ANY in each:
            raise ValueError(f"expected {_WRITTEN}; got {text!r}")
        return cls(tuple(dict.fromkeys(map(_list, each))))

    def __str__(self) -> str:
        return " ".join(",".join(map(str, each)) for each in self.lists) or ANY

    def complete(self, proved: Sequence[Factor]) -> bool:
        """Return whether these proofs, in the order in which they came, are enough."""
        return not all(self._left(proved)) if self.lists else bool(proved)

    def next(self, proved: Sequence[Factor]) -> tuple[Factor, ...]:
        """
        Return what may be proved next.

        A list that does not go on with a proof stays as it is, as in OpenSSH.

        Args:
            proved: what was proved so far, in the order in which it came.
        Returns:
            The first factor that is missing of each list; those of the lists of which least is missing come first. None
            where everything may be proved, or a list is complete.
        """
        if self.complete(proved):
            return ()
        return tuple(dict.fromkeys(left[0] for left in sorted(self._left(proved), key=len)))

    def _left(self, proved: Sequence[Factor]) -> list[tuple[Factor, ...]]:
        """Return what is missing of each list."""
        left = list(self.lists)
        for factor in proved:
            left = [each[1:] if each[:1] == (factor,) else each for each in left]
        return left


def _list(text: str) -> tuple[Factor, ...]:
    factors = tuple(map(_factor, text.split(",")))
    once = [factor.once for factor in factors if factor.once]
    again = next((each for each in once if once.count(each) > 1), None)
    if again is not None:
        raise ValueError(f"nobody can complete {text!r}: {again} counts once")
    return factors


def _factor(name: str) -> Factor:
    factor = _BY_NAME.get(name)
    if factor is None:
        if not name:
            raise ValueError("a method is missing beside a comma; there are no spaces around commas")
        raise ValueError(f"unknown method {name!r}{hint(name, _BY_NAME) or '; known are ' + ', '.join(_BY_NAME)}")
    return factor


def _take(value: object) -> AuthPolicy:
    if isinstance(value, AuthPolicy):
        return value
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise ValueError(f"expected {_WRITTEN}; got {value!r}")
    texts = list(value)
    if not all(isinstance(text, str) and text == text.strip() and len(text.split()) == 1 for text in texts):
        raise ValueError(f"expected {_WRITTEN}; got {value!r}")
    return AuthPolicy.parse(" ".join(texts))


AUTH_POLICY: Kind[AuthPolicy] = Kind(
    described=_WRITTEN,
    annotation="AuthPolicy",
    module=__name__,
    parse=AuthPolicy.parse,
    take=_take,
    given="Iterable[str]",
)
