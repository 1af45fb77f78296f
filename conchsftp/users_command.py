"""
The commands `conchsftp users check` and `conchsftp users list`.

They print; what there is to say is found out in `auth/users/users_check.py`. No secret is printed.
"""

import time
from collections.abc import Sequence
from enum import IntEnum

from twisted.python import usage

from conchsftp.auth.users.users_check import check_users, summary


class Exit(IntEnum):
    """The exit codes of `conchsftp users check`."""

    GOOD = 0
    """There is nothing to say."""
    MISTAKES = 1
    """No server would read the file."""
    WARNINGS = 2
    """A server would read it; something in it is hardly meant."""


def users_command(arguments: Sequence[str]) -> int:
    """
    Run `conchsftp users`.

    Args:
        arguments: `check` or `list`, and the file.
    Returns:
        The exit code.
    Raises:
        UsageError: the arguments are others.
    """
    if len(arguments) != 2 or arguments[0] not in _COMMANDS:
        raise usage.UsageError("users check FILE or users list FILE expected")
    command, path = arguments
    return _COMMANDS[command](path)


def _check(path: str) -> Exit:
    found = check_users(path, time.time())
    for each in found.findings:
        place = each.path if each.line is None else f"{each.path}, line {each.line}"
        print(f"{place}: {'' if each.mistake else 'warning: '}{each.text}")
    counts = (len(found.names), "user"), (len(found.mistakes), "mistake"), (len(found.warnings), "warning")
    print(f"{path}: " + ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts))
    if found.mistakes:
        return Exit.MISTAKES
    return Exit.WARNINGS if found.warnings else Exit.GOOD


def _list(path: str) -> Exit:
    now = time.time()
    found = check_users(path, now)
    for mistake in found.mistakes:
        print(mistake)
    if found.mistakes:
        return Exit.MISTAKES
    for user in found.users.values():
        print(summary(user, now))
    return Exit.GOOD


_COMMANDS = {"check": _check, "list": _list}
