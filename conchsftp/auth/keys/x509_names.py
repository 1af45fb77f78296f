"""
Names of users in X.509 certificates: what a users file lists, and what a certificate says.

Compares names; whether anybody trusts the certificate is decided elsewhere. A name is compared as a whole and exactly.
Sources: RFC 4514 for subjects, RFC 5280 4.2.1.6 for email addresses; user principal names are Microsoft's.
"""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader

_UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_UTF8_STRING = 0x0C
# What `openssl x509 -nameopt RFC2253` writes for what RFC 4514 has no letters for.
_ATTRIBUTES = {
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "title": NameOID.TITLE,
    "dnQualifier": NameOID.DN_QUALIFIER,
}
_SPACED = re.compile(r"(?<!\\)([,+]) +")
_LONGEST_NAME = 1024

Subject = tuple[frozenset[tuple[str, str | bytes]], ...]


@dataclass(slots=True, kw_only=True, frozen=True)
class X509Name:
    """
    One name, as a users file lists it.

    Attributes:
        kind: `subject`, `email` or `upn`.
        value: what the certificate has to say.
    """

    kind: str
    value: Subject | str

    @classmethod
    def parse(cls, text: str) -> "X509Name":
        """
        Read `CN=alice,O=Example` (RFC 4514, spaces after commas do not matter), `email:alice@example.com` or
        `upn:alice@example.com`.

        Raises:
            ValueError: it is none of these.
        """
        kind, colon, value = text.partition(":")
        if colon and kind in _KINDS:
            if not value or value != value.strip():
                raise ValueError(f"a name after `{kind}:` expected")
            return cls(kind=kind, value=value)
        try:
            # Before the first comma, too, there is nothing that could be escaped.
            name = x509.Name.from_rfc4514_string(_SPACED.sub(r"\1", text.strip()), _ATTRIBUTES)
        except (ValueError, KeyError):
            name = x509.Name([])
        if not name.rdns:
            raise ValueError("a subject as `CN=alice,O=Example` expected, or `email:` or `upn:` and a name")
        return cls(kind="subject", value=subject_of(name))


@dataclass(slots=True, kw_only=True, frozen=True)
class X509Names:
    """
    The names in a certificate.

    Attributes:
        subject: whose it is.
        common_names: those of the subject; a user may be one of them only if there is no other.
        emails: addresses in the extension for them, not what looks like one in the subject.
        upns: user principal names.
    """

    subject: Subject
    common_names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    upns: tuple[str, ...] = ()

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "X509Names":
        """
        Return the names in a certificate.

        Raises:
            ValueError: they cannot be read.
        """
        subject = certificate.subject
        common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        emails: list[str] = []
        upns: list[str] = []
        for extension in certificate.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                emails = extension.value.get_values_for_type(x509.RFC822Name)
                others = extension.value.get_values_for_type(x509.OtherName)
                upns = [_utf8(each.value) for each in others if each.type_id == _UPN]
        return cls(
            subject=subject_of(subject),
            common_names=tuple(each.value for each in common if isinstance(each.value, str)),
            emails=tuple(emails),
            upns=tuple(upns),
        )

    def have(self, name: X509Name) -> bool:
        """Return whether the certificate bears a name."""
        return name.value == self.subject if name.kind == "subject" else name.value in _KINDS[name.kind](self)

    def user_names(self, kind: str) -> frozenset[str]:
        """Return whom the certificate names by itself, as X509UserName says where to look."""
        if kind == "common-name":
            # Of two, a CA may have looked at one only.
            return frozenset(self.common_names if len(self.common_names) == 1 else ())
        return frozenset(_KINDS[kind](self) if kind in _KINDS else ())


def subject_of(name: x509.Name) -> Subject:
    """Return a name for comparison: how its texts are encoded does not matter."""
    return tuple(frozenset((each.oid.dotted_string, each.value) for each in part) for part in name.rdns)


def shown(name: x509.Name) -> str:
    """Return a name as a users file lists it."""
    return name.rfc4514_string()[:_LONGEST_NAME]


_KINDS = {"email": lambda names: names.emails, "upn": lambda names: names.upns}


def _utf8(encoded: bytes) -> str:
    """Return the text of a UTF8String in DER; raises ValueError."""
    fields = Reader(encoded)
    try:
        kind, length = fields.u8(), fields.u8()
        if length == 0x81:
            length = fields.u8()
        if kind != _UTF8_STRING or length != fields.remaining:
            raise ValueError("a user principal name that is no UTF8String")
        return fields.rest().decode("utf-8")
    except Malformed as problem:
        raise ValueError(f"a user principal name that is cut short: {problem.text}") from None
