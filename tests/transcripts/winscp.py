"""
WinSCP 6, with version 3 of SFTP as it asks for where the server does not call itself OpenSSH.

An id is a counter and the type of the request. WRITEs, CLOSE and SETSTAT leave without waiting for each other; so do
READs, the last of them beyond the end, and CLOSE. Source: its SftpFileSystem.cpp.
"""

from tests.transcripts.needs import (
    advertising,
    attrs,
    end_of_file,
    failed,
    handle,
    limits,
    missing,
    names,
    ok,
    one_name,
    some_names,
    space,
    unsupported,
)
from tests.transcripts.notation import FOLDER, GONE, Client, File, Link, Transcript, burst, simple, winadj
from tests.transcripts.packets import (
    Handle,
    attributes,
    close,
    extended,
    fstat,
    init,
    lstat,
    mkdir,
    opendir,
    opening,
    read,
    readdir,
    readlink,
    realpath,
    remove,
    rename,
    rmdir,
    setstat,
    stat,
    string,
    symlink,
    u64,
)
from tests.transcripts.transfers import CONTENT, LATER, NOON, reads, writes

WINSCP = Client(
    name="WinSCP",
    version="SSH-2.0-WinSCP_release_6.3.4",
    id_of=lambda number, kind: number << 8 | kind,
    window=0x7FFFFFFF,
    packet=0x4000,
    before=(simple,),
    greeting=(
        # It looks for these; and for a newline, which must be of one or two bytes.
        (
            init(3),
            advertising(3, posix_rename="1", hardlink="1", limits="1", copy_data="1"),
        ),
        (extended("limits@openssh.com"), limits),
        (realpath("."), one_name("/")),
    ),
)

PIECE = 32 * 1024
# Packets of max-packet-length, which it adds the four bytes of the length to: what is left beside the fields around the
# data. A handle is taken to be of eight bytes.
PACKET = 262_144 + 4
LARGEST_WRITE = PACKET - 9 - (4 + 8) - 8 - 4
LARGEST_READ = PACKET - 9 - 4
PAGE = b"<p>one</p>\r\n" * 100

START = Transcript(
    name="winscp_starts",
    shows="WinSCP says who it is with a request that is not advertised, and goes on with what is.",
    client=WINSCP,
    steps=(
        (extended("vendor-id", string("vendor"), string("WinSCP"), string("6.3.4"), u64(14955)), ok),
        (extended("fs-roots@vandyke.com"), unsupported),
        (extended("statvfs@openssh.com", string("/")), space),
        winadj,
        (realpath("/"), one_name("/")),
    ),
)

LIST = Transcript(
    name="winscp_lists",
    shows="WinSCP lists with a READDIR ahead, looks where links lead, and looks for `..` in an empty folder.",
    client=WINSCP,
    before={
        "/site/index.html": File(data=PAGE, mtime=NOON),
        "/site/pages/1": b"",
        "/site/to file": Link("index.html"),
        "/site/to folder": Link("/site/pages"),
        "/site/to nothing": Link("gone"),
        "/site/empty": FOLDER,
    },
    steps=(
        (realpath("/site"), one_name("/site")),
        (opendir("/site"), handle("d")),
        burst(
            (readdir("d"), names("index.html", "pages", "to file", "to folder", "to nothing", "empty")),
            (readdir("d"), end_of_file),
        ),
        (close("d"), ok),
        burst((readlink("/site/to file"), one_name("index.html")), (stat("/site/to file"), attrs(0o100644, size=1200))),
        burst((readlink("/site/to folder"), one_name("/site/pages")), (stat("/site/to folder"), attrs(0o40755))),
        burst((readlink("/site/to nothing"), one_name("gone")), (stat("/site/to nothing"), missing)),
        (lstat("/site/to file"), attrs(0o120777, size=10)),
        (lstat("/site/index.html"), attrs(0o100644, size=1200, mtime=NOON)),
        (opendir("/site/empty"), handle("e")),
        (readdir("e"), names()),
        (readdir("e"), end_of_file),
        (close("e"), ok),
        (lstat("/site/empty/.."), attrs(0o40755)),
    ),
)

