"""
Requests as they lie on the wire, with the records that they are.

Laid out by hand from the drafts and from recorded conversations, so that they do not depend on the code that they test.
"""

from dataclasses import dataclass
from typing import Any

from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import (
    FROM4,
    FROM5,
    UNTIL5,
    V3,
    V4,
    V6,
    VERSIONS,
    Access,
    FileType,
    OpenFlag,
    RealPath,
    RenameFlag,
)

ALL, UNTIL4 = VERSIONS, range(3, 5)

PATH, NEW_PATH, HANDLE = "00000003 2f6162", "00000002 2f63", "00000004 61626364"
NONE_3, NONE_4 = "00000000", "00000000 05"
MODE_3, MODE_4 = "00000004 000001a4", "00000004 05 000001a4"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """
    One packet, without its length field, and its record.

    Attributes:
        complete: lengths in bytes, besides the whole, at which the packet may end and still be one.
    """

    versions: range
    packet: bytes
    record: Any
    complete: tuple[int, ...] = ()


def sample(versions: range, record: Any, *layout: str, complete: tuple[int, ...] = ()) -> Sample:
    return Sample(versions=versions, packet=bytes.fromhex(" ".join(layout)), record=record, complete=complete)


def extension(name: str) -> str:
    """Lay out the head of an extended request with id 7."""
    return f"c8 00000007 {len(name):08x} {name.encode().hex()}"


def mode(version: int) -> Attributes:
    return Attributes(permissions=0o644, type=None if version == 3 else FileType.UNKNOWN)


def nothing(version: int) -> Attributes:
    return Attributes(type=None if version == 3 else FileType.UNKNOWN)


WRITE_CREATE = {"access": Access(0x102), "flags": OpenFlag(0x1)}

