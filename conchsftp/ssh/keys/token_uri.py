"""
Which key of which token is meant: the path of a PKCS#11 module, or a URI.

Opens nothing, apart from the file with a PIN that a URI names. Source: RFC 7512.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isabs
from urllib.parse import unquote_to_bytes

from conchsftp.secret import Secret
from conchsftp.ssh.keys.unusable import Unusable

SCHEME = "pkcs11:"
# "A URI may have each attribute once"; these say which token, those below which object. What describes the library or
# the slot's maker says nothing that a path has not said.
_TOKEN = {"token": "label", "serial": "serial", "manufacturer": "manufacturer_id", "model": "model"}
_OTHERS = {"object", "id", "type", "slot-id"}
_SILENT = {"library-manufacturer", "library-version", "library-description", "slot-manufacturer", "slot-description"}
_QUERY = {"module-path", "module-name", "pin-value", "pin-source"}
_LONGEST_PIN = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    What a store says about a key.

    Attributes:
        module: the path of the library.
        token: what the token says about itself: `label`, `serial`, `manufacturer_id`, `model`.
        slot: the number of its slot.
        label: that of the private key.
        id: that of the private key.
        pin: as the URI has it; empty if it has none.
    """

    module: str
    token: Mapping[str, str]
    slot: int | None = None
    label: str | None = None
    id: bytes | None = None
    pin: Secret = Secret("")


def parse(text: str) -> Wanted:
    """Read the path of a module or a URI. Raises Unusable."""
    if not text.lower().startswith(SCHEME):
        return Wanted(module=_module(text), token={})
    path, _, query = text[len(SCHEME) :].partition("?")
    said = _attributes(path, ";", _OTHERS | _SILENT | _TOKEN.keys())
    asked = _attributes(query, "&", _QUERY)
    if said.get("type", b"private") not in (b"private", b"cert", b"public"):
        raise Unusable("the type of a key in a pkcs11: URI is private, cert or public")
    slot, label = said.get("slot-id", b""), said.get("object")
    if slot and not slot.isdigit():
        raise Unusable("slot-id in a pkcs11: URI is a number")
    if not asked.get("module-path"):
        raise Unusable("a pkcs11: URI needs the library of the token, …?module-path=/usr/lib/….so")
    return Wanted(
        module=_module(_text(asked["module-path"])),
        token={attribute: _text(said[name]) for name, attribute in _TOKEN.items() if name in said},
        slot=int(slot) if slot else None,
        label=_text(label) if label is not None else None,
        id=said.get("id"),
        pin=_pin(asked),
    )


def _attributes(text: str, separator: str, known: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for each in filter(None, text.split(separator)):
        name, equals, value = each.partition("=")
        if name.startswith("x-"):
            continue
        if not equals or name not in known or name in found:
            # The value may be a PIN, so that only names are told.
            raise Unusable(f"a pkcs11: URI has {', '.join(sorted(known))}, each once, as name=value")
        found[name] = unquote_to_bytes(value)
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except ValueError:
        raise Unusable("a pkcs11: URI is in UTF-8") from None


def _module(path: str) -> str:
    if not isabs(path) or "\0" in path:
        raise Unusable("the library of a token is named by its full path")
    return path


def _pin(asked: Mapping[str, bytes]) -> Secret:
    if "pin-value" in asked or "pin-source" not in asked:
        return Secret(_text(asked.get("pin-value", b"")))
    path = _text(asked["pin-source"]).removeprefix("file://").removeprefix("file:")
    if not isabs(path):
        raise Unusable("pin-source in a pkcs11: URI is the full path of a file")
    try:
        with open(path, "rb") as file:
            return Secret(_text(file.read(_LONGEST_PIN).splitlines()[0]))
    except (OSError, IndexError):
        raise Unusable("the file that pin-source names cannot be read, or is empty") from None
