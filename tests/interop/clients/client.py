"""
A client of the matrix: what it needs, and how it does each operation.
"""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from tests.interop.driving import PATH
from tests.interop.operations import Step

# A version, at least major and minor.
_VERSION = re.compile(r"\d+(?:\.\d+)+\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    One row.

    Attributes:
        name: what it is called in the matrix.
        version: returns its version; see `printed_version`. Raises, or returns nothing, where it is not installed.
        needs: the programs without which it cannot run.
        old: it knows only algorithms of the `compatible` profile.
        steps: how it does an operation, by the operation's name; what stands in neither mapping it cannot do.
        cannot: why it cannot do an operation, where that is not obvious; shown below the matrix.
    """

    name: str
    version: Callable[[], str]
    needs: tuple[str, ...] = ()
    old: bool = False
    steps: Mapping[str, Step]
    cannot: Mapping[str, str] = field(default_factory=dict)


@cache
def printed_version(*command: str) -> str:
    """Return the first version number that a command prints; nothing where it cannot run."""
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, env={"PATH": PATH}
        )
    except OSError:
        return ""
    found = _VERSION.search(ended.stdout + ended.stderr)
    return found[0] if found else ""
