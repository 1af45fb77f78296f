"""
What VERSION tells of the server and its files, beside the extended requests: one row for each pair.

A pair is told only where it is true of this conversation; who knows that fills in a `Served`. Nothing here is asked of
a file system. Sources: filexfer-04, section 4; filexfer-05, 4.4; filexfer-13, sections 4 and 5.
"""

import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from conchsftp.sftp import extended
from conchsftp.sftp.attribute_table import flags_of
from conchsftp.sftp.numbers import FROM4, KNOWN_BITS, V5, V6, VERSIONS, Access, OpenFlag
from conchsftp.wire.kinds import BYTES, U32, Pair

_MASKS = struct.Struct(">5I")
_VECTORS = struct.Struct(">2H")
_BUILD = struct.Struct(">Q")

# What a version has words for; the bits beyond are those of a later one.
_OPEN_FLAGS = {5: OpenFlag.BLOCK_ADVISORY - 1, 6: 2 * OpenFlag.OVERRIDE_OWNER - 1}

_OF_ACL = Access.READ_ACL | Access.WRITE_ACL
_FIRST_BLOCK_BIT = OpenFlag.BLOCK_READ.bit_length() - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """
    What there is to tell.

    Attributes:
        version: the version that is spoken.
        versions: those that can be chosen.
        newline: how lines end in the server's text files.
        product: the name of the server and its version; None where clients are not to know. The version may be empty.
        charset: of the names on the disk, where these are sent as they are for the asking; empty: there is none.
        acl: which access control lists are carried out, see `acl-supported`.
        settable: the attributes that a SETSTAT changes, as names of `Attributes`.
        attrib_bits: the `AttribBit` bits that it changes.
        access: the `Access` bits that OPEN may ask for, whatever the file system can do.
        open_flags: the `OpenFlag` bits that are carried out, but for locks.
        open_locks, locks: the combinations of BLOCK bits that OPEN and BLOCK carry out.
        largest_read: how many bytes a READ returns in any case, unless the file ends.
        requests: the names of the extended requests, as they are advertised.
    """

    version: int
    versions: range = VERSIONS
    newline: bytes = b"\n"
    product: tuple[str, str] | None = None
    charset: str = ""
    acl: int = 0
    settable: frozenset[str] = frozenset()
    attrib_bits: int = 0
    access: int = 0
    open_flags: int = 0
    open_locks: Collection[int] = ()
    locks: Collection[int] = ()
    largest_read: int
    requests: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One pair of VERSION that is no extended request.

    Attributes:
        name: of the pair.
        versions: which know it.
        say: returns the data; None where there is nothing to say.
        request: the extended request that goes with it; None if there is none.
    """

    name: bytes
    versions: range
    say: Callable[[Served], bytes | None]
    request: type[Any] | None = None


def _versions(served: Served) -> bytes | None:
    # The names themselves: not in a string once more, as one server has it.
    return b",".join(b"%d" % each for each in served.versions) if len(served.versions) > 1 else None


def _masks(served: Served) -> bytes:
    """Return the five numbers with which both `supported` and `supported2` begin."""
    access, flags = served.access, served.open_flags
    if "owner" not in served.settable:
        access &= ~Access.WRITE_OWNER
    if not served.acl:
        access &= ~_OF_ACL
    for mask in served.open_locks:
        flags |= mask
    return _MASKS.pack(
        # "applied to the 'File Attributes' valid-attribute-flags field to ensure that no unsupported attributes are
        # present during a operation which writes attributes" (filexfer-13, 5.4): what is told only is not in it.
        flags_of(served.version, served.settable),
        served.attrib_bits & KNOWN_BITS[served.version],
        flags & _OPEN_FLAGS[served.version],
        access,
        served.largest_read,
    )


def _vector(masks: Collection[int]) -> int:
    """Return a bit for each combination of the BLOCK bits, the empty one among them (filexfer-13, 5.4)."""
    return sum(1 << number for number in {0, *(int(mask) >> _FIRST_BLOCK_BIT & 0xF for mask in masks)})


def _supported(served: Served) -> bytes:
    # Without a count: the names go to the end (filexfer-05, 4.4).
    return _masks(served) + b"".join(map(BYTES.pack, served.requests))


def _supported2(served: Served) -> bytes:
    vectors = _VECTORS.pack(_vector(served.open_locks), _vector(served.locks))
    # No extended attribute is known here.
    names = U32.pack(0) + U32.pack(len(served.requests)) + b"".join(map(BYTES.pack, served.requests))
    return _masks(served) + vectors + names


def _vendor(served: Served) -> bytes | None:
    if served.product is None:
        return None
    product, version = (part.encode() for part in served.product)
    return b"".join(map(BYTES.pack, (product, product, version))) + _BUILD.pack(0)


FACTS = (
    Fact(b"newline", FROM4, lambda served: served.newline),
    Fact(b"versions", VERSIONS, _versions, extended.VersionSelect),
    Fact(b"supported", V5, _supported),
    Fact(b"supported2", V6, _supported2),
    Fact(b"acl-supported", V6, lambda served: U32.pack(served.acl)),
    Fact(
        b"filename-charset",
        V6,
        lambda served: served.charset.encode("ascii") or None,
        extended.FilenameTranslationControl,
    ),
    Fact(b"vendor-id", FROM4, _vendor, extended.VendorId),
)
"""In the order of VERSION, where they precede the extended requests."""


def told(served: Served) -> list[Pair]:
    """Return the pairs that are true, for the version that is spoken."""
    pairs = ((row.name, row.say(served)) for row in FACTS if served.version in row.versions)
    return [(name, data) for name, data in pairs if data is not None]
