"""
The seam to Twisted Conch: every name of its classes that we override or rely on though it is not in an interface.

A table for the test that reads it: when Twisted changes one of them, that test fails, and not a user's transfer.
Nothing at run time reads it. Checked against Twisted 26.10.
"""

from dataclasses import dataclass
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.session import SSHSession
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer


@dataclass(frozen=True, slots=True)
class Name:
    """
    One name of Conch's.

    Attributes:
        owner: the class that has it.
        name: the attribute or method.
        parameters: of the method, without `self`; None for what is no method.
        why: what we do with it.
    """

    owner: type[Any]
    name: str
    parameters: tuple[str, ...] | None
    why: str


def _names(owner: type[Any], why: str, **signatures: str | None) -> tuple[Name, ...]:
    return tuple(
        Name(owner, name, None if parameters is None else tuple(parameters.split()), why)
        for name, parameters in signatures.items()
    )


SEAM: tuple[Name, ...] = (
    *_names(
        SSHServerTransport,
        "replaced: packets, stages and ending are ours",
        connectionMade="",
        connectionLost="reason",
        dataReceived="data",
        dispatchMessage="messageNum payload",
        sendKexInit="",
        sendPacket="messageType payload",
        sendUnimplemented="",
        sendDisconnect="reason desc",
        loseConnection="",
        isEncrypted="direction",
        isVerified="direction",
        ssh_KEXINIT="packet",
        ssh_NEWKEYS="packet",
        ssh_SERVICE_REQUEST="packet",
        ssh_EXT_INFO="packet",
        ssh_DISCONNECT="packet",
    ),
    *_names(
        SSHServerTransport,
        "kept: services and avatars find them here",
        setService="service",
        getPeer="",
        getHost="",
        service=None,
        sessionID=None,
        gotVersion=None,
        isClient=None,
        ourVersionString=None,
        peerExtensions=None,
    ),
    *_names(
        SSHConnection,
        "replaced: messages are checked before channels see them",
        serviceStopped="",
        packetReceived="messageNum packet",
        channelClosed="channel",
    ),
    *_names(SSHConnection, "kept: tells the avatar its connection", serviceStarted=""),
    *_names(
        SSHSession,
        "replaced: windows and the one subsystem are ours",
        dataReceived="data",
        addWindowBytes="data",
        requestReceived="requestType data",
        eofReceived="",
        closeReceived="",
        closed="",
        write="data",
        loseConnection="",
    ),
    *_names(SSHUserAuthServer, "replaced: one attempt at a time", serviceStarted="", serviceStopped="", name=None),
    *_names(
        ConchUser,
        "kept: channels and subsystems are looked up in the avatar",
        lookupChannel="channelType windowSize maxPacket data",
        lookupSubsystem="subsystem data",
    ),
    *_names(SSHFactory, "kept: services are looked up in the factory", getService="transport service", services=None),
    *_names(SSHFactory, "replaced: keys are `HostKeys`", startFactory="", buildProtocol="addr"),
)
