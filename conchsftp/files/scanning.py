"""
Reading a file for a function that works through it, such as one that computes hashes.

A blocking call; the steps are counted elsewhere.
"""

import os
from collections.abc import Callable
from typing import Any

from conchsftp.files.copying import explained

SCAN_STEP = 4 * 1024 * 1024
"""How much is read in a thread before others get their turn, in bytes: some milliseconds, hashes included."""

_PIECE = 256 * 1024


def scan_step(descriptor: int, offset: int, length: int, take: Callable[[Any], None]) -> int:
    """
    Read a range and give it away, piece by piece; return how many bytes there were.

    Args:
        take: called with views that are good until it returns.
    """
    buffer = memoryview(bytearray(min(length, _PIECE)))
    done = 0
    while done < length:
        try:
            count = os.preadv(descriptor, (buffer[: length - done],), offset + done)
        except OSError as problem:
            raise explained(problem, "reading") from None
        if not count:
            break
        take(buffer[:count])
        done += count
    return done
