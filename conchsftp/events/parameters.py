"""
The documented parameters of a file's attributes, over the one field `attributes` of four events.

Only spellings and units: milliseconds here, seconds and nanoseconds in the record. None wherever the record has None,
because a size of 0 that a client asks for and a size that it does not mention are not the same.
"""

from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar, overload

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType

T = TypeVar("T")

_MILLION = 1_000_000


class _Holder(Protocol):
    attributes: Attributes | None


class Parameter(Generic[T]):
    """
    One documented parameter, as a descriptor.

    Args:
        annotation: its type, for the documents.
        doc: what it means.
    """

    def __init__(self, annotation: str, doc: str) -> None:
        self.annotation = annotation
        self.__doc__ = doc

    def read(self, attributes: Attributes) -> T | None:
        """Return the value that a record has; None for none."""
        raise NotImplementedError

    def write(self, attributes: Attributes, value: Any) -> None:
        """Put a value into a record; None removes it."""
        raise NotImplementedError

    @overload
    def __get__(self, holder: None, owner: type) -> "Parameter[T]": ...
    @overload
    def __get__(self, holder: _Holder, owner: type) -> T | None: ...
    def __get__(self, holder: _Holder | None, owner: type) -> "Parameter[T] | T | None":
        if holder is None:
            return self
        return None if holder.attributes is None else self.read(holder.attributes)

    def __set__(self, holder: _Holder, value: Any) -> None:
        if holder.attributes is None:
            holder.attributes = Attributes()
        self.write(holder.attributes, value)


class Same(Parameter[int]):
    """A parameter that is a field of the record."""

    def __init__(self, field: str, annotation: str, doc: str) -> None:
        super().__init__(annotation, doc)
        self._field = field

    def read(self, attributes: Attributes) -> int | None:
        value: int | None = getattr(attributes, self._field)
        return value

    def write(self, attributes: Attributes, value: Any) -> None:
        setattr(attributes, self._field, value)


class Bits(Same):
    """The attribute bits; one that a handler sets means something from then on, and no other one for that."""

    def write(self, attributes: Attributes, value: Any) -> None:
        # Where there are bits, and nobody says which of them mean something, all do.
        if value is not None and (attributes.attrib_bits is None or attributes.attrib_bits_valid is not None):
            attributes.attrib_bits_valid = (attributes.attrib_bits_valid or 0) | value
        attributes.attrib_bits = value


class Type(Same):
    """The type of the file; a number is taken as well."""

    def write(self, attributes: Attributes, value: Any) -> None:
        attributes.type = None if value is None else FileType(value)


class Principal(Parameter[str]):
    """An owner or a group: a name, or digits that stand for a number."""

    def __init__(self, name: str, number: str, doc: str) -> None:
        super().__init__("str | None", doc)
        self._name = name
        self._number = number

    def read(self, attributes: Attributes) -> str | None:
        name: str | None = getattr(attributes, self._name)
        number = getattr(attributes, self._number)
        return str(number) if name is None and number is not None else name

    def write(self, attributes: Attributes, value: Any) -> None:
        text = None if value is None else str(value)
        if text == self.read(attributes):
            # Nothing new: a name that was there keeps its number, which version 3 sends.
            return
        digits = text is not None and text.isdecimal() and text.isascii()
        setattr(attributes, self._number, int(text) if digits and text else None)
        setattr(attributes, self._name, None if digits else text)


