"""
The three families of errors, one for each place that catches them, and the table of the documented error codes.

Knows nothing of who raises or catches. It deliberately imports nothing of ours, so that every floor may raise. Texts
that go to a peer hold neither local paths nor secrets.
"""

import errno
import socket
from collections.abc import Iterable
from enum import IntEnum


class SFTPError(Exception):
    """
    A request that failed, with the status to answer.

    Raise it in a handler or a file system; the pipeline turns it into the reply.

    Args:
        status: one of `conchsftp.sftp.statuses.Status`, in its version 6 meaning; the codec lowers it for older ones.
        message: what the user is told; empty for the standard text of the status. No local path, no secret.
        names: of UNKNOWN_PRINCIPAL, the users and groups that nobody knows: versions 5 and 6 tell the client.
    """

    def __init__(self, status: int, message: str = "", names: Iterable[str] = ()) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.names = tuple(names)


class ProtocolViolation(Exception):
    """
    A peer did what SSH forbids; the connection ends with one DISCONNECT.

    Args:
        reason: the disconnect reason code (RFC 4253, 11.1).
        text: what was expected and what came; goes to the peer and to the log.
    """

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


class ServerError(Exception):
    """
    A mistake of the program or operator that uses the server: a bad setting, a missing key, a busy port.

    Args:
        code: the documented error number, see `ErrorCode`; 0 where there is none.
        text: one line that says what is wrong and what would be right; the text of the code by default.
    """

    def __init__(self, code: int, text: str = "") -> None:
        text = text or ERRORS[code].text
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return self.text


_CLIENT = "Never: only clients connect to a remote host."
_WINSOCK = "Never: only Windows has it."
_SOCKET = "A port cannot be opened, or a connection is lost."
_STATUS = "Never: it is the status of the request, which handlers of SetAttributes see."
_UNUSUAL = "Only if the system answers so when a port is opened, or when a connection is lost."


