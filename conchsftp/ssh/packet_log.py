"""
Name and size of each packet, for the log: what LogLevel 3 shows.

Where it is not wanted nothing asks: the methods that packets go through are replaced while it is, and stand as they are
otherwise.
"""

from typing import Any

from conchsftp.ssh.numbers import Message


def show_packets(transport: Any, shown: bool) -> None:
    """Have the log of a transport show its packets from now on, or no more."""
    if not shown:
        transport.__dict__.pop("_handle", None)
        transport.sender.follow(None)
        return
    log, handle = transport.log, type(transport)._handle

    def handle_and_tell(payload: memoryview) -> None:
        log.debug("received {name}, {size} bytes", name=_name(payload[0]), size=payload.nbytes)
        handle(transport, payload)

    def tell(number: int, size: int) -> None:
        log.debug("sent {name}, {size} bytes", name=_name(number), size=size)

    transport.__dict__["_handle"] = handle_and_tell
    transport.sender.follow(tell)


def _name(number: int) -> str:
    """Return what a message is called; numbers of key exchange and login methods mean something only there."""
    return Message(number).name if number in _NAMED else f"message {number}"


_NAMED = frozenset(map(int, Message))
