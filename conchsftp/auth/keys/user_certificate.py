"""
OpenSSH's certificates of users: what one allows, and whether it is worth anything.

A certificate is worthless, whoever trusts its CA, if the CA's signature is not right, if it is not for users, if its
time is not now, if it may not be used from where the client is, or if it asks for something that is not carried out.
Whether the CA is trusted, and for whom, is decided elsewhere; so is what was revoked. The form is read by
`conchsftp.ssh.keys.openssh_certificate`. Sources: OpenSSH PROTOCOL.certkeys; for empty principals, what OpenSSH 10.5
does.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from conchsftp.auth.keys.authorized_keys import AuthorizedKey
from conchsftp.auth.keys.key_options import is_sftp
from conchsftp.auth.keys.signatures import BadKey, BadSignature, PublicKey, end
from conchsftp.auth.keys.source_patterns import Network, network
from conchsftp.settings.hosts import plain_address
from conchsftp.ssh.keys.openssh_certificate import USER, OpenSSHCertificate, is_certificate, untimely
from conchsftp.ssh.keys.public_blob import fingerprint
from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader

# OpenSSH has no such limit; each network costs us a look-up.
MOST_NETWORKS = 256


class BadCertificate(BadKey):
    """A certificate that is none, or that is worthless; the text is for the log."""


@dataclass(slots=True, kw_only=True, frozen=True)
class CertificateOption:
    """
    One row: an option that a certificate may have.

    Attributes:
        done: what is done about it, for the documents.
        field: of `UserCertificate`; empty: nothing has to be kept.
        read: makes the value of the option's data; raises ValueError or `Malformed`.
    """

    done: str
    read: Callable[[Reader], Any]
    field: str = ""


def _force_command(data: Reader) -> None:
    command = data.text()
    if not is_sftp(command):
        raise ValueError(f"the command {command[:64]!r} is forced, and this server runs none")


def _source_address(data: Reader) -> tuple[Network, ...]:
    text = data.text()
    # Each takes time, and nobody has looked at the CA's signature yet.
    if text.count(",") >= MOST_NETWORKS:
        raise ValueError(f"more than {MOST_NETWORKS} networks")
    return tuple(network(each.strip()) for each in text.split(","))


def _flag(data: Reader) -> bool:
    return True


CRITICAL_OPTIONS: dict[str, CertificateOption] = {
    "force-command": CertificateOption(
        done="`internal-sftp` and `…/sftp-server` are what this server does anyway; any other command refuses the"
        " certificate",
        read=_force_command,
    ),
    "source-address": CertificateOption(
        done="the client's address must be in one of the networks", field="sources", read=_source_address
    ),
    "verify-required": CertificateOption(
        done="a security key must have asked for its PIN or the like; other keys are refused",
        field="verify_required",
        read=_flag,
    ),
}
"""Any other refuses the certificate."""

EXTENSIONS: dict[str, CertificateOption] = {
    "no-touch-required": CertificateOption(
        done="a security key need not be touched, if the CA's own line says so, too",
        field="no_touch_required",
        read=_flag,
    ),
}
"""Any other is about what this server never does, and is ignored."""


@dataclass(slots=True, kw_only=True, frozen=True)
class UserCertificate:
    """
    A certificate.

    Attributes:
        type: its name, such as `ssh-ed25519-cert-v01@openssh.com`.
        blob: its bytes.
        key: the key that it certifies.
        ca: the key that has signed it.
        serial: the CA's number for it; 0 where the CA does not count.
        kind: 1 for users, 2 for hosts.
        key_id: what the CA calls it.
        principals: whom it names.
        valid_after: from when on it is valid, in seconds since 1970.
        valid_before: from when on it no longer is; None: always.
        sources: networks from which it may be used; None: from anywhere.
        verify_required: whether a security key must have verified its user.
        no_touch_required: whether a security key need not be touched, as far as the CA is asked.
        trusted_by: the lines of TrustedUserCAKeys that name its CA; empty: the server does not trust it for everybody.
    """

    type: str
    blob: bytes = field(repr=False)
    key: PublicKey = field(repr=False)
    ca: PublicKey = field(repr=False)
    serial: int
    kind: int = USER
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int | None
    sources: tuple[Network, ...] | None = None
    verify_required: bool = False
    no_touch_required: bool = False
    trusted_by: tuple[AuthorizedKey, ...] = ()
    _problem: str = field(default="", repr=False)
    _signed: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    @property
    def ca_fingerprint(self) -> str:
        """The SHA-256 fingerprint of the CA's key."""
        return fingerprint(self.ca.blob)

    @property
    def described(self) -> str:
        """What the log says: the key, and as OpenSSH does, the key id, the serial number and the CA."""
        said = f"ID {self.key_id[:256]!r} (serial {self.serial}) CA {self.ca.type} {self.ca_fingerprint}"
        return f"{fingerprint(self.key.blob)} {said}"

    @classmethod
    def parse(cls, blob: bytes) -> "UserCertificate":
        """
        Read a certificate; nothing about it is checked but its form.

        Raises:
            BadCertificate: it is malformed, of an unknown type, or holds a key that cannot be used.
        """
        try:
            return _read(blob)
        except Malformed as problem:
            raise BadCertificate(f"malformed certificate: {problem.text}") from problem
        except (BadKey, ValueError) as problem:
            raise BadCertificate(f"certificate: {problem}") from problem

    def refusal(self, *, ca_algorithms: Collection[str], address: str | None, now: float) -> str:
        """
        Return why the certificate is worth nothing, whoever trusts its CA; empty if it may be worth something.

        Args:
            ca_algorithms: how a CA may sign.
            address: where the client is; None if that is no address.
            now: seconds since 1970.
        """
        if self.kind != USER:
            return "not a certificate of a user"
        if self._problem:
            return self._problem
        if not self.principals:
            # It would be good for everybody. "ssh-keygen" makes such without -n, mostly by mistake.
            return "the certificate names nobody"
        if reason := untimely(self.valid_after, self.valid_before, now):
            return reason
        plain = plain_address(address) if address is not None else None
        if self.sources is not None and not any(plain in each for each in self.sources if plain is not None):
            return f"the certificate may not be used from {address}"
        return self._forged(ca_algorithms)

    def _forged(self, ca_algorithms: Collection[str]) -> str:
        """Return what is wrong with the signature of the CA."""
        try:
            algorithm = Reader(self._signature).string().decode("ascii", "backslashreplace")
            if algorithm not in ca_algorithms:
                return f"signed by its CA with {algorithm[:64]!r}, which CASignatureAlgorithms does not name"
            self.ca.verify(algorithm, self._signature, self._signed)
        except (BadSignature, Malformed) as problem:
            return f"signature of the CA: {problem}"
        return ""


