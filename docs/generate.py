"""
Write the documents that the tables know: run `python docs/generate.py` after a row has changed.

Each entry of PAGES is a file and the function that returns its text; a test fails when a file is not what its function
returns. Nothing here knows a particular setting or event.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from runpy import run_path
from typing import Any

from conchsftp import events
from conchsftp.auth.keys.key_options import OPTIONS
from conchsftp.auth.keys.user_certificate import CRITICAL_OPTIONS, EXTENSIONS, CertificateOption
from conchsftp.auth.users.user_fields import FIELDS
from conchsftp.errors import ErrorCode
from conchsftp.events.parameters import Parameter
from conchsftp.settings.client_quirks import QUIRKS
from conchsftp.settings.penalties import WORDS as PENALTY_WORDS
from conchsftp.settings.penalties import PenaltyRules, kind_of
from conchsftp.settings.permissions import GROUPS, WORDS
from conchsftp.settings.row import Change, Index, Setting, Support
from conchsftp.settings.ssh import VERSION
from conchsftp.settings.table import TABLE
from conchsftp.sftp.clients import CLIENTS, COLUMNS, Client

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Written by docs/generate.py: change the tables, not this file. -->"
LONGEST_EXAMPLE = 60
INDEXED = {Index.NONE: "", Index.CONNECTION: "[connection]", Index.POSITION: "[position]"}


def settings_page() -> str:
    """Return docs/settings.md: each setting with its meaning, values, default and when it may change."""
    parts = [
        f"# Settings\n\n{NOTE}",
        "A setting has one name in three spellings: `root_directory` in Python, an attribute of the server and a\n"
        "keyword of `SFTPServer`; `RootDirectory` in `--set` and `server.config()`; the option `--root-directory`.\n"
        "Where `[connection]` stands after a name, one connection can have a value of its own:\n"
        '`server.dir_list_buffer_size[3] = 20` or `server.config("DirListBufferSize[3]=20")`. Without the number it\n'
        "is the value for all others: `server.dir_list_buffer_size = 50`. A `[position]` is a place in a list, from 0.",
    ]
    for title, rows in TABLE.chapters.items():
        parts.append(f"## {title}")
        parts.extend(_setting(row) for row in rows)
    return "\n\n".join(parts) + "\n"


def _setting(row: Setting[Any]) -> str:
    facts = [f"* Value: {row.kind.described}"]
    if row.read is None:
        facts.append(f"* Default: {_value(row, row.default)}")
    if row.default_for("compatible") != row.default:
        facts.append(f"* Default under `compatible`: {_value(row, row.default_for('compatible'))}")
    if row.default_for("documented") != row.default:
        facts.append(f"* Default under `documented`: {_value(row, row.default_for('documented'))}")
    if row.change is Change.NEVER:
        facts.append("* Read-only")
    elif row.change is not Change.ANYTIME:
        facts.append(f"* Can be changed {row.change.value}")
    if row.support is not Support.FULL:
        facts.append(f"* Support: {row.support.value}. {row.why}")
    option = f" · `--{row.option}`" if row.has_option else ""
    heading = f"### {row.name}{INDEXED[row.index]}\n\n`{row.attribute}`{option}"
    return f"{heading}\n\n{row.doc}\n\n" + "\n".join(facts)


def _value(row: Setting[Any], value: Any) -> str:
    text = row.kind.format(value).replace(f"conchsftp_{VERSION}", "conchsftp_<version>")
    return f"`{text}`" if text else row.blank


def differences_page() -> str:
    """Return docs/differences.md; what it says has a module of its own beside this one."""
    page: str = run_path(str(Path(__file__).with_name("generate_differences.py")))["page"](NOTE, _table, _value)
    return page


def versions_page() -> str:
    """Return docs/versions.md; what it says has a module of its own beside this one."""
    page: str = run_path(str(Path(__file__).with_name("generate_versions.py")))["page"](NOTE, _table)
    return page


def events_page() -> str:
    """Return docs/events.md: what handlers can do, then each event, when it fires, and its parameters."""
    chapters = run_path(str(Path(__file__).with_name("generate_events.py")))
    parts = [
        f"# Events\n\n{NOTE}",
        chapters["handlers_chapter"](_table),
    ]
    for title, own in (("As documented", False), ("Of our own", True)):
        parts.append(f"## {title}")
        parts.extend(_event(each) for each in events.EVENTS.values() if each.documented != own)
    parts.append(chapters["values_chapter"](_table))
    return "\n\n".join(parts) + "\n"


def _event(each: type[events.Event]) -> str:
    heading = f"### {each.name}\n\n`{each.hook}` · fires {each.phases.described}"
    rows = (
        (f"`{name}`" + (" ✎" if name in each.writable else ""), f"`{annotation}`", text)
        for name, annotation, text in parameters(each)
    )
    return f"{heading}\n\n{inspect.cleandoc(each.__doc__ or '').partition('Attributes:')[0].strip()}\n\n" + _table(
        ("Parameter", "Type", "Meaning"), rows
    )


def parameters(each: type[events.Event]) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and meaning of everything that can be read from an event, fields first."""
    texts: dict[str, str] = {}
    for cls in reversed(each.__mro__):
        texts.update(_attributes(cls.__doc__ or ""))
    for field in dataclasses.fields(each):  # type: ignore[arg-type]
        kind = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
        yield field.name, re.sub(r"\w+\.(?=[A-Za-z])", "", kind), texts.get(field.name, "")
    for cls in each.__mro__:
        for name, value in vars(cls).items():
            if isinstance(value, property):
                kind = inspect.signature(value.fget).return_annotation if value.fget else ""
                yield name, inspect.formatannotation(kind), _flat(value.__doc__ or "")
            elif isinstance(value, Parameter):
                yield name, value.annotation, value.__doc__ or ""


