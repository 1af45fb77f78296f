"""
Whether everything that the drafts name is here: packet types, attributes, flags, statuses, facts and extended requests.

The names and numbers are copied from filexfer-02, -04, -05 and -13, filexfer-extensions-00 and the PROTOCOL of OpenSSH.
What is deliberately not here stands in a list with its reason.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.attribute_table import ROWS
from conchsftp.sftp.extended import EXTENSIONS
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.fields import RENAME_FLAGS, REQUESTS, opening_kind
from conchsftp.sftp.numbers import (
    VERSIONS,
    Access,
    AttribBit,
    Disposition,
    FileType,
    OpenFlag,
    PacketType,
    PFlag,
    RenameFlag,
    TextHint,
)
from conchsftp.sftp.statuses import CEILING, Status
from conchsftp.wire.kinds import U32, U64

# Requests with the versions that have them.
REQUEST_TYPES = """
OPEN 3 3-6, CLOSE 4 3-6, READ 5 3-6, WRITE 6 3-6, LSTAT 7 3-6, FSTAT 8 3-6, SETSTAT 9 3-6, FSETSTAT 10 3-6,
OPENDIR 11 3-6, READDIR 12 3-6, REMOVE 13 3-6, MKDIR 14 3-6, RMDIR 15 3-6, REALPATH 16 3-6, STAT 17 3-6, RENAME 18 3-6,
READLINK 19 3-6, SYMLINK 20 3-5, LINK 21 6-6, BLOCK 22 6-6, UNBLOCK 23 6-6
"""
OTHER_TYPES = """
INIT 1, VERSION 2, STATUS 101, HANDLE 102, DATA 103, NAME 104, ATTRS 105, EXTENDED 200, EXTENDED_REPLY 201
"""

# Flag, versions, and the fields of the record in the order of the wire.
ATTRIBUTE_FLAGS = """
0x1 3-6 size; 0x400 6-6 allocation_size; 0x2 3-3 uid gid; 0x80 4-6 owner group; 0x4 3-3 type permissions;
0x4 4-6 permissions; 0x8 3-3 atime mtime; 0x8 4-6 atime; 0x10 4-6 create_time; 0x20 4-6 mtime; 0x8000 6-6 ctime;
0x40 4-6 acl; 0x200 5-6 attrib_bits attrib_bits_valid; 0x800 6-6 text_hint; 0x1000 6-6 mime_type; 0x2000 6-6 link_count;
0x4000 6-6 untranslated_name; 0x80000000 3-6 extended
"""

NUMBERS: dict[type[Any], str] = {
    FileType: """REGULAR 1, DIRECTORY 2, SYMLINK 3, SPECIAL 4, UNKNOWN 5, SOCKET 6, CHAR_DEVICE 7, BLOCK_DEVICE 8,
        FIFO 9""",
    PFlag: "READ 0x1, WRITE 0x2, APPEND 0x4, CREAT 0x8, TRUNC 0x10, EXCL 0x20, TEXT 0x40",
    Disposition: "CREATE_NEW 0, CREATE_TRUNCATE 1, OPEN_EXISTING 2, OPEN_OR_CREATE 3, TRUNCATE_EXISTING 4",
    RenameFlag: "OVERWRITE 0x1, ATOMIC 0x2, NATIVE 0x4",
    AttribBit: """READONLY 0x1, SYSTEM 0x2, HIDDEN 0x4, CASE_INSENSITIVE 0x8, ARCHIVE 0x10, ENCRYPTED 0x20,
        COMPRESSED 0x40, SPARSE 0x80, APPEND_ONLY 0x100, IMMUTABLE 0x200, SYNC 0x400, TRANSLATION_ERR 0x800""",
    TextHint: "KNOWN_TEXT 0, GUESSED_TEXT 1, KNOWN_BINARY 2, GUESSED_BINARY 3",
    Access: """READ_DATA 0x1, LIST_DIRECTORY 0x1, WRITE_DATA 0x2, ADD_FILE 0x2, APPEND_DATA 0x4, ADD_SUBDIRECTORY 0x4,
        READ_NAMED_ATTRS 0x8, WRITE_NAMED_ATTRS 0x10, EXECUTE 0x20, DELETE_CHILD 0x40, READ_ATTRIBUTES 0x80,
        WRITE_ATTRIBUTES 0x100, DELETE 0x10000, READ_ACL 0x20000, WRITE_ACL 0x40000, WRITE_OWNER 0x80000,
        SYNCHRONIZE 0x100000""",
    OpenFlag: """DISPOSITION 0x7, APPEND_DATA 0x8, APPEND_DATA_ATOMIC 0x10, TEXT_MODE 0x20, BLOCK_READ 0x40,
        BLOCK_WRITE 0x80, BLOCK_DELETE 0x100, BLOCK_ADVISORY 0x200, NOFOLLOW 0x400, DELETE_ON_CLOSE 0x800,
        ACCESS_AUDIT_ALARM_INFO 0x1000, ACCESS_BACKUP 0x2000, BACKUP_STREAM 0x4000, OVERRIDE_OWNER 0x8000""",
}

# In the order of their numbers, from 0; then the highest of each version.
STATUSES = """
OK EOF NO_SUCH_FILE PERMISSION_DENIED FAILURE BAD_MESSAGE NO_CONNECTION CONNECTION_LOST OP_UNSUPPORTED INVALID_HANDLE
NO_SUCH_PATH FILE_ALREADY_EXISTS WRITE_PROTECT NO_MEDIA NO_SPACE_ON_FILESYSTEM QUOTA_EXCEEDED UNKNOWN_PRINCIPAL
LOCK_CONFLICT DIR_NOT_EMPTY NOT_A_DIRECTORY INVALID_FILENAME LINK_LOOP CANNOT_DELETE INVALID_PARAMETER
FILE_IS_A_DIRECTORY BYTE_RANGE_LOCK_CONFLICT BYTE_RANGE_LOCK_REFUSED DELETE_PENDING FILE_CORRUPT OWNER_INVALID
GROUP_INVALID NO_MATCHING_BYTE_RANGE_LOCK
"""
HIGHEST = {3: 8, 4: 13, 5: 17, 6: 31}

# What OpenSSH's server advertises, in its order, with the version that clients compare letter by letter.
OPENSSH = """
posix-rename@openssh.com 1, statvfs@openssh.com 2, fstatvfs@openssh.com 2, hardlink@openssh.com 1, fsync@openssh.com 1,
lsetstat@openssh.com 1, limits@openssh.com 1, expand-path@openssh.com 1, copy-data 1, home-directory 1,
users-groups-by-id@openssh.com 1
"""

# The extended requests of the drafts.
DRAFTS = """
text-seek, md5-hash, md5-hash-handle, check-file, check-file-handle, check-file-name, space-available, copy-file,
get-temp-folder, make-temp-folder, version-select, vendor-id, filename-translation-control
"""
# Of these, what is deliberately not here, with the reason: nothing.
NOT_HERE: dict[str, str] = {}

# The pairs of VERSION that are no extended requests.
PAIRS = """
newline 4-6, versions 3-6, supported 5-5, supported2 6-6, acl-supported 6-6, filename-charset 6-6, vendor-id 4-6
"""


def listed(text: str, separator: str = ",") -> list[list[str]]:
    """Return the rows of a list, each as its words."""
    return [row.split() for row in text.strip().split(separator)]


def span(text: str) -> list[int]:
    """Return the versions of a span such as `3-6`."""
    first, last = text.split("-")
    return list(range(int(first), int(last) + 1))


class CompleteTests(SynchronousTestCase):
    """Each table has what the drafts have, and no more."""

    def test_requests(self) -> None:
        """Every request has its number, in the versions that have it."""
        expected = {(name, int(number), *span(versions)) for name, number, versions in listed(REQUEST_TYPES)}
        found = {(row.type.name, int(row.type), *row.versions) for row in REQUESTS if not row.name}
        self.assertEqual(found, expected)

    def test_packet_types(self) -> None:
        """Every packet type has its number."""
        rows = [*((name, number) for name, number, _ in listed(REQUEST_TYPES)), *listed(OTHER_TYPES)]
        self.assertEqual({each.name: int(each) for each in PacketType}, {name: int(number) for name, number in rows})

    def test_attributes(self) -> None:
        """Every version has its attributes, in the order of its draft."""
        rows = [(int(bit, 16), span(versions), names) for bit, versions, *names in listed(ATTRIBUTE_FLAGS, ";")]
        for version in VERSIONS:
            expected = [(bit, names) for bit, versions, names in rows if version in versions]
            found = [
                (row.bit, " ".join(names for names, _ in row.values).split()) for row in ROWS if version in row.versions
            ]
            self.assertEqual(found, expected, version)

    def test_numbers(self) -> None:
        """Every type, flag, bit and disposition has its number."""
        for enum, text in NUMBERS.items():
            expected = {name: int(number, 0) for name, number in listed(text)}
            self.assertEqual({name: int(each) for name, each in enum.__members__.items()}, expected)

    def test_open_flags(self) -> None:
        """Version 5 has the flags up to BLOCK_DELETE, version 6 those up to OVERRIDE_OWNER."""
        for version, highest in ((5, OpenFlag.BLOCK_DELETE), (6, OpenFlag.OVERRIDE_OWNER)):
            kind = opening_kind(version)
            for bit in range(3, 32):
                expected = 1 << bit if 1 << bit <= highest else 0
                self.assertEqual(kind.unpack(U64.pack(1 << bit), 0)[0][1], expected, (version, bit))

    def test_rename_flags(self) -> None:
        """Each of the three is known."""
        for flag in RenameFlag:
            self.assertEqual(RENAME_FLAGS.unpack(U32.pack(flag), 0)[0], flag)

    def test_statuses(self) -> None:
        """Every status has its number, and every version its highest."""
        self.assertEqual([each.name for each in sorted(Status)], STATUSES.split())
        self.assertEqual(CEILING, HIGHEST)

    def test_openssh(self) -> None:
        """All that OpenSSH's server advertises is here, in its order and in its words, before what the drafts add."""
        expected = [(name.encode(), data.encode()) for name, data in listed(OPENSSH)]
        self.assertEqual([(row.name, row.told) for row in EXTENSIONS][: len(expected)], expected)

    def test_drafts(self) -> None:
        """Each extended request of the drafts is here, or there is a reason why not."""
        found = {row.name.decode() for row in REQUESTS if row.name}
        missing = {name for (name,) in listed(DRAFTS)} - found
        self.assertEqual(missing, set(NOT_HERE))
        self.assertEqual({name for name, _ in listed(OPENSSH)} - found, set())

    def test_pairs(self) -> None:
        """Every pair of VERSION is told in the versions that know it."""
        expected = {(name, *span(versions)) for name, versions in listed(PAIRS)}
        self.assertEqual({(row.name.decode(), *row.versions) for row in FACTS}, expected)
