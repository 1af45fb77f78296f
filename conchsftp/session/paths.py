"""
Virtual paths: from what a client wrote to what a file system gets, and back.

String algebra; no disk is touched, and no link is known. A path is absolute, `/`-separated and normalised, and str:
UTF-8 with `surrogateescape`, so that every name that is stored can be named. Design, "File systems and paths".
"""

from collections.abc import Iterable
from os import fspath

from conchsftp.errors import SFTPError
from conchsftp.sftp.statuses import Status

LONGEST_PATH = 32 * 1024
"""The longest path that is looked at, in bytes: eight times what Linux opens. A packet could bring one of 256 KiB, and
taking that apart keeps everybody else waiting."""

_UTF8 = "utf-8"
_ESCAPE = "surrogateescape"


class Paths:
    """
    How one user names files.

    Args:
        home: where relative paths start, as the client sees it.
        encoding: of names on the wire, for clients of version 3 that do not speak UTF-8; one that contains ASCII.
    """

    def __init__(self, home: str = "/", *, encoding: str = _UTF8) -> None:
        self.home = normalise(home)
        self.encoding = encoding
        if "/".encode(encoding) != b"/":
            raise ValueError(f"{encoding} does not contain ASCII")

    def resolve(self, raw: bytes) -> str:
        """
        Return the virtual path that a client means.

        Args:
            raw: as it came; relative paths start from home, and the empty one is home.
        Raises:
            SFTPError: INVALID_FILENAME for a zero byte, or for more than LONGEST_PATH bytes.
        """
        if len(raw) > LONGEST_PATH:
            raise SFTPError(Status.INVALID_FILENAME, "Name too long")
        path = raw.decode(self.encoding, _ESCAPE)
        if "\0" in path:
            raise SFTPError(Status.INVALID_FILENAME, "A name contains a zero byte")
        # Nearly every path is as it should be; finding that out takes a fifth of the time of taking it apart.
        if path[:1] != "/" or "/." in path or "//" in path or path[-1] == "/":
            path = normalise(path, self.home)
        return path

    def diverted(self, path: str) -> str:
        """
        Return the virtual path that a handler means; what a client may not name, it may not either.

        Args:
            path: a text, or an object such as `PurePosixPath`.
        Raises:
            SFTPError: as `resolve`.
            TypeError: it is no path.
        """
        text = fspath(path)
        if not isinstance(text, str):
            raise TypeError(f"a path of type {type(text).__name__}, str expected")
        if len(text) > LONGEST_PATH or len(text.encode(_UTF8, _ESCAPE)) > LONGEST_PATH:
            raise SFTPError(Status.INVALID_FILENAME, "Name too long")
        if "\0" in text:
            raise SFTPError(Status.INVALID_FILENAME, "A name contains a zero byte")
        return normalise(text, self.home)

    def compose(self, raw: bytes, more: Iterable[bytes]) -> str:
        """
        Return the path that several paths make, each starting from the one before.

        "If the compose-path is absolute … it replaces the original-path." (filexfer-13, 8.9)
        """
        parts = (raw, *more)
        # Only what comes from the last absolute one on counts. Joined once: a packet may bring 65,000 of them.
        begin = next((at for at in range(len(parts) - 1, 0, -1) if parts[at].startswith(b"/")), 0)
        # What is left of relative ones before anything is named is nothing.
        return self.resolve(b"/".join(parts[begin:]) if parts[begin] else b"/".join(parts[begin:]).lstrip(b"/"))

    def decode(self, raw: bytes) -> str:
        """Return a text from the wire that is no path to be resolved: the target of a link, a name."""
        return raw.decode(self.encoding, _ESCAPE)

    def encode(self, path: str) -> bytes:
        """Return a path or a name as it is sent; in UTF-8 where the client's encoding has no word for it."""
        try:
            return path.encode(self.encoding, _ESCAPE)
        except UnicodeEncodeError:
            if self.encoding == _UTF8:
                raise SFTPError(Status.INVALID_FILENAME) from None
            return path.encode(_UTF8, _ESCAPE)


class RestrictedPaths(Paths):
    """
    How a user names files who may reach one directory only.

    Keeps what is elsewhere from handlers, and handlers from leading there. Where links lead, only the file system
    knows: see `IRestrict`.

    Args:
        within: the directory.
        home, encoding: as in `Paths`.
    """

    def __init__(self, within: str, home: str = "/", *, encoding: str = _UTF8) -> None:
        super().__init__(home, encoding=encoding)
        self.within = normalise(within)

    def resolve(self, raw: bytes) -> str:
        return self._checked(super().resolve(raw))

    def diverted(self, path: str) -> str:
        return self._checked(super().diverted(path))

    def _checked(self, path: str) -> str:
        if not is_within(path, self.within):
            raise SFTPError(Status.PERMISSION_DENIED)
        return path


def normalise(path: str, base: str = "/") -> str:
    """
    Return a path that is absolute and without `.`, `..` and double slashes; `..` does not climb above `/`.

    Args:
        base: where a relative path starts; normalised.
    """
    names: list[str] = []
    for name in (path if path.startswith("/") else f"{base}/{path}").split("/"):
        if name == "..":
            del names[-1:]
        elif name and name != ".":
            names.append(name)
    return "/" + "/".join(names)


def join(directory: str, name: str) -> str:
    """Return the path of an entry of a directory."""
    return f"{directory}/{name}" if directory != "/" else f"/{name}"


def is_within(path: str, directory: str) -> bool:
    """Whether a path is a directory, or beneath it: `/srv/ab` is not within `/srv/a`."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
