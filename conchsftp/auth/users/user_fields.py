"""
What may stand in a user's table of the users file: one row for each entry.

A row says how a value is read, what it means, and shows one. The file is read by these rows, a misspelt key is compared
with them, docs/users.md and `conchsftp users` know what they say. Looks at no file; where a value stands, and what
becomes of a mistake, is up to `users_text.py`.
"""

import os
from base64 import b32decode
from binascii import Error as Base32Error
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from conchsftp.auth.keys.authorized_keys import AuthorizedKey, AuthorizedKeys, read_keys
from conchsftp.auth.keys.x509_names import X509Name
from conchsftp.auth.users.hashes import HASH
from conchsftp.secret import Secret
from conchsftp.settings.auth_policy import AuthPolicy
from conchsftp.settings.permissions import Permissions

# NIST SP 800-63B-4, 3.1.4: what pyotp accepts. RFC 4226, 4 (R6) wants 128 bits and recommends 160.
LEAST_TOTP_BITS = 112
_DAY_SECONDS = 86400


@dataclass(slots=True, kw_only=True, frozen=True)
class Entry:
    """
    One value of the file while it is read.

    Attributes:
        user: whose table it stands in.
        folder: that of the users file; relative paths count from it.
        warn: called with what the operator should know about the value, which is used nevertheless.
        mistake: called with what is wrong, if that is not all that there is to say, and the keys inside the value
            that lead to it. Who has only one thing to say raises ValueError.
    """

    user: str
    folder: str
    warn: Callable[[str], None]
    mistake: Callable[..., None]


@dataclass(slots=True, kw_only=True, frozen=True)
class Field:
    """
    One row.

    Attributes:
        name: the key in the table.
        attribute: that of `User`.
        read: makes of the value what `User` holds; raises ValueError with what was expected. Never repeats a secret.
        example: a value, as it is written in the file.
        doc: what it means, for docs/users.md.
    """

    name: str
    read: Callable[[Any, Entry], Any]
    example: str
    doc: str
    attribute: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attribute", self.attribute or self.name)


def _password(value: Any, entry: Entry) -> Secret:
    # The value itself is not shown: it may be a password that someone wrote down in the clear.
    if not isinstance(value, str) or not HASH.fullmatch(value):
        raise ValueError("a bcrypt hash expected; `conchsftp passwd` writes one")
    return Secret(value)


def _keys(value: Any, entry: Entry, *, authorities: bool = False) -> AuthorizedKeys:
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise ValueError("a list of lines of an authorized_keys file expected")
    keys: list[AuthorizedKey] = []
    for number, line in enumerate(value, 1):
        found = read_keys(line.encode("utf-8"), authorities=authorities)
        keys += (replace(key, line=number) for key in found.keys)
        for _, text in found.complaints:
            entry.warn(f"key {number} of {entry.user!r}: {text}")
    return AuthorizedKeys(keys)


def _ca_keys(value: Any, entry: Entry) -> AuthorizedKeys:
    return _keys(value, entry, authorities=True)


def _keys_file(value: Any, entry: Entry) -> str:
    return os.path.join(entry.folder, _text(value))


def _totp(value: Any, entry: Entry) -> Secret:
    if not isinstance(value, str):
        raise ValueError("a secret in base32 expected")
    # People type it off a screen: spaces, dashes and the case do not matter (RFC 4648, 6, knows capitals only).
    plain = value.upper().replace(" ", "").replace("-", "").rstrip("=")
    try:
        bits = 8 * len(b32decode(plain + "=" * (-len(plain) % 8)))
    except (Base32Error, ValueError):
        raise ValueError("a secret in base32 expected, letters and the digits 2 to 7") from None
    if bits < LEAST_TOTP_BITS:
        raise ValueError(f"a secret of at least {LEAST_TOTP_BITS} bits expected, {bits} given")
    return Secret(plain)


def _principals(value: Any, entry: Entry) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of names expected, at least one")
    return frozenset(map(_text, value))


def _kerberos(value: Any, entry: Entry) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("a list of principals expected, such as alice@EXAMPLE.COM")
    for each in value:
        name, at, realm = each.rpartition("@")
        if not (name and realm) or each != each.strip():
            raise ValueError(f"{each!r}: a principal with its realm expected, such as alice@EXAMPLE.COM")
    return frozenset(value)