def described(blob: bytes) -> str:
    """Return what the log says of a key, or of the certificate in its place."""
    if is_certificate(blob):
        try:
            return UserCertificate.parse(blob).described
        except BadCertificate:
            pass
    return fingerprint(blob)


def _read(blob: bytes) -> UserCertificate:
    found = OpenSSHCertificate.parse(blob)
    values, problem = _meaning(found.critical, found.extensions)
    return UserCertificate(
        type=found.type,
        blob=blob,
        # A certificate is no type of key here: none can sign another one.
        key=PublicKey(found.key),
        ca=PublicKey(found.ca),
        serial=found.serial,
        kind=found.kind,
        key_id=found.key_id,
        principals=found.principals,
        valid_after=found.valid_after,
        valid_before=found.valid_before,
        _problem=problem,
        _signed=found.signed,
        _signature=found.signature,
        **values,
    )


def _meaning(critical: dict[str, bytes], extensions: dict[str, bytes]) -> tuple[dict[str, Any], str]:
    """Return the fields that the options fill, and what about them makes the certificate worthless."""
    values: dict[str, Any] = {}
    for rows, options, all_known in ((CRITICAL_OPTIONS, critical, True), (EXTENSIONS, extensions, False)):
        for name, data in options.items():
            row = rows.get(name)
            if row is None and all_known:
                return {}, f"the critical option {name[:64]!r} is not supported"
            if row is None:
                continue
            try:
                reader = Reader(data)
                value = row.read(reader)
                end(reader)
            except (ValueError, Malformed) as problem:
                return {}, f"the option {name!r}: {problem}"
            if row.field:
                values[row.field] = value
    return values, ""