def _attributes(doc: str) -> dict[str, str]:
    """Return the entries of the section `Attributes:` of a docstring."""
    section = inspect.cleandoc(doc).partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        entry = re.match(r"    (\w+): (.*)", line)
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_flat(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def errors_page() -> str:
    """Return docs/errors.md: each documented number of an error."""
    return (
        "\n\n".join(
            (
                f"# Error codes\n\n{NOTE}",
                "A `ServerError` has a text and a number, its `code`. These are the documented numbers; 0 is that of\n"
                "all other mistakes. In Python they are the members of `conchsftp.errors.ErrorCode`. The numbers from\n"
                "10004 to 10071 stand for what the system calls by the same name.",
                _table(
                    ("Code", "Name", "Meaning", "When"),
                    ((str(int(each)), f"`{each.name}`", each.text, each.when) for each in ErrorCode),
                ),
                "What a request of a client fails with is another matter: that is a status of SFTP, in the replies\n"
                "and in `SFTPError`.",
            )
        )
        + "\n"
    )


def clients_page() -> str:
    """Return docs/client_quirks.md: what is known of clients, and what a setting may say instead."""
    return (
        "\n\n".join(
            (
                f"# Known clients\n\n{NOTE}",
                "Most clients agree on what SFTP is. These need something else, and get it by the version string with\n"
                "which they greet the server; the log has it for each login. Some look at what the\n"
                "server calls itself in ServerSSHVersionString, and are understood either way.",
                _table(
                    ("Version string", "What is different", "Known from"),
                    ((f"`{row.pattern}`", ", ".join(_different(row)) or "nothing", row.source) for row in CLIENTS),
                ),
                "## What can be different",
                "The setting `ClientQuirks` says it for clients that are not in the table, or over the table:\n"
                '`ClientQuirks="SSH-2.0-MyClient* symlinks=link-first packet=16384, SSH-2.0-Other_1.* versions=3"`.\n'
                "The first pattern that matches counts; what it does not name stays as the table says. In a pattern\n"
                "`*` is any text, also spaces, `?` any character, and `[1-9]` one of these; case does not matter.",
                _table(
                    ("Name", "Meaning", "Values", "Usual"),
                    (
                        (f"`{each.name}`", each.metadata["meaning"], kind.described, f"`{kind.format(each.default)}`")
                        for each in COLUMNS
                        for kind in (QUIRKS[each.name],)
                    ),
                ),
            )
        )
        + "\n"
    )


def users_page() -> str:
    """Return docs/users.md with the table of what may stand in a user's table; the rest of it is written by hand."""
    rows = (
        (f"`{row.name}`", row.doc, f"`{row.example}`" if len(row.example) <= LONGEST_EXAMPLE else "")
        for row in FIELDS.values()
    )
    return _filled("users.md", entries=_table(("Entry", "Meaning", "Example"), rows))


def _different(row: Client) -> Iterator[str]:
    for column in COLUMNS:
        value = getattr(row, column.name)
        if value != column.default:
            yield f"`{column.name}={QUIRKS[column.name].format(value)}`"
    if row.turned_by:
        yield f"but not if the server is {' or '.join(f'`{pattern}`' for pattern in row.turned_by)}"


def permissions_page() -> str:
    """Return docs/permissions.md with the table of words; the rest of it is written by hand."""
    rows = [(f"`{word.name}`", word.meaning) for word in (*WORDS.values(), *GROUPS.values())]
    return _filled("permissions.md", words=_table(("Word", "Allows to"), rows))


def certificates_page() -> str:
    """Return docs/certificates.md with its tables of options; the rest of it is written by hand."""
    alike: dict[str, list[str]] = {}
    for option in OPTIONS.values():
        alike.setdefault(option.done, []).append(f"`{option.name}`")
    options = _table(("Option", "What is done"), ((", ".join(names), done) for done, names in alike.items()))
    return _filled(
        "certificates.md",
        critical=_certificate_options("Critical option", CRITICAL_OPTIONS, "refuses the certificate"),
        extensions=_certificate_options("Extension", EXTENSIONS, "is about what is never done here, and is ignored"),
        options=options,
    )


def _certificate_options(title: str, rows: Mapping[str, CertificateOption], other: str) -> str:
    return _table((title, ""), [*((f"`{name}`", row.done) for name, row in rows.items()), ("any other", other)])


def operating_page() -> str:
    """Return docs/operating.md with the words of PerSourcePenalties; the rest of it is written by hand."""
    usual, meanings = PenaltyRules(), _attributes(PenaltyRules.__doc__ or "")
    rows = (
        (f"`{word}`", f"`{kind_of(word).format(getattr(usual, name))}`", meanings[name].removesuffix("."))
        for word in PENALTY_WORDS
        for name in (word.replace("-", "_"),)
    )
    return _filled("operating.md", penalties=_table(("Word", "Default", "Meaning"), rows))


def _filled(page: str, **tables: str) -> str:
    """Return a page that is written by hand, with the tables between its marks written anew."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- {name}: written by docs/generate.py -->\n", f"<!-- end of {name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        assert begun and ended, f"docs/{page} has lost the marks of its table of {name}"
        text = f"{before}{begin}\n{table}\n\n{end}{after}"
    return text


def _beside(module: str, function: str) -> str:
    """Return what a module beside this one writes: the registry of algorithms and the types have one of their own."""
    page: str = run_path(str(Path(__file__).with_name(module)))[function]()
    return page


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "docs/differences.md": differences_page,
    "docs/events.md": events_page,
    "docs/errors.md": errors_page,
    "docs/algorithms.md": partial(_beside, "generate_algorithms.py", "algorithms_page"),
    "docs/client_quirks.md": clients_page,
    "docs/certificates.md": certificates_page,
    "docs/operating.md": operating_page,
    "docs/permissions.md": permissions_page,
    "docs/users.md": users_page,
    "docs/versions.md": versions_page,
    "conchsftp/settings/names.py": partial(_beside, "generate_names.py", "names_module"),
    "conchsftp/server/properties.py": partial(_beside, "generate_names.py", "properties_module"),
}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (ROOT / page).write_text(text(), encoding="utf-8")
