"""
Rows of the documented chapter "SFTPServer", and what it documents as properties of SFTP. Rows only.
"""

from conchsftp.settings.kinds import BOOL, BYTES, PATH, SECONDS, TEXT, integer
from conchsftp.settings.line_ends import LINE_END
from conchsftp.settings.row import Change, Index, Setting, declare, of_connection, of_event, to_event

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
        name="UserRootDirectory",
        kind=PATH,
        default="",
        index=Index.CONNECTION,
        doc="""The folder that a user sees as `/`, inside the one that they would see otherwise.
A place on this machine; a relative one counts from RootDirectory. `%u` in it is the user name, `%%` a percent sign.
Empty: the user sees RootDirectory, or the `root` of the users file, over which only the value of a connection prevails.
A folder that is missing, or that lies outside, refuses the login, and so do files that do not lie on this machine.
Holds for logins after the change; for one connection it is set before its login, such as in a handler of Connected.""",
    ),
    Setting(
        name="RestrictUserToHomeDir",
        kind=BOOL,
        default=False,
        index=Index.CONNECTION,
        doc="""Whether a user reaches nothing but their home directory and what is below it.
They still see where it lies: it is `/home/user1` to them, and everything above it is refused. A home that is missing
refuses the login. Whose home is `/` is not restricted. A file system of your own that has links must provide
`IRestrict`; without it, the login is refused. Holds for logins after the change, like UserRootDirectory.""",
    ),
    Setting(
        name="SFTPConnectionCount",
        kind=integer(0),
        default=0,
        change=Change.NEVER,
        read=lambda server, index: len(server.factory.connections),
        doc="How many connections there are, those included that have not logged in.",
    ),
    Setting(
        name="SFTPConnectionConnected",
        kind=BOOL,
        default=False,
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=lambda server, index: server.factory.connections.get(index) is not None,
        doc="Whether there is a connection of this number.",
    ),
    Setting(
        name="SFTPConnectionErrorMessage",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_event("error_message"),
        doc="""What the client is told with the status of the event that is being handled; empty: the usual text.
`SFTPErrorMessage` sets it; in Python it is `error_message` of the event.""",
    ),
    Setting(
        name="SFTPConnectionFileData",
        kind=BYTES,
        default=b"",
        index=Index.CONNECTION,
        read=of_event("data"),
        write=to_event("data"),
        doc="""What is written or was read, while FileWrite or FileRead is being handled; may be replaced.
In Python it is `data` of the event. Outside of these handlers there is none: with several requests under way, one
value for a connection would mix them up.""",
    ),
    Setting(
        name="SFTPErrorMessage",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        read=of_event("error_message"),
        write=to_event("error_message"),
        doc="""What the client is told with the status of the event that is being handled; empty: the usual text.
For handlers of file events; in Python it is `error_message` of the event.""",
    ),
    Setting(
        name="SFTPConnectionLocalAddress",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_connection("local_address"),
        doc="The address of this machine at which the client has reached it.",
    ),
    Setting(
        name="SFTPConnectionProtocolVersion",
        kind=integer(0, 6),
        default=0,
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_connection("protocol_version"),
        doc="The version of SFTP that was agreed on; 0 before that.",
    ),
    Setting(
        name="SFTPConnectionRemoteHost",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_connection("remote_host"),
        doc="The address of the client.",
    ),
    Setting(
        name="SFTPConnectionRemotePort",
        kind=integer(0, 65535),
        default=0,
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_connection("remote_port"),
        doc="The TCP port of the client; 0 if it came another way.",
    ),
    Setting(
        name="SFTPConnectionTimeout",
        kind=SECONDS,
        default=0,
        index=Index.CONNECTION,
        read=of_connection("timeout"),
        write=lambda server, index, seconds: setattr(server.connection(index), "timeout", seconds),
        doc="""Seconds that this connection may be idle, once it has logged in, before it is ended; 0: any time.
It begins as what DefaultTimeout is when the connection comes. A change holds at once.""",
    ),
    Setting(
        name="DefaultTimeout",
        kind=SECONDS,
        default=0,
        documented=60,
        why="Who pauses for a minute is not gone, and who has vanished is found by TCP's keep-alive.",
        doc="""Seconds that a connection may be idle before it is ended; 0: any time.
It is idle while nothing comes from the client and nothing that it asked for is being worked on. For connections after
the change; SFTPConnectionTimeout has the value of each.""",
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
        name="ProtocolVersion",
        kind=integer(3, 6),
        default=3,
        doc="""The highest version of SFTP that is spoken; a session has the lower one of both sides.
The page on versions tells what each of them gives. What a folder cannot do, such as access control lists on a disk
without them, is answered OP_UNSUPPORTED and not advertised. Holds for sessions that begin after the change.""",
    ),
    Setting(
        name="ServerEOL",
        kind=LINE_END,
        default="\n",
        documented="\r\n",
        why="So lines end in text files on Linux.",
        doc="""How lines end for clients in what they open as text; clients of versions 4 to 6 are told.
On the disk they end with LF: what is read is translated, and what is written is translated back. Files that are not
opened as text are served as they are; most clients never do it. Holds for sessions that begin after the change.""",
    ),
    Setting(
        name="UnixStyleDateFormat",
        kind=BOOL,
        default=True,
        doc="""Whether the long names of a listing carry dates as `ls -l` writes them.
`Mar 15 14:07` within the last 182 days, as `ls` has it (the component: 180), else `Mar 15  2024`. False: always with
the year. Only clients of version 3 see these lines.""",
    ),
)
