"""
The command `conchsftp totp`: give a user of a users file one-time codes, or take them away.

Writes nothing before the user's app has shown a right code. What codes are is in `auth/sources/totp.py`.
"""

import argparse
import platform
import secrets
import sys
import time
from base64 import b32encode
from collections.abc import Sequence
from typing import NoReturn

from twisted.python import usage

from conchsftp.auth.sources.totp import Codes, provisioning_uri
from conchsftp.auth.users.users_edit import remove_entry, set_entry
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.secret import Secret

DEFAULT_FILE = "users.toml"
# "The length of the shared secret MUST be at least 128 bits. This document RECOMMENDs a shared secret length of 160
# bits." (RFC 4226, 4, R6)
_SECRET_BYTES = 20
_TRIES = 3


def totp_command(arguments: Sequence[str]) -> int:
    """
    Run the command; return its exit code.

    Raises:
        ServerError: there is no such user, the file cannot be changed, or something is not installed.
        UsageError: that is not how it is called, or no right code came.
    """
    given = _parser().parse_args(list(arguments))
    if not given.names or len(given.names) > 2 or (len(given.names) > 1 and given.users):
        raise usage.UsageError("totp [FILE] USER expected")
    *named, user = given.names
    file = (named or [given.users or DEFAULT_FILE])[0]
    known = UsersFile(file).find(user)
    if known is None:
        raise ServerError(0, f"{file}: no user {user!r}; `conchsftp passwd {file} {user}` adds one")
    if given.remove:
        remove_entry(file, user, "totp")
        print(f"{file}: {user} has no one-time codes any more", file=sys.stderr)
        return 0
    codes = Codes()
    secret = Secret(b32encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii"))
    _show(provisioning_uri(secret, user_name=user, issuer=given.issuer))
    if given.confirm and not _confirmed(codes, user, secret):
        raise usage.UsageError("no right code; nothing was written")
    set_entry(file, user, "totp", str(secret.reveal()))
    again = " by a new secret; the one before does not count any more" if known.totp is not None else ""
    print(f"{file}: {user} has one-time codes{again}", file=sys.stderr)
    return 0


class _Parser(argparse.ArgumentParser):
    """Mistakes end the command as all of its others do."""

    def error(self, message: str) -> NoReturn:
        raise usage.UsageError(f"totp: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="conchsftp totp", add_help=False)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--users")
    parser.add_argument("--issuer", default=platform.node() or "conchsftp")
    parser.add_argument("--no-confirm", dest="confirm", action="store_false")
    parser.add_argument("--remove", action="store_true")
    return parser


def _show(uri: str) -> None:
    """Print what an app reads: as text, and as a QR code where that can be made."""
    print(uri)
    try:
        # The only use of it; who has no camera at hand types the secret.
        import segno
    except ImportError:
        print("for a QR code: pip install conchsftp[totp]", file=sys.stderr)
    else:
        segno.make(uri, error="l").terminal(sys.stdout, compact=True)
    sys.stdout.flush()


def _confirmed(codes: Codes, user: str, secret: Secret) -> bool:
    """Ask for a code until one is right, a few times at a terminal."""
    tries = _TRIES if sys.stdin.isatty() else 1
    for _ in range(tries):
        if sys.stdin.isatty():
            print(f"Code that the app of {user} shows: ", end="", file=sys.stderr, flush=True)
        typed = sys.stdin.readline().strip()
        if typed and not codes.judge(secret, Secret(typed), time.time()):
            return True
        print("wrong code" if typed else "no code", file=sys.stderr)
    return False
