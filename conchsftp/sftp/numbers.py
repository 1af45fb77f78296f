"""
The numbers of the SFTP protocol, versions 3 to 6, under one name each.

Version 6 names; where a version calls the same number otherwise the docstring says so. What a number means to a file
system stands elsewhere, and status codes in `statuses`. Source: filexfer-02 (version 3), -04, -05 and -13 (version 6).
"""

from enum import IntEnum, IntFlag

VERSIONS = range(3, 7)
"""The versions of the protocol that are spoken; below, the spans of them that the tables need."""

UNTIL5, FROM4, FROM5 = range(3, 6), range(4, 7), range(5, 7)
V3, V4, V5, V6 = range(3, 4), range(4, 5), range(5, 6), range(6, 7)
V4_V5 = range(4, 6)


class PacketType(IntEnum):
    """The first byte of a packet."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    LINK = 21
    BLOCK = 22
    UNBLOCK = 23
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class FileType(IntEnum):
    """What a name stands for. Below version 5, what comes after UNKNOWN is sent as SPECIAL."""

    REGULAR = 1
    DIRECTORY = 2
    SYMLINK = 3
    SPECIAL = 4
    UNKNOWN = 5
    SOCKET = 6
    CHAR_DEVICE = 7
    BLOCK_DEVICE = 8
    FIFO = 9


class PFlag(IntFlag):
    """How to open a file, in versions 3 and 4."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREAT = 0x08
    TRUNC = 0x10
    EXCL = 0x20
    TEXT = 0x40


class Access(IntFlag):
    """The mask of an access control entry, and the desired access of OPEN. On a directory some bits mean otherwise."""

    READ_DATA = 0x1
    LIST_DIRECTORY = 0x1
    WRITE_DATA = 0x2
    ADD_FILE = 0x2
    APPEND_DATA = 0x4
    ADD_SUBDIRECTORY = 0x4
    READ_NAMED_ATTRS = 0x8
    WRITE_NAMED_ATTRS = 0x10
    EXECUTE = 0x20
    DELETE_CHILD = 0x40
    READ_ATTRIBUTES = 0x80
    WRITE_ATTRIBUTES = 0x100
    DELETE = 0x10000
    READ_ACL = 0x20000
    WRITE_ACL = 0x40000
    WRITE_OWNER = 0x80000
    SYNCHRONIZE = 0x100000


class EntryType(IntEnum):
    """What an entry of an access control list does (filexfer-13, 7.8.1)."""

    ALLOWED = 0
    DENIED = 1
    AUDIT = 2
    ALARM = 3


class EntryFlag(IntFlag):
    """The flags of an entry of an access control list."""

    FILE_INHERIT = 0x1
    DIRECTORY_INHERIT = 0x2
    NO_PROPAGATE = 0x4
    INHERIT_ONLY = 0x8
    SUCCESSFUL = 0x10
    FAILED = 0x20
    IDENTIFIER_GROUP = 0x40


class ACLFlag(IntFlag):
    """The flags of an access control list, in version 6 (filexfer-13, 7.8)."""

    CONTROL_INCLUDED = 0x1
    CONTROL_PRESENT = 0x2
    CONTROL_INHERITED = 0x4
    AUDIT_ALARM_INCLUDED = 0x10
    AUDIT_ALARM_INHERITED = 0x20


class ACLSupport(IntFlag):
    """What a server does of access control lists, as it says in the extension `acl-supported` (filexfer-13, 5.4)."""

    ALLOW = 0x1
    DENY = 0x2
    AUDIT = 0x4
    ALARM = 0x8
    INHERIT_ACCESS = 0x10
    INHERIT_AUDIT_ALARM = 0x20


class Disposition(IntEnum):
    """What OPEN does about a file that exists or does not: the three lowest bits of its flags."""

    CREATE_NEW = 0
    CREATE_TRUNCATE = 1
    OPEN_EXISTING = 2
    OPEN_OR_CREATE = 3
    TRUNCATE_EXISTING = 4


class OpenFlag(IntFlag):
    """The flags of OPEN since version 5. `flags & OpenFlag.DISPOSITION` is a `Disposition`."""

    DISPOSITION = 0x7
    APPEND_DATA = 0x8
    APPEND_DATA_ATOMIC = 0x10
    TEXT_MODE = 0x20
    BLOCK_READ = 0x40
    BLOCK_WRITE = 0x80
    BLOCK_DELETE = 0x100
    BLOCK_ADVISORY = 0x200
    NOFOLLOW = 0x400
    DELETE_ON_CLOSE = 0x800
    ACCESS_AUDIT_ALARM_INFO = 0x1000
    ACCESS_BACKUP = 0x2000
    BACKUP_STREAM = 0x4000
    OVERRIDE_OWNER = 0x8000


WRITING = Access.WRITE_DATA | Access.APPEND_DATA
"""With any of these a file is open for writing."""

APPENDING = OpenFlag.APPEND_DATA | OpenFlag.APPEND_DATA_ATOMIC
"""With any of these what is written goes to the end of the file: the offset is ignored (filexfer-13, 8.1.1)."""


BLOCKING = OpenFlag.BLOCK_READ | OpenFlag.BLOCK_WRITE | OpenFlag.BLOCK_DELETE
"""The flags of OPEN and BLOCK that keep others from something."""

LOCKING = BLOCKING | OpenFlag.BLOCK_ADVISORY
"""The flags that are the mask of a lock."""


class RenameFlag(IntFlag):
    """The flags of RENAME since version 5."""

    OVERWRITE = 0x1
    ATOMIC = 0x2
    NATIVE = 0x4


REPLACING = RenameFlag.OVERWRITE | RenameFlag.ATOMIC | RenameFlag.NATIVE
"""With any of these an existing target is replaced (filexfer-13, 8.3)."""


class RealPath(IntEnum):
    """What REALPATH does about a path that may not exist."""

    RESOLVE = 0
    """Below version 6: links are resolved, nothing need exist, no attributes are wanted. Never on the wire."""
    NO_CHECK = 1
    """Nothing need exist, no link is resolved, no attributes are wanted."""
    STAT_IF = 2
    """Attributes where they can be had."""
    STAT_ALWAYS = 3
    """Attributes, or failure."""


class AttribBit(IntFlag):
    """The bits of the attribute `attrib_bits`, since version 5."""

    READONLY = 0x1
    SYSTEM = 0x2
    HIDDEN = 0x4
    CASE_INSENSITIVE = 0x8
    ARCHIVE = 0x10
    ENCRYPTED = 0x20
    COMPRESSED = 0x40
    SPARSE = 0x80
    APPEND_ONLY = 0x100
    IMMUTABLE = 0x200
    SYNC = 0x400
    TRANSLATION_ERR = 0x800


ALL_BITS = int(sum(AttribBit))
"""Every bit of `AttribBit`."""

KNOWN_BITS = {5: ALL_BITS & ~AttribBit.TRANSLATION_ERR, 6: ALL_BITS}
"""Those that a version has words for, from the first that has any."""


class TextHint(IntEnum):
    """What a server knows about a file being text, in version 6."""

    KNOWN_TEXT = 0
    GUESSED_TEXT = 1
    KNOWN_BINARY = 2
    GUESSED_BINARY = 3
