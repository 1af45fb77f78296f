"""
What a transcript is: who speaks, what is sent, what each reply must be, and what lies in the files afterwards.

A transcript reads down the page; a row is what the client sends and what it needs:

    (realpath("."), one_name("/")),
    (opening("/a", "wct"), handle("f")),
    burst(
        (write("f", 0, b"one"), ok),
        (write("f", 3, b"two"), ok),
    ),
    winadj,
    (close("f"), ok),

Everything in a burst is sent in one go, before any reply is looked at, and answered in the same order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.transcripts.needs import Need
from tests.transcripts.packets import Packet, string

Row = tuple[Packet, Need]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRequest:
    """A request on the channel that nobody knows; where a reply is wanted, CHANNEL_FAILURE."""

    name: str
    wants_reply: bool = True
    rest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalRequest:
    """A request to the connection that nobody knows; where a reply is wanted, REQUEST_FAILURE."""

    name: str
    wants_reply: bool = True


@dataclass(frozen=True, slots=True)
class Ignore:
    """An SSH message that is to be ignored."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Rekey:
    """New keys, which the client asks for; packets under way are not lost."""


@dataclass(frozen=True, slots=True)
class OtherChannel:
    """A second channel beside the session, with a request that is refused; the session goes on."""

    request: str
    rest: bytes = b""


Aside = ChannelRequest | GlobalRequest | Ignore | Rekey | OtherChannel


@dataclass(frozen=True, slots=True)
class Burst:
    """What is sent in one go."""

    rows: tuple[Row | Aside, ...]


Step = Row | Aside | Burst


def burst(*rows: Row | Aside) -> Burst:
    """Send all this before any reply is looked at."""
    return Burst(rows)


winadj = ChannelRequest(name="winadj@putty.projects.tartarus.org")
"""PuTTY and all that is made of it measure the way with it, and send no more while an answer is owed."""

simple = ChannelRequest(name="simple@putty.projects.tartarus.org", wants_reply=False)
"""PuTTY, WinSCP and FileZilla say that there will be no other channel."""

keepalive = GlobalRequest(name="keepalive@openssh.com")

heartbeat = Ignore()
"""What sshj and others send when nothing else is said."""


def execute(command: str) -> OtherChannel:
    """Ask for a command on a channel of its own."""
    return OtherChannel("exec", string(command))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    Who speaks.

    Attributes:
        name: as docs/clients.md has it.
        version: its SSH version string.
        first_id: its first request id.
        reuses_ids: whether an id is free again with its reply: each burst then begins with the first one.
        id_of: of the number of a request and its type, where it is more than a number.
        window, packet: of its channel, in bytes.
        reopens: whether it opens the window again; else the first one has to do.
        before: what it says on the channel before it asks for the subsystem.
        greeting: what it begins every session with.
        protocol_version: the highest version that the server of its session speaks.
    """

    name: str
    version: str
    first_id: int = 1
    reuses_ids: bool = False
    id_of: Callable[[int, int], int] | None = None
    window: int = 1 << 21
    packet: int = 1 << 15
    reopens: bool = True
    before: tuple[Aside, ...] = ()
    greeting: tuple[Step, ...] = ()
    protocol_version: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """
    A file.

    Attributes:
        data: what is in it.
        mode: its permissions; None where nobody cares.
        mtime: in seconds since 1970; None where nobody cares.
    """

    data: bytes = b""
    mode: int | None = None
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing of this name."""


FOLDER, GONE = Folder(), Nothing()

Thing = bytes | File | Link | Folder | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """
    One thing that a client does.

    Attributes:
        name: for the test, as a part of an identifier.
        shows: the requirement that it proves.
        client: who speaks.
        steps: what is said after the greeting.
        before: path → what is there at the beginning; folders on the way are made.
        after: path → what must be there at the end.
    """

    name: str
    shows: str
    client: Client
    steps: tuple[Step, ...]
    before: Mapping[str, Thing] = field(default_factory=dict)
    after: Mapping[str, Thing] = field(default_factory=dict)
