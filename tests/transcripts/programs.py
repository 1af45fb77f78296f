"""
Programs whose sequences the suite also holds without them: sshfs, rclone, scp.

Source: recorded conversations of OpenSSH 9.2; the sources of sshfs 3.7, rclone and pkg/sftp.
"""

from tests.transcripts.needs import (
    advertising,
    attrs,
    data,
    end_of_file,
    failed,
    handle,
    limits,
    missing,
    names,
    ok,
    one_name,
    space,
    version,
)
from tests.transcripts.notation import (
    FOLDER,
    GONE,
    ChannelRequest,
    Client,
    File,
    GlobalRequest,
    Transcript,
    burst,
    execute,
    keepalive,
)
from tests.transcripts.packets import (
    Handle,
    attributes,
    close,
    extended,
    fsetstat,
    fstat,
    init,
    lstat,
    mkdir,
    opendir,
    opening,
    read,
    readdir,
    realpath,
    remove,
    rename,
    rmdir,
    setstat,
    stat,
    string,
    write,
)
from tests.transcripts.transfers import CONTENT, LATER, NOON, reads, writes

# What OpenSSH's ssh says before it asks for the subsystem: LANG, and that it will not ask for another session.
ASIDES = (
    GlobalRequest(name="no-more-sessions@openssh.com", wants_reply=False),
    ChannelRequest(name="env", wants_reply=False, rest=string("LANG") + string("C.UTF-8")),
)

# sshfs.c: everything at once; the mode of an OPEN that creates nothing is 0.
SSHFS = Client(
    name="sshfs",
    version="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
    first_id=0,
    before=ASIDES,
    greeting=((init(3), advertising(3, posix_rename="1", hardlink="1", fsync="1")), (lstat("/"), attrs(0o40755))),
)

SSHFS_CREATE = Transcript(
    name="sshfs_creates",
    shows="sshfs creates a file and looks at it before it was told that it was created; writes and syncs behind.",
    client=SSHFS,
    before={"/there": File(data=b"x" * 10, mode=0o640)},
    after={"/new": File(data=CONTENT[:200_000], mode=0o644), "/there": File(data=b"xxxxyy", mode=0o640)},
    steps=(
        burst(
            (opening("/new", "wcx", attributes(mode=0o100644)), handle("f")),
            (lstat("/new"), attrs(0o100644, size=0)),
        ),
        burst(*writes("f", CONTENT[:200_000], 32_768), (fstat("f"), attrs(0o100644, size=200_000))),
        (extended("fsync@openssh.com", Handle("f")), ok),
        (close("f"), ok),
        burst(
            (opening("/there", "rw", attributes(mode=0)), handle("g")),
            (lstat("/there"), attrs(0o100640, size=10)),
        ),
        burst((fsetstat("g", attributes(size=4)), ok), (write("g", 4, b"yy"), ok), (close("g"), ok)),
        (extended("statvfs@openssh.com", string("/")), space),
    ),
)

SSHFS_LIST = Transcript(
    name="sshfs_lists",
    shows="sshfs has 32 READDIRs under way on one handle; all but the first are told the end.",
    client=SSHFS,
    before={"/dir/a": b"", "/dir/b": b"", "/dir/c/d": b""},
    steps=(
        (opendir("/dir"), handle("d")),
        burst((readdir("d"), names("a", "b", "c")), *((readdir("d"), end_of_file) for _ in range(31))),
        (close("d"), ok),
        # It shows FAILURE as "directory not empty".
        (rmdir("/dir"), failed),
    ),
)

SSHFS_RENAME = Transcript(
    name="sshfs_renames",
    shows="sshfs moves over a file by posix-rename; or, refused a plain RENAME, moves the target away first.",
    client=SSHFS,
    before={"/a": b"a", "/b": b"b", "/c": b"c"},
    after={"/a": GONE, "/b": GONE, "/c": b"a", "/c.1": GONE},
    steps=(
        (extended("posix-rename@openssh.com", string("/a"), string("/b")), ok),
        (rename("/b", "/c"), failed),
        (rename("/c", "/c.1"), ok),
        (rename("/b", "/c"), ok),
        (remove("/c.1"), ok),
    ),
)

# Of pkg/sftp: VERSION must be 3; 64 packets of 32 KiB. Of rclone: what it asks for on other channels.
RCLONE = Client(
    name="rclone",
    version="SSH-2.0-rclone/v1.74.4",
    greeting=((init(3), advertising(3, posix_rename="1")), (realpath("."), one_name("/"))),
)

