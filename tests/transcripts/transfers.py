"""
Rows for files in many pieces.
"""

from tests.transcripts.needs import data, ok
from tests.transcripts.notation import Row
from tests.transcripts.packets import read, write

CONTENT = b"".join(number.to_bytes(4, "big") * 256 for number in range(4096)) + b"the end"
"""A little more than the 4 MiB that FileZilla has under way; no two of its KiB are alike."""

NOON, LATER = 1_700_000_000, 1_700_086_400
"""Two times, in seconds since 1970."""


def writes(handle: str, content: bytes, size: int, start: int = 0) -> list[Row]:
    """Send what is in a file from an offset on, `size` bytes at a time."""
    return [(write(handle, at, content[at : at + size]), ok) for at in range(start, len(content), size)]


def reads(handle: str, content: bytes, size: int, start: int = 0) -> list[Row]:
    """Ask for what is in a file from an offset on, `size` bytes at a time; only the last piece may be short."""
    return [(read(handle, at, size), data(content[at : at + size])) for at in range(start, len(content), size)]
