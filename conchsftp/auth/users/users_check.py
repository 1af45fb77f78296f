"""
What is to be said of a users file before a server reads it: mistakes, and what is allowed but hardly meant.

Blocks, and looks at the disk as the server would: roots, files of keys. Shows no secret. Knows only what the file says;
that another source, or a handler, may vouch for a user as well, is why most of it are warnings.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

from conchsftp.auth.keys.authorized_keys import read_keys
from conchsftp.auth.users.user import User, is_plain
from conchsftp.auth.users.users_text import Finding, UsersText, read_users
from conchsftp.settings.auth_policy import ASKED, TICKETS, Factor
from conchsftp.watched import WatchedFile

# What OWASP's cheat sheet on storing passwords calls the least.
LEAST_ROUNDS = 10
# RFC 4226, 4 (R6): "The length of the shared secret MUST be at least 128 bits." Many phones have shorter ones.
_LEAST_CODE_BITS = 128


def check_users(path: str, now: float) -> UsersText:
    """
    Read a users file and say everything there is to say about it.

    Args:
        path: the file; a relative one stays so in what is said.
        now: the date, in seconds since 1970.
    Returns:
        What it holds; the findings in the order of their lines.
    """
    file = WatchedFile(path)
    try:
        content = file.read_if_changed() or b""
    except OSError as problem:
        found = UsersText(path=path)
        found.findings.append(Finding(path=path, text=f"cannot be read: {problem.strerror}", mistake=True))
        return found
    found = read_users(path, content)
    if file.mode & 0o007:
        found.findings.append(Finding(path=path, text="open to everybody on this machine (chmod 600 closes it)"))
    for name, user in found.users.items():
        for text, key in _about(user, now):
            found.add(text, (name, key) if key else (name,))
        found.findings.extend(_keys_file(user))
    found.findings.sort(key=lambda each: (each.path != path, each.path, each.line or 0))
    return found


def summary(user: User, now: float) -> str:
    """Return one line about a user: how they log in, and what holds for them. No secret is shown."""
    lines = (*user.keys.keys, *user.ca_keys.keys)
    authorities = sum(line.options.cert_authority for line in lines)
    ways = [
        "password" if user.password is not None else "",
        _count(len(lines) - authorities, "key"),
        f"keys of {user.keys_file}" if user.keys_file is not None else "",
        f"certificates of {_count(authorities, 'CA')}" if authorities else "",
        f"X.509 certificates for {_count(len(user.x509), 'name')}" if user.x509 else "",
        f"tickets of {', '.join(sorted(user.kerberos))}" if user.kerberos else "",
        "one-time codes" if user.totp is not None else "",
    ]
    facts = [
        "disabled" if user.disabled else "",
        _expiry(user, now),
        "password to be changed" if user.change_password else "",
        f"methods {user.methods}" if user.methods is not None else "",
        f"from {', '.join(map(str, user.networks))}" if user.networks else "",
        "read-only" if user.read_only else "",
        "permissions" if user.permissions is not None else "",
        f"root {user.root}" if user.root is not None else "",
    ]
    shown = ", ".join(filter(None, ways)) or "no way in of their own"
    return "; ".join((f"{user.name!r}: {shown}", *filter(None, facts)))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def _expiry(user: User, now: float) -> str:
    if user.expires is None:
        return ""
    return ("expired on " if now >= user.expires else "expires on ") + _date(user.expires)


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        # The end of the last day of the year 9999.
        return "the last of all days"


def _about(user: User, now: float) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of one user, and the key that it is about; empty: the table as a whole."""
    name = user.name
    if not name or not is_plain(name):
        yield f"nobody can log in as {name[:64]!r}: control characters, or too short or long", ""
    if user.expires is not None and now >= user.expires:
        yield f"{name!r} has expired, on {_date(user.expires)}", "expires"
    if user.rounds is not None and user.rounds < LEAST_ROUNDS:
        text = f"the password of {name!r} has a hash of cost {user.rounds}, at least {LEAST_ROUNDS} is advised"
        yield f"{text}; `conchsftp passwd` writes 12", "password"
    if user.totp is not None and 5 * len(user.totp.to_bytes()) < _LEAST_CODE_BITS:
        yield f"the one-time codes of {name!r} have a secret of less than {_LEAST_CODE_BITS} bits", "totp"
    if user.root is not None and not os.path.isdir(user.root):
        yield f"the root of {name!r} is no folder: {user.root}", "root"
    if user.password is None and not _has_keys(user) and not user.kerberos:
        yield f"{name!r} has neither a password nor keys: only another source, or a CA, can let them in", ""
    else:
        yield from _about_methods(user)


def _about_methods(user: User) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of the policy of a user."""
    if user.methods is None or not user.methods.lists:
        if user.totp is not None and user.methods is not None:
            yield f"{user.name!r} has one-time codes, and methods that never ask for one", "methods"
        return
    factors = [factor for each in user.methods.lists for factor in each]
    if user.totp is not None and not any(factor.method == ASKED and factor.only != "password" for factor in factors):
        yield f"{user.name!r} has one-time codes, and methods that never ask for one", "methods"
    lacking = [next((factor for factor in each if not _has(user, factor)), None) for each in user.methods.lists]
    for each, factor in zip(user.methods.lists, lacking, strict=True):
        if factor is not None:
            shown = ",".join(map(str, each))
            hopeless = "" if None in lacking else "; so no list of methods can be completed"
            yield f"{user.name!r} has nothing to complete {shown} with: {factor} is missing{hopeless}", "methods"


def _has(user: User, factor: Factor) -> bool:
    """Return whether a user has what a factor asks for."""
    has_password, has_codes = user.password is not None, user.totp is not None
    if factor.method == ASKED:
        return {"password": has_password, "totp": has_codes}.get(factor.only, has_password or has_codes)
    if factor.method in TICKETS:
        # Where no principal is named, that of the user's own name is.
        return user.kerberos is None or bool(user.kerberos)
    return has_password if factor.method == "password" else _has_keys(user)


def _has_keys(user: User) -> bool:
    return bool(user.keys or user.keys_file is not None or user.ca_keys or user.x509)


def _keys_file(user: User) -> Iterator[Finding]:
    """Yield what is wrong in a user's file of keys, which is named with the line."""
    path = user.keys_file
    if path is None:
        return
    file = WatchedFile(path)
    try:
        found = read_keys(file.read_if_changed() or b"")
    except OSError as problem:
        yield Finding(path=path, text=f"cannot be read: {problem.strerror}; it is the keys_file of {user.name!r}")
        return
    if file.mode & 0o002:
        yield Finding(path=path, text="everybody on this machine can add keys to it (chmod o-w closes it)")
    for line, text in found.complaints:
        yield Finding(path=path, line=line, text=text)
    if not found.keys:
        yield Finding(path=path, text=f"holds no key; it is the keys_file of {user.name!r}")
