"""
Extended requests of the drafts, asked by paramiko: hashes as it asks for them itself, the others as packets.
"""

import hashlib
import os
from typing import Any

import paramiko
import pytest

from tests.interop.clients.paramiko_client import paramiko_session
from tests.interop.driving import Place

MIB = 1 << 20
EXTENDED, STATUS, NAME, EXTENDED_REPLY = 200, 101, 104, 201


def check_hashes(ours: None, place: Place) -> None:
    """paramiko's `check` gets the hashes of a large file: as a whole, block by block, of a part."""
    data = os.urandom(5 * MIB + 7)
    (place.served / "source").write_bytes(data)
    with paramiko_session(place.server) as session, session.open(f"{place.remote}/source") as file:
        for name in ("md5", "sha1", "sha256", "sha512"):
            assert file.check(name) == hashlib.new(name, data).digest()
        blocks = [data[at : at + 65536] for at in range(0, len(data), 65536)]
        assert file.check("sha256", block_size=65536) == b"".join(hashlib.sha256(block).digest() for block in blocks)
        assert file.check("sha1", 1000, 2000) == hashlib.sha1(data[1000:3000]).digest()
        for algorithm, offset, block in (("crc32", 0, 0), ("md5", 6 * MIB, 0), ("sha512", 0, 256)):
            with pytest.raises(OSError):
                file.check(algorithm, offset, 0, block)
        assert file.read(7) == data[:7]


def check_requests(ours: None, place: Place) -> None:
    """A hash by name, a copy by name, the space that there is; and no folder for temporary files where none is set."""
    data = os.urandom(3 * MIB)
    (place.served / "source").write_bytes(data)
    (place.served / "source").chmod(0o640)
    source, copied = f"{place.remote}/source", f"{place.remote}/copied"
    whole = (paramiko.sftp.int64(0), paramiko.sftp.int64(0))
    with paramiko_session(place.server) as session:

        def ask(name: str, *fields: Any) -> tuple[int, paramiko.Message]:
            kind, reply = session._request(EXTENDED, name, *fields)
            return kind, reply

        kind, reply = ask("check-file-name", source, "sha256", *whole, 0)
        assert (kind, reply.get_text(), reply.get_remainder()) == (
            EXTENDED_REPLY,
            "sha256",
            hashlib.sha256(data).digest(),
        )
        kind, reply = ask("md5-hash", source, *whole, b"")
        assert (reply.get_text(), reply.get_string()) == ("md5-hash", hashlib.md5(data).digest())
        # paramiko packs a boolean as a number of four bytes; the first of them counts.
        ask("copy-file", source, copied, 0)
        with pytest.raises(OSError):
            ask("copy-file", source, copied, 0)
        ask("copy-file", source, copied, 1 << 24)
        assert (place.served / "copied").read_bytes() == data
        assert (place.served / "copied").stat().st_mode & 0o777 == 0o640
        kind, reply = ask("space-available", place.remote)
        assert kind == EXTENDED_REPLY and len(reply.get_remainder()) == 4 * 8 + 4
        with pytest.raises(OSError):
            ask("get-temp-folder")
