"""
FileZilla, whose SFTP is that of PuTTY's psftp: every path goes through REALPATH, listings are read four READDIRs ahead,
and 4 MiB are under way in transfers. A request id is free again with its reply, so nearly all have the first one.

Source: its fork of psftp (fzsftp); recorded conversations of psftp 0.78.
"""

from tests.transcripts.needs import (
    attrs,
    data,
    end_of_file,
    exact,
    failed,
    handle,
    missing,
    names,
    names_or_end,
    ok,
    one_name,
    version,
)
from tests.transcripts.notation import FOLDER, GONE, Client, File, Link, Rekey, Transcript, burst, simple, winadj
from tests.transcripts.packets import (
    attributes,
    close,
    fstat,
    init,
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
)
from tests.transcripts.transfers import CONTENT, LATER, NOON, reads, writes

FILEZILLA = Client(
    name="FileZilla",
    version="SSH-2.0-FileZilla_3.68.1",
    first_id=0x100,
    reuses_ids=True,
    window=0x7FFFFFFF,
    packet=0x4000,
    before=(simple,),
    greeting=(
        (init(3), version(3)),
        # Id 256, one name, "/" twice, no attributes. It gives up on anything that is not absolute.
        (realpath("."), exact("68 00000100  00000001  00000001 2f  00000001 2f  00000000")),
    ),
)

PIECE = 32 * 1024

LISTS = Transcript(
    name="filezilla_lists",
    shows="FileZilla reads type, permissions, size and name out of a listing's lines; four READDIRs are under way.",
    client=FILEZILLA,
    before={
        "/music/a song.mp3": File(data=b"x" * 12345, mtime=NOON),
        "/music/  leading blanks": b"12",
        "/music/trailing ": b"",
        "/music/.hidden": b"",
        "/music/links/to": FOLDER,
        "/music/link": Link("a song.mp3"),
        "/music/dangling": Link("nowhere"),
        "/music/one -> two": Link("links"),
        "/music/ünïcode": b"",
        "/music/run me": File(data=b"#!/bin/sh\n", mode=0o755),
    },
    steps=(
        (realpath("/music"), one_name("/music")),
        (opendir("/music"), handle("d")),
        burst(
            (
                readdir("d"),
                names(
                    "a song.mp3",
                    "  leading blanks",
                    "trailing ",
                    ".hidden",
                    "links",
                    "link",
                    "dangling",
                    "one -> two",
                    "ünïcode",
                    "run me",
                ),
            ),
            (readdir("d"), end_of_file),
            (readdir("d"), end_of_file),
            (readdir("d"), end_of_file),
        ),
        (close("d"), ok),
        winadj,
    ),
)

MANY = Transcript(
    name="filezilla_lists_many",
    shows="FileZilla reads on, four READDIRs ahead, until each has been told the end; CLOSE comes right behind them.",
    client=FILEZILLA,
    before={f"/many/file {number:03}": b"" for number in range(250)},
    steps=(
        (opendir("/many"), handle("d")),
        burst(*((readdir("d"), names_or_end) for _ in range(4))),
        burst(*((readdir("d"), end_of_file) for _ in range(4)), (close("d"), ok)),
    ),
)

FOLDERS = Transcript(
    name="filezilla_folders",
    shows="FileZilla enters a folder by REALPATH and by opening it; what is above the root is the root.",
    client=FILEZILLA,
    before={"/music/jazz": FOLDER, "/file": b""},
    steps=(
        (realpath("/music/jazz"), one_name("/music/jazz")),
        (opendir("/music/jazz"), handle("d")),
        (close("d"), ok),
        (realpath("/music/jazz/.."), one_name("/music")),
        (realpath("/.."), one_name("/")),
        (realpath("/file"), one_name("/file")),
        # So it learns that this is a file.
        (opendir("/file"), missing),
        (opendir("/nowhere"), missing),
    ),
)

