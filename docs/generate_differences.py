"""
Write docs/differences.md: where this server and the component differ, and why. Called by generate.py beside it.

What the tables know of it they say themselves. The rest stands here; its names are looked up, so that none is stale.
"""

from collections.abc import Callable, Iterable
from typing import Any

from conchsftp import events
from conchsftp.errors import ErrorCode
from conchsftp.server.service import SFTPServer
from conchsftp.settings.row import Setting, Support, words
from conchsftp.settings.table import TABLE

Table = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]
Show = Callable[[Setting[Any], Any], str]

# Settings without a documented default: why ours is what it is.
_CHOSEN = {
    "MaxAuthAttempts": "As many as OpenSSH allows.",
    "UnixStyleDateFormat": "Clients that read these lines expect what `ls -l` writes.",
    "InBufferSize": "The system knows better, and adapts it.",
    "OutBufferSize": "The system knows better, and adapts it.",
}
_SETTINGS = {
    "Listening": "Can be set, as the component's tutorial does: it opens and closes the ports.",
    "SFTPConnectionProtocolVersion": "0 until the client has asked for one; documented is 3.",
    "SFTPConnectionTimeout": "The time that a connection may be idle, 0 for any time. It begins as DefaultTimeout. "
    "There is no operation that would block: a server of Twisted waits for everybody at once.",
    "DefaultTimeout": "Ends idle connections, see SFTPConnectionTimeout.",
    "DefaultConnectionTimeout": "Documented for SSL: it is the silence that a client may keep before its login.",
    "ConnectionUID": "The number of a connection is itself never given again.",
    "AllowedClients": "Also takes IPv6 and networks such as `192.0.2.0/24`. So does BlockedClients.",
    "MaxConnections": "Unix does not limit them to 1,024: what does is the number of open files.",
    "BindExclusively": "False lets processes of one user share a port (SO_REUSEPORT).",
    "KeepAliveTime": "0 turns it off. Times are rounded up to whole seconds, which is what the system counts in.",
    "MaxReadTime": "Is shared by all who have more to do: none of them waits longer for being many.",
    "LogLevel": "Level 1 is the life of a connection: logins, refusals, uploads. Steps of SSH are 2 here, 1 "
    "there; SSHStatus has them at any level. Requests are 2 here. Packets are 3 here, 2 there: their names and sizes; "
    "what is in them, documented for 3, is in no line.",
    "SSHVersionPattern": "Case does not matter.",
    "SelectWaitMillis": "Only for programs whose reactor does not run.",
    "LicenseInfo": "Nobody needs a key.",
}
_METHODS = {
    "Config": "An unknown name is an error that tells the nearest, and so is a value out of range. Secrets are masked "
    "when they are read.",
    "Disconnect": "Returns a Deferred that fires when the connection is gone.",
    "DoEvents": "Does nothing where the reactor runs, which is always in a service.",
    "ExchangeKeys": "Returns a Deferred that fires when new keys are in use; an error before the login.",
    "Reset": "Is an error while the server listens. Handlers stay; open connections keep their values.",
    "Shutdown": "Returns a Deferred. `drain(timeout)` does the same, but lets clients finish.",
    "StartListening": "Returns a Deferred, which fails if a port cannot be opened; then none is.",
    "StopListening": "Returns a Deferred that fires when the ports are closed.",
}
_EVENTS = {
    "Error": "`connection_id` and `error_code` are what their names say; the documentation has their texts exchanged.",
    "FileRead": "The end of a file is `Status.EOF`, which the documentation calls SSH_FXS_EOF.",
    "GetAttributes": "Fires for FSTAT as well, which the documentation promises for SetAttributes. FileOwner and "
    "FileGroup are names where they are known, also in version 3, for which the documentation has digits.",
    "SetAttributes": "Fires for SETSTAT and FSETSTAT. FSTAT is GetAttributes.",
}


def page(note: str, table: Table, show: Show) -> str:
    """
    Return the page.

    Args:
        note: says that it is generated.
        table: makes a table of a head and rows.
        show: returns a value of a setting as the documents show it.
    """
    _check()
    limited = [row for row in TABLE if row.support is not Support.FULL]
    never = [code for code in ErrorCode if code.when.startswith("Never: ")]
    parts = [
        f"# Differences from the component\n\n{note}",
        "What the component documents keeps its name and meaning here. These are the exceptions.",
        *_defaults(table, show),
        "## Settings without their full effect",
        table(("Setting", "Here", "Why"), ((row.name, row.support.value, row.why) for row in limited)),
        "## What settings mean",
        table(("Setting", "Difference"), _SETTINGS.items()),
        "## Methods",
        "Names are in Python's spelling: `StartListening` is `start_listening()`.",
        table(("Method", "Difference"), (("`" + "_".join(words(name)) + "`", text) for name, text in _METHODS.items())),
        "## Events",
        "Handlers may be slow: they may be coroutines, return Deferreds, or run in threads.",
        table(("Event", "Difference"), _EVENTS.items()),
        "## Error codes that never come",
        table(("Code", "Meaning", "Why"), ((str(int(code)), code.text, _reason(code)) for code in never)),
        *_own(table),
    ]
    return "\n\n".join(parts) + "\n"


def _defaults(table: Table, show: Show) -> tuple[str, ...]:
    """Return which defaults are not the documented ones."""
    return (
        "## Other defaults",
        "`AlgorithmProfile=documented` brings the documented ones back, but those with a †.",
        table(
            ("Setting", "Here", "Documented", "Why"),
            (
                (
                    row.name + ("" if row.restored else " †"),
                    show(row, row.default),
                    show(row, row.documented),
                    row.why,
                )
                for row in TABLE
                if row.support is Support.FULL and row.why
            ),
        ),
        "These have no documented default.",
        table(
            ("Setting", "Here", "Why"),
            ((name, show(TABLE.find(name), TABLE.find(name).default), why) for name, why in _CHOSEN.items()),
        ),
    )


def _own(table: Table) -> tuple[str, ...]:
    """Return what the component does not have."""
    fired = (each for each in events.EVENTS.values() if not each.documented)
    return (
        "## Settings of our own",
        table(("Setting", "Meaning"), ((row.name, row.summary) for row in TABLE.chapters["Of our own"])),
        "## Events of our own",
        table(("Event", "Meaning"), ((each.name, (each.__doc__ or "").strip().partition("\n\n")[0]) for each in fired)),
    )


def _reason(code: ErrorCode) -> str:
    text = code.when.removeprefix("Never: ")
    return text[:1].upper() + text[1:]


def _check() -> None:
    """Refuse names that there are not."""
    for name in (*_CHOSEN, *_SETTINGS):
        assert TABLE.find(name).name == name, name
    for name in _METHODS:
        assert callable(getattr(SFTPServer, "_".join(words(name)))), name
    assert set(_EVENTS) <= set(events.EVENTS)
