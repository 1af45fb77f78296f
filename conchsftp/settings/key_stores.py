"""
The value that says where a key is: the path of a file, or its content.

Reads no file and no key. Content may hold a private key, so that it is a `Secret` from the moment it is set.
"""

import os
import re

from conchsftp.secret import MASK, Secret
from conchsftp.settings.kinds import Kind

Store = str | Secret
"""The path of a file, or the content of one."""

_DESCRIBED = "the path of a file, or the content of one as text, Base64 or bytes"
# PATH_MAX of Linux: what is longer is no path.
_LONGEST_PATH = 4096
# Text that is the beginning of a key, names a token with its PIN, or too long and too uniform to be the name of a file.
_CONTENT = re.compile(
    r"[\s\S]*[\r\n\0]|(?i:pkcs11:.*pin-value=)|"
    r"-----?[ -]BEGIN |[{<]|(ssh|ecdsa|sk)-\S+ AAAA|[A-Za-z0-9+/]{200,}={0,2}\s*\Z"
)


def _parse_encoded(text: str) -> Store:
    # A certificate in PEM is public; Base64 without a label may be anything.
    return text if not text or "-----BEGIN CERTIFICATE-----" in text and "PRIVATE" not in text else Secret(text)


def _parse(text: str) -> Store:
    return Secret(text) if len(text) > _LONGEST_PATH or _CONTENT.match(text.strip()) else text


def _take(value: object) -> Store:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, Secret):
        return value
    if not isinstance(value, bytes | bytearray | memoryview):
        # What was given may be a key, also in the wrong type: it is not repeated.
        raise ValueError(f"expected {_DESCRIBED}; got {type(value).__name__}")
    return Secret(bytes(value)) if value else ""


def _format(store: Store) -> str:
    return MASK if isinstance(store, Secret) else store


STORE: Kind[Store] = Kind(
    described=_DESCRIBED,
    annotation="Store",
    module=__name__,
    parse=_parse,
    take=_take,
    format=_format,
    given="PathLike[str] | bytes | Secret",
)
ENCODED: Kind[Store] = Kind(
    described="a certificate in PEM or Base64, with or without its private key",
    annotation="Store",
    module=__name__,
    parse=_parse_encoded,
    take=_take,
    format=_format,
    given="bytes | Secret",
)
