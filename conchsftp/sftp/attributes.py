"""
The attributes of a file: one record, with the version 6 meaning.

How each version of the protocol lays them out is in `attribute_table`. What a file system does with an attribute is not
known here.
Sources: filexfer-02, -04 and -05, section 5; filexfer-13, section 7.
"""

from dataclasses import dataclass
from typing import Any

from conchsftp.sftp.acl import ACL
from conchsftp.sftp.numbers import FileType
from conchsftp.wire.kinds import Pair

SECOND = 1_000_000_000
"""A second, in nanoseconds."""


@dataclass(slots=True, kw_only=True)
class Attributes:
    """
    What is known, or wanted, of a file; None where nothing is.

    Times are whole seconds since 1970, possibly negative, and nanoseconds (0 to 999,999,999) that are added to them.

    Attributes:
        type: in requests it says nothing: clients send what they like.
        size: in bytes. For a file that is created it is a hint; set on a file, it truncates or extends with zeros.
        allocation_size: in bytes that the file occupies.
        uid, gid: None leaves it as it is. Only version 3 has them, and sends them only if both are known.
        owner, group: `name` or `name@domain`; only one of them may be None. Where they are None and the numbers are
            not, versions 4 to 6 send the digits.
        permissions: the lowest twelve bits of a mode (0o7777); the file type is in `type`.
        create_time: when the file was made.
        ctime: when the attributes were changed last.
        acl: the access control list.
        attrib_bits: `AttribBit` bits; those outside `attrib_bits_valid` (None: all that are known) mean nothing.
        text_hint: a `TextHint`.
        link_count: how many names the file has.
        untranslated_name: the name in the server's own encoding.
        extended: pairs of name and data.
    """

    type: FileType | None = None
    size: int | None = None
    allocation_size: int | None = None
    uid: int | None = None
    gid: int | None = None
    owner: str | None = None
    group: str | None = None
    permissions: int | None = None
    atime: int | None = None
    atime_ns: int | None = None
    create_time: int | None = None
    create_time_ns: int | None = None
    mtime: int | None = None
    mtime_ns: int | None = None
    ctime: int | None = None
    ctime_ns: int | None = None
    acl: ACL | None = None
    attrib_bits: int | None = None
    attrib_bits_valid: int | None = None
    text_hint: int | None = None
    mime_type: str | None = None
    link_count: int | None = None
    untranslated_name: bytes | None = None
    extended: list[Pair] | None = None

    @classmethod
    def of_file(
        cls, *, size: int | None = None, mtime: float | None = None, permissions: int = 0o644, **others: Any
    ) -> "Attributes":
        """
        Return what is known of a regular file.

        Args:
            size: in bytes; None: nobody knows.
            mtime: of the last change, in seconds since 1970; may have a fraction. None: nobody knows.
            others: the other attributes by name.
        """
        return cls(type=FileType.REGULAR, size=size, permissions=permissions, **_times(mtime), **others)

    @classmethod
    def of_directory(cls, *, mtime: float | None = None, permissions: int = 0o755, **others: Any) -> "Attributes":
        """Return what is known of a directory; see `of_file`."""
        return cls(type=FileType.DIRECTORY, permissions=permissions, **_times(mtime), **others)


def _times(mtime: float | None) -> dict[str, Any]:
    if mtime is None:
        return {}
    seconds, nanos = divmod(round(mtime * SECOND), SECOND)
    return {"mtime": seconds, "mtime_ns": nanos}
