"""
What a security key (FIDO) adds to a signature, and what it has signed.

Such a device signs no data: it signs a hash of it, the name of the application, what its user did, and a counter. Here
that message is put together again; whether the signature is one of it is checked in `signatures.py`.
Sources: OpenSSH's PROTOCOL.u2f; for keys of browsers Web Authentication (W3C), 5.8.1 and 6.1.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from enum import IntFlag
from hashlib import sha256

from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader

_FLAGS_AND_COUNTER = 5


class DeviceFlag(IntFlag):
    """What a device says about the moment in which it signed."""

    TOUCHED = 0x01
    VERIFIED = 0x04
    ATTESTED = 0x40
    EXTENDED = 0x80


DEMANDS = {
    "none": 0,
    "touch-required": DeviceFlag.TOUCHED,
    "verify-required": DeviceFlag.TOUCHED | DeviceFlag.VERIFIED,
}
"""What PubkeyAuthOptions demands of every security key."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Assertion:
    """
    What stands behind the value of a signature.

    Attributes:
        device: flags and counter as they came.
        message: what the device has signed.
    """

    device: bytes
    message: bytes

    @property
    def flags(self) -> int:
        """What the device says; bits of `DeviceFlag`."""
        return self.device[0]


def assertion(fields: Reader, application: bytes, data: bytes) -> Assertion:
    """
    Read flags and counter.

    Args:
        fields: stands behind the value of the signature.
        application: as it stands in the key.
        data: what is to be proved signed.
    """
    device = fields.take(_FLAGS_AND_COUNTER)
    return Assertion(device=device, message=sha256(application).digest() + device + sha256(data).digest())


def webauthn_assertion(fields: Reader, application: bytes, data: bytes) -> Assertion:
    """
    Read what a browser adds: flags, counter, origin, client data and extensions.

    Raises:
        Malformed: also where the browser has signed something else than the data.
    """
    device = fields.take(_FLAGS_AND_COUNTER)
    origin, client_data, extensions = (fields.string() for _ in range(3))
    # The rest of the client data is the browser's affair. An origin with a quotation mark could pretend to be more than
    # one member of it.
    challenge = urlsafe_b64encode(data).rstrip(b"=")
    begin = b'{"type":"webauthn.get","challenge":"' + challenge + b'","origin":"' + origin + b'"'
    if b'"' in origin or not client_data.startswith(begin):
        raise Malformed("the client data is not about this login")
    flags = device[0]
    if flags & DeviceFlag.ATTESTED or bool(flags & DeviceFlag.EXTENDED) != bool(extensions):
        raise Malformed(f"flags {flags:#x} with {len(extensions)} bytes of extensions")
    message = sha256(application).digest() + device + extensions + sha256(client_data).digest()
    return Assertion(device=device, message=message)


def lacking(flags: int) -> str:
    """Return, for the log, what a security key should have said and has not."""
    if flags & DeviceFlag.TOUCHED:
        return "the security key was not touched"
    return "the security key has not verified its user"
