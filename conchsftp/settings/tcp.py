"""
Rows of the documented chapter "TCPServer", and what it documents as properties of sockets. Rows only.
"""

from conchsftp.errors import ErrorCode
from conchsftp.settings.choices import IPVersions
from conchsftp.settings.hosts import HOSTS, Hosts
from conchsftp.settings.kinds import BOOL, SECONDS, TEXT, integer, numbered
from conchsftp.settings.row import Change, Index, Setting, declare

# Sockets take their sizes as int.
_SIZE = integer(0, 2**31 - 1, unit="bytes")
# Linux refuses keep-alive times above 32,767 seconds.
_KERNEL_LIMIT = 32_767_000

ROWS = declare(
    Setting(
        name="Listening",
        kind=BOOL,
        default=False,
        read=lambda server, index: bool(server.addresses),
        write=lambda server, index, wanted: server.listen_or_stop(wanted),
        doc="""Whether the ports are open.
True opens them, as start_listening() does; what goes wrong is logged, or told to `failed`. False closes them.""",
    ),
    Setting(
        name="LocalHost",
        kind=TEXT,
        default="",
        change=Change.BEFORE_LISTENING,
        error=ErrorCode.LOCAL_HOST_IN_USE,
        doc="""The address to listen at; empty: every address. Not used where Listen is set.
While the server is listening, the address of its first TCP port.""",
    ),
    Setting(
        name="LocalPort",
        kind=integer(0, 65535),
        default=22,
        change=Change.BEFORE_LISTENING,
        error=ErrorCode.LOCAL_PORT_IN_USE,
        doc="""The TCP port to listen on; 0: one that is free. Not used where Listen is set.
While the server is listening, the number of its first TCP port.""",
    ),
    Setting(
        name="UseIPv6",
        kind=numbered(IPVersions),
        default=IPVersions.IPV4,
        change=Change.BEFORE_LISTENING,
        doc="Which versions of IP to listen to, where LocalHost is no address. Not used where Listen is set.",
    ),
    Setting(
        name="BindExclusively",
        kind=BOOL,
        default=True,
        change=Change.BEFORE_LISTENING,
        doc="""Whether nobody else may listen at the same port.
False: several processes of one user may; the system spreads the connections among them (SO_REUSEPORT). Not used where
Listen is set.""",
    ),
    Setting(
        name="ConnectionBacklog",
        kind=integer(1, 65535, unit="connections"),
        default=128,
        documented=5,
        why="A burst of logins is not refused.",
        change=Change.BEFORE_LISTENING,
        doc="Connections that the system keeps waiting until the server accepts them. Not used where Listen is set.",
    ),
    Setting(
        name="AllowedClients",
        kind=HOSTS,
        default=Hosts(["*"]),
        doc="""Hosts that may connect.
A name of a host is looked up for the address of the client, and counts only if it leads back to that address. Who may
not is refused before the greeting, unless a handler of ConnectionRequest accepts. For connections after the change.""",
    ),
    Setting(
        name="BlockedClients",
        kind=HOSTS,
        default=Hosts([]),
        doc="""Hosts that may not connect, also where AllowedClients has them.
Written and looked up as AllowedClients.""",
    ),
    Setting(
        name="ConnectionUID",
        kind=integer(0),
        default=0,
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=lambda server, index: index if server.factory.connections.get(index) is not None else 0,
        doc="""A number that no other connection of this server ever has; 0 if there is no such connection.
It is the connection's own number, which is never given twice.""",
    ),
    Setting(
        name="MaxConnections",
        # "The maximum value for this setting is 100,000 connections."
        kind=integer(1, 100_000, unit="connections"),
        default=1000,
        change=Change.BEFORE_LISTENING,
        error=ErrorCode.MAX_CONNECTIONS_IN_USE,
        doc="Connections at the same time; more are closed as they come.",
    ),
    Setting(
        name="MaxReadTime",
        kind=integer(0, 60_000, unit="milliseconds"),
        default=10,
        documented=50,
        why="Whoever asks for little waits for less.",
        doc="""Milliseconds that a connection is served before the others have their turn; 0: no limit.
Connections that have more to do share this time between two looks at all sockets.""",
    ),
    Setting(
        name="DefaultConnectionTimeout",
        kind=SECONDS,
        default=0,
        doc="""Seconds of silence after which a connection that has not logged in is closed.
0: no such limit. LoginGraceTime limits the whole login, silent or not.""",
    ),
    Setting(
        name="TcpNoDelay",
        kind=BOOL,
        default=True,
        documented=False,
        why="Requests wait for replies.",
        doc="Whether small packets are sent at once (TCP_NODELAY). Holds for connections after the change.",
    ),
    Setting(
        name="InBufferSize",
        kind=_SIZE,
        default=0,
        doc="Size of the receive buffer of a socket (SO_RCVBUF); 0: the system's. For connections after the change.",
    ),
    Setting(
        name="OutBufferSize",
        kind=_SIZE,
        default=0,
        doc="Size of the send buffer of a socket (SO_SNDBUF); 0: the system's. For connections after the change.",
    ),
    Setting(
        name="KeepAliveTime",
        kind=integer(0, _KERNEL_LIMIT, unit="milliseconds"),
        default=7_200_000,
        doc="""Milliseconds of silence after which TCP asks whether the peer is there; 0: TCP never asks.
Rounded up to whole seconds. Holds for connections after the change.""",
    ),
    Setting(
        name="KeepAliveInterval",
        kind=integer(1, _KERNEL_LIMIT, unit="milliseconds"),
        default=1000,
        doc="Milliseconds between such questions of TCP while no answer comes, rounded up to whole seconds.",
    ),
    Setting(
        name="KeepAliveRetryCount",
        kind=integer(1, 127, unit="questions"),
        default=9,
        doc="Such questions of TCP without an answer after which the connection is lost.",
    ),
)
