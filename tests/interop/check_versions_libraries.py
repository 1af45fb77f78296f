"""
Versions 4, 5 and 6 of SFTP with libraries of other languages: Ruby's net-sftp, which asks for any, and phpseclib, which
changes to one with version-select.

All operations of the matrix go through one session, each in folders of its own.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bench.servers import Server
from tests.interop.check_libraries import present
from tests.interop.clients.driver import COMMANDS, Driver, read_listing
from tests.interop.clients.libraries import PHPSECLIB, RUBY
from tests.interop.driving import Place
from tests.interop.operations import OPERATIONS

MakePlaces = Callable[..., dict[str, Place]]

# What a session that goes on is told for what a driver does in a session of its own.
_COMMANDS = {
    **COMMANDS,
    "list": ("list :",),
    "list_many": ("list :",),
    "read_link": ("read_link :link",),
    "rename_over": ("try rename :source :arrived",),
    "missing": ("try get :absent arrived",),
}
# What a step would return, of what the driver printed.
_READ: dict[str, Callable[[str], Any]] = {
    "list": read_listing,
    "list_many": read_listing,
    "read_link": str.strip,
    "rename_over": lambda said: not re.search("exist", said, re.IGNORECASE),
    "missing": str,
}


def _operations(driver: Driver, places: dict[str, Place], **environment: str) -> None:
    """Carry out and verify the operations that the places are named for."""
    operations = [operation for operation in OPERATIONS if operation.name in places]
    for operation in operations:
        operation.prepare(places[operation.name])
    tasks = [(places[operation.name], _COMMANDS[operation.name]) for operation in operations]
    for operation, said in zip(operations, driver.together(tasks, **environment), strict=True):
        read = _READ.get(operation.name)
        assert read or not said, said
        operation.verify(places[operation.name], read(said) if read else None)


@pytest.mark.parametrize("version", (4, 5, 6))
def check_net_sftp(ours: None, server_of_six: Server, make_places: MakePlaces, version: int) -> None:
    """net-sftp in each version: the operations of the matrix, and in version 6 a hard link by LINK."""
    present("net-sftp")
    # It is slow with much data, which it takes as in version 3.
    names = set(_COMMANDS) - {"upload", "download", "parallel"} - ({"hard_link"} if version < 6 else set())
    places = make_places(server_of_six, *names)
    asked = {"SFTP_VERSION": str(version)}
    _operations(RUBY, places, **asked)


@pytest.mark.parametrize("version", (4, 5, 6))
def check_phpseclib(ours: None, server_of_six: Server, make_places: MakePlaces, version: int) -> None:
    """phpseclib in each version, which it changes to: the operations of the matrix."""
    present("phpseclib")
    places = make_places(server_of_six, *set(_COMMANDS) - {"hard_link"})
    _operations(PHPSECLIB, places, SFTP_VERSION=str(version))
