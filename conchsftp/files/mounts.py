"""
Which mount a path or an open file is on: each answers as fast as its disk.

How fast that is, and where calls run therefore, is up to `conchsftp.workers`.
"""

import os

from conchsftp.workers import Mount, Workers


class Mounts:
    """
    The mounts of one directory and of what is below it.

    Args:
        workers: who know how fast mounts answer.
        descriptor: the open directory.
        base: the path by which it is known.

    Attributes:
        own: that of the directory itself.
        nested: (path, mount) of what is mounted below it, deepest first; most directories have none.
    """

    __slots__ = ("_base", "_descriptor", "_workers", "nested", "own")

    def __init__(self, workers: Workers, descriptor: int, base: str) -> None:
        self._workers = workers
        self._descriptor = descriptor
        self._base = base
        self.own = workers.mount_of(os.fstat(descriptor).st_dev, descriptor)
        self.nested: list[tuple[str, Mount]] = []
        self._find_nested()

    def at(self, path: str) -> Mount:
        """Return the mount that a path seems to be on; links may lead to another one."""
        for point, mount in self.nested:
            if path.startswith(point) and (len(path) == len(point) or path[len(point)] == "/"):
                return mount
        return self.own

    def of(self, status: os.stat_result, descriptor: int) -> Mount:
        """Return the mount that an open file is on."""
        if not self._workers.knows(status.st_dev):
            # Mounted since we looked last.
            self._find_nested(fresh=True)
        return self._workers.mount_of(status.st_dev, descriptor)

    def _find_nested(self, *, fresh: bool = False) -> None:
        found = self._workers.mounts_below(self._descriptor, fresh=fresh)
        self.nested = [(self._base + point, mount) for point, mount in found]
