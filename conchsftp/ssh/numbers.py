"""
Message numbers, disconnect reasons and open-failure reasons of SSH.

Sources: RFC 4250 section 4.1 and 4.2, RFC 4251, RFC 8308, OpenSSH's PROTOCOL (ping).
"""

from enum import IntEnum


class Message(IntEnum):
    """SSH message numbers."""

    DISCONNECT = 1
    IGNORE = 2
    UNIMPLEMENTED = 3
    DEBUG = 4
    SERVICE_REQUEST = 5
    SERVICE_ACCEPT = 6
    EXT_INFO = 7
    KEXINIT = 20
    NEWKEYS = 21
    USERAUTH_REQUEST = 50
    USERAUTH_FAILURE = 51
    USERAUTH_SUCCESS = 52
    USERAUTH_BANNER = 53
    GLOBAL_REQUEST = 80
    REQUEST_SUCCESS = 81
    REQUEST_FAILURE = 82
    CHANNEL_OPEN = 90
    CHANNEL_OPEN_CONFIRMATION = 91
    CHANNEL_OPEN_FAILURE = 92
    CHANNEL_WINDOW_ADJUST = 93
    CHANNEL_DATA = 94
    CHANNEL_EXTENDED_DATA = 95
    CHANNEL_EOF = 96
    CHANNEL_CLOSE = 97
    CHANNEL_REQUEST = 98
    CHANNEL_SUCCESS = 99
    CHANNEL_FAILURE = 100
    PING = 192
    PONG = 193


class Reason(IntEnum):
    """Why a connection is ended (RFC 4253, 11.1)."""

    HOST_NOT_ALLOWED = 1
    PROTOCOL_ERROR = 2
    KEY_EXCHANGE_FAILED = 3
    MAC_ERROR = 5
    COMPRESSION_ERROR = 6
    SERVICE_NOT_AVAILABLE = 7
    VERSION_NOT_SUPPORTED = 8
    HOST_KEY_NOT_VERIFIABLE = 9
    CONNECTION_LOST = 10
    BY_APPLICATION = 11
    TOO_MANY_CONNECTIONS = 12
    CANCELLED_BY_USER = 13
    NO_MORE_AUTH_METHODS = 14
    ILLEGAL_USER_NAME = 15


MISBEHAVIOUR = frozenset(
    {
        Reason.PROTOCOL_ERROR,
        Reason.KEY_EXCHANGE_FAILED,
        Reason.MAC_ERROR,
        Reason.COMPRESSION_ERROR,
        Reason.SERVICE_NOT_AVAILABLE,
        Reason.VERSION_NOT_SUPPORTED,
    }
)
"""The reasons that are what the peer has done, or cannot do; the others are what we want, or its wish."""


class OpenFailure(IntEnum):
    """Why a channel is not opened (RFC 4254, 5.1)."""

    PROHIBITED = 1
    CONNECT_FAILED = 2
    UNKNOWN_TYPE = 3
    RESOURCE_SHORTAGE = 4
