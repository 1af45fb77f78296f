"""
Whether anybody can log in at all, and by all the lists of AuthenticationMethods: what the log says at the start.

Handlers and checkers can be added later, so that none of it is an error that keeps a server from starting.
"""

from collections.abc import Iterator
from typing import Any

from conchsftp.auth.method import Served
from conchsftp.auth.methods import offered, unserved
from conchsftp.settings.auth_policy import Factor


def dead_ends(settings: Any, served: Served) -> Iterator[tuple[bool, str]]:
    """
    Yield what cannot work.

    Args:
        settings: those of the server.
        served: says whether somebody can judge credentials of a kind.
    Returns:
        Whether nobody can log in, and the reason.
    """
    names = settings.default_auth_methods
    usual = offered(names, settings, served)
    if not usual:
        yield True, f"nobody can log in: no checker, and no handler of SSHUserAuthRequest, judges {' or '.join(names)}"
        return
    policy = settings.authentication_methods
    reasons = {each: why for each in policy.lists if (why := _reason(each, usual, settings, served))}
    nobody = len(reasons) == len(policy.lists)
    for each, reason in reasons.items():
        who = "nobody without methods of their own can log in" if nobody else "nobody can log in by it"
        yield nobody, f"AuthenticationMethods, `{','.join(map(str, each))}`: {who}: {reason}"


def unreachable(factor: Factor, usual: list[str], settings: Any, served: Served) -> str:
    """
    Return why nobody can prove a factor; empty if somebody can.

    Args:
        factor: what has to be proved.
        usual: the methods that clients may try.
        settings: those of the server, or of a connection.
        served: says whether somebody can judge credentials of a kind.
    """
    if factor.method not in usual and not unserved(factor, settings, served):
        return f"{factor} is not among DefaultAuthMethods"
    return unserved(factor, settings, served)


def _reason(factors: tuple[Factor, ...], usual: list[str], settings: Any, served: Served) -> str:
    reasons = (unreachable(factor, usual, settings, served) for factor in factors)
    return next(filter(None, reasons), "")
