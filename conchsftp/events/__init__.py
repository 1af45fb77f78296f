"""
Floor 2. What happens: one record per event. Declarations.
"""

from conchsftp.events.connection import (
    Connected,
    ConnectionRequest,
    Disconnected,
    Error,
    Log,
    SSHStatus,
    SSHUserAuthRequest,
)
from conchsftp.events.files import (
    DirCreate,
    DirList,
    DirRemove,
    FileClose,
    FileOpen,
    FileRead,
    FileRemove,
    FileRename,
    FileWrite,
    GetAttributes,
    ResolvePath,
    SetAttributes,
)
from conchsftp.events.hub import EventHub
from conchsftp.events.kinds import EVENTS, Event, FileEvent, Phase
from conchsftp.events.own import (
    DirRead,
    ExtendedRequest,
    FileLock,
    FileUnlock,
    LinkCreate,
    LinkRead,
    SourcePenalised,
    TransferFinished,
    TransferRenamed,
)
from conchsftp.events.waiting import in_thread

__all__ = [
    "EVENTS",
    "Connected",
    "ConnectionRequest",
    "DirCreate",
    "DirList",
    "DirRead",
    "DirRemove",
    "Disconnected",
    "Error",
    "Event",
    "EventHub",
    "ExtendedRequest",
    "FileClose",
    "FileEvent",
    "FileLock",
    "FileOpen",
    "FileRead",
    "FileRemove",
    "FileRename",
    "FileUnlock",
    "FileWrite",
    "GetAttributes",
    "LinkCreate",
    "LinkRead",
    "Log",
    "Phase",
    "ResolvePath",
    "SSHStatus",
    "SSHUserAuthRequest",
    "SetAttributes",
    "SourcePenalised",
    "TransferFinished",
    "TransferRenamed",
    "in_thread",
]
