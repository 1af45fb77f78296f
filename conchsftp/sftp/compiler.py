"""
Makes functions of source lines that the tables of this floor yield.

A row that is interpreted for each packet costs several times what it costs as a line of Python, so `attributes` and
`codec` turn their rows into functions, once per version. Nothing of a peer ever gets into the source. Knows no table.
"""

import linecache
import struct
from collections.abc import Callable
from typing import Any

from conchsftp.wire.kinds import Fixed, Kind


class Source:
    """
    The source of one function, line by line, and the objects that it names.

    Args:
        name: the function's, for tracebacks.
        parameters: as they stand between the parentheses.
    """

    def __init__(self, name: str, parameters: str) -> None:
        self._name = name
        self._lines = [f"def {name}({parameters}):"]
        self._names: dict[str, Any] = {}
        self._depth = 1

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"

    def add(self, *lines: str) -> None:
        """Add lines at the current depth; a line that ends with a colon opens a block, which `end` closes."""
        for line in lines:
            self._lines.append("    " * self._depth + line)
            if line.endswith(":"):
                self._depth += 1

    def end(self) -> None:
        """Close the innermost block."""
        self._depth -= 1

    def refer(self, name: str, value: Any) -> str:
        """Return a name for an object: the one that is asked for, with a number behind it if another object has it."""
        free, count = name, 2
        while self._names.setdefault(free, value) is not value:
            free, count = f"{name}{count}", count + 1
        return free

    def unpacker(self, letters: str) -> tuple[str, int]:
        """Return a name for what unpacks these `struct` letters at a position, and their width in bytes."""
        layout = struct.Struct(">" + letters)
        return self._shared(f"unpack_{letters}", layout.unpack_from), layout.size

    def packer(self, letters: str) -> str:
        """Return a name for what packs these `struct` letters."""
        return self._shared(f"pack_{letters}", struct.Struct(">" + letters).pack)

    def _shared(self, name: str, value: Any) -> str:
        self._names.setdefault(name, value)
        return name

    def unpack(self, targets: list[str], kinds: list[Kind[Any]]) -> None:
        """Add lines that read values one after the other from `packet` at `at`, which they move on."""
        while kinds:
            width = 0
            while width < len(kinds) and isinstance(kinds[width], Fixed):
                width += 1
            if width:
                self._unpack_fixed(targets[:width], kinds[:width])
            else:
                width = 1
                self.add(f"{targets[0]}, at = {self.refer('unpack', kinds[0].unpack)}(packet, at)")
            targets, kinds = targets[width:], kinds[width:]

    def _unpack_fixed(self, targets: list[str], kinds: list[Any]) -> None:
        unpack, size = self.unpacker("".join(kind.letter for kind in kinds))
        raw = [f"raw{index}" if kind.decode else targets[index] for index, kind in enumerate(kinds)]
        self.add(f"{', '.join(raw)}, = {unpack}(packet, at)", f"at += {size}")
        for target, name, kind in zip(targets, raw, kinds, strict=True):
            if kind.decode:
                self.add(f"{target} = {self.refer('decode', kind.decode)}({name})")

    def build(self) -> Callable[..., Any]:
        """Compile the function. Tracebacks show its lines."""
        text = str(self)
        place = f"<{self._name}, made by {__name__}>"
        linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
        names = dict(self._names)
        exec(compile(text, place, "exec"), names)
        function: Callable[..., Any] = names[self._name]
        return function