def _x509(value: Any, entry: Entry) -> tuple[X509Name, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('a list of names expected, at least one: ["CN=alice,O=Example"]')
    return tuple(X509Name.parse(_text(each)) for each in value)


def _networks(value: Any, entry: Entry) -> tuple[IPv4Network | IPv6Network, ...]:
    if not isinstance(value, list) or not value:
        # An empty list would have to mean "nowhere": that is `disabled`.
        raise ValueError('a list of addresses and networks expected, at least one: ["192.0.2.0/24"]')
    return tuple(map(_network, value))


def _network(value: Any) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(_text(value))
    except ValueError as problem:
        raise ValueError(f"an address or a network expected: {problem}") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    # An address of an IPv4 host is compared as such.
    return ip_network(f"{mapped}/{network.prefixlen - 96}")


def _expires(value: Any, entry: Entry) -> float:
    """Return from when on a user is nobody, in seconds since 1970: a point in time, or the end of a day in UTC."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() + _DAY_SECONDS
    raise ValueError("a date or a date with a time expected, without quotes: 2030-12-31 or 2030-12-31T18:00:00+01:00")


def _methods(value: Any, entry: Entry) -> AuthPolicy:
    return AuthPolicy.parse(_text(value))


def _permissions(value: Any, entry: Entry) -> Permissions | None:
    if not isinstance(value, dict) or not value:
        raise ValueError('a table of patterns and words expected: {"/" = "list read", "/incoming" = "upload"}')
    wrong = False
    for pattern, words in value.items():
        try:
            Permissions.parse({pattern: words})
        except ValueError as problem:
            # One by one: each has a line of its own.
            wrong = True
            entry.mistake(str(problem), pattern)
    return None if wrong else Permissions.parse(value)


def _truth(value: Any, entry: Entry) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false expected")
    return value


def _absolute(value: Any, entry: Entry) -> str:
    if not _text(value).startswith("/"):
        raise ValueError("an absolute path expected")
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("a text expected")
    return value


_ROWS = (
    Field(
        name="password",
        read=_password,
        example='"$2b$12$VQGlpyZ6980BNIupFcXBBuOqJbYJSsWMyIPlkgTheTsqp9sZ07/CK"',
        doc="a bcrypt hash; `conchsftp passwd` writes it. Without it, passwords do not let this user in.",
    ),
    Field(
        name="change_password",
        read=_truth,
        example="true",
        doc="`true`: the user is asked for a new password at the next login by password. `conchsftp passwd --expire`"
        " writes it, and a new password ends it.",
    ),
    Field(
        name="keys",
        read=_keys,
        example='["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDK06Lgg+oO1FOlgjEnrBrXyhE/uMgvLDv5q3/BaattA alice@laptop"]',
        doc="public keys, as lines of an `authorized_keys` file; [which ones](keys.md)",
    ),
    Field(
        name="keys_file",
        read=_keys_file,
        example='"alice.keys"',
        doc="an `authorized_keys` file with more; relative to the users file",
    ),
    Field(
        name="root",
        read=_absolute,
        example='"/srv/alice"',
        doc="the folder that this user sees as `/`; else that of the server",
    ),
    Field(
        name="home",
        read=_absolute,
        example='"/incoming"',
        doc="where the user starts, inside that folder; else `/`",
    ),
    Field(
        name="methods",
        read=_methods,
        example='"publickey,password publickey,keyboard-interactive"',
        doc="which proofs together let this user in: lists with spaces between them, of which one has to be completed;"
        " else as AuthenticationMethods says",
    ),
    Field(
        name="totp",
        read=_totp,
        example='"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"',
        doc=f"the secret of one-time codes in base32, at least {LEAST_TOTP_BITS} bits; else the user has no codes",
    ),
    Field(
        name="ca_keys",
        read=_ca_keys,
        example='["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDK06Lgg+oO1FOlgjEnrBrXyhE/uMgvLDv5q3/BaattA our CA"]',
        doc="keys whose certificates let this user in. A `keys_file` can hold more, as lines with `cert-authority`.",
    ),
    Field(
        name="principals",
        read=_principals,
        example='["alice", "backup"]',
        doc="the names of which a certificate has to bear one; else the user name",
    ),
    Field(
        name="kerberos",
        read=_kerberos,
        example='["alice@EXAMPLE.COM", "alice/admin@EXAMPLE.ORG"]',
        doc="the Kerberos principals that let this user in, each with its realm; else the one with the user's name, in"
        " the realm of the server's key. `[]`: none",
    ),
    Field(
        name="x509",
        read=_x509,
        example='["CN=alice,O=Example", "email:alice@example.com"]',
        doc="the names of which an [X.509 certificate](x509.md) of the user has to bear one: the whole subject, an"
        " email address, a user principal name (`upn:`); else as X509UserName says",
    ),
    Field(
        name="read_only",
        read=_truth,
        example="true",
        doc="`true`: the user can change nothing",
    ),
    Field(
        name="permissions",
        read=_permissions,
        example='{ "/" = "list read", "/incoming" = "upload" }',
        doc="what the user may do where: patterns of paths, and [words](permissions.md) for each; else everything",
    ),
    Field(
        name="from",
        attribute="networks",
        read=_networks,
        example='["192.0.2.0/24", "2001:db8::7"]',
        doc="the addresses and networks from which the user may log in; else anywhere",
    ),
    Field(
        name="expires",
        read=_expires,
        example="2030-12-31",
        doc="the last day, which ends at midnight UTC, or a date with a time, in UTC where it does not say otherwise."
        " From then on the user is refused; else never.",
    ),
    Field(
        name="disabled",
        read=_truth,
        example="true",
        doc="`true`: the user is refused, until this is changed",
    ),
)

FIELDS: dict[str, Field] = {row.name: row for row in _ROWS}
"""Every entry that a user's table may have, by its key."""