UPLOAD = Transcript(
    name="winscp_uploads",
    shows="WinSCP uploads a new file: exclusively, with its size, and SETSTAT and all in one go behind the data.",
    client=WINSCP,
    before={"/site": FOLDER},
    after={"/site/new.bin": File(data=CONTENT[:300_000], mode=0o640, mtime=NOON)},
    steps=(
        (opening("/site/new.bin", "wcxt", attributes(size=300_000)), handle("f")),
        burst(
            *writes("f", CONTENT[:300_000], PIECE),
            (close("f"), ok),
            (setstat("/site/new.bin", attributes(mode=0o640, times=(NOON, NOON))), ok),
        ),
        winadj,
    ),
)

OVERWRITE = Transcript(
    name="winscp_overwrites",
    shows="WinSCP finds out that a file exists by failing to create it, asks the user, and then overwrites it.",
    client=WINSCP,
    before={"/site/index.html": File(data=PAGE, mtime=NOON)},
    after={"/site/index.html": File(data=b"<p>new</p>", mtime=LATER), "/nowhere": GONE},
    steps=(
        (opening("/site/index.html", "wcxt", attributes(size=10)), failed),
        (lstat("/site/index.html"), attrs(0o100644, size=len(PAGE), mtime=NOON)),
        (opening("/site/index.html", "wct", attributes(size=10)), handle("f")),
        burst(
            *writes("f", b"<p>new</p>", PIECE),
            (close("f"), ok),
            (setstat("/site/index.html", attributes(times=(LATER, LATER))), ok),
        ),
        # Nothing is there: it shows the user the first answer.
        (opening("/nowhere/index.html", "wcxt", attributes(size=10)), missing),
        (lstat("/nowhere/index.html"), missing),
    ),
)

PARTIAL = Transcript(
    name="winscp_filepart",
    shows="WinSCP uploads a large file under another name, removes the old one and renames, mode and time last.",
    client=WINSCP,
    before={"/site/big.iso": File(data=b"old", mode=0o600)},
    after={"/site/big.iso": File(data=CONTENT, mode=0o600, mtime=NOON), "/site/big.iso.filepart": GONE},
    steps=(
        (lstat("/site/big.iso"), attrs(0o100600, size=3)),
        (lstat("/site/big.iso.filepart"), missing),
        (opening("/site/big.iso.filepart", "wct", attributes(size=len(CONTENT))), handle("f")),
        # As much as max-packet-length allows.
        burst(*writes("f", CONTENT, LARGEST_WRITE), (close("f"), ok), winadj),
        (remove("/site/big.iso"), ok),
        (rename("/site/big.iso.filepart", "/site/big.iso"), ok),
        (setstat("/site/big.iso", attributes(mode=0o600, times=(NOON, NOON))), ok),
    ),
)

RESUME = Transcript(
    name="winscp_resumes",
    shows="WinSCP goes on with a .filepart: it is opened without TRUNC, so what is there stays.",
    client=WINSCP,
    before={"/site/big.iso.filepart": CONTENT[:1_000_000]},
    after={"/site/big.iso": CONTENT[:2_000_000], "/site/big.iso.filepart": GONE},
    steps=(
        (lstat("/site/big.iso"), missing),
        (lstat("/site/big.iso.filepart"), attrs(0o100644, size=1_000_000)),
        (opening("/site/big.iso.filepart", "wc"), handle("f")),
        burst(*writes("f", CONTENT[:2_000_000], PIECE, 1_000_000), (close("f"), ok)),
        (rename("/site/big.iso.filepart", "/site/big.iso"), ok),
    ),
)

