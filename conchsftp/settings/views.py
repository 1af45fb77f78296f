"""
Settings as attributes of the server that has them: `server.root_directory`, `server.user_auth_banner[3]`.

Stores nothing: each reads and sets through `server.settings`. A generated module, `server/properties.py`, has one of
them for each row.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Generic, TypeVar, overload

from conchsftp.settings.row import hint
from conchsftp.settings.table import TABLE

T = TypeVar("T")
G = TypeVar("G")
S = TypeVar("S", bound="_Door[Any, Any]")

# An attribute of an application's own may resemble a setting a little: `listener` is not `listening`.
_SURELY = 0.86
_PERHAPS = 0.6


class HasSettings:
    """
    What has settings as attributes, and refuses an attribute that nobody would ever read.

    That is every unknown one; in a subclass, which may have what it likes, one that is nearly named as a setting.
    Hooks, and names that begin with `_`, are not looked at.

    Attributes:
        settings: the values, a `Settings`.
    """

    settings: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in vars(cls):
            if any(isinstance(vars(each).get(name), _Door) for each in cls.__mro__[1:]):
                raise TypeError(f"{cls.__name__}.{name} would hide the setting: set it on the server")

    def __setattr__(self, name: str, value: Any) -> None:
        cls: Any = type(self)
        if name not in _known(cls) and "settings" in self.__dict__:
            _proofread(self, name)
        super().__setattr__(name, value)


class _View(Generic[T, G]):
    """The values of a setting: `view[3]` reads one, `view[3] = value` sets it. Errors are those of `Settings`."""

    __slots__ = ("_name", "_settings")

    def __init__(self, settings: Any, name: str) -> None:
        self._settings = settings
        self._name = name

    def __getitem__(self, index: int) -> T:
        value: T = self._settings.get(self._name, index)
        return value

    def __setitem__(self, index: int, value: G) -> None:
        self._settings.set(self._name, value, index)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"


class PerConnection(_View[T, G]):
    """The values of a setting, by the number of a connection."""

    # Without it Python would try [0], [1] and so on.
    __iter__ = None

    @property
    def default(self) -> T:
        """What holds for connections that have no value of their own: the value of the server."""
        value: T = self._settings.get(self._name)
        return value


class Elements(_View[T, G]):
    """The values of a setting that is a list, by their place, from 0."""

    def __len__(self) -> int:
        return len(self._settings.get(self._name))

    def __iter__(self) -> Iterator[T]:
        return iter(self._settings.get(self._name))


class _Door(Generic[T, G]):
    """A row as an attribute: `T` is what is read, `G` what may be set."""

    def __init__(self, name: str) -> None:
        # Not its row: what was written for another table can still be imported, and written anew.
        self.name = name

    @overload
    def __get__(self: S, owner: None, cls: type) -> S: ...
    @overload
    def __get__(self, owner: HasSettings, cls: type) -> T: ...
    def __get__(self, owner: HasSettings | None, cls: type) -> Any:
        return self if owner is None else self.read(owner.settings)

    def __set__(self, owner: HasSettings, value: G) -> None:
        owner.settings.set(self.name, value)

    def read(self, settings: Any) -> Any:
        """Return what the attribute is."""
        return settings.get(self.name)


class Value(_Door[T, G]):
    """A setting that is one value."""


class OfConnections(_Door[PerConnection[T, G], G]):
    """A setting of which each connection can have a value. To set the attribute itself sets the server's value."""

    def read(self, settings: Any) -> PerConnection[T, G]:
        return PerConnection(settings, self.name)


class OfPositions(_Door[Elements[T, G], G]):
    """A setting that is a list, whose length another setting holds."""

    def read(self, settings: Any) -> Elements[T, G]:
        return Elements(settings, self.name)


@cache
def _known(cls: type) -> frozenset[str]:
    """Return the names that a class has or announces."""
    return frozenset(name for each in cls.__mro__ for name in (*vars(each), *vars(each).get("__annotations__", ())))


def _proofread(owner: HasSettings, name: str) -> None:
    if name.startswith(("_", "on_")) or name in owner.__dict__:
        return
    cls = type(owner)
    extended = cls.__module__.partition(".")[0] != __name__.partition(".")[0]
    meant = hint(name, (row.attribute for row in TABLE), _SURELY if extended else _PERHAPS)
    if meant or not extended:
        raise AttributeError(f"{cls.__name__} has no setting {name!r}{meant or '; a subclass may have what it likes'}")
