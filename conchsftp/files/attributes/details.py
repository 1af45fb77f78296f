"""
What is told of files of the local file system beyond stat(2), in conversations whose version has words for it.

Decided once: a conversation that does not ask uses nothing of this. Sources: filexfer-13, sections 7.7 to 7.15;
statx(2).
"""

import os
from collections.abc import Set
from errno import ENOENT
from functools import lru_cache
from stat import S_ISREG

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.local_acl import NO_LISTS, Stored, has_lists, stored_at, stored_of, told_of
from conchsftp.files.attributes.mime_types import guessed
from conchsftp.files.attributes.stat import of_stat
from conchsftp.files.disk.confine import Confine
from conchsftp.files.disk.statx import APPEND, COMPRESSED, ENCRYPTED, IMMUTABLE, Extra, find_statx
from conchsftp.files.disk.walk import fail
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import AttribBit
from conchsftp.sftp.statuses import Status

Found = tuple[os.stat_result, bytes, Extra | None, Stored]
"""The status of a file, its name, what statx(2) tells of it (None where it tells nothing), and its lists."""

_MARKS = (
    (COMPRESSED, AttribBit.COMPRESSED),
    (IMMUTABLE, AttribBit.IMMUTABLE),
    (APPEND, AttribBit.APPEND_ONLY),
    (ENCRYPTED, AttribBit.ENCRYPTED),
)
_KNOWN = int(AttribBit.READONLY | AttribBit.HIDDEN | AttribBit.SPARSE)
_READONLY, _HIDDEN, _SPARSE = int(AttribBit.READONLY), int(AttribBit.HIDDEN), int(AttribBit.SPARSE)
_TRANSLATION_ERR = int(AttribBit.TRANSLATION_ERR)
_BLOCK = 512


def tells(directory: int) -> frozenset[str]:
    """
    Return the fields of `Attributes` that can be told of local files beyond stat(2).

    Args:
        directory: an open directory on the disk that they are on.
    """
    fields = {"attrib_bits", "mime_type", "text_hint", "untranslated_name"}
    if find_statx() is not None:
        fields.add("create_time")
    if has_lists(directory):
        fields.add("acl")
    return frozenset(fields)


class Details:
    """
    What one conversation is told.

    Args:
        fields: the fields of `Attributes` that it is told, of those in `tells()`; of a field that goes with another one
            (`create_time_ns`), that one.
        accounts: names of users and groups.
    """

    def __init__(self, fields: Set[str], accounts: Accounts) -> None:
        self.fields = frozenset(fields)
        self._accounts = accounts
        self._statx = find_statx() if self.fields & {"create_time", "attrib_bits"} else None
        self._has_births = "create_time" in fields
        self._has_bits = "attrib_bits" in fields
        self._has_types = "mime_type" in fields or "text_hint" in fields
        self._has_lists = "acl" in fields
        self._has_names = "untranslated_name" in fields
        self._known = _KNOWN | (_TRANSLATION_ERR if self._has_names else 0)

    # Blocking calls, in any thread

    def stat(self, confine: Confine, path: str) -> Found:
        """Look at what a path means, links followed."""
        directory, name, status = confine.end(path)
        try:
            return self._seen(directory, name, status)
        finally:
            confine.leave(directory)

    def lstat(self, confine: Confine, path: str) -> Found:
        """Look at a path itself."""
        directory, name, status = confine.place(path)
        try:
            return self._seen(directory, name, status)
        finally:
            confine.leave(directory)

    def refuse_writing(self, confine: Confine, path: str) -> None:
        """
        Say why a file cannot be opened, if that is because it may only be appended to.

        Raises:
            SFTPError: INVALID_PARAMETER, for who is told of attribute bits (filexfer-13, 7.9, APPEND_ONLY).
        """
        try:
            extra = self.stat(confine, path)[2]
        except (OSError, SFTPError):
            # It was to be made, and is not there: so it was refused for another reason, which the caller has.
            return
        if self._has_bits and extra is not None and extra.marks & APPEND:
            raise SFTPError(Status.INVALID_PARAMETER, "This file can only be appended to")

    def open(self, descriptor: int, name: bytes) -> Found:
        """Look at what is open; `name` is what it was opened by."""
        status = os.fstat(descriptor)
        extra = None if self._statx is None else self._statx(descriptor, b"")
        return status, name, extra, stored_of(descriptor, status) if self._has_lists else NO_LISTS

    def at(self, directory: int, name: bytes, status: os.stat_result) -> Found:
        """Look at a name in an open directory, whose status is known; not at its lists."""
        extra = None if self._statx is None else self._statx(directory, name)
        # Another file may have its name by now.
        return status, name, extra if extra is not None and extra.inode == status.st_ino else None, NO_LISTS

    def _seen(self, directory: int, name: bytes, status: os.stat_result | None) -> Found:
        if status is None:
            raise fail(ENOENT)
        found = self.at(directory, name, status)
        return (*found[:3], stored_at(directory, name, status)) if self._has_lists else found

    # On the reactor's thread

    def attributes(self, found: Found) -> Attributes:
        """Return the attributes of what was found."""
        status, name, extra, lists = found
        new = of_stat(status, *self._accounts.names())
        regular = S_ISREG(status.st_mode)
        if extra is not None and self._has_births and extra.has_birth:
            new.create_time, new.create_time_ns = extra.born, extra.born_ns
        if self._has_types and regular:
            new.mime_type, new.text_hint = guessed(name)
        if self._has_bits:
            bits, valid = (0, 0) if extra is None else _bits(extra.marks, extra.known_marks)
            new.attrib_bits = bits | bits_of(name, status)
            new.attrib_bits_valid = valid | self._known
            if self._has_names and not is_utf8(name):
                new.attrib_bits |= _TRANSLATION_ERR
                new.untranslated_name = name
        if lists is not NO_LISTS:
            new.acl = told_of(lists, status, *self._accounts.names())
        return new


def bits_of(name: bytes, status: os.stat_result) -> int:
    """
    Return the bits that follow from a file's name and its status: READONLY, HIDDEN and SPARSE.

    READONLY where nobody may write; it is advisory in the drafts, and no access control (filexfer-13, 7.9). SPARSE of a
    file that takes fewer blocks than its size needs: some file systems put the smallest files elsewhere.
    """
    bits = 0
    if name[:1] == b"." and name not in (b".", b".."):
        bits = _HIDDEN
    if S_ISREG(status.st_mode):
        if not status.st_mode & 0o222:
            bits |= _READONLY
        if status.st_size > status.st_blksize and status.st_blocks * _BLOCK < status.st_size:
            bits |= _SPARSE
    return bits


@lru_cache(256)
def _bits(marks: int, known: int) -> tuple[int, int]:
    """Return the `AttribBit` bits of a file's marks, and which of them its file system has."""
    bits = sum(int(bit) for mark, bit in _MARKS if marks & known & mark)
    return bits, sum(int(bit) for mark, bit in _MARKS if known & mark)


def is_utf8(name: bytes) -> bool:
    """Return whether a name is UTF-8, as versions 4 to 6 want it."""
    if name.isascii():
        return True
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
