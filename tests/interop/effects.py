"""
How the files of each operation are prepared, and how its effect is verified, on the server's real files.

What is verified does not depend on the client: `operations` puts these functions together, clients do not see them.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.interop.driving import Place, same

# What a step tells of a listing: the name, its type as in the first column of `ls -l`, its size. None: it cannot tell.
Listing = Mapping[str, tuple[str | None, int | None]]

LARGE = 7_340_043  # more than the windows of most clients
SIZE = 1_000_003  # no multiple of anything, and several packets
THERE = 300_001  # so much of a file that is resumed is there already
MANY = 3000
MODIFIED = 1_300_000_000
ODD_NAMES = ("a blank", "ünï cödé.txt", 'it\'s "quoted"', "-dash", "a#b%20c;d&e")
LATIN_NAME = os.fsdecode(b"caf\xe9")


def _fill(path: Path, size: int = SIZE) -> None:
    path.write_bytes(os.urandom(size))


def _tree(folder: Path) -> None:
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "bare").mkdir()
    for name, size in (("large", SIZE), ("empty", 0), ("sub/one", 1), ("sub/deep/file", 70_000)):
        _fill(folder / name, size)


def nothing(place: Place) -> None:
    """Leave the place empty."""


def here(place: Place) -> None:
    _fill(place.local / "source")


def there(place: Place) -> None:
    _fill(place.served / "source")


def large_here(place: Place) -> None:
    _fill(place.local / "source", LARGE)


def large_there(place: Place) -> None:
    _fill(place.served / "source", LARGE)


def arrived_there(place: Place, told: object) -> None:
    same(place.local / "source", place.served / "arrived")


def arrived_here(place: Place, told: object) -> None:
    same(place.served / "source", place.local / "arrived")


# Files


def larger_there(place: Place) -> None:
    here(place)
    _fill(place.served / "arrived", 2 * SIZE)


def part_there(place: Place) -> None:
    # Not what the source begins with: what is sent again, or filled with zeros, is seen.
    here(place)
    (place.served / "arrived").write_bytes(b"#" * THERE)


def part_here(place: Place) -> None:
    there(place)
    (place.local / "arrived").write_bytes(b"#" * THERE)


def resumed_there(place: Place, told: object) -> None:
    _resumed(place.local / "source", place.served / "arrived")


def resumed_here(place: Place, told: object) -> None:
    _resumed(place.served / "source", place.local / "arrived")


def _resumed(source: Path, arrived: Path) -> None:
    assert arrived.read_bytes() == b"#" * THERE + source.read_bytes()[THERE:], "not resumed, or not from where it was"


def something_there(place: Place) -> None:
    here(place)
    (place.served / "arrived").write_bytes(b"before\n")


def appended(place: Place, told: object) -> None:
    assert (place.served / "arrived").read_bytes() == b"before\n" + (place.local / "source").read_bytes()


def empty(place: Place) -> None:
    for folder in (place.local, place.served):
        (folder / "source").touch()


def empty_both_ways(place: Place, told: object) -> None:
    assert (place.served / "arrived").read_bytes() == (place.local / "arrived").read_bytes() == b""


def copied(place: Place, told: object) -> None:
    same(place.served / "source", place.served / "arrived")


def many_files(place: Place) -> None:
    for folder in (place.local / "source", place.served / "source"):
        folder.mkdir()
        for number in range(12):
            _fill(folder / f"file{number}", 100_000 + number)


def trees_both_ways(place: Place, told: object) -> None:
    same(place.local / "source", place.served / "arrived")
    same(place.served / "source", place.local / "arrived")


# Folders


def to_list(place: Place) -> None:
    _fill(place.served / "file", 12_345)
    (place.served / "empty").touch()
    (place.served / "folder").mkdir()


def listed(place: Place, told: Listing) -> None:
    expected = {"file": ("-", 12_345), "empty": ("-", 0), "folder": ("d", None)}
    told = {name: told[name] for name in told if name not in (".", "..")}
    assert set(told) == set(expected)
    for name, (kind, size) in expected.items():
        assert told[name][0] in (kind, None), name
        assert size is None or told[name][1] in (size, None), name


def many_to_list(place: Place) -> None:
    for number in range(MANY):
        (place.served / f"entry{number}").touch()


def many_listed(place: Place, told: Iterable[str]) -> None:
    assert sorted(name for name in told if name not in (".", "..")) == sorted(os.listdir(place.served))


def to_remove(place: Place) -> None:
    (place.served / "folder").mkdir()
    (place.served / "file").touch()


def made_and_removed(place: Place, told: object) -> None:
    assert os.listdir(place.served) == ["made"] and (place.served / "made").is_dir()


def renamed(place: Place, told: object) -> None:
    assert os.listdir(place.served) == ["arrived"]
    assert (place.served / "arrived").stat().st_size == SIZE


def two_there(place: Place) -> None:
    for name in ("source", "arrived"):
        (place.served / name).write_text(name)


def replaced_or_kept(place: Place, told: bool) -> None:
    assert isinstance(told, bool), told
    found = {path.name: path.read_text() for path in place.served.iterdir()}
    assert found == ({"arrived": "source"} if told else {"source": "source", "arrived": "arrived"})


def tree_here(place: Place) -> None:
    _tree(place.local / "source")


def tree_there(place: Place) -> None:
    _tree(place.served / "source")


def all_removed(place: Place, told: object) -> None:
    assert os.listdir(place.served) == []


# Attributes and links


def changed_mode(place: Place, told: object) -> None:
    assert stat.S_IMODE((place.served / "source").stat().st_mode) == 0o604


def old_here(place: Place) -> None:
    here(place)
    os.utime(place.local / "source", (MODIFIED, MODIFIED))


def old_there(place: Place) -> None:
    there(place)
    os.utime(place.served / "source", (MODIFIED, MODIFIED))


def time_kept_there(place: Place, told: object) -> None:
    arrived_there(place, told)
    assert int((place.served / "arrived").stat().st_mtime) == MODIFIED


def time_kept_here(place: Place, told: object) -> None:
    arrived_here(place, told)
    assert int((place.local / "arrived").stat().st_mtime) == MODIFIED


def linked(place: Place, told: object) -> None:
    # The other way round, `source` would be gone or the link would lead from it.
    assert os.readlink(place.served / "link") in ("source", f"{place.remote}/source")
    assert not (place.served / "source").is_symlink()


def link_there(place: Place) -> None:
    there(place)
    (place.served / "link").symlink_to("source")


def link_read(place: Place, told: str) -> None:
    assert told in ("source", f"{place.remote}/source"), told


def hard_linked(place: Place, told: object) -> None:
    assert (place.served / "link").samefile(place.served / "source")
    assert not (place.served / "link").is_symlink()


def space(place: Place, told: int) -> None:
    space = os.statvfs(place.served)
    assert abs(told - space.f_blocks * space.f_frsize) < 1 << 20, told


# Names, refusals, logins


def odd_names(place: Place) -> None:
    _named(place, ODD_NAMES)


def latin_name(place: Place) -> None:
    _named(place, (LATIN_NAME,))


def _named(place: Place, names: Sequence[str]) -> None:
    for folder in (place.local / "source", place.served / "source"):
        folder.mkdir()
        for name in names:
            _fill(folder / name, 1000)


def told_missing(place: Place, told: str) -> None:
    assert re.search("no such (file|path|object)|not found|does not exist|nosuchfile", told, re.IGNORECASE), told
    assert not (place.local / "arrived").exists() or (place.local / "arrived").stat().st_size == 0


def told_refused(place: Place, told: str) -> None:
    assert re.search("denied|read.?only|not permitted", told, re.IGNORECASE), told
    assert os.listdir(place.served) == []