RCLONE_COPY = Transcript(
    name="rclone_copies",
    shows="rclone's commands are refused and the session goes on; it uploads, sets the time, looks, and renames over.",
    client=RCLONE,
    before={"/backup/a.txt": b"old"},
    after={"/backup/a.txt": File(data=CONTENT, mtime=NOON), "/backup/a.txt.5a7f61d4.partial": GONE},
    steps=(
        execute("echo ${ShellId}%ComSpec%"),
        execute("md5sum"),
        (stat("/backup"), attrs(0o40755)),
        (lstat("/backup/a.txt"), attrs(0o100644, size=3)),
        (opening("/backup/a.txt.5a7f61d4.partial", "wct"), handle("f")),
        burst(*writes("f", CONTENT, 32_768)[:64]),
        burst(*writes("f", CONTENT, 32_768)[64:]),
        (close("f"), ok),
        (setstat("/backup/a.txt.5a7f61d4.partial", attributes(times=(NOON, NOON))), ok),
        (stat("/backup/a.txt.5a7f61d4.partial"), attrs(0o100644, size=len(CONTENT), mtime=NOON)),
        (
            extended("posix-rename@openssh.com", string("/backup/a.txt.5a7f61d4.partial"), string("/backup/a.txt")),
            ok,
        ),
        execute("df -k /backup"),
        (stat("/backup/a.txt"), attrs(0o100644, size=len(CONTENT), mtime=NOON)),
        (extended("statvfs@openssh.com", string("/")), space),
    ),
)

RCLONE_FOLDERS = Transcript(
    name="rclone_folders",
    shows="rclone makes folders where STAT finds nothing, and removes one by REMOVE, which fails, and RMDIR.",
    client=RCLONE,
    before={"/old": FOLDER},
    after={"/old": GONE, "/new/deep": FOLDER},
    steps=(
        (stat("/new/deep"), missing),
        (stat("/new"), missing),
        (mkdir("/new"), ok),
        (mkdir("/new/deep"), ok),
        (mkdir("/new/deep"), failed),
        (lstat("/new/deep"), attrs(0o40755)),
        (opendir("/old"), handle("d")),
        (readdir("d"), names()),
        (readdir("d"), end_of_file),
        (close("d"), ok),
        (remove("/old"), failed),
        (rmdir("/old"), ok),
        (rmdir("/old"), missing),
    ),
)

SCP = Client(
    name="scp",
    version="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
    before=ASIDES,
    greeting=((init(3), version(3)), (extended("limits@openssh.com"), limits)),
)
SCP_PIECE = 255 * 1024

SCP_UP = Transcript(
    name="scp_up",
    shows="scp -p writes over a longer file without TRUNC, cuts it, sets mode and times, and only then closes it.",
    client=SCP,
    before={"/big": File(data=b"x" * 2_000_000, mode=0o600)},
    after={"/big": File(data=CONTENT[:1_500_000], mode=0o755, mtime=LATER), "/new": File(data=b"", mode=0o600)},
    steps=(
        (stat("/big"), attrs(0o100600, size=2_000_000)),
        (opening("/big", "wc", attributes(mode=0o100755, times=(NOON, LATER))), handle("f")),
        burst(*writes("f", CONTENT[:1_500_000], SCP_PIECE), keepalive),
        (fsetstat("f", attributes(size=1_500_000)), ok),
        (fsetstat("f", attributes(mode=0o755, times=(NOON, LATER))), ok),
        (close("f"), ok),
        (stat("/new"), missing),
        (opening("/new", "wc", attributes(mode=0o100600, times=(NOON, LATER))), handle("g")),
        (fsetstat("g", attributes(size=0)), ok),
        (close("g"), ok),
    ),
)

SCP_FOLDER = Transcript(
    name="scp_up_folder",
    shows="scp -r asks for the path of a folder that is not there yet, makes it, and sets its mode at the end.",
    client=SCP,
    before={"/srv": FOLDER},
    after={"/srv/dd/x": b"1"},
    steps=(
        (stat("/srv"), attrs(0o40755)),
        (realpath("/srv/dd"), one_name("/srv/dd")),
        (mkdir("/srv/dd", attributes(mode=0o700)), ok),
        (opening("/srv/dd/x", "wc", attributes(mode=0o100644)), handle("f")),
        (write("f", 0, b"1"), ok),
        (fsetstat("f", attributes(size=1)), ok),
        (close("f"), ok),
        (setstat("/srv/dd", attributes(mode=0o555, times=(NOON, LATER))), ok),
        (stat("/srv/dd"), attrs(0o40555, mtime=LATER)),
        (setstat("/srv/dd", attributes(mode=0o755)), ok),
    ),
)

SCP_DOWN = Transcript(
    name="scp_down",
    shows="scp -p looks twice, reads blocks as large as the limits say, and is told times and mode.",
    client=SCP,
    before={"/big": File(data=CONTENT, mode=0o640, mtime=NOON)},
    steps=(
        (lstat("/big"), attrs(0o100640, size=len(CONTENT), mtime=NOON)),
        (stat("/big"), attrs(0o100640, size=len(CONTENT), mtime=NOON)),
        (opening("/big", "r"), handle("f")),
        burst(*reads("f", CONTENT, SCP_PIECE)[:16]),
        # The rest of a block that was cut short by the end.
        (read("f", 16 * SCP_PIECE, SCP_PIECE), data(CONTENT[16 * SCP_PIECE :])),
        (read("f", len(CONTENT), SCP_PIECE), end_of_file),
        (close("f"), ok),
    ),
)

TRANSCRIPTS = (
    SSHFS_CREATE,
    SSHFS_LIST,
    SSHFS_RENAME,
    RCLONE_COPY,
    RCLONE_FOLDERS,
    SCP_UP,
    SCP_FOLDER,
    SCP_DOWN,
)
