"""
lftp, told that names on the server are in another encoding than UTF-8, and a server that is told the same.
"""

from collections.abc import Callable

import pytest

from bench.servers import Server
from tests.interop.clients import lftp
from tests.interop.conftest import Start
from tests.interop.driving import Place, need

# The trail bytes of the Japanese and the Chinese name are those of a backslash.
PAGES = (
    ("1252", "windows-1252", "été €"),
    ("932", "cp932", "ソ能"),
    ("936", "gbk", "誠中文"),
)


@pytest.mark.parametrize(("page", "charset", "name"), PAGES, ids=[page for page, _, _ in PAGES])
def check_names(
    ours: None, start: Start, make_place: Callable[[Server], Place], page: str, charset: str, name: str
) -> None:
    """What the client calls by a name has that name on disk, and comes back by it."""
    need(*lftp.CLIENT.needs)
    place = make_place(start(f"CodePage={page}"))
    (place.local / name).write_text(name)
    step = lftp.script(
        f"set sftp:charset {charset}",
        "set file:charset UTF-8",
        f'mkdir "{name}"',
        f'cd "{name}"',
        f'put "{name}"',
        f'mv "{name}" "{name}2"',
        "cls -1",
        f'get "{name}2" -o back',
    )
    assert f"{name}2" in step(place)
    assert [path.name for path in place.served.iterdir()] == [name]
    assert [path.name for path in (place.served / name).iterdir()] == [f"{name}2"]
    assert (place.local / "back").read_text() == name
