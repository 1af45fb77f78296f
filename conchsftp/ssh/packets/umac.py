"""
UMAC, by libnettle: the codes umac-64 and umac-128 of OpenSSH.

Calls the library, where the machine has it, and has no arithmetic of its own: Python would be a thousand times slower.
Sources: RFC 4418; OpenSSH's PROTOCOL; Nettle's umac.h.
"""

from ctypes import CDLL, POINTER, byref, c_char, c_size_t, c_uint64, c_void_p, create_string_buffer
from functools import cache
from typing import Any

from conchsftp.ssh.packets.macs import Covered

KEY_BYTES = 16

# Nettle has had these functions in this form since 3.0, which was libnettle.so.6; Nettle 4 changed their arguments. By
# file name, because ctypes.util.find_library runs the compiler to find one.
_FILES = ("libnettle.so.8", "libnettle.so.7", "libnettle.so.6", "libnettle.8.dylib", "libnettle-8.dll")

# What the library calls struct umac128_ctx has 1.8 KiB in Nettle 3.8; there is no function that tells.
_STATE = c_uint64 * 1024


class Umac:
    """
    UMAC, with the sequence number of a packet as the nonce.

    Args:
        bits: of a tag: 64 or 128.
        key: `KEY_BYTES` long.
        etm: see `conchsftp.ssh.packets.macs.PacketMac`.
    Raises:
        OSError: the machine has no libnettle; ask `needs_libnettle` before.
    """

    __slots__ = ("_digest", "_result", "_set_nonce", "_state", "_update", "etm", "size")

    def __init__(self, bits: int, key: bytes, *, etm: bool = False) -> None:
        set_key, self._set_nonce, self._update, self._digest = _functions(bits)
        self.size = bits // 8
        self.etm = etm
        self._state = _STATE()
        self._result = create_string_buffer(self.size)
        set_key(self._state, key)

    def tag(self, sequence: int, packet: Covered) -> bytes:
        state = self._state
        self._set_nonce(state, 8, sequence.to_bytes(8, "big"))
        place = packet if isinstance(packet, bytes) else byref(c_char.from_buffer(packet))
        self._update(state, len(packet), place)
        self._digest(state, self.size, self._result)
        return self._result.raw


@cache
def needs_libnettle(files: tuple[str, ...] = _FILES) -> str | None:
    """Return None if UMAC can be used on this machine, or else what it needs; `files` are where it is looked for."""
    try:
        _functions(128, files)
    except (OSError, AttributeError):
        return "needs libnettle (Debian: libnettle8)"
    return None


@cache
def _functions(bits: int, files: tuple[str, ...] = _FILES) -> tuple[Any, Any, Any, Any]:
    """Return the functions that set the key and the nonce, take bytes, and give the tag."""
    library = _library(files)

    def function(name: str, *arguments: Any) -> Any:
        found = getattr(library, f"nettle_umac{bits}_{name}")
        found.argtypes, found.restype = (POINTER(c_uint64), *arguments), None
        return found

    sized = c_size_t, c_void_p
    return (
        function("set_key", c_void_p),
        function("set_nonce", *sized),
        function("update", *sized),
        function("digest", *sized),
    )


def _library(files: tuple[str, ...]) -> CDLL:
    for file in files:
        try:
            return CDLL(file)
        except OSError:
            continue
    raise OSError("no libnettle")
