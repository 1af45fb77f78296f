"""
What the settings that are numbers from a short list mean.

Numbers as documented for the component.
"""

from enum import IntEnum


class StrictKeyExchange(IntEnum):
    """What is asked of a client against the Terrapin attack (CVE-2023-48795)."""

    OFF = 0
    """Not offered."""
    ALLOWED = 1
    """Offered; a client without it may connect."""
    FILTERED = 2
    """Offered; a client without it may connect with algorithms that the attack does not touch."""
    REQUIRED = 3
    """Offered; a client without it is refused."""


class IPVersions(IntEnum):
    """Which versions of IP are listened to."""

    IPV4 = 0
    """IPv4 only."""
    IPV6 = 1
    """IPv6 only."""
    BOTH = 2
    """Both, on one port; IPv4 only where the system has no IPv6."""


class CertStoreType(IntEnum):
    """What a key store is: a file or its content, and in which format."""

    USER = 0
    """Windows: the certificates of the current user."""
    MACHINE = 1
    """Windows: the certificates of the machine."""
    PFX_FILE = 2
    """A PKCS#12 file."""
    PFX_BLOB = 3
    """The content of one."""
    JKS_FILE = 4
    """A Java key store."""
    JKS_BLOB = 5
    """The content of one."""
    PEM_KEY_FILE = 6
    """A private key in PEM, PKCS#8 or OpenSSH's format, with or without its certificate."""
    PEM_KEY_BLOB = 7
    """The content of such a file."""
    PUBLIC_KEY_FILE = 8
    """A certificate or a public key, in PEM or DER."""
    PUBLIC_KEY_BLOB = 9
    """The content of such a file."""
    SSH_PUBLIC_KEY_BLOB = 10
    """A public key as SSH programs write it."""
    P7B_FILE = 11
    """A PKCS#7 file: certificates without keys."""
    P7B_BLOB = 12
    """The content of one."""
    SSH_PUBLIC_KEY_FILE = 13
    """A file with a public key as SSH programs write it."""
    PPK_FILE = 14
    """A private key in PuTTY's format."""
    PPK_BLOB = 15
    """The content of such a file."""
    XML_FILE = 16
    """An RSA key or a certificate in XML, as .NET writes it."""
    XML_BLOB = 17
    """The content of such a file."""
    JWK_FILE = 18
    """A JSON Web Key, or a set of them."""
    JWK_BLOB = 19
    """The content of such a file."""
    BCFKS_FILE = 21
    """A key store of Bouncy Castle."""
    BCFKS_BLOB = 22
    """The content of one."""
    PKCS11 = 23
    """A security key."""
    AUTO = 99
    """Any of these; the content tells which."""
