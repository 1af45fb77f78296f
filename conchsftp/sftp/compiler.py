"""
Makes functions of source lines that the tables of this floor yield.

A row that is interpreted for each packet costs several times what it costs as a line of Python, so `attributes` and
`decoders` turn their rows into functions, once per version. Nothing of a peer gets into the source. Knows no table.
"""

import linecache
import struct
from collections.abc import Callable, Sequence
from typing import Any

from conchsftp.wire.kinds import Counted, Fixed, Kind, Malformed


class Source:
    """
    The source of one function, line by line, and the objects that it names.

    Args:
        name: the function's, for tracebacks.
        parameters: as they stand between the parentheses.
        owned: whether `packet` is bytes, whose slices need not be copied.
    """

    def __init__(self, name: str, parameters: str, *, owned: bool = False) -> None:
        self._name = name
        self._lines = [f"def {name}({parameters}):"]
        self._names: dict[str, Any] = {}
        self._depth = 1
        self._owned = owned

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

    def packer(self, letters: str) -> str:
        """Return a name for what packs these `struct` letters."""
        return self._shared(f"pack_{letters}", struct.Struct(">" + letters).pack)

    def unpack(self, targets: Sequence[str], kinds: Sequence[Kind[Any]]) -> None:
        """
        Add lines that read values one after the other from `packet` at `at`, which they move on.

        They raise `Malformed` or `struct.error` where the packet ends too early.
        """
        at = 0
        while at < len(kinds):
            kind, start = kinds[at], at
            at += 1
            if isinstance(kind, Fixed):
                while at < len(kinds) and isinstance(kinds[at], Fixed):
                    at += 1
                self._unpack_fixed(targets[start:at], kinds[start:at])
            elif isinstance(kind, Counted):
                # If more is read by struct, that finds out whether the packet was long enough.
                followed = at < len(kinds) and isinstance(kinds[at], Fixed | Counted)
                self._unpack_counted(targets[start], kind, check=not followed)
            else:
                self.add(f"{targets[start]}, at = {self.refer('unpack', kind.unpack)}(packet, at)")

    def build(self) -> Callable[..., Any]:
        """Compile the function. Tracebacks show its lines."""
        text = str(self)
        place = f"<{self._name}, made by {__name__}>"
        linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
        names = dict(self._names)
        exec(compile(text, place, "exec"), names)
        function: Callable[..., Any] = names[self._name]
        return function

    def _unpack_fixed(self, targets: Sequence[str], kinds: Sequence[Any]) -> None:
        letters = "".join(kind.letter for kind in kinds)
        layout = struct.Struct(">" + letters)
        unpack = self._shared(f"unpack_{letters.replace('?', '_')}", layout.unpack_from)
        raw = [f"raw{index}" if kind.decode else targets[index] for index, kind in enumerate(kinds)]
        self.add(f"{', '.join(raw)}, = {unpack}(packet, at)", f"at += {layout.size}")
        for target, name, kind in zip(targets, raw, kinds, strict=True):
            if kind.decode:
                self.add(f"{target} = {self.refer('decode', kind.decode)}({name})")

    def _unpack_counted(self, target: str, kind: Counted[Any], *, check: bool) -> None:
        unpack = self._shared("unpack_I", struct.Struct(">I").unpack_from)
        self.add("start = at + 4", f"at = start + {unpack}(packet, at)[0]")
        if check:
            self.add("if at > len(packet):", f"raise {self.refer('cut', _cut)}(packet, start, at)")
            self.end()
        value = "packet[start:at]" if self._owned else "bytes(packet[start:at])"
        self.add(f"{target} = {self.refer('decode', kind.decode)}({value})" if kind.decode else f"{target} = {value}")

    def _shared(self, name: str, value: Any) -> str:
        self._names.setdefault(name, value)
        return name


def _cut(packet: bytes, start: int, end: int) -> Malformed:
    return Malformed(f"{len(packet) - start} bytes, {end - start} needed")
