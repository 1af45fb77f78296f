"""
Write the modules that give the settings types: conchsftp/settings/names.py and conchsftp/server/properties.py.

Called by generate.py beside it.
"""

from collections.abc import Iterable
from typing import Any

from conchsftp.settings.row import Change, Index, Setting
from conchsftp.settings.table import TABLE

_DOORS = {Index.NONE: "Value", Index.CONNECTION: "OfConnections", Index.POSITION: "OfPositions"}
# Where the types of what may be set come from, and are not those of what is read.
_GIVEN = {"Iterable": "collections.abc", "PathLike": "os", "Never": "typing"}


def names_module() -> str:
    """Return conchsftp/settings/names.py: the attributes of the settings, for type checkers only."""
    imports = _imports((_module(row), _one(row)) for row in TABLE)
    lines = (
        f"    {row.attribute}: " + (f"tuple[{_one(row)}, ...]" if row.index is Index.POSITION else _one(row))
        for row in TABLE
    )
    return "\n".join(
        (
            '"""\nThe settings as attributes, with their types: for type checkers and editors only.\n',
            'Written by docs/generate.py from the table; holds no values.\n"""\n',
            *imports,
            '\n\nclass Names:\n    """What can be read from settings and overlays."""\n\n    __slots__ = ()\n',
            *lines,
            "",
        )
    )


def properties_module() -> str:
    """Return conchsftp/server/properties.py: the attributes of a server."""
    standard = _imports((source, name) for name, source in _GIVEN.items() if any(name in _given(row) for row in TABLE))
    imports = _imports(
        (
            *((_module(row), _one(row)) for row in TABLE),
            *(("conchsftp.settings.views", name) for name in ("HasSettings", *(_DOORS[row.index] for row in TABLE))),
        )
    )
    lines = (f'    {row.attribute} = {_DOORS[row.index]}[{_one(row)}, {_given(row)}]("{row.name}")' for row in TABLE)
    return "\n".join(
        (
            '"""\nThe settings as attributes of a server: what they are when read, and what they may be set to.\n',
            'Written by docs/generate.py from the table; holds no values.\n"""\n',
            *standard,
            "",
            *imports,
            "\n\nclass Properties(HasSettings):",
            '    """One attribute for each setting; docs/settings.md says what it means."""\n',
            *lines,
            "",
        )
    )


def _one(row: Setting[Any]) -> str:
    """Return the type of one value."""
    return "Secret" if row.secret else row.kind.annotation


def _module(row: Setting[Any]) -> str:
    return "conchsftp.secret" if row.secret else row.kind.module


def _given(row: Setting[Any]) -> str:
    """Return the type of what may be set. Text always may, and is an iterable of texts."""
    if row.change is Change.NEVER:
        return "Never"
    given = (row.kind.given or row.kind.annotation).split(" | ")
    if "str" not in given and "Iterable[str]" not in given:
        given.append("str")
    return " | ".join([*given, "Secret"] if row.secret else given)


def _imports(names: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines that import names from modules; names without a module are built in."""
    found: dict[str, set[str]] = {}
    for module, name in names:
        if module:
            found.setdefault(module, set()).add(name)
    return [f"from {module} import {', '.join(sorted(found[module]))}" for module in sorted(found)]
