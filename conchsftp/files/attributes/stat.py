"""
What stat(2) tells, as `Attributes`.

Nothing is asked of the system here. Source: filexfer-13, section 7; inode(7).
"""

import os
from collections.abc import Mapping

from conchsftp.sftp.attribute_table import TYPES
from conchsftp.sftp.attributes import SECOND, Attributes
from conchsftp.sftp.numbers import FileType

_TYPES = tuple(TYPES.get(number << 12, FileType.UNKNOWN) for number in range(16))
_BLOCK = 512
_new = object.__new__


def of_stat(status: os.stat_result, users: Mapping[int, str | None], groups: Mapping[int, str | None]) -> Attributes:
    """
    Return the attributes of a file.

    Args:
        users, groups: names by number; must answer for every number, with None where there is no name.
    """
    # As a sequence it has the times in whole seconds.
    fields: tuple[int, ...] = status  # type: ignore[assignment]
    mode, _, _, links, uid, gid, size, atime, mtime, ctime = fields
    # Field by field, not by the constructor: that takes five times as long, and a listing makes one for every entry.
    # A test compares with the record's fields.
    new = _new(Attributes)
    new.type = _TYPES[mode >> 12 & 0xF]
    new.size = size
    new.allocation_size = status.st_blocks * _BLOCK
    new.uid = uid
    new.gid = gid
    new.owner = users[uid]
    new.group = groups[gid]
    new.permissions = mode & 0o7777
    new.atime = atime
    new.atime_ns = status.st_atime_ns - atime * SECOND
    new.mtime = mtime
    new.mtime_ns = status.st_mtime_ns - mtime * SECOND
    new.ctime = ctime
    new.ctime_ns = status.st_ctime_ns - ctime * SECOND
    new.link_count = links
    new.create_time = new.create_time_ns = None
    new.acl = new.attrib_bits = new.attrib_bits_valid = new.text_hint = new.mime_type = None
    new.untranslated_name = new.extended = None
    return new