UPLOAD = Transcript(
    name="filezilla_uploads",
    shows="FileZilla uploads with 4 MiB under way, through an exchange of keys, then sets the time.",
    client=FILEZILLA,
    before={"/music/song.mp3": b"y" * (len(CONTENT) + 1)},
    after={"/music/song.mp3": File(data=CONTENT, mode=0o644, mtime=NOON), "/music/new": File(data=b"", mode=0o644)},
    steps=(
        (realpath("/music/song.mp3"), one_name("/music/song.mp3")),
        (opening("/music/song.mp3", "wct", attributes(mode=0o100644)), handle("f")),
        burst(
            *writes("f", CONTENT, PIECE)[:64],
            winadj,
            Rekey(),
            *writes("f", CONTENT, PIECE)[64:128],
            winadj,
        ),
        burst(*writes("f", CONTENT, PIECE)[128:]),
        (close("f"), ok),
        (stat("/music/song.mp3"), attrs(0o100644, size=len(CONTENT))),
        (setstat("/music/song.mp3", attributes(times=(LATER, NOON))), ok),
        # A new one: REALPATH of what is not there yet succeeds.
        (realpath("/music/new"), one_name("/music/new")),
        (opening("/music/new", "wct", attributes(mode=0o100644)), handle("g")),
        (close("g"), ok),
    ),
)

DOWNLOAD = Transcript(
    name="filezilla_downloads",
    shows="FileZilla downloads with 4 MiB of READs under way, through an exchange of keys; only the end is short.",
    client=FILEZILLA,
    before={"/song.mp3": File(data=CONTENT, mtime=NOON)},
    steps=(
        (realpath("/song.mp3"), one_name("/song.mp3")),
        (stat("/song.mp3"), attrs(0o100644, size=len(CONTENT), mtime=NOON)),
        (opening("/song.mp3", "r"), handle("f")),
        burst(
            *reads("f", CONTENT, PIECE)[:64],
            winadj,
            Rekey(),
            *reads("f", CONTENT, PIECE)[64:128],
        ),
        winadj,
        burst(
            (read("f", 128 * PIECE, PIECE), data(b"the end")),
            (read("f", 129 * PIECE, PIECE), end_of_file),
            (read("f", 130 * PIECE, PIECE), end_of_file),
        ),
        (close("f"), ok),
    ),
)

RESUME = Transcript(
    name="filezilla_resumes",
    shows="FileZilla goes on with an upload behind what is there already, and with a download from any offset.",
    client=FILEZILLA,
    before={"/up": CONTENT[:100_000], "/down": CONTENT},
    after={"/up": CONTENT[:200_000]},
    steps=(
        (realpath("/up"), one_name("/up")),
        # Neither CREAT nor TRUNC: what is there stays.
        (opening("/up", "w"), handle("f")),
        (fstat("f"), attrs(0o100644, size=100_000)),
        burst(*writes("f", CONTENT[:200_000], PIECE, 100_000)),
        (close("f"), ok),
        (opening("/down", "r"), handle("g")),
        burst(*reads("g", CONTENT, PIECE, 4_000_001), winadj),
        (read("g", len(CONTENT), PIECE), end_of_file),
        (close("g"), ok),
    ),
)

MANAGE = Transcript(
    name="filezilla_manages",
    shows="FileZilla renames, changes modes, deletes and makes folders, each by the REALPATH of its parent.",
    client=FILEZILLA,
    before={"/music/old": b"1", "/music/taken": b"2", "/music/gone": b"3", "/music/empty": FOLDER},
    after={
        "/music/old": GONE,
        "/music/taken": b"2",
        "/music/new": File(data=b"1", mode=0o600),
        "/music/gone": GONE,
        "/music/empty": GONE,
        "/music/folder": FOLDER,
    },
    steps=(
        (realpath("/music"), one_name("/music")),
        (rename("/music/old", "/music/new"), ok),
        (rename("/music/new", "/music/taken"), failed),
        (stat("/music/new"), attrs(0o100644, size=1)),
        (setstat("/music/new", attributes(mode=0o600)), ok),
        (realpath("/music"), one_name("/music")),
        (remove("/music/gone"), ok),
        (remove("/music/gone"), missing),
        (realpath("/music"), one_name("/music")),
        (mkdir("/music/folder"), ok),
        # It takes FAILURE for "it is there", and makes no more of it.
        (mkdir("/music/folder"), failed),
        (mkdir("/nowhere/folder"), missing),
        (realpath("/music"), one_name("/music")),
        (rmdir("/music/empty"), ok),
    ),
)

TRANSCRIPTS = (LISTS, MANY, FOLDERS, UPLOAD, DOWNLOAD, RESUME, MANAGE)
