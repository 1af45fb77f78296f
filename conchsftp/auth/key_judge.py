"""
Whether one of a user's keys lets in: the key is looked up, and its options are judged.

For checkers, whatever source their users have. Reads nothing and keeps nothing. Credentials that a Conch server which
is not ours has made do not say where the client is; a key that asks for that is refused then.
"""

import time
from collections.abc import Iterable
from typing import Any

from conchsftp.auth.authorized_keys import AuthorizedKey, AuthorizedKeys
from conchsftp.auth.credentials import KeyCredentials, KeyProof, UntouchedProof
from conchsftp.auth.security_keys import DeviceFlag, lacking


def refusal(credentials: Any, lists: Iterable[AuthorizedKeys]) -> str:
    """
    Return why a key does not let in, for the log; empty if it does.

    Args:
        credentials: those of a key, offered or proven.
        lists: the user's keys. If one is there several times, any of its lines may let in.
    """
    lines = [line for keys in lists for line in keys.find(credentials.blob)]
    if not lines:
        return "the key is not one of the user's"
    reasons = [_reason(credentials, line) for line in lines]
    return "" if "" in reasons else reasons[0]


def _reason(credentials: Any, line: AuthorizedKey) -> str:
    """Return why this line does not let in."""
    ours = isinstance(credentials, KeyCredentials)
    address = getattr(credentials.address, "host", None) if ours else None
    now = credentials.attempt.now if ours else time.time()
    reason = line.options.refusal(address, now)
    if not reason and isinstance(credentials, UntouchedProof) and not line.options.no_touch_required:
        reason = "this key has to be touched"
    if not reason and line.options.verify_required and credentials.signature:
        verified = isinstance(credentials, KeyProof) and credentials.signed.verified
        reason = "" if verified else lacking(DeviceFlag.VERIFIED)
    return f"{reason} (line {line.line})" if reason else ""
