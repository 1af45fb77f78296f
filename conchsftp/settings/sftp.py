"""
Rows of the documented chapter "SFTPServer", and what it documents as properties of SFTP. Rows only.
"""

from conchsftp.settings.kinds import BOOL, PATH, SECONDS, integer
from conchsftp.settings.row import Index, Setting, declare

ROWS = declare(
    Setting(
        name="RootDirectory",
        kind=PATH,
        default="",
        doc="""The folder that clients see as `/`.
Nothing outside it can be reached, not even through links. Empty: there is no folder, and what neither the file system
of the user nor a handler of the event carries out is refused. Holds for logins after the change.""",
    ),
    Setting(
        name="DefaultTimeout",
        kind=SECONDS,
        default=0,
        documented=60,
        why="Who pauses for a minute is not gone, and who has vanished is found by TCP's keep-alive.",
        doc="""Seconds that a session may be idle before it is ended; 0: any time.
A session is idle while no request comes and none is being worked on.""",
    ),
    Setting(
        name="DirListBufferSize",
        kind=integer(0, unit="entries"),
        default=0,
        documented=1,
        why="One name per reply costs a round trip per name.",
        index=Index.CONNECTION,
        doc="Names in one reply to READDIR. 0: as many as fit in 32 KiB, at most 100.",
    ),
    Setting(
        name="UnixStyleDateFormat",
        kind=BOOL,
        default=True,
        doc="""Whether the long names of a listing carry dates as `ls -l` writes them.
`Mar 15 14:07` within the last half year, else `Mar 15  2024`. False: always with the year. Only clients of version 3
see these lines.""",
    ),
)