class Milliseconds(Parameter[int]):
    """A time in whole milliseconds since 1970, rounded down; nanoseconds that agree with it are kept."""

    def __init__(self, seconds: str, doc: str) -> None:
        super().__init__("int | None", doc)
        self._seconds = seconds
        self._nanos = f"{seconds}_ns"

    def read(self, attributes: Attributes) -> int | None:
        seconds = getattr(attributes, self._seconds)
        if seconds is None:
            return None
        milliseconds: int = seconds * 1000 + (getattr(attributes, self._nanos) or 0) // _MILLION
        return milliseconds

    def write(self, attributes: Attributes, value: Any) -> None:
        if value == self.read(attributes):
            return
        seconds, rest = (None, None) if value is None else divmod(int(value // 1), 1000)
        setattr(attributes, self._seconds, seconds)
        setattr(attributes, self._nanos, None if rest is None else rest * _MILLION)


# Documented name → field, and how its text is read.
_OTHERS: dict[str, tuple[str, type]] = {
    "MIMEType": ("mime_type", str),
    "AllocationSize": ("allocation_size", int),
    "ATimeNS": ("atime_ns", int),
    "CreateTimeNS": ("create_time_ns", int),
    "MTimeNS": ("mtime_ns", int),
    "TextHint": ("text_hint", int),
    "LinkCount": ("link_count", int),
    "UntranslatedName": ("untranslated_name", bytes),
}
_SPELLINGS = {name.lower(): name for name in _OTHERS}


class Others(Parameter[str]):
    """
    The rest, as `Name=Value;Name=Value`; set from such a text or from a mapping, and replaced as a whole.

    A text that holds `;` cannot be written so and is left out; `attributes` has it.
    """

    def read(self, attributes: Attributes) -> str:
        values = ((name, getattr(attributes, field)) for name, (field, _) in _OTHERS.items())
        texts = ((name, _text(value)) for name, value in values if value is not None)
        return ";".join(f"{name}={text}" for name, text in texts if ";" not in text)

    def write(self, attributes: Attributes, value: Any) -> None:
        given = dict(value if isinstance(value, Mapping) else _pairs(value or ""))
        unknown = sorted(name for name in given if name.lower() not in _SPELLINGS)
        if unknown:
            raise ValueError(f"other_attributes: {unknown[0]!r} is none of {', '.join(_OTHERS)}")
        by_field = {}
        for name, each in given.items():
            field, kind = _OTHERS[_SPELLINGS[name.lower()]]
            by_field[field] = None if each is None else _converted(each, kind)
        for field, _ in _OTHERS.values():
            if field.endswith("_ns"):
                _write_nanos(attributes, field, by_field.get(field))
            else:
                setattr(attributes, field, by_field.get(field))


def _write_nanos(attributes: Attributes, field: str, nanos: Any) -> None:
    """Set nanoseconds that agree with the milliseconds; where they contradict each other, the milliseconds win."""
    known = getattr(attributes, field)
    if nanos is not None and (known is None or nanos // _MILLION == known // _MILLION):
        setattr(attributes, field, nanos)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the names and values of `Name=Value;Name=Value`."""
    found = []
    for part in filter(str.strip, text.split(";")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"other_attributes: expected Name=Value, got {part!r}")
        found.append((name.strip(), value))
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _converted(value: Any, kind: type) -> Any:
    if kind is bytes and isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return kind(value)


class AttributeParameters:
    """The eleven parameters of DirCreate, FileOpen, GetAttributes and SetAttributes."""

    __slots__ = ()

    attributes: Attributes | None

    file_type = Type("type", "FileType | None", "What it is: a `FileType`, 1 for a regular file, 2 for a directory.")
    file_size = Same("size", "int | None", "Size in bytes.")
    file_owner = Principal("owner", "uid", "The owner: a name, or digits if it has none. Version 3 sends the number.")
    file_group = Principal("group", "gid", "The group: a name, or digits if it has none. Version 3 sends the number.")
    file_permissions = Same("permissions", "int | None", "The lowest twelve bits of the mode.")
    file_a_time = Milliseconds("atime", "Last access, in milliseconds since 1970, UTC.")
    file_create_time = Milliseconds("create_time", "Creation, in milliseconds since 1970, UTC.")
    file_m_time = Milliseconds("mtime", "Last change of the content, in milliseconds since 1970, UTC.")
    file_attrib_bits = Bits(
        "attrib_bits",
        "int | None",
        "`AttribBit` bits, since version 5; setting one makes it mean something, and no other one.",
    )
    file_attrib_bits_valid = Same(
        "attrib_bits_valid", "int | None", "Which of those bits mean something; one that is not set is off then."
    )
    other_attributes = Others(
        "str | None",
        "`Name=Value;Name=Value` of MIMEType, AllocationSize, ATimeNS, CreateTimeNS, MTimeNS, TextHint, LinkCount and"
        " UntranslatedName; may be set from a dict. `attributes` has them one by one.",
    )
