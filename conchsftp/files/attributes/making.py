"""
How new files and directories are made: their permissions, and what else a client wants of them.

Decides which mode something new gets, and gives it what the system call that made it could not. These are blocking
calls, for any thread.
"""

import os
from dataclasses import dataclass

from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.changes import Changes, wanted_later
from conchsftp.files.attributes.settable import AccessList, Mode
from conchsftp.sftp.attributes import Attributes

FILE_MODE = 0o666
DIRECTORY_MODE = 0o777

_SPECIAL_BITS = 0o7000


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """
    Which permissions new files and directories get.

    Attributes:
        umask: bits that they do not get; None for the umask of the process.
        file, directory: the modes where a client asks for none.
        forced: whether `file` and `directory` hold whatever a client asks, and no umask takes from them.
    """

    umask: int | None = None
    file: int = FILE_MODE
    directory: int = DIRECTORY_MODE
    forced: bool = False

    def of_file(self, attributes: Attributes, accounts: Accounts) -> "Making":
        """Return how a file is made that a client wants with these attributes."""
        return self._making(self.file, attributes, wanted_later(attributes, accounts, directory=False))

    def of_directory(self, attributes: Attributes, accounts: Accounts) -> "Making":
        """Return how a directory is made that a client wants with these attributes."""
        return self._making(self.directory, attributes, wanted_later(attributes, accounts, directory=True))

    def _making(self, mode: int, attributes: Attributes, changes: Changes | None) -> "Making":
        access = None if changes is None else changes.find(AccessList)
        if self.forced:
            if changes is not None and access is not None:
                changes.steps.remove(access)
            return Making(mode, True, changes)
        if attributes.permissions is not None:
            mode = attributes.permissions
        mode &= ~(self.umask or 0)
        if access is not None:
            access.limit = ~(self.umask or 0) & 0o777
            if access.acl.rules is not None:
                # Until it has its list, which decides about all nine bits, nobody else may open it.
                mode &= ~0o077
        return Making(mode, self.umask is not None, changes)


@dataclass(slots=True)
class Making:
    """
    How something new is made.

    Attributes:
        mode: the twelve permission bits; the umask of the process applies to them, unless they are `exact`.
        exact: whether the mode does not depend on the umask of the process.
        changes: what is set after that; None for nothing.
    """

    mode: int
    exact: bool = False
    changes: Changes | None = None

    def finish_file(self, descriptor: int, status: os.stat_result) -> None:
        """Give an open file that was just made what it lacks."""
        mode = self._missing_mode(status)
        if mode is not None:
            os.fchmod(descriptor, mode)
        if self.changes is not None:
            self.changes.apply_to(descriptor)

    def finish_directory(self, directory: int, name: bytes) -> None:
        """Give a directory that was just made what it lacks; by name, because it need not be readable."""
        if not self.exact and self.changes is None:
            return
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        mode = self._missing_mode(status)
        if mode is not None:
            Changes(Mode(mode)).apply_at(directory, name, status)
        if self.changes is not None:
            self.changes.apply_at(directory, name, status)

    def _missing_mode(self, status: os.stat_result) -> int | None:
        """Return the mode to set: where the umask of the process has taken from it, or mkdir(2) left out a bit."""
        if not self.exact:
            return None
        # A directory may have inherited a bit, which stays.
        mode = self.mode | status.st_mode & _SPECIAL_BITS
        return mode if mode != status.st_mode & 0o7777 else None
