"""
A user of Conch's own backend, for the tests of those who serve it.
"""

from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.unix import UnixConchUser
from twisted.python.filepath import FilePath


class UnixUser(UnixConchUser):
    """A user of Conch's own backend, which serves the machine's files; here without changing to another account."""

    def __init__(self, home: str) -> None:
        # Not its own constructor: that wants an account of the machine.
        ConchUser.__init__(self)
        self.home = home

    def getHomeDir(self) -> FilePath[str]:
        return FilePath(self.home)

    def _runAsUser(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        calls = function if isinstance(function, list | tuple) else [(function, args, kwargs)]
        for each in calls:
            call, rest = each[0], each[1:]
            result = call(*(rest[0] if rest else ()), **(rest[1] if len(rest) > 1 else {}))
        return result
