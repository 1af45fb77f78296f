"""
Names of users and groups, and their numbers.

Both come from the system's account database, which may be a file or a directory server far away: so names are kept for
a while, and where the database was slow they are fetched in a thread, and a listing goes out without them meanwhile.
"""

import grp
import os
import pwd
import time
from collections.abc import Callable, Set
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.interfaces import IAccountNumbers, IAccounts
from conchsftp.sftp.statuses import Status
from conchsftp.workers import Workers

KEEP_SECONDS = 300.0
"""How long a name is believed."""
MOST_KEPT = 4096
"""How many users, and how many groups, are kept: a client may ask for any of four billion numbers."""

K = TypeVar("K")
V = TypeVar("V")


class _Known(dict[K, V | None]):
    """What is known; asking for what is not there (`known[key]`) fetches it."""

    def __init__(self, fetch: Callable[[K], V | None]) -> None:
        super().__init__()
        self._fetch = fetch

    def __missing__(self, key: K) -> V | None:
        if len(self) >= MOST_KEPT:
            self.clear()
        self[key] = None
        self[key] = value = self._fetch(key)
        return value


Names = _Known[int, str]
"""Names by number."""
_Numbers = _Known[str, int]


@implementer(IAccounts, IAccountNumbers)
class Accounts:
    """
    The system's users and groups. To be used on the reactor's thread only, but for the two `number_of_…`.

    Args:
        workers: decides whether the database is asked at once.
        clock: seconds, for the age of what is kept.
        host: the name of this machine.

    Attributes:
        log: that of the server.
    """

    log: Logger = Logger()

    def __init__(
        self, workers: Workers, *, clock: Callable[[], float] = time.monotonic, host: str | None = None
    ) -> None:
        self._domains = domains_of(os.uname().nodename if host is None else host)
        self.mount = workers.mount("account database")
        self._workers = workers
        self._clock = clock
        self._old_at = clock() + KEEP_SECONDS
        self._forget()

    def names(self) -> tuple[Names, Names]:
        """Return the names of users and of groups, by number; to be asked for anew for each request."""
        if self._clock() > self._old_at:
            self._old_at = self._clock() + KEEP_SECONDS
            self._forget()
        return self._users, self._groups

    def _forget(self) -> None:
        # New ones: what a thread still fetches goes into the old.
        self._users, self._groups = Names(self._fetch_user), Names(self._fetch_group)
        self._user_numbers, self._group_numbers = _Numbers(self._fetch_user_number), _Numbers(self._fetch_group_number)

    def user_name(self, uid: int) -> str | None:
        return self.names()[0][uid]

    def group_name(self, gid: int) -> str | None:
        return self.names()[1][gid]

    def user_number(self, name: str) -> int | None:
        self.names()
        return self._user_numbers[name]

    def group_number(self, name: str) -> int | None:
        self.names()
        return self._group_numbers[name]

    def number_of_user(self, name: str) -> int:
        """
        Return the number of a user. A blocking call; in any thread.

        Args:
            name: `name`, `name@domain` or digits. The domain has to be that of this machine, or its name: whoever has
                the same name elsewhere is somebody else. A database that knows names with domains is asked for these.
        Raises:
            SFTPError: UNKNOWN_PRINCIPAL.
        """
        return _number_of(name, lambda name: pwd.getpwnam(name).pw_uid, self._domains)

    def number_of_group(self, name: str) -> int:
        """The same for a group."""
        return _number_of(name, lambda name: grp.getgrnam(name).gr_gid, self._domains)

    def _fetch_user(self, uid: int) -> str | None:
        return self._fetch(self._users, uid, _user_name)

    def _fetch_group(self, gid: int) -> str | None:
        return self._fetch(self._groups, gid, _group_name)

    def _fetch_user_number(self, name: str) -> int | None:
        return self._fetch(self._user_numbers, name, partial(_known, self.number_of_user))

    def _fetch_group_number(self, name: str) -> int | None:
        return self._fetch(self._group_numbers, name, partial(_known, self.number_of_group))

    def _fetch(self, known: _Known[K, V], key: K, find: Callable[[K], V | None]) -> V | None:
        found = self._workers.call(self.mount, find, key)
        if not isinstance(found, Deferred):
            return found
        found.addCallback(lambda value: known.__setitem__(key, value))
        found.addErrback(lambda problem: self.log.failure("looking up account {account}", problem, account=key))
        return None


def _known(find: Callable[[str], int], name: str) -> int | None:
    try:
        return find(name)
    except SFTPError:
        return None


def _user_name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None


def _group_name(gid: int) -> str | None:
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return None


def domains_of(host: str) -> frozenset[str]:
    """Return the domains that names of this machine's users may have: its name, whole or short, and its domain."""
    host = host.lower()
    short, _, domain = host.partition(".")
    return frozenset(filter(None, (host, short, domain, "localhost")))


def _number_of(name: str, find: Callable[[str], int], domains: Set[str]) -> int:
    local, at, domain = name.rpartition("@")
    spellings = [name, local] if at and domain.lower() in domains else [name]
    for spelling in spellings:
        try:
            return find(spelling)
        except (KeyError, ValueError):
            pass
    # Digits: what we ourselves send where there is no name.
    digits = spellings[-1]
    if digits.isascii() and digits.isdigit() and int(digits) < 0xFFFF_FFFF:
        return int(digits)
    raise SFTPError(Status.UNKNOWN_PRINCIPAL, names=[name])
