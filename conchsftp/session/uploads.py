"""
Uploads that are complete, for as long as their users may give them another name.

Many clients upload under a temporary name, close the file and rename it, some of them in another session than that of
the upload. Holds what TransferFinished told, and only where somebody listens to TransferRenamed.
"""

import dataclasses

from conchsftp.events.own import TransferFinished, TransferRenamed

# Clients rename at once. Later it is a user who tidies up.
_SECONDS = 60
_MOST = 1000


class Uploads:
    """Those of all users of a server."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[float, TransferFinished]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, finished: TransferFinished, now: float) -> None:
        """Remember one; the oldest is forgotten where there are too many."""
        key = finished.user, finished.final_path
        self._found.pop(key, None)
        self._found[key] = now, finished
        if len(self._found) > _MOST:
            del self._found[next(iter(self._found))]

    def renamed(self, connection_id: int, user: str, path: str, new_path: str, now: float) -> TransferRenamed | None:
        """Return what is to be told of a rename; None if it was none of an upload."""
        found = self._found.pop((user, path), None)
        if found is None or now - found[0] > _SECONDS:
            return None
        facts = {field.name: getattr(found[1], field.name) for field in dataclasses.fields(TransferFinished)}
        return TransferRenamed(**{**facts, "connection_id": connection_id, "final_path": new_path})
