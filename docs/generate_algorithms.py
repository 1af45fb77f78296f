"""
The text of docs/algorithms.md, which `python docs/generate.py` writes after a row of the registry has changed.

Says only what does not depend on the machine: who speaks an algorithm has been measured, and stands in files beside
this one. A test fails when the file is not what `algorithms_page` returns.
"""

import tomllib
from pathlib import Path
from runpy import run_path
from typing import Any

from conchsftp.auth.keys.signatures import KEY_TYPES
from conchsftp.ssh.algorithms.offer import CHAPTERS
from conchsftp.ssh.algorithms.registry import (
    Algorithm,
    Chapter,
    CipherRow,
    CompressionRow,
    HostKeyRow,
    KeyExchangeRow,
    MacRow,
    Profile,
    SignatureRow,
)
from conchsftp.ssh.algorithms.x509_blobs import X509_FORMS

_SHARED = run_path(str(Path(__file__).with_name("generate.py")))
PAGE = "docs/algorithms.md"
_FOLDER = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py: change the rows in conchsftp/ssh/algorithms, not this file. -->"


def algorithms_page() -> str:
    """Return docs/algorithms.md: each algorithm, which profile offers it, who speaks it, and what its row says."""
    peers = _read("algorithm_peers.toml")
    parts = [
        f"# Algorithms\n\n{NOTE}",
        "Each kind has a setting that lists names, in order of preference. While it is empty, `AlgorithmProfile`\n"
        "decides: `modern` offers what is marked so, `compatible` that and what is marked `compatible`, `documented`\n"
        "the list of the component, in its order. In a negotiation the order of the client counts. A name in italics\n"
        "may stand in the setting and is left out; any other name that is not here is an error.",
        "`conchsftp algorithms` shows the same for the machine that it runs on, with what cannot be used there, and\n"
        "why. With `--profile documented`, `--config FILE` or `--set Name=Value` it shows what a server with these\n"
        "settings offers. Its exit code is 2 if something of that is weak, or is listed and cannot be used here, 1 if\n"
        "no server would start, else 0. The log says so when a server starts, too: a warning for each setting that\n"
        "offers something weak, a line for what is left out.",
        "With UseFIPSCompliantAPI only what is approved is offered, see [settings](settings.md#usefipscompliantapi).",
        "*Spoken with* names the clients of others that log in with an algorithm, move a file both ways and change\n"
        f"keys on the way, in the tests:\n{_clients(peers)}.\n"
        "Where it is none of them, the test is named that proves the algorithm instead, in `tests`.",
    ]
    parts.extend(_chapter(chapter, peers.get(chapter.title, {})) for chapter in CHAPTERS)
    return "\n\n".join(parts) + "\n"


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))


def _clients(peers: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in peers["clients"].items())


def _chapter(chapter: Chapter[Any], peers: dict[str, list[str]]) -> str:
    rows = [
        (f"`{row.name}`", _offered(row), _approved(row), _spoken(row.name, peers), "; ".join(_facts(row)))
        for row in chapter
    ]
    rows += [(f"*{name}*", "never", "", "", "not built into this server") for name in sorted(chapter.unbuilt)]
    heading = f"## {chapter.title[0].upper()}{chapter.title[1:]}: `{chapter.setting.name}`"
    table: str = _SHARED["_table"](("Name", "Offered by", "FIPS", "Spoken with", "Remarks"), rows)
    return f"{heading}\n\n{table}"


def _approved(row: Algorithm) -> str:
    return "approved" if row.fips else ""


def _spoken(name: str, peers: dict[str, list[str]]) -> str:
    """Return who speaks an algorithm, or what proves it instead."""
    if peers.get(name):
        return ", ".join(peers[name])
    tests = _read("algorithm_tests.toml")
    # A line of its own counts more than a beginning: the others may be spoken there, and this one is not.
    if name in tests["vectors"]:
        return f"none; by vectors: `{tests['vectors'][name].removeprefix('tests.')}`"
    for beginning, check in tests["elsewhere"].items():
        if name.startswith(beginning):
            return f"see `{check}`"
    return "not measured yet"


def _certified(name: str) -> str:
    form = X509_FORMS.get(name)
    return f"for X.509 certificates of keys of type {form.key}" if form is not None else ""


def _types(algorithm: str) -> list[str]:
    return [name for name, row in KEY_TYPES.items() if algorithm in row.algorithms]


def _offered(row: Algorithm) -> str:
    return "only if named" if row.profile is Profile.NONE else f"`{row.profile}`"


def _facts(row: Algorithm) -> list[str]:
    """Return what a row says beyond its name and profile."""
    facts = []
    match row:
        case KeyExchangeRow(gss=True):
            facts.append("needs a ticket: see [Kerberos](gssapi.md)")
        case KeyExchangeRow(heavy=True):
            facts.append("slow: more than 5 ms of computing")
        case HostKeyRow():
            facts.append(_certified(row.name) or f"for keys of type {row.key}")
        case CipherRow():
            facts.append("authenticates by itself" if row.aead else "needs a MAC")
            if row.terrapin:
                how = "" if row.aead else " with an `-etm` MAC"
                facts.append(f"open to the Terrapin attack{how}, unless key exchange is strict")
        case MacRow():
            facts.append("encrypt-then-MAC" if row.etm else "encrypt-and-MAC")
        case SignatureRow():
            facts.append(_certified(row.name) or "for keys of type " + ", ".join(_types(row.name)))
            if row.needs:
                facts.append(f"with `{row.needs}`")
        case CompressionRow(delayed=True):
            facts.append("starts after login")
    return [*facts, row.remark] if row.remark else facts
