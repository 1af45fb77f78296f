"""
WinSCP 6 in version 6 of SFTP, which it asks for where its user has set it.

It wants the same of every file; REALPATH has to find what it asks for, and asks for the parent where that fails; OPEN
says what to do with a file that is there. Source: its SftpFileSystem.cpp.
"""

from dataclasses import replace
from hashlib import sha256

from tests.transcripts.needs import end_of_file, handle, missing, ok, unsupported
from tests.transcripts.needs_six import (
    COMMON,
    advertising,
    attrs,
    data,
    exists,
    folder,
    hashed,
    is_a_directory,
    names,
    not_empty,
    one_name,
    space,
)
from tests.transcripts.notation import FOLDER, GONE, File, Link, Row, Transcript, burst, winadj
from tests.transcripts.packets import (
    Handle,
    close,
    extended,
    init,
    opendir,
    read,
    readdir,
    readlink,
    remove,
    rmdir,
    string,
    u32,
    u64,
    write,
)
from tests.transcripts.packets_six import (
    ALLOCATION,
    APPEND_DATA,
    CREATE_NEW,
    CREATE_TRUNCATE,
    DIRECTORY,
    MTIME,
    OPEN_EXISTING,
    OPEN_OR_CREATE,
    READ_DATA,
    REGULAR,
    STAT_ALWAYS,
    SYMLINK,
    WRITE_DATA,
    attributes,
    fstat,
    link,
    lstat,
    mkdir,
    opening,
    realpath,
    rename,
    setstat,
    stat,
)
from tests.transcripts.transfers import CONTENT, LATER, NOON, writes
from tests.transcripts.winscp import WINSCP

WINSCP_SIX = replace(
    WINSCP,
    greeting=(
        (init(6), advertising(COMMON | ALLOCATION, "check-file", "copy-file")),
        (extended("vendor-id", string("Martin Prikryl"), string("WinSCP"), string("6.3.4"), u64(14955)), ok),
        (realpath(".", STAT_ALWAYS), folder("/")),
    ),
    protocol_version=6,
)

PIECE = 32 * 1024
WRITING = WRITE_DATA | APPEND_DATA
PAGE = b"<p>one</p>\r\n" * 100


def _reads(name: str, content: bytes) -> list[Row]:
    last = len(content) - PIECE
    return [
        (read(name, at, PIECE), data(content[at : at + PIECE], ended=None if at >= last else False))
        for at in range(0, len(content), PIECE)
    ]


START = Transcript(
    name="winscp_six_starts",
    shows="WinSCP takes the version, says who it is, and learns where it is, and how much room there is.",
    client=WINSCP_SIX,
    before={"/site": FOLDER},
    steps=(
        (realpath("/site", STAT_ALWAYS), folder("/site")),
        (lstat("/site", COMMON), attrs(DIRECTORY)),
        (extended("space-available", string("/site")), space),
        (extended("owner-group-query@generic-extensions", b"\x01"), unsupported),
        (realpath("/nowhere", STAT_ALWAYS), missing),
        winadj,
    ),
)

LIST = Transcript(
    name="winscp_six_lists",
    shows="WinSCP has a READDIR ahead whatever the first one says, and does not wait for the end of the listing.",
    client=WINSCP_SIX,
    before={
        "/site/index.html": File(data=PAGE, mtime=NOON, mode=0o640),
        "/site/pages/1": b"",
        "/site/link": Link("index.html"),
        "/site/dangling": Link("gone"),
        "/site/pages/empty": FOLDER,
    },
    steps=(
        (opendir("/site"), handle("d")),
        burst(
            (readdir("d"), names(index__html=REGULAR, pages=DIRECTORY, link=SYMLINK, dangling=SYMLINK)),
            (readdir("d"), end_of_file),
            (close("d"), ok),
            (readlink("/site/link"), one_name("index.html")),
            (stat("/site/link", COMMON), attrs(REGULAR, size=1200, mode=0o640, mtime=NOON)),
        ),
        burst((readlink("/site/dangling"), one_name("gone")), (stat("/site/dangling", COMMON), missing)),
        (opendir("/site/pages/empty"), handle("e")),
        burst((readdir("e"), names()), (readdir("e"), end_of_file), (close("e"), ok)),
        (lstat("/site/pages/empty/..", COMMON), attrs(DIRECTORY)),
    ),
)