SAMPLES = [
    # WRITE, CREAT and TRUNC are what OpenSSH's sftp sends for `put`.
    sample(V3, requests.Open(path=b"/ab", attributes=mode(3), **WRITE_CREATE), "03 00000007", PATH, "0000001a", MODE_3),
    sample(V4, requests.Open(path=b"/ab", attributes=mode(4), **WRITE_CREATE), "03 00000007", PATH, "0000001a", MODE_4),
    # What lftp sends for an upload.
    sample(
        FROM5,
        requests.Open(path=b"up.py", attributes=nothing(6), **WRITE_CREATE),
        "03 00000007  00000005 75702e7079  00000102 00000001",
        NONE_4,
        complete=(26,),
    ),
    sample(ALL, requests.Close(handle=b"abcd"), "04 00000007", HANDLE),
    sample(
        ALL,
        requests.Read(handle=b"abcd", offset=1 << 40, length=32768),
        "05 00000007",
        HANDLE,
        "0000010000000000 00008000",
    ),
    sample(
        ALL,
        requests.Write(handle=b"abcd", offset=99, data=[b"hello"]),
        "06 00000007",
        HANDLE,
        "0000000000000063  00000005 68656c6c6f",
    ),
    sample(V3, requests.LStat(path=b"/ab"), "07 00000007", PATH),
    sample(FROM4, requests.LStat(path=b"/ab", flags=0x25), "07 00000007", PATH, "00000025", complete=(12,)),
    sample(V3, requests.FStat(handle=b"abcd"), "08 00000007", HANDLE),
    sample(FROM4, requests.FStat(handle=b"abcd", flags=0x25), "08 00000007", HANDLE, "00000025", complete=(13,)),
    sample(V3, requests.SetStat(path=b"/ab", attributes=mode(3)), "09 00000007", PATH, MODE_3),
    sample(FROM4, requests.SetStat(path=b"/ab", attributes=mode(4)), "09 00000007", PATH, MODE_4),
    sample(V3, requests.FSetStat(handle=b"abcd", attributes=mode(3)), "0a 00000007", HANDLE, MODE_3),
    sample(FROM4, requests.FSetStat(handle=b"abcd", attributes=mode(4)), "0a 00000007", HANDLE, MODE_4),
    sample(ALL, requests.OpenDir(path=b"/ab"), "0b 00000007", PATH),
    sample(ALL, requests.ReadDir(handle=b"abcd"), "0c 00000007", HANDLE),
    sample(ALL, requests.Remove(path=b"/ab"), "0d 00000007", PATH),
    sample(V3, requests.MkDir(path=b"/ab", attributes=nothing(3)), "0e 00000007", PATH, NONE_3),
    sample(FROM4, requests.MkDir(path=b"/ab", attributes=nothing(4)), "0e 00000007", PATH, NONE_4, complete=(16,)),
    sample(ALL, requests.RmDir(path=b"/ab"), "0f 00000007", PATH),
    sample(UNTIL5, requests.RealPath(path=b"."), "10 00000007  00000001 2e"),
    sample(
        V6,
        requests.RealPath(path=b"/ab", control=RealPath.STAT_ALWAYS, compose=(b"/c", b"")),
        "10 00000007",
        PATH,
        "03",
        NEW_PATH,
        "00000000",
        complete=(12, 13, 19),
    ),
    sample(V3, requests.Stat(path=b"/ab"), "11 00000007", PATH),
    sample(FROM4, requests.Stat(path=b"/ab", flags=0), "11 00000007", PATH, "00000000", complete=(12,)),
    sample(UNTIL4, requests.Rename(path=b"/ab", new_path=b"/c"), "12 00000007", PATH, NEW_PATH),
    sample(
        FROM5,
        requests.Rename(path=b"/ab", new_path=b"/c", flags=RenameFlag.OVERWRITE | RenameFlag.ATOMIC),
        "12 00000007",
        PATH,
        NEW_PATH,
        "00000003",
    ),
    sample(ALL, requests.ReadLink(path=b"/ab"), "13 00000007", PATH),
    # OpenSSH's `ln -s up2.py sl`: the target first.
    sample(
        UNTIL5,
        requests.SymLink(path=b"/sl", target=b"up2.py"),
        "14 00000007  00000006 7570322e7079  00000003 2f736c",
    ),
    # lftp's `ln -s up2.py sl`.
    sample(
        V6,
        requests.Link(path=b"sl", target=b"up2.py", symbolic=True),
        "15 00000007  00000002 736c  00000006 7570322e7079  01",
    ),
    sample(
        V6,
        requests.Block(handle=b"abcd", offset=1, length=2, mask=OpenFlag.BLOCK_WRITE | OpenFlag.BLOCK_ADVISORY),
        "16 00000007",
        HANDLE,
        "0000000000000001 0000000000000002 00000280",
    ),
    sample(
        V6,
        requests.Unblock(handle=b"abcd", offset=1, length=2),
        "17 00000007",
        HANDLE,
        "0000000000000001 0000000000000002",
    ),
    sample(
        ALL,
        extended.PosixRename(path=b"/ab", new_path=b"/c"),
        extension("posix-rename@openssh.com"),
        PATH,
        NEW_PATH,
    ),
    sample(ALL, extended.StatVFS(path=b"/ab"), extension("statvfs@openssh.com"), PATH),
    sample(ALL, extended.FStatVFS(handle=b"abcd"), extension("fstatvfs@openssh.com"), HANDLE),
    sample(ALL, extended.HardLink(path=b"/ab", new_path=b"/c"), extension("hardlink@openssh.com"), PATH, NEW_PATH),
    sample(ALL, extended.FSync(handle=b"abcd"), extension("fsync@openssh.com"), HANDLE),
    sample(V3, extended.LSetStat(path=b"/ab", attributes=mode(3)), extension("lsetstat@openssh.com"), PATH, MODE_3),
    sample(FROM4, extended.LSetStat(path=b"/ab", attributes=mode(4)), extension("lsetstat@openssh.com"), PATH, MODE_4),
    sample(ALL, extended.Limits(), extension("limits@openssh.com")),
    sample(ALL, extended.ExpandPath(path=b"~/a"), extension("expand-path@openssh.com"), "00000003 7e2f61"),
    # OpenSSH's `cp`.
    sample(
        ALL,
        extended.CopyData(handle=b"abcd", offset=0, length=0, target_handle=b"abce", target_offset=0),
        extension("copy-data"),
        HANDLE,
        "0000000000000000 0000000000000000  00000004 61626365  0000000000000000",
    ),
    # However it is cut: who chooses a version has to be refused otherwise than who asks for something.
    sample(
        ALL,
        extended.VersionSelect(version=b"6"),
        extension("version-select"),
        "00000001 36",
        complete=(*range(23, 28),),
    ),
    sample(
        ALL,
        extended.VendorId(vendor=b"ab", product=b"c", version=b"", build=258),
        extension("vendor-id"),
        "00000002 6162  00000001 63  00000000  0000000000000102",
    ),
    sample(
        ALL,
        extended.FilenameTranslationControl(translates=False),
        extension("filename-translation-control"),
        "00",
    ),
    sample(ALL, extended.HomeDirectory(user=b"me"), extension("home-directory"), "00000002 6d65"),
    sample(
        ALL,
        extended.UsersGroupsById(uids=[0, 1000], gids=[100]),
        extension("users-groups-by-id@openssh.com"),
        "00000008 00000000 000003e8  00000004 00000064",
    ),
    sample(
        range(4, 7),
        extended.TextSeek(handle=b"abcd", line=99),
        extension("text-seek"),
        HANDLE,
        "0000000000000063",
    ),
    sample(
        ALL,
        extended.MD5Hash(path=b"/ab", offset=1, length=2, quick_hash=b"\xff" * 16),
        extension("md5-hash"),
        PATH,
        "0000000000000001 0000000000000002  00000010 ffffffffffffffffffffffffffffffff",
    ),
    sample(
        ALL,
        extended.MD5HashHandle(handle=b"abcd", offset=0, length=0, quick_hash=b""),
        extension("md5-hash-handle"),
        HANDLE,
        "0000000000000000 0000000000000000  00000000",
    ),
    # As WinSCP asks for a checksum.
    sample(
        ALL,
        extended.CheckFileName(path=b"/ab", algorithms=[b"sha1"], offset=0, length=0, block_size=0),
        extension("check-file-name"),
        PATH,
        "00000004 73686131  0000000000000000 0000000000000000  00000000",
    ),
    sample(
        ALL,
        extended.CheckFileHandle(
            handle=b"abcd", algorithms=[b"sha256", b"md5"], offset=1, length=1 << 32, block_size=256
        ),
        extension("check-file-handle"),
        HANDLE,
        "0000000a 7368613235362c6d6435  0000000000000001 0000000100000000  00000100",
    ),
    # paramiko's `check`.
    sample(
        ALL,
        extended.CheckFile(handle=b"abcd", algorithms=[b"md5"], offset=0, length=0, block_size=65536),
        extension("check-file"),
        HANDLE,
        "00000003 6d6435  0000000000000000 0000000000000000  00010000",
    ),
    sample(ALL, extended.SpaceAvailable(path=b"/ab"), extension("space-available"), PATH),
    # Cyberduck's copy.
    sample(
        ALL,
        extended.CopyFile(path=b"/ab", new_path=b"/c", overwrite=True),
        extension("copy-file"),
        PATH,
        NEW_PATH,
        "01",
    ),
    sample(ALL, extended.GetTempFolder(), extension("get-temp-folder")),
    sample(ALL, extended.MakeTempFolder(), extension("make-temp-folder")),
    sample(
        ALL,
        extended.UnknownExtended(name=b"nobody@example.com", data=b"\0\xff"),
        extension("nobody@example.com"),
        "00ff",
        complete=(27, 28),
    ),
]
