"""
Cyberduck, and other programs on sshj.

Both write the first name that they are given first in SYMLINK: sshj's callers give the link, Cyberduck gives the
target. Cyberduck says its own name in the SSH version string, and so the two can be told apart.
Source: Cyberduck's SFTPSession, SFTPWriteFeature, SFTPMoveFeature, SFTPSymlinkFeature; sshj's SFTPEngine.
"""

from tests.transcripts.needs import (
    attrs,
    end_of_file,
    failed,
    handle,
    missing,
    names,
    ok,
    one_name,
    version,
)
from tests.transcripts.notation import (
    FOLDER,
    GONE,
    Client,
    File,
    Link,
    Step,
    Transcript,
    burst,
    execute,
    heartbeat,
    keepalive,
)
from tests.transcripts.packets import (
    attributes,
    close,
    extended,
    init,
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
)
from tests.transcripts.transfers import CONTENT, NOON, reads, writes

GREETING: tuple[Step, ...] = ((init(3), version(3)), (realpath("."), one_name("/")))

CYBERDUCK = Client(
    name="Cyberduck",
    version="SSH-2.0-Cyberduck/6.7.1.28683 (Mac OS X/10.13.6) (x86_64)",
    greeting=GREETING,
)
SSHJ = Client(name="sshj", version="SSH-2.0-SSHJ_0.38.0", greeting=GREETING)

# The largest packet of the channel without what stands around the data.
PIECE = 32_768 - 60

LIST = Transcript(
    name="cyberduck_lists",
    shows="Cyberduck takes types from permissions and looks where each link leads; a dangling one hides nothing.",
    client=CYBERDUCK,
    before={"/a": b"1", "/folder/b": b"", "/to folder": Link("folder"), "/gone": Link("nowhere"), "/.x": b""},
    steps=(
        (opendir("/"), handle("d")),
        (readdir("d"), names("a", "folder", "to folder", "gone", ".x")),
        (readdir("d"), end_of_file),
        (close("d"), ok),
        (readlink("/to folder"), one_name("folder")),
        (stat("/folder"), attrs(0o40755)),
        (readlink("/gone"), one_name("nowhere")),
        (stat("/nowhere"), missing),
        heartbeat,
    ),
)

UPLOAD = Transcript(
    name="cyberduck_uploads",
    shows="Cyberduck creates what is new and truncates what exists, without CREAT; permissions follow each upload.",
    client=CYBERDUCK,
    before={"/old": File(data=b"x" * 500_000, mode=0o640)},
    after={
        "/new": File(data=CONTENT[:400_000], mode=0o644, mtime=NOON),
        "/old": File(data=CONTENT[:100_000], mode=0o640),
        "/missing": GONE,
    },
    steps=(
        (opening("/new", "wct"), handle("f")),
        burst(*writes("f", CONTENT[:400_000], PIECE)[:6], heartbeat, keepalive),
        burst(*writes("f", CONTENT[:400_000], PIECE)[6:], keepalive),
        (close("f"), ok),
        (setstat("/new", attributes(mode=0o644)), ok),
        (setstat("/new", attributes(times=(NOON, NOON))), ok),
        (stat("/new"), attrs(0o100644, size=400_000, mtime=NOON)),
        # The draft has no TRUNC without CREAT.
        (opening("/old", "wt"), handle("g")),
        burst(*writes("g", CONTENT[:100_000], PIECE)),
        (close("g"), ok),
        (setstat("/old", attributes(mode=0o640)), ok),
        (opening("/missing", "wt"), missing),
    ),
)

APPEND = Transcript(
    name="cyberduck_appends",
    shows="Cyberduck goes on with an upload with WRITE alone, at an offset; with CREAT where nothing is there yet.",
    client=CYBERDUCK,
    before={"/half": CONTENT[:123_456]},
    after={"/half": CONTENT[:300_000], "/none": CONTENT[:1000]},
    steps=(
        (stat("/half"), attrs(0o100644, size=123_456)),
        (opening("/half", "w"), handle("f")),
        burst(*writes("f", CONTENT[:300_000], PIECE, 123_456)),
        (close("f"), ok),
        (opening("/none", "wc"), handle("g")),
        burst(*writes("g", CONTENT[:1000], PIECE)),
        (close("g"), ok),
    ),
)

DOWNLOAD = Transcript(
    name="cyberduck_downloads",
    shows="Cyberduck reads ahead, beyond the end as well; keep-alive messages come in between.",
    client=CYBERDUCK,
    before={"/big": CONTENT[:1_000_000]},
    steps=(
        (opening("/big", "r"), handle("f")),
        burst(*reads("f", CONTENT[:1_000_000], 32_768)[:20], keepalive),
        burst(*reads("f", CONTENT[:1_000_000], 32_768)[20:], (read("f", 1_000_000, 32_768), end_of_file), heartbeat),
        (close("f"), ok),
    ),
)

MOVE = Transcript(
    name="cyberduck_moves",
    shows="Cyberduck deletes the target and renames; a link that is overwritten is removed first, not followed.",
    client=CYBERDUCK,
    before={"/from": b"new", "/to": b"old", "/real": b"stays", "/link": Link("real"), "/folder": FOLDER},
    after={"/from": GONE, "/to": b"new", "/real": b"stays", "/link": b"data", "/folder": GONE, "/made": FOLDER},
    steps=(
        (rename("/from", "/to"), failed),
        (remove("/to"), ok),
        (rename("/from", "/to"), ok),
        (remove("/link"), ok),
        (opening("/link", "wct"), handle("f")),
        burst(*writes("f", b"data", PIECE)),
        (close("f"), ok),
        (mkdir("/made"), ok),
        (mkdir("/made"), failed),
        (rmdir("/folder"), ok),
    ),
)

BESIDE = Transcript(
    name="cyberduck_beside",
    shows="Cyberduck asks for the space with a command, which is refused, and copies a file on the server.",
    client=CYBERDUCK,
    before={"/file": b"1"},
    after={"/copy": b"1"},
    steps=(
        (realpath("/"), one_name("/")),
        execute("df -Pk / | awk '{print $3, $4}'"),
        (extended("copy-file", string("/file"), string("/copy"), b"\0"), ok),
        heartbeat,
        (stat("/file"), attrs(0o100644, size=1)),
    ),
)

DUCK_LINKS = Transcript(
    name="cyberduck_links",
    shows="Cyberduck's SYMLINK has the target first.",
    client=CYBERDUCK,
    before={"/folder/file": b"1"},
    after={"/folder/link": Link("file"), "/file": GONE},
    steps=(
        (symlink("file", "/folder/link"), ok),
        (readlink("/folder/link"), one_name("file")),
        (stat("/folder/link"), attrs(0o100644, size=1)),
    ),
)

SSHJ_LINKS = Transcript(
    name="sshj_links",
    shows="sshj's SYMLINK has the link first.",
    client=SSHJ,
    before={"/folder/file": b"1"},
    after={"/folder/link": Link("file"), "/file": GONE},
    steps=(
        (symlink("/folder/link", "file"), ok),
        (readlink("/folder/link"), one_name("file")),
        (stat("/folder/link"), attrs(0o100644, size=1)),
        keepalive,
    ),
)

TRANSCRIPTS = (LIST, UPLOAD, APPEND, DOWNLOAD, MOVE, BESIDE, DUCK_LINKS, SSHJ_LINKS)
