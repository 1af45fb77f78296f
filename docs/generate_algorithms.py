"""
The text of docs/algorithms.md, which `python docs/generate.py` writes after a row of the registry has changed.

Says only what does not depend on the machine. A test fails when the file is not what `algorithms_page` returns.
"""

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

_SHARED = run_path(str(Path(__file__).with_name("generate.py")))
PAGE = "docs/algorithms.md"
NOTE = "<!-- Written by docs/generate.py: change the rows in conchsftp/ssh/algorithms, not this file. -->"


def algorithms_page() -> str:
    """Return docs/algorithms.md: each algorithm, which profile offers it, and what else its row says."""
    parts = [
        f"# Algorithms\n\n{NOTE}",
        "Each kind has a setting that lists names, in order of preference. While it is empty, `AlgorithmProfile`\n"
        "decides: `modern` offers what is marked so, `compatible` the rest as well, `documented` the list of the\n"
        "component. In a negotiation the order of the client counts. A name in italics may stand in the setting and\n"
        "is left out; any other name that is not here is an error.",
    ]
    parts.extend(_chapter(chapter) for chapter in CHAPTERS)
    return "\n\n".join(parts) + "\n"


def _chapter(chapter: Chapter[Any]) -> str:
    rows = [(f"`{row.name}`", _offered(row), "; ".join(_facts(row))) for row in chapter]
    rows += [(f"*{name}*", "never", "not built into this server") for name in sorted(chapter.unbuilt)]
    heading = f"## {chapter.title[0].upper()}{chapter.title[1:]}: `{chapter.setting.name}`"
    table: str = _SHARED["_table"](("Name", "Offered by", "Remarks"), rows)
    return f"{heading}\n\n{table}"


def _types(algorithm: str) -> list[str]:
    return [name for name, row in KEY_TYPES.items() if algorithm in row.algorithms]


def _offered(row: Algorithm) -> str:
    return "only if named" if row.profile is Profile.NONE else f"`{row.profile}`"


def _facts(row: Algorithm) -> list[str]:
    """Return what a row says beyond its name and profile."""
    facts = []
    match row:
        case KeyExchangeRow(heavy=True):
            facts.append("slow: more than 5 ms of computing")
        case HostKeyRow():
            facts.append(f"for keys of type {row.key}")
        case CipherRow():
            facts.append("authenticates by itself" if row.aead else "needs a MAC")
            if row.terrapin:
                how = "" if row.aead else " with an `-etm` MAC"
                facts.append(f"open to the Terrapin attack{how}, unless key exchange is strict")
        case MacRow():
            facts.append("encrypt-then-MAC" if row.etm else "encrypt-and-MAC")
        case SignatureRow():
            facts.append("for keys of type " + ", ".join(_types(row.name)))
        case CompressionRow(delayed=True):
            facts.append("starts after login")
    return [*facts, row.remark] if row.remark else facts
