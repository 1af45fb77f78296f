"""
The mistakes that SFTP servers have made, numbered, and how a test says which of them it would find.

Each was met by users of other servers, and reported there. `test_complete` sees to it that none is without a test.
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

CLASSES = {
    1: "an upload that is resumed loses what was there",
    2: "appending at the offset that a client names",
    3: "SETSTAT that does nothing and says OK, or fails an upload",
    4: "files of mode 000",
    5: "a longname that clients cannot parse",
    6: "REALPATH that is relative, leaks the root, or climbs above it",
    7: "RENAME that replaces, posix-rename that does not",
    8: "a rename across devices that nobody can tell from any other failure",
    9: "the names of SYMLINK the wrong way round",
    10: "one dangling link that empties a listing",
    11: "READDIR with replies too large, or empty",
    12: "OPENDIR that succeeds where nothing is; two openings, one handle",
    13: "MKDIR of what exists, or below what does not",
    14: "status codes that the version does not have, or no text",
    15: "failures that tell the user nothing, or too much",
    16: "read-ahead without end that exhausts memory",
    17: "windows clamped, signed, or run dry",
    18: "key exchanges in the middle of a transfer",
    19: "writes out of order, lengths of zero, reads at the end",
    20: "limits that are not true",
    21: "extensions that are advertised and do not work",
    22: "scp, which speaks SFTP and wants more of it",
    23: "commands beside SFTP that kill it",
    24: "half an upload that looks like a whole one",
    25: "several connections that do not see the same files",
    26: "ways out of the folder that a user is confined to",
    27: "malformed packets that crash or hang",
    28: "a key that was offered taken for one that was proved",
    29: "no algorithm in common, and nobody can tell why",
    30: "keyboard-interactive that is missing, or not as clients expect it",
    31: "one slow login that stops the others, one idle socket that holds a place",
    32: "rights of folders, uploads only, umask, where a session starts",
    33: "authorized_keys files that are not as a parser wants them",
    34: "versions above 3 that are spoken by halves",
    35: "PROXY headers that are missing or unexpected",
    36: "counts by the wrong key, or never given back",
    37: "an application's waiting, cleaning up and listing",
    38: "an event for the wrong thing",
}
"""Number → what goes wrong."""


def bug_class(*numbers: int) -> Callable[[T], T]:
    """
    Say of a test, or of a case with all its tests, which mistakes it would find.

    Raises:
        KeyError: there is no such class.
    """
    for number in numbers:
        CLASSES[number]

    def mark(test: T) -> T:
        test.bug_classes = frozenset(numbers) | vars(test).get("bug_classes", frozenset())  # type: ignore[attr-defined]
        return test

    return mark


def named_by(case: type, method: str) -> frozenset[int]:
    """
    Return the classes that a test names.

    Args:
        case: the test case that it is run in.
        method: its name. It names what is said of itself, of the class that it stands in, of those above that, and of
            those that inherit the class; but nothing that is said of other bases of these.
    """
    home = next(each for each in case.__mro__ if method in vars(each))
    related = [each for each in case.__mro__ if issubclass(each, home) or issubclass(home, each)]
    marked = [vars(home)[method], *related]
    return frozenset().union(*(vars(each).get("bug_classes", ()) for each in marked))
