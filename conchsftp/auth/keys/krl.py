"""
OpenSSH's key revocation lists, as `ssh-keygen -k` writes them.

Reads one, whole or not at all: a list of which a part is not understood would let in what it revokes. Large lists stay
as compact as they came; nothing that a number in them says is allocated. Signatures are passed over, as OpenSSH does
since 9.4. Source: OpenSSH PROTOCOL.krl.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1, sha256

from conchsftp.wire.kinds import U64, Malformed
from conchsftp.wire.reader import Reader

MAGIC = b"SSHKRL\n\0"
_VERSION = 1
_SHA1_BYTES, _SHA256_BYTES = 20, 32


class BadList(Exception):
    """It is not a list of revoked keys, or not whole; the text is for the log."""


class Serials:
    """Serial numbers of certificates of one CA: single ones, ranges, and bitmaps."""

    __slots__ = ("_bitmaps", "_ranges", "_single")

    def __init__(self) -> None:
        self._single = array("Q")
        self._ranges: list[tuple[int, int]] = []
        self._bitmaps: list[tuple[int, bytes]] = []

    def add(self, numbers: bytes) -> None:
        """Add numbers of 64 bits, one after the other."""
        if len(numbers) % 8:
            raise Malformed(f"{len(numbers)} bytes, a multiple of 8 needed for serial numbers")
        more = array("Q", numbers)
        if sys.byteorder == "little":
            more.byteswap()
        self._single += more

    def sort(self) -> None:
        """Nothing more is added; needed before a number is looked for."""
        self._single = array("Q", sorted(self._single))

    def add_range(self, low: int, high: int) -> None:
        """Add all numbers from one to another, both included."""
        if low > high:
            raise Malformed("a range of serial numbers that ends before it begins")
        self._ranges.append((low, high))

    def add_bitmap(self, offset: int, bits: bytes) -> None:
        """Add a number for each bit that is set, the last one being the offset itself."""
        if bits[:1] > b"\x7f":
            raise Malformed("a bitmap below zero")
        self._bitmaps.append((offset, bits))

    def __contains__(self, serial: int) -> bool:
        place = bisect_left(self._single, serial)
        if place < len(self._single) and self._single[place] == serial:
            return True
        if any(low <= serial <= high for low, high in self._ranges):
            return True
        return any(_bit(bits, serial - offset) for offset, bits in self._bitmaps)


def _bit(bits: bytes, number: int) -> bool:
    """Return a bit of a number in network order; those before and behind it are 0."""
    return 0 <= number < len(bits) * 8 and bool(bits[-1 - number // 8] >> number % 8 & 1)


@dataclass(slots=True, kw_only=True)
class RevokedCertificates:
    """
    Those of one CA.

    Attributes:
        serials: their numbers.
        key_ids: what the CA calls them, as bytes.
    """

    serials: Serials = field(default_factory=Serials)
    key_ids: set[bytes] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class RevocationList:
    """
    What is revoked.

    Attributes:
        keys: blobs of keys.
        sha1: SHA-1 fingerprints of more keys.
        sha256: SHA-256 fingerprints of more keys.
        certificates: by the blob of their CA; the empty one stands for every CA.
    """

    keys: set[bytes] = field(default_factory=set)
    sha1: set[bytes] = field(default_factory=set)
    sha256: set[bytes] = field(default_factory=set)
    certificates: dict[bytes, RevokedCertificates] = field(default_factory=dict)

    def has_key(self, blob: bytes) -> bool:
        """Return whether a key is revoked, which is not a certificate."""
        return (
            blob in self.keys
            or bool(self.sha256)
            and sha256(blob).digest() in self.sha256
            or bool(self.sha1)
            # Not to protect anything: it is how older lists name keys.
            and sha1(blob, usedforsecurity=False).digest() in self.sha1
        )

    def has_certificate(self, ca: bytes, serial: int, key_id: bytes) -> bool:
        """Return whether a CA's certificate is revoked by its number or its key id."""
        rows = [row for row in (self.certificates.get(ca), self.certificates.get(b"")) if row is not None]
        return any(serial in row.serials or key_id in row.key_ids for row in rows)


def read_krl(data: bytes) -> RevocationList:
    """
    Read a list.

    Raises:
        BadList: it is malformed, or has a critical part that is not known.
    """
    try:
        return _read(Reader(data))
    except Malformed as problem:
        raise BadList(f"malformed list of revoked keys: {problem.text}") from problem


def _read(reader: Reader) -> RevocationList:
    if reader.take(len(MAGIC)) != MAGIC:
        raise Malformed("it does not begin like one")
    version = reader.u32()
    if version != _VERSION:
        raise Malformed(f"version {version}, {_VERSION} expected")
    for _ in range(3):
        reader.read(U64)  # its number, when it was made, flags of which none is defined
    reader.string()  # "currently unused"
    reader.string()  # a comment
    found = RevocationList()
    while reader.remaining:
        number, data = reader.u8(), reader.string()
        if number == _SIGNATURE:
            # The one section of two strings: the key that has signed, and the signature.
            reader.string()
            continue
        read = _SECTIONS.get(number)
        if read is None:
            raise Malformed(f"section of unknown type {number}")
        read(found, Reader(data))
    for row in found.certificates.values():
        row.serials.sort()
    return found


def _keys(found: RevocationList, reader: Reader) -> None:
    while reader.remaining:
        found.keys.add(reader.string())


def _hashes(found: set[bytes], reader: Reader, length: int) -> None:
    while reader.remaining:
        digest = reader.string()
        if len(digest) != length:
            raise Malformed(f"a fingerprint of {len(digest)} bytes, {length} expected")
        found.add(digest)


def _certificates(found: RevocationList, reader: Reader) -> None:
    row = found.certificates.setdefault(reader.string(), RevokedCertificates())
    reader.string()  # "currently unused"
    while reader.remaining:
        number, data = reader.u8(), Reader(reader.string())
        read = _CERTIFICATE_SECTIONS.get(number)
        if read is None:
            raise Malformed(f"section of unknown type {number:#x} about certificates")
        read(row, data)


def _ranges(row: RevokedCertificates, reader: Reader) -> None:
    while reader.remaining:
        row.serials.add_range(reader.read(U64), reader.read(U64))


def _bitmap(row: RevokedCertificates, reader: Reader) -> None:
    while reader.remaining:
        row.serials.add_bitmap(reader.read(U64), reader.string())


def _key_ids(row: RevokedCertificates, reader: Reader) -> None:
    while reader.remaining:
        row.key_ids.add(reader.string())


def _extension(found: object, reader: Reader) -> None:
    """Pass over what is not known, unless it says that it must be."""
    name, critical = reader.text(), reader.boolean()
    reader.string()
    if critical:
        raise Malformed(f"the critical extension {name[:64]!r} is not known")


_SIGNATURE = 4
_SECTIONS: dict[int, Callable[[RevocationList, Reader], None]] = {
    1: _certificates,
    2: _keys,
    3: lambda found, reader: _hashes(found.sha1, reader, _SHA1_BYTES),
    5: lambda found, reader: _hashes(found.sha256, reader, _SHA256_BYTES),
    255: _extension,
}
_CERTIFICATE_SECTIONS: dict[int, Callable[[RevokedCertificates, Reader], None]] = {
    0x20: lambda row, reader: row.serials.add(reader.rest()),
    0x21: _ranges,
    0x22: _bitmap,
    0x23: _key_ids,
    0x39: _extension,
}