UPLOAD = Transcript(
    name="winscp_six_uploads",
    shows="WinSCP creates a file that must not be there, says how large it will be, and sets time and mode at last.",
    client=WINSCP_SIX,
    before={"/site": FOLDER},
    after={"/site/new.bin": File(data=CONTENT[:300_000], mode=0o640, mtime=NOON)},
    steps=(
        (opening("/site/new.bin", WRITING, CREATE_NEW, attributes(allocation=300_000)), handle("f")),
        burst(
            *writes("f", CONTENT[:300_000], PIECE),
            (close("f"), ok),
            (setstat("/site/new.bin", attributes(mode=0o640, mtime=NOON)), ok),
        ),
        winadj,
    ),
)

OVERWRITE = Transcript(
    name="winscp_six_overwrites",
    shows="WinSCP is refused a new file where there is one, looks at that, and then truncates it.",
    client=WINSCP_SIX,
    before={"/site/index.html": File(data=PAGE, mtime=NOON)},
    after={"/site/index.html": File(data=b"<p>new</p>", mtime=LATER), "/nowhere": GONE},
    steps=(
        (opening("/site/index.html", WRITING, CREATE_NEW, attributes(allocation=10)), exists),
        (lstat("/site/index.html", COMMON), attrs(REGULAR, size=len(PAGE), mtime=NOON)),
        (opening("/site/index.html", WRITING, CREATE_TRUNCATE, attributes(allocation=10)), handle("f")),
        burst(
            (write("f", 0, b"<p>new</p>"), ok),
            (close("f"), ok),
            (setstat("/site/index.html", attributes(mtime=LATER)), ok),
        ),
    ),
)

RESUME = Transcript(
    name="winscp_six_resumes",
    shows="WinSCP goes on with a .filepart that it does not truncate, removes the old file and renames.",
    client=WINSCP_SIX,
    before={"/big.iso": File(data=b"old", mode=0o600), "/big.iso.filepart": CONTENT[:1_000_000]},
    after={"/big.iso": File(data=CONTENT[:2_000_000], mode=0o600, mtime=NOON), "/big.iso.filepart": GONE},
    steps=(
        (lstat("/big.iso", COMMON), attrs(REGULAR, size=3, mode=0o600)),
        (lstat("/big.iso.filepart", COMMON), attrs(REGULAR, size=1_000_000)),
        (opening("/big.iso.filepart", WRITING, OPEN_OR_CREATE), handle("f")),
        burst(*writes("f", CONTENT[:2_000_000], PIECE, 1_000_000), (close("f"), ok)),
        (remove("/big.iso"), ok),
        (rename("/big.iso.filepart", "/big.iso", 0), ok),
        (setstat("/big.iso", attributes(mode=0o600, mtime=NOON)), ok),
    ),
)

DOWNLOAD = Transcript(
    name="winscp_six_downloads",
    shows="WinSCP opens a file that is there, and reads until it is told the end.",
    client=WINSCP_SIX,
    before={"/big": File(data=CONTENT[:1_000_000], mtime=NOON)},
    steps=(
        (opening("/big", READ_DATA, OPEN_EXISTING), handle("f")),
        (fstat("f", MTIME), attrs(REGULAR, size=1_000_000, mtime=NOON)),
        burst(*_reads("f", CONTENT[:1_000_000]), (read("f", 1_015_808, PIECE), end_of_file), (close("f"), ok)),
        (opening("/absent", READ_DATA, OPEN_EXISTING), missing),
    ),
)

