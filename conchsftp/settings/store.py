"""
Values of settings: default of the profile ← value of the server ← value of one connection.

Knows the rules of the table (who may change what, and when), not what a setting does. Reading is a plain attribute
look-up at every level, because connections read on every packet; it is paid for when something is set.
"""

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from twisted.logger import Logger

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.secret import MASK, Secret
from conchsftp.settings.config import parse
from conchsftp.settings.names import Names
from conchsftp.settings.row import Change, Index, Setting, Support
from conchsftp.settings.table import Table

Check = Callable[[Any], None]
Watcher = Callable[[Any], None]


class Settings(Names):
    """
    The settings of one server.

    Read and assign them as attributes (`settings.root_directory`), or by any spelling of their name with `get` and
    `set`. Values may be given as text or as Python values.

    Args:
        table: which settings there are.
        validators: name → a function that raises ValueError for a value that the table cannot judge, such as the name
            of an algorithm. Defaults are not shown to it.
        owner: what the rows that are computed are computed from.
        values: first values, by attribute.
    Raises:
        ServerError: an unknown name or a refused value.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_checks",
        "_connections",
        "_frozen",
        "_overlay_class",
        "_owner",
        "_seen",
        "_stored",
        "_watched",
        "_watchers",
        "table",
    )
    _log = Logger()

    def __init__(
        self, table: Table, *, validators: Mapping[str, Check] | None = None, owner: object = None, **values: object
    ) -> None:
        state: dict[str, Any] = {
            "table": table,
            "_checks": {table.find(name).attribute: check for name, check in (validators or {}).items()},
            "_owner": owner,
            "_stored": {},
            "_frozen": False,
            "_seen": {},
            "_watchers": {},
            "_watched": WeakSet(),
            "_connections": WeakValueDictionary(),
            # One class for each server: its class attributes are the server's values, so that a connection without
            # values of its own needs no memory for them and no function call to find them.
            "_overlay_class": type("Overlay", (Overlay,), {"__slots__": ()}),
        }
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self._refresh()
        for name, value in values.items():
            self.set(name, value)

    def get(self, name: str, index: int | None = None) -> Any:
        """
        Return the value of a setting.

        Args:
            name: in any spelling.
            index: the connection or the position, where the setting has one. Without it: the value of the server; for
                a list, a tuple of all.
        Raises:
            ServerError: unknown name (0), index where there is none or out of range (0), unknown connection (126).
        """
        row = self.table.find(name)
        _check_index(row, index)
        if row.read is not None:
            return self._compute(row, index)
        if index is None:
            return self.__dict__[row.attribute]
        if row.index is Index.CONNECTION:
            return getattr(self.of(index), row.attribute)
        elements = self.__dict__[row.attribute]
        if index >= len(elements):
            raise ServerError(0, f"{row.name}[{index}]: {row.count} is {len(elements)}, raise it first")
        return elements[index]

    def set(self, name: str, value: object, index: int | None = None) -> None:
        """
        Set the value of a setting.

        Args:
            name: in any spelling.
            value: text or a Python value.
            index: the connection or the position, where the setting has one.
        Raises:
            ServerError: as from `get`; also a refused value, a read-only setting, or one that cannot change while the
                server listens (106 to 108 where documented, else 0).
        """
        row = self.table.find(name)
        _check_index(row, index)
        if row.read is not None:
            self._write(row, value, index)
            return
        if index is not None and row.index is Index.CONNECTION:
            self.of(index).set(name, value)
            return
        if row.index is Index.POSITION and index is None:
            raise ServerError(0, f"{row.name} is a list: set {row.name}[0] and so on")
        self._check_time(row)
        checked = self._checked(row, value)
        if index is None:
            self._stored[row.attribute] = checked
            self._shorten(row, checked)
        else:
            self.get(name, index)
            self._stored.setdefault(row.attribute, {})[index] = checked
        self._refresh()

    def text(self, name: str, index: int | None = None) -> str:
        """Return a value as `config()` shows it: a secret as `***`. Raises as `get` does."""
        row = self.table.find(name)
        if row.index is Index.POSITION and index is None:
            raise ServerError(0, f"{row.name} is a list: ask for {row.name}[0] and so on")
        return _shown(row, self.get(name, index))

    def config(self, statement: str) -> str:
        """
        Set (`"Name=value"`, `"Name[3]=value"`) or ask for (`"Name"`) a setting.

        Names in any case; white space around the value does not count.

        Returns:
            The value that is now in force, as text; a secret as `***`.
        Raises:
            ServerError: no such statement; or as from `get` and `set`.
        """
        said = parse(statement)
        if said.value is not None:
            self.set(said.name, said.value, said.index)
        return self.text(said.name, said.index)

    def overlay(self, connection_id: int | None = None) -> "Overlay":
        """
        Return the settings of one connection, which has no values of its own yet.

        Whoever asks must keep it: with the last reference, or `forget`, `of(connection_id)` ends.
        """
        made: Overlay = self._overlay_class(self, connection_id)
        if connection_id is not None:
            self._connections[connection_id] = made
        return made

    def of(self, connection_id: int) -> "Overlay":
        """Return the settings of a connection; ServerError 126 if there is none of this number."""
        found: Overlay | None = self._connections.get(connection_id)
        if found is None:
            raise ServerError(ErrorCode.NO_SUCH_CONNECTION, f"there is no connection {connection_id}")
        return found

    def forget(self, connection_id: int) -> None:
        """A connection is lost: nobody can ask for its values any more; who holds them can."""
        self._connections.pop(connection_id, None)

    def watch(self, name: str, watcher: Watcher) -> Callable[[], None]:
        """
        Have a function called with the new value, each time that the server's value changes.

        Args:
            name: in any spelling.
            watcher: must not raise; it is called after the change.
        Returns:
            A function that ends this.
        """
        return _enlist(self._watchers, self.table.find(name).attribute, watcher)

    def freeze(self) -> None:
        """The server listens: refuse from now on what can only change before that."""
        object.__setattr__(self, "_frozen", True)

    def show(self, **values: object) -> None:
        """Have settings that cannot change now read as what came of them, until `thaw`: LocalPort 0 as the port."""
        self._seen.update(values)
        self._refresh()

    def thaw(self) -> None:
        """The server listens no longer."""
        object.__setattr__(self, "_frozen", False)
        self._seen.clear()
        self._refresh()

    def reset(self) -> None:
        """
        Drop every value of the server, so that the defaults hold; connections keep their own.

        Raises:
            ServerError: the server listens.
        """
        if self._frozen:
            raise ServerError(0, "the settings cannot be reset while the server is listening")
        self._stored.clear()
        self._refresh()

    def _write(self, row: Setting[Any], value: object, index: int | None) -> None:
        """Hand the value of a row that is computed to whoever has it."""
        if row.write is None:
            raise ServerError(0, f"{row.name} is read-only")
        self._check_time(row)
        if row.index is Index.CONNECTION and index is None:
            raise ServerError(0, f"{row.name} belongs to a connection: set {row.name}[id]")
        row.write(self._owner, index, self._checked(row, value))

    def _check_time(self, row: Setting[Any]) -> None:
        if self._frozen and row.change is Change.BEFORE_LISTENING:
            raise ServerError(row.error, f"{row.name} cannot change while the server is listening")

    def _checked(self, row: Setting[Any], value: object) -> Any:
        """Return the value as it will be stored."""
        try:
            converted = row.kind.convert(value.reveal() if isinstance(value, Secret) else value)
            if row.attribute in self._checks:
                self._checks[row.attribute](converted)
        except ValueError as problem:
            text = f"expected {row.kind.described}" if row.secret else problem
            raise ServerError(0, f"{row.name}: {text}") from None
        if row.support is Support.REFUSED and converted != row.default:
            raise ServerError(0, f"{row.name} can only be {_shown(row, row.default)} here: {row.why}")
        if row.support is Support.ACCEPTED:
            self._log.info("{name} is accepted, without effect: {why}", name=row.name, why=row.why)
        return Secret(converted) if row.secret else converted

    def _shorten(self, count: Setting[Any], length: Any) -> None:
        """Forget the elements past the end of the lists whose length has been set: they may be passwords."""
        for row in self.table:
            if row.count == count.name and row.attribute in self._stored:
                elements = self._stored[row.attribute]
                self._stored[row.attribute] = {place: value for place, value in elements.items() if place < length}

    def _refresh(self) -> None:
        """Bring the values in force up to date, for the server and for every overlay; tell of the changes."""
        changed = {}
        for row in self.table:
            if row.read is None:
                value = self._in_force(row)
                if row.attribute not in self.__dict__ or self.__dict__[row.attribute] != value:
                    changed[row.attribute] = self.__dict__[row.attribute] = value
                    setattr(self._overlay_class, row.attribute, value)
        for attribute, value in changed.items():
            for watcher in tuple(self._watchers.get(attribute, ())):
                watcher(value)
            for overlay in tuple(self._watched):
                overlay._server_changed(attribute, value)

    def _in_force(self, row: Setting[Any]) -> Any:
        if row.attribute in self._seen:
            return self._seen[row.attribute]
        default = row.default_for(str(self._stored.get("algorithm_profile", "")))
        if row.secret:
            default = Secret(default)
        if row.index is not Index.POSITION:
            return self._stored.get(row.attribute, default)
        elements = self._stored.get(row.attribute, {})
        count = self._in_force(self.table.find(row.count))
        return tuple(elements.get(position, default) for position in range(count))

    def _compute(self, row: Setting[Any], index: int | None) -> Any:
        if row.index is Index.CONNECTION and index is None:
            raise ServerError(0, f"{row.name} belongs to a connection: ask for {row.name}[id]")
        return row.read(self._owner, index) if row.read is not None else None

    def __getattr__(self, name: str) -> Any:
        # Reached only by what is not stored: computed rows and mistakes.
        return self._compute(_row(object.__getattribute__(self, "table"), name), None)

    def __setattr__(self, name: str, value: object) -> None:
        self.set(name, value)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in sorted(self._stored.items()))})"


class Overlay(Names):
    """
    The settings of one connection: the server's, except for values of its own.

    Only settings whose index is a connection can have those. Made by `Settings.overlay()`.
    """

    __slots__ = ("__dict__", "__weakref__", "_server", "_watchers", "connection_id")

    def __init__(self, server: Settings, connection_id: int | None) -> None:
        object.__setattr__(self, "_server", server)
        object.__setattr__(self, "_watchers", None)
        object.__setattr__(self, "connection_id", connection_id)

    def set(self, name: str, value: object) -> None:
        """Set the value of this connection. Raises ServerError as `Settings.set` does."""
        row = self._server.table.find(name)
        if row.index is not Index.CONNECTION:
            raise ServerError(0, f"{row.name} is one for all connections: set it without an index")
        if row.read is not None:
            self._server._write(row, value, self.connection_id)
            return
        checked = self._server._checked(row, value)
        before = getattr(self, row.attribute)
        self.__dict__[row.attribute] = checked
        if checked != before:
            self._tell(row.attribute, checked)

    def drop(self, name: str) -> None:
        """Forget the value of this connection, if it has one of its own: the server's counts again."""
        attribute = self._server.table.find(name).attribute
        before = self.__dict__.pop(attribute, None)
        if before is not None and (after := getattr(self, attribute)) != before:
            self._tell(attribute, after)

    def has_own(self, name: str) -> bool:
        """Return whether this connection has a value of its own."""
        return self._server.table.find(name).attribute in self.__dict__

    def watch(self, name: str, watcher: Watcher) -> Callable[[], None]:
        """Have a function called with the new value, each time that this connection's value changes; see `Settings`."""
        if self._watchers is None:
            object.__setattr__(self, "_watchers", {})
            self._server._watched.add(self)
        return _enlist(self._watchers, self._server.table.find(name).attribute, watcher)

    def _server_changed(self, attribute: str, value: object) -> None:
        if attribute not in self.__dict__:
            self._tell(attribute, value)

    def _tell(self, attribute: str, value: object) -> None:
        for watcher in tuple((self._watchers or {}).get(attribute, ())):
            watcher(value)

    def __getattr__(self, name: str) -> Any:
        server: Settings = object.__getattribute__(self, "_server")
        row = _row(server.table, name)
        return server._compute(row, self.connection_id if row.index is Index.CONNECTION else None)

    def __setattr__(self, name: str, value: object) -> None:
        self.set(name, value)

    def __repr__(self) -> str:
        return f"Overlay({self.connection_id}, {', '.join(f'{n}={v!r}' for n, v in sorted(self.__dict__.items()))})"


def _row(table: Table, attribute: str) -> Setting[Any]:
    """Return the row of an attribute, or raise what an attribute that does not exist raises."""
    row = table.by_attribute.get(attribute)
    if row is None:
        # Python asks objects for all sorts of private names; only the others are somebody's mistake.
        raise AttributeError(f"no setting {attribute!r}" + ("" if attribute[:1] == "_" else table.hint(attribute)))
    return row


def _check_index(row: Setting[Any], index: int | None) -> None:
    if index is not None and row.index is Index.NONE:
        raise ServerError(0, f"{row.name} takes no index")
    if index is not None and index < 0:
        raise ServerError(0, f"{row.name}: index {index}, at least 0 expected")


def _shown(row: Setting[Any], value: Any) -> str:
    """Return a value as text, a secret masked."""
    if row.secret:
        return MASK if value else ""
    return row.kind.format(value)


def _enlist(watchers: dict[str, list[Watcher]], attribute: str, watcher: Watcher) -> Callable[[], None]:
    """Add a watcher and return what removes it; removing twice does no harm."""
    listed = watchers.setdefault(attribute, [])
    listed.append(watcher)

    def end() -> None:
        if watcher in listed:
            listed.remove(watcher)

    return end
