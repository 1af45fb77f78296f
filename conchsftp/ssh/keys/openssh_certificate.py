"""
OpenSSH's certificates, of users and of hosts: what one says.

Reads the form, and checks nothing else: neither who has signed it, nor for whom and when it is good. What it allows a
user is in `conchsftp.auth.keys.user_certificate`, what makes one of a host worthless in
`conchsftp.server.host_certificates`; X.509 is in `certificate.py`. Source: OpenSSH's PROTOCOL.certkeys.
"""

from dataclasses import dataclass, field

from conchsftp.ssh.algorithms.signatures import CERTIFIED, certified
from conchsftp.wire.kinds import BYTES, U64, Malformed
from conchsftp.wire.reader import Reader

# OpenSSH's own limit for principals. It has none for options, of which there are ten; each costs us a look-up.
MOST_PRINCIPALS = 256
MOST_OPTIONS = 256
USER, HOST = 1, 2
"""For whom a certificate is."""
_FOREVER = 2**64 - 1


@dataclass(slots=True, kw_only=True, frozen=True)
class CertificateType:
    """
    One row: a type of certificate.

    Attributes:
        plain: the type of the key inside.
        fields: how many fields that key has after its name.
    """

    plain: str
    fields: int


CERTIFICATE_TYPES: dict[str, CertificateType] = {
    certified(row.plain): row
    for row in (
        CertificateType(plain="ssh-ed25519", fields=1),
        CertificateType(plain="ecdsa-sha2-nistp256", fields=2),
        CertificateType(plain="ecdsa-sha2-nistp384", fields=2),
        CertificateType(plain="ecdsa-sha2-nistp521", fields=2),
        CertificateType(plain="ssh-rsa", fields=2),
        CertificateType(plain="ssh-dss", fields=4),
        CertificateType(plain="sk-ssh-ed25519@openssh.com", fields=2),
        CertificateType(plain="sk-ecdsa-sha2-nistp256@openssh.com", fields=3),
    )
}


@dataclass(slots=True, kw_only=True, frozen=True)
class OpenSSHCertificate:
    """
    A certificate.

    Attributes:
        type: its name, such as `ssh-ed25519-cert-v01@openssh.com`.
        blob: its bytes.
        key: the bare key that it certifies, as SSH sends it.
        ca: the key that has signed it, as SSH sends it.
        serial: the CA's number for it; 0 where the CA does not count.
        kind: `USER` or `HOST`; any other number is for nobody.
        key_id: what the CA calls it.
        principals: whom it names.
        valid_after: from when on it is valid, in seconds since 1970.
        valid_before: from when on it no longer is; None: always.
        critical: options that refuse it to whoever does not know them, with their data.
        extensions: options that do not.
        signed: what the CA has signed.
        signature: the CA's signature.
    """

    type: str
    blob: bytes = field(repr=False)
    key: bytes = field(repr=False)
    ca: bytes = field(repr=False)
    serial: int
    kind: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int | None
    critical: dict[str, bytes]
    extensions: dict[str, bytes]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, blob: bytes) -> "OpenSSHCertificate":
        """
        Read a certificate.

        Raises:
            ValueError: it is of an unknown type.
            Malformed: of a known one, and not what it should be.
        """
        fields = Reader(blob)
        name = fields.string().decode("ascii", "replace")
        row = CERTIFICATE_TYPES.get(name)
        if row is None:
            raise ValueError(f"unknown type {name[:64]!r}")
        fields.string()  # what makes no two certificates alike
        plain = BYTES.pack(row.plain.encode("ascii"))
        key = plain + b"".join([BYTES.pack(fields.string()) for _ in range(row.fields)])
        serial, kind, key_id = fields.read(U64), fields.u32(), fields.text()
        principals = _principals(fields.string())
        valid_after, valid_before = fields.read(U64), fields.read(U64)
        critical, extensions = _options(fields.string()), _options(fields.string())
        fields.string()  # "currently unused"
        ca = fields.string()
        signed = blob[: fields.at]
        signature = fields.string()
        if fields.remaining:
            raise Malformed(f"{fields.remaining} bytes after the last field")
        return cls(
            type=name,
            blob=blob,
            key=key,
            ca=ca,
            serial=serial,
            kind=kind,
            key_id=key_id,
            principals=principals,
            valid_after=valid_after,
            valid_before=None if valid_before == _FOREVER else valid_before,
            critical=critical,
            extensions=extensions,
            signed=signed,
            signature=signature,
        )


def untimely(valid_after: int, valid_before: int | None, now: float) -> str:
    """Return why a certificate is worth nothing at a moment, in seconds since 1970; empty if it may be."""
    if now < valid_after:
        return "the certificate is not valid yet"
    if valid_before is not None and now >= valid_before:
        return "the certificate has expired"
    return ""


def is_certificate(blob: bytes) -> bool:
    """Return whether a blob says that it is a certificate of ours to read."""
    try:
        return Reader(blob).string().decode("ascii", "replace").endswith(CERTIFIED)
    except Malformed:
        return False


def _principals(data: bytes) -> tuple[str, ...]:
    reader, names = Reader(data), []
    while reader.remaining:
        names.append(reader.text())
        if len(names) > MOST_PRINCIPALS:
            raise Malformed(f"more than {MOST_PRINCIPALS} principals")
    return tuple(names)


def _options(data: bytes) -> dict[str, bytes]:
    reader = Reader(data)
    options: dict[str, bytes] = {}
    while reader.remaining:
        name = reader.text()
        # "Each named option may only appear once in a certificate." That they are in order is not asked: there are CAs
        # that do not sort, and OpenSSH takes their certificates.
        if name in options:
            raise Malformed(f"the option {name[:64]!r} is there twice")
        options[name] = reader.string()
        if len(options) > MOST_OPTIONS:
            raise Malformed(f"more than {MOST_OPTIONS} options")
    return options