LINKS = Transcript(
    name="winscp_six_links",
    shows="WinSCP makes links of both kinds by LINK, the new name first; the target of a symbolic one is left alone.",
    client=WINSCP_SIX,
    before={"/site/file": b"here"},
    after={"/site/link": Link("file"), "/site/dangling": Link("../no/where"), "/site/hard": b"here"},
    steps=(
        # Where the new link will be: not there, so that its parent is asked for.
        (realpath("/site/link", STAT_ALWAYS), missing),
        (realpath("/site/", STAT_ALWAYS), folder("/site")),
        (link("/site/link", "file", symbolic=True), ok),
        (link("/site/dangling", "../no/where", symbolic=True), ok),
        (link("/site/link", "file", symbolic=True), exists),
        (realpath("/site/file", STAT_ALWAYS), one_name("/site/file")),
        (link("/site/hard", "/site/file", symbolic=False), ok),
        (lstat("/site/link", COMMON), attrs(SYMLINK, size=4)),
    ),
)

PROPERTIES = Transcript(
    name="winscp_six_properties",
    shows="WinSCP sends the names of user and group, both whichever was changed, together with the mode.",
    client=WINSCP_SIX,
    before={"/file": File(data=b"x", mode=0o644), "/folder": FOLDER},
    after={"/file": File(data=b"x", mode=0o600)},
    steps=(
        (lstat("/file", COMMON), attrs(REGULAR, mode=0o644, keep="f")),
        (setstat("/file", attributes(owners=(Handle("f.owner"), Handle("f.group")), mode=0o600)), ok),
        (lstat("/file", COMMON), attrs(REGULAR, mode=0o600)),
        (setstat("/folder", attributes(DIRECTORY, mode=0o700)), ok),
        (lstat("/folder", COMMON), attrs(DIRECTORY, mode=0o700)),
    ),
)

COPY = Transcript(
    name="winscp_six_copies",
    shows="WinSCP copies by copy-file, which must not replace anything.",
    client=WINSCP_SIX,
    before={"/from": CONTENT[:500_000], "/there": b"kept"},
    after={"/to": CONTENT[:500_000], "/there": b"kept"},
    steps=(
        (realpath("/from", STAT_ALWAYS), one_name("/from")),
        (realpath("/to", STAT_ALWAYS), missing),
        (realpath("/", STAT_ALWAYS), folder("/")),
        (extended("copy-file", string("/from"), string("/to"), b"\0"), ok),
        (extended("copy-file", string("/from"), string("/there"), b"\0"), exists),
    ),
)

CHECKSUM = Transcript(
    name="winscp_six_hashes",
    shows="WinSCP asks for the hashes of several files in one go, and takes all that follows the name.",
    client=WINSCP_SIX,
    before={"/one": CONTENT[:1_000_000], "/two": b""},
    steps=(
        burst(
            *(
                (
                    extended("check-file-name", string(path), string("sha256"), u64(0), u64(0), u32(0)),
                    hashed("sha256", sha256(content).digest()),
                )
                for path, content in (("/one", CONTENT[:1_000_000]), ("/two", b""))
            ),
            (extended("check-file-name", string("/absent"), string("sha256"), u64(0), u64(0), u32(0)), missing),
        ),
    ),
)

MANAGE = Transcript(
    name="winscp_six_manages",
    shows="WinSCP renames without replacing, and only asked to with posix-rename; makes, deletes and empties folders.",
    client=WINSCP_SIX,
    before={"/one": b"1", "/two": b"2", "/full/x": b""},
    after={"/one": GONE, "/two": b"1", "/full": GONE, "/made": FOLDER},
    steps=(
        (rename("/one", "/two", 0), exists),
        (extended("posix-rename@openssh.com", string("/one"), string("/two")), ok),
        (mkdir("/made"), ok),
        (realpath("/made", STAT_ALWAYS), folder("/made")),
        (mkdir("/made"), exists),
        (rmdir("/full"), not_empty),
        (remove("/full"), is_a_directory),
        (remove("/full/x"), ok),
        (rmdir("/full"), ok),
    ),
)

TRANSCRIPTS = (
    START, LIST, UPLOAD, OVERWRITE, RESUME, DOWNLOAD, LINKS, PROPERTIES, COPY, CHECKSUM, MANAGE,
)  # fmt: skip
