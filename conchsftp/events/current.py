"""
The event that is being handled: what a handler means that names only its connection.

One for each handler's own context, so that of many requests under way none sees what belongs to another. Fires nothing.
"""

from contextvars import ContextVar
from typing import Any

from conchsftp.errors import ServerError

CURRENT: ContextVar[Any] = ContextVar("the event being handled", default=None)
"""Set around the call of each handler; a coroutine keeps it, and so does a handler that runs in a thread."""


def current_event(connection_id: int, field: str) -> Any:
    """
    Return the event that is being handled.

    Args:
        connection_id: the connection that it must be of.
        field: what it must have.
    Raises:
        ServerError: none is being handled here, or one of another connection, or one without the field.
    """
    event = CURRENT.get()
    if event is None:
        raise ServerError(0, f"{field} belongs to an event: it is there only while a handler of one runs")
    number = getattr(event, "connection_id", None)
    if number != connection_id:
        raise ServerError(0, f"the event being handled is one of connection {number}, not {connection_id}")
    if not hasattr(event, field):
        raise ServerError(0, f"{event.name} has no {field}")
    return event