class ErrorCode(IntEnum):
    """
    The documented numbers of errors.

    Those from 10004 to 10071 have the name of the system's own number (errno).

    Attributes:
        text: what it means.
        when: when this server reports it, or why it never does.
    """

    text: str
    when: str

    def __new__(cls, number: int, text: str, when: str) -> "ErrorCode":
        member = int.__new__(cls, number)
        member._value_ = number
        member.text = text
        member.when = when
        return member

    REMOTE_PORT_IN_USE = 100, "the remote port cannot change while connected", _CLIENT
    REMOTE_HOST_IN_USE = 101, "the remote host cannot change while connected", _CLIENT
    REMOTE_HOST_INVALID = 102, "0.0.0.0 is no remote host", _CLIENT
    ALREADY_LISTENING = 104, "the server is already listening", "`start_listening()` while the server listens."
    LOCAL_PORT_IN_USE = 106, "LocalPort cannot change while the server is listening", "LocalPort is set then."
    LOCAL_HOST_IN_USE = 107, "LocalHost cannot change while the server is listening", "LocalHost is set then."
    MAX_CONNECTIONS_IN_USE = (
        108,
        "MaxConnections cannot change while the server is listening",
        "MaxConnections is set then.",
    )
    MAX_LINE_LENGTH_IN_USE = 112, "the length of lines cannot change while connected", "Never: SFTP has no lines."
    REMOTE_PORT_ZERO = 116, "0 is no remote port", _CLIENT
    FIREWALL = 118, "error of a firewall or proxy", "Never: the server connects to nobody through a proxy."
    NO_SUCH_CONNECTION = 126, "there is no such connection", "A connection that is named by its number is gone."
    WOULD_BLOCK = 135, "the operation would block", "Never: what cannot be done at once waits, and others are served."
    CANNOT_FORWARD = 1201, "a connection could not be forwarded", "A client asks for it; that is always refused."
    CANNOT_FORWARD_DATA = 1202, "data could not be forwarded", "Never: nothing is forwarded."
    NOT_AUTHENTICATED = 1300, "the client could not be authenticated", "A connection ends after MaxAuthAttempts."
    NO_HOST_KEY = 1301, "there is no host key, or one without its private part", "A key is loaded, or ports are opened."
    PATH_INVALID = 2001, "the path is invalid", "RootDirectory is no folder when ports are opened or a user logs in."
    IO_ERROR = 2002, "input or output failed", "A disk cannot do what it was asked."
    ATTRIBUTES_NOT_SET = 2003, "the attributes of a file could not be set", _STATUS
    EINTR = 10004, "interrupted by a signal", _UNUSUAL
    EBADF = 10009, "not an open descriptor", _UNUSUAL
    EACCES = 10013, "permission denied", "A port below 1024 is opened without the right to."
    EFAULT = 10014, "bad address in memory", _UNUSUAL
    EINVAL = 10022, "invalid argument", _UNUSUAL
    EMFILE = 10024, "too many open files", "A port is opened, or a connection accepted, when no descriptor is left."
    EWOULDBLOCK = 10035, "the operation would block", _UNUSUAL
    EINPROGRESS = 10036, "the operation is in progress", _UNUSUAL
    EALREADY = 10037, "the operation is already in progress", _UNUSUAL
    ENOTSOCK = 10038, "not a socket", _UNUSUAL
    EDESTADDRREQ = 10039, "an address is needed", _UNUSUAL
    EMSGSIZE = 10040, "the message is too long", _UNUSUAL
    EPROTOTYPE = 10041, "the protocol is not one of this kind of socket", _UNUSUAL
    ENOPROTOOPT = 10042, "unknown option of a socket", _UNUSUAL
    EPROTONOSUPPORT = 10043, "the protocol is not supported", _UNUSUAL
    ESOCKTNOSUPPORT = 10044, "this kind of socket is not supported", _UNUSUAL
    EOPNOTSUPP = 10045, "the operation is not supported", _UNUSUAL
    EPFNOSUPPORT = 10046, "this family of protocols is not supported", _UNUSUAL
    EAFNOSUPPORT = 10047, "this family of addresses is not supported", "UseIPv6 asks for what the system has not."
    EADDRINUSE = 10048, "the address is in use", "Something else listens at a port that is opened."
    EADDRNOTAVAIL = 10049, "no address of this machine", "LocalHost is an address of another machine."
    ENETDOWN = 10050, "the network is down", _SOCKET
    ENETUNREACH = 10051, "the network cannot be reached", _SOCKET
    ENETRESET = 10052, "the network has dropped the connection", _SOCKET
    ECONNABORTED = 10053, "the connection was aborted", _SOCKET
    ECONNRESET = 10054, "the client has cut the connection", _SOCKET
    ENOBUFS = 10055, "no memory for buffers", _UNUSUAL
    EISCONN = 10056, "already connected", _UNUSUAL
    ENOTCONN = 10057, "not connected", _UNUSUAL
    ESHUTDOWN = 10058, "nothing can be sent any more", _UNUSUAL
    ETOOMANYREFS = 10059, "too many references", _UNUSUAL
    ETIMEDOUT = 10060, "timed out", "TCP's keep-alive, or its retransmissions, get no answer."
    ECONNREFUSED = 10061, "the connection was refused", _UNUSUAL
    ELOOP = 10062, "too many symbolic links", "In the path of a socket (`unix:`) in Listen."
    ENAMETOOLONG = 10063, "the name is too long", "The path of a socket (`unix:`) in Listen is."
    EHOSTDOWN = 10064, "the host is down", _SOCKET
    EHOSTUNREACH = 10065, "the host cannot be reached", _SOCKET
    ENOTEMPTY = 10066, "the directory is not empty", _UNUSUAL
    EPROCLIM = 10067, "too many processes", "Never: there is no such error on this system."
    EUSERS = 10068, "too many users", _UNUSUAL
    EDQUOT = 10069, "the quota is used up", _UNUSUAL
    ESTALE = 10070, "a file on a file server is gone", _UNUSUAL
    EREMOTE = 10071, "the path leads to a file server", _UNUSUAL
    NETWORK_UNAVAILABLE = 10091, "the network subsystem is not ready", _WINSOCK
    WINSOCK_VERSION = 10092, "this version of Winsock is not supported", _WINSOCK
    WINSOCK_NOT_LOADED = 10093, "Winsock is not loaded", _WINSOCK
    HOST_NOT_FOUND = 11001, "no such host", "LocalHost is a name that nobody knows."
    TRY_AGAIN = 11002, "no answer of the name server", "LocalHost is looked up while none answers."
    NO_RECOVERY = 11003, "the name server cannot answer", "LocalHost is looked up, and the name server fails."
    NO_DATA = 11004, "the host has no such address", "LocalHost is a name without an address that UseIPv6 allows."


ERRORS: dict[int, ErrorCode] = {int(each): each for each in ErrorCode}
_BY_ERRNO: dict[int | None, ErrorCode] = {
    number: each for each in ErrorCode if (number := getattr(errno, each.name, None)) is not None
}
# How getaddrinfo() fails; the fourth and fifth are not in every system's library.
_BY_LOOKUP: dict[int | None, ErrorCode] = {
    getattr(socket, name, None): code
    for name, code in (
        ("EAI_NONAME", ErrorCode.HOST_NOT_FOUND),
        ("EAI_AGAIN", ErrorCode.TRY_AGAIN),
        ("EAI_FAIL", ErrorCode.NO_RECOVERY),
        ("EAI_NODATA", ErrorCode.NO_DATA),
        ("EAI_ADDRFAMILY", ErrorCode.NO_DATA),
    )
}


def code_of(problem: BaseException | None) -> int:
    """
    Return the documented number of what the system answered: 10004 to 10071, or 11001 to 11004 for a look-up.

    Args:
        problem: an OSError, or what carries one as `socketError`, such as Twisted's CannotListenError.
    Returns:
        0 if no documented number says so.
    """
    cause = getattr(problem, "socketError", None) or problem
    table = _BY_LOOKUP if isinstance(cause, socket.gaierror) else _BY_ERRNO
    return int(table.get(getattr(cause, "errno", None), 0))


def path_error(path: str, problem: OSError) -> ServerError:
    """Return the error for a path of this machine that cannot be used: 2002 if reading failed, else 2001."""
    code = ErrorCode.IO_ERROR if problem.errno == errno.EIO else ErrorCode.PATH_INVALID
    return ServerError(code, f"{path}: {problem.strerror or problem}")
