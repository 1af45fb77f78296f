"""
Libraries that many programs are made with: JSch, Net::SFTP of Ruby, libssh2, SSH.NET, mscdex/ssh2 of Node.

A transcript or two for each, about what is its own. Source: the libraries' sources, as named at each client.
"""

from tests.transcripts.needs import (
    advertising,
    attrs,
    end_of_file,
    failed,
    handle,
    missing,
    names,
    ok,
    one_name,
    space,
    unsupported,
    version,
)
from tests.transcripts.notation import FOLDER, GONE, Client, File, Link, Step, Transcript, burst
from tests.transcripts.packets import (
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
from tests.transcripts.transfers import CONTENT, LATER, NOON, reads, writes

HOME: tuple[Step, ...] = ((init(3), version(3)), (realpath("."), one_name("/")))

# ChannelSftp.java: the home folder is the empty path; sixteen requests at a time.
JSCH = Client(
    name="JSch",
    version="SSH-2.0-JSCH_0.2.12",
    window=0x200000,
    packet=0x8000,
    greeting=((init(3), advertising(3, posix_rename="1", hardlink="1")), (realpath(""), one_name("/"))),
)
JSCH_PIECE = 32_768 - 60

JSCH_CHANGES = Transcript(
    name="jsch_transfers",
    shows="JSch finds its home by the empty path, folders by their permissions; puts, gets, renames over, links.",
    client=JSCH,
    before={"/docs/a.txt": b"old and longer", "/docs/b.txt": b"b"},
    after={"/docs/a.txt": GONE, "/docs/b.txt": CONTENT[:500_000], "/docs/link": Link("b.txt")},
    steps=(
        (realpath("/docs"), one_name("/docs")),
        (stat("/docs"), attrs(0o40755)),
        (stat("/docs/a.txt"), attrs(0o100644, size=14)),
        (opening("/docs/a.txt", "wct"), handle("f")),
        burst(*writes("f", CONTENT[:500_000], JSCH_PIECE)),
        (close("f"), ok),
        (stat("/docs/a.txt"), attrs(0o100644, size=500_000)),
        (opening("/docs/a.txt", "r"), handle("g")),
        burst(*reads("g", CONTENT[:500_000], 32_768), (read("g", 524_288, 32_768), end_of_file)),
        (close("g"), ok),
        (rename("/docs/a.txt", "/docs/b.txt"), failed),
        (extended("posix-rename@openssh.com", string("/docs/a.txt"), string("/docs/b.txt")), ok),
        (symlink("b.txt", "/docs/link"), ok),
        (readlink("/docs/link"), one_name("b.txt")),
        (opening("/docs", "wct"), failed),
    ),
)

# session.rb asks for the highest version that it knows; channel.rb has the window.
RUBY = Client(
    name="Net::SFTP (Ruby)",
    version="SSH-2.0-Ruby/Net::SSH_7.2.0 x86_64-linux",
    window=0x20000,
    packet=0x10000,
    greeting=((init(6), version(3)),),
)

RUBY_CHANGES = Transcript(
    name="net_sftp_transfers",
    shows="Net::SFTP asks for version 6 and goes on with 3; its window is small, its links come before their targets.",
    client=RUBY,
    before={"/down": CONTENT[:1_000_000], "/dir": FOLDER},
    after={"/up": CONTENT[:300_000], "/dir/link": Link("../up")},
    steps=(
        (opening("/up", "wct"), handle("f")),
        *(burst(*writes("f", CONTENT[:300_000], 32_000)[at : at + 3]) for at in range(0, 10, 3)),
        (close("f"), ok),
        (opening("/down", "r"), handle("g")),
        burst(*reads("g", CONTENT[:1_000_000], 32_000)),
        (read("g", 1_000_000, 32_000), end_of_file),
        (close("g"), ok),
        (symlink("/dir/link", "../up"), ok),
        (opendir("/dir"), handle("d")),
        (readdir("d"), names("link")),
        (readdir("d"), end_of_file),
        (close("d"), ok),
    ),
)

# sftp.c: ids from 0; pieces of 30000 bytes; the mode goes with every OPEN, to read as well.
LIBSSH2 = Client(name="libssh2", version="SSH-2.0-libssh2_1.10.0", first_id=0, greeting=HOME)
LIBSSH2_MODE = attributes(mode=0o100644)

LIBSSH2_DOWNLOAD = Transcript(
    name="libssh2_downloads",
    shows="libssh2 sends a mode with an OPEN to read, which changes nothing, and 30000 bytes a READ, beyond the end.",
    client=LIBSSH2,
    before={"/big": File(data=CONTENT[:1_000_000], mode=0o600, mtime=NOON)},
    after={"/big": File(data=CONTENT[:1_000_000], mode=0o600, mtime=NOON)},
    steps=(
        (opening("/big", "r", LIBSSH2_MODE), handle("f")),
        (stat("/big"), attrs(0o100600, size=1_000_000, mtime=NOON)),
        burst(
            *reads("f", CONTENT[:1_000_000], 30_000),
            *((read("f", at, 30_000), end_of_file) for at in range(1_020_000, 1_200_000, 30_000)),
        ),
        (close("f"), ok),
    ),
)

LIBSSH2_UPLOAD = Transcript(
    name="libssh2_uploads",
    shows="curl makes the folders that an upload lacks, passes over those that are there, and resumes with WRITE.",
    client=LIBSSH2,
    before={"/a": FOLDER},
    after={"/a/b/c": File(data=CONTENT[:400_000], mode=0o644)},
    steps=(
        (opening("/a/b/c", "wct", LIBSSH2_MODE), missing),
        (mkdir("/a", attributes(mode=0o40755)), failed),
        (mkdir("/a/b", attributes(mode=0o40755)), ok),
        (opening("/a/b/c", "wct", LIBSSH2_MODE), handle("f")),
        burst(*writes("f", CONTENT[:200_000], 30_000)),
        (close("f"), ok),
        (stat("/a/b/c"), attrs(0o100644, size=200_000)),
        (opening("/a/b/c", "w", LIBSSH2_MODE), handle("g")),
        burst(*writes("g", CONTENT[:400_000], 30_000, 200_000)),
        (close("g"), ok),
    ),
)

# Session.cs: the largest window that there is, which it opens again only when it is used up.
SSH_NET = Client(
    name="SSH.NET",
    version="SSH-2.0-Renci.SshNet.SshClient.2024.1.0",
    window=0x7FFFFFFF,
    packet=0x10000,
    reopens=False,
    greeting=HOME,
)

SSH_NET_CHANGES = Transcript(
    name="ssh_net_transfers",
    shows="SSH.NET has a window of 2 GiB and does not open it again; it gets everything.",
    client=SSH_NET,
    before={"/down": CONTENT, "/to": b"2"},
    after={"/to": File(data=CONTENT[:300_000], mode=0o600), "/link": Link("/to")},
    steps=(
        (stat("/down"), attrs(0o100644, size=len(CONTENT))),
        (opening("/down", "r"), handle("f")),
        (fstat("f"), attrs(0o100644, size=len(CONTENT))),
        burst(*reads("f", CONTENT, 32_768)),
        (read("f", len(CONTENT), 32_768), end_of_file),
        (close("f"), ok),
        (opening("/up", "wct"), handle("g")),
        burst(*writes("g", CONTENT[:300_000], 32_000)),
        (close("g"), ok),
        (setstat("/up", attributes(mode=0o600)), ok),
        (rename("/up", "/to"), failed),
        (extended("posix-rename@openssh.com", string("/up"), string("/to")), ok),
        (symlink("/to", "/link"), ok),
        (extended("statvfs@openssh.com", string("/")), space),
        (lstat("/link"), attrs(0o120777, size=3)),
    ),
)

# SFTP.js: packets of 34000 bytes where the server is not OpenSSH's; chmod on the handle before the first byte.
SSH2_JS = Client(name="ssh2 (Node)", version="SSH-2.0-ssh2js1.15.0", first_id=0, greeting=((init(3), version(3)),))
SSH2_JS_WRITE = 34_000 - 9 - 4 - 8 - 4 - 32
SSH2_JS_READ = 34_000 - 9 - 4

SSH2_JS_CHANGES = Transcript(
    name="ssh2_js_transfers",
    shows="mscdex/ssh2 changes the mode of what it has just opened, writes packets of 34000 bytes, and sets times.",
    client=SSH2_JS,
    before={"/old": File(data=b"x" * 500_000, mode=0o600)},
    after={"/old": File(data=CONTENT[:400_000], mode=0o664, mtime=LATER), "/link": Link("old")},
    steps=(
        (opening("/old", "wct", attributes(mode=0o666)), handle("f")),
        (fsetstat("f", attributes(mode=0o664)), ok),
        burst(*writes("f", CONTENT[:400_000], SSH2_JS_WRITE)),
        (fsetstat("f", attributes(times=(NOON, LATER))), ok),
        (fstat("f"), attrs(0o100664, size=400_000, mtime=LATER)),
        (close("f"), ok),
        (opening("/old", "r"), handle("g")),
        (fstat("g"), attrs(0o100664, size=400_000, mtime=LATER)),
        burst(*reads("g", CONTENT[:400_000], SSH2_JS_READ)),
        (close("g"), ok),
        (symlink("/link", "old"), ok),
        (extended("home-directory", string("")), one_name("/")),
        (extended("no-such-thing@example.org", string("x")), unsupported),
        (remove("/nowhere"), missing),
        (rmdir("/old"), missing),
    ),
)

TRANSCRIPTS = (
    JSCH_CHANGES,
    RUBY_CHANGES,
    LIBSSH2_DOWNLOAD,
    LIBSSH2_UPLOAD,
    SSH_NET_CHANGES,
    SSH2_JS_CHANGES,
)
