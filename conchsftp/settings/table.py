"""
The table: every setting once, found under any of its spellings.

Joins the chapters and refuses a name that stands twice. Holds no values.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from conchsftp.errors import ServerError
from conchsftp.settings import base, certificate, own, sftp, ssh, tcp
from conchsftp.settings.row import Setting, hint, plain


class Table:
    """
    Rows, in chapters.

    Args:
        chapters: title → rows.
    Raises:
        ValueError: two rows have one name; only we can cause that.
    """

    def __init__(self, chapters: Mapping[str, tuple[Setting[Any], ...]]) -> None:
        self.chapters = dict(chapters)
        self.by_attribute: dict[str, Setting[Any]] = {}
        self._by_spelling: dict[str, Setting[Any]] = {}
        for row in self:
            if plain(row.name) in self._by_spelling:
                raise ValueError(f"{row.name} is declared twice")
            self._by_spelling[plain(row.name)] = row
            self.by_attribute[row.attribute] = row

    def __iter__(self) -> Iterator[Setting[Any]]:
        for rows in self.chapters.values():
            yield from rows

    def find(self, name: str) -> Setting[Any]:
        """
        Return the row of a name in any spelling and any case.

        Raises:
            ServerError: there is no such setting; the text names the nearest.
        """
        row = self._by_spelling.get(plain(name))
        if row is None:
            raise ServerError(0, f"unknown setting {name!r}{self.hint(name)}")
        return row

    def hint(self, name: str) -> str:
        """Return `"; did you mean …?"` in the spelling in which the name was written, or nothing."""
        pythonic = name == name.lower() and "-" not in name
        return hint(name, (row.attribute if pythonic else row.name for row in self))


TABLE = Table(
    {
        "SFTP": sftp.ROWS,
        "SSH": ssh.ROWS,
        "Host keys": certificate.ROWS,
        "TCP": tcp.ROWS,
        "Base": base.ROWS,
        "Of our own": own.ROWS,
    }
)