DOWNLOAD = Transcript(
    name="winscp_downloads",
    shows="WinSCP has 32 READs under way, some of them beyond the end, and CLOSE behind them at the first end.",
    client=WINSCP,
    before={"/big": File(data=CONTENT[:1_000_000], mtime=NOON)},
    steps=(
        (opening("/big", "r"), handle("f")),
        (fstat("f"), attrs(0o100644, size=1_000_000, mtime=NOON)),
        burst(
            *reads("f", CONTENT[:1_000_000], PIECE),
            (read("f", 1_015_808, PIECE), end_of_file),
            (close("f"), ok),
        ),
        winadj,
    ),
)

BLOCKS = Transcript(
    name="winscp_downloads_large_blocks",
    shows="WinSCP asks for as much as a packet holds, and would ask for what a block lacks one at a time.",
    client=WINSCP,
    before={"/big": CONTENT[:3_000_000]},
    steps=(
        (opening("/big", "r"), handle("f")),
        burst(*reads("f", CONTENT[:3_000_000], LARGEST_READ)),
        (read("f", 3_000_000, LARGEST_READ), end_of_file),
        (close("f"), ok),
    ),
)

LINKS = Transcript(
    name="winscp_links",
    shows="WinSCP puts the link before the target, as the draft has it, since the server is not OpenSSH's.",
    client=WINSCP,
    before={"/site/file": b"here"},
    after={"/site/link": Link("file"), "/site/dangling": Link("../no/where"), "/site/hard": b"here"},
    steps=(
        (symlink("/site/link", "file"), ok),
        (symlink("/site/dangling", "../no/where"), ok),
        (symlink("/site/link", "file"), failed),
        burst((readlink("/site/link"), one_name("file")), (stat("/site/link"), attrs(0o100644, size=4))),
        (extended("hardlink@openssh.com", string("/site/file"), string("/site/hard")), ok),
    ),
)

COPY = Transcript(
    name="winscp_copies",
    shows="WinSCP copies on the server: the target is created exclusively, copy-data to the end, SETSTAT afterwards.",
    client=WINSCP,
    before={"/from": File(data=CONTENT[:500_000], mode=0o640, mtime=NOON)},
    after={"/to": File(data=CONTENT[:500_000], mode=0o640, mtime=NOON)},
    steps=(
        (opening("/from", "r"), handle("source")),
        (opening("/to", "wcx"), handle("target")),
        (extended("copy-data", Handle("source"), u64(0), u64(0), Handle("target"), u64(0)), ok),
        (close("target"), ok),
        (close("source"), ok),
        (setstat("/to", attributes(mode=0o640, times=(NOON, NOON))), ok),
        (opening("/to", "wcx"), failed),
    ),
)

MANAGE = Transcript(
    name="winscp_manages",
    shows="WinSCP renames onto an existing file only where it asks for that; makes, deletes and empties folders.",
    client=WINSCP,
    before={"/site/one": b"1", "/site/two": b"2", "/site/full/x": b""},
    after={"/site/one": GONE, "/site/two": b"1", "/site/full": GONE, "/site/made": FOLDER},
    steps=(
        (rename("/site/one", "/site/two"), failed),
        (extended("posix-rename@openssh.com", string("/site/one"), string("/site/two")), ok),
        (mkdir("/site/made"), ok),
        (lstat("/site/made"), attrs(0o40755)),
        (mkdir("/site/made"), failed),
        (rmdir("/site/full"), failed),
        (opendir("/site/full"), handle("d")),
        burst((readdir("d"), some_names()), (readdir("d"), end_of_file)),
        (close("d"), ok),
        (remove("/site/full/x"), ok),
        (rmdir("/site/full"), ok),
        (remove("/site/made"), failed),
    ),
)

TRANSCRIPTS = (START, LIST, UPLOAD, OVERWRITE, PARTIAL, RESUME, DOWNLOAD, BLOCKS, LINKS, COPY, MANAGE)
