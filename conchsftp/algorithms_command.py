"""
The command `conchsftp algorithms`: what the registry knows, or what a server with some settings would offer.

Starts no server and reads no key. Which rows there are, and what settings make of them, is known to `ssh/algorithms`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NoReturn

from twisted.python import usage

from conchsftp.server.config_file import first, first_settings
from conchsftp.ssh.algorithms import approved
from conchsftp.ssh.algorithms.offer import CHAPTERS, VALIDATORS, left_out, weak, why_not
from conchsftp.ssh.algorithms.registry import Chapter, HostKeyRow, Profile
from conchsftp.tap import read_statement

_PROFILES = tuple(each.value for each in Profile if each is not Profile.NONE)
_KINDS = {chapter.title.lower().replace(" ", "-"): chapter for chapter in CHAPTERS}


class Exit(IntEnum):
    """The exit codes of `conchsftp algorithms`; a mistake in the settings ends it with 1."""

    GOOD = 0
    """There is nothing to say against what would be offered; or no settings were asked about."""
    DOUBTS = 2
    """Something that the settings list would be left out, or something weak offered."""


def algorithms_command(arguments: Sequence[str]) -> int:
    """
    Run the command; return its exit code.

    Args:
        arguments: `--kind KIND`, `--profile PROFILE`, `--config FILE`, and `--set Name=Value` as often as wanted.
    Raises:
        ServerError: no server takes these settings.
        UsageError: that is not how it is called.
    """
    given = _parser().parse_args(list(arguments))
    chapters = CHAPTERS if given.kind is None else (_KINDS[given.kind],)
    if not (given.profile or given.config or given.set):
        _print((chapter, _registry(chapter)) for chapter in chapters)
        return Exit.GOOD
    settings = first_settings(given.config, {}, validators=VALIDATORS | approved.VALIDATORS)
    if given.profile:
        settings.algorithm_profile = given.profile
    for text in given.set:
        said = read_statement(text)
        first(settings, said.name, said.value, said.index)
    _print((chapter, _listed(chapter, settings)) for chapter in chapters)
    doubts = [*left_out(settings, chapters), *weak(settings, chapters=chapters)]
    return Exit.DOUBTS if doubts else Exit.GOOD


class _Parser(argparse.ArgumentParser):
    """Mistakes end the command as all of its others do."""

    def error(self, message: str) -> NoReturn:
        raise usage.UsageError(f"algorithms: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="conchsftp algorithms", add_help=False, allow_abbrev=False)
    parser.add_argument("--kind", choices=_KINDS)
    parser.add_argument("--profile", choices=_PROFILES)
    parser.add_argument("--config")
    parser.add_argument("--set", action="append", default=[])
    return parser


def _registry(chapter: Chapter[Any]) -> Iterator[tuple[str, ...]]:
    """Yield the columns of all names of a kind."""
    for row in chapter:
        profile = "if named" if row.profile is Profile.NONE else row.profile.value
        yield row.name, profile, _told(chapter, row.name, _not_here(chapter, row.name))
    for name in chapter.unbuilt:
        yield name, "never", _told(chapter, name, _not_here(chapter, name))


def _listed(chapter: Chapter[Any], settings: Any) -> Iterator[tuple[str, ...]]:
    """Yield the columns of the names that settings list, in their order. Raises ServerError if none can be offered."""
    chapter.offered(settings)
    for name in dict.fromkeys(chapter.listed(settings)):
        reason = why_not(settings, chapter, name)
        yield name, "left out" if reason else "offered", _told(chapter, name, reason)


def _not_here(chapter: Chapter[Any], name: str) -> str:
    reason = chapter.reason(name)
    return f"not here: {reason}" if reason else ""


def _told(chapter: Chapter[Any], name: str, reason: str) -> str:
    """Return why an algorithm cannot be used, if so, and what else is to be known of it."""
    row = chapter.rows.get(name)
    parts = [reason] if reason else []
    if isinstance(row, HostKeyRow):
        parts.append(f"with a key of type {row.key}")
    if row is not None and row.remark:
        parts.append(row.remark)
    return "; ".join(parts)


def _print(tables: Any) -> None:
    text = []
    for chapter, columns in tables:
        lines = [tuple(each) for each in columns]
        first_width, second_width = (max(len(line[at]) for line in lines) for at in (0, 1))
        text.append(f"{chapter.title} ({chapter.setting.name})")
        text += [f"  {name:{first_width}}  {state:{second_width}}  {said}".rstrip() for name, state, said in lines]
        text.append("")
    sys.stdout.write("\n".join(text[:-1]) + "\n")
