"""
Rows of the documented properties SSHCert… and settings AltSSHCert…: where host keys come from, and what they are.

Rows only. The facts are read from the `Certificate` of the server; the stores are read in ssh/keys/stores.py.
"""

from typing import Any

from conchsftp.settings.choices import CertStoreType
from conchsftp.settings.key_stores import ENCODED, STORE
from conchsftp.settings.kinds import BOOL, TEXT, Kind, integer, numbered
from conchsftp.settings.row import Change, Index, Setting, declare

_TYPE = numbered(CertStoreType)
_WINDOWS = "That is a store of Windows."
_COUNT = "AltSSHCertCount"
_STORE = """The path of a file, or its content: bytes, text or Base64. Content is shown as `***`, it may be a private
key. Of a token: the path of its PKCS#11 module with type 23, or a `pkcs11:` URI. docs/key_stores.md has the formats."""
_SUBJECT = """Empty or `*`: the first that has a private key. Else the whole subject (`CN=www.example.com, C=US`), or a
part of it; of a key without a certificate, the comment counts. An alias, a label or an id on a token will do, too."""
_TYPES = """AUTO finds out by itself. JKS needs the extra `conchsftp[jks]`, tokens `conchsftp[pkcs11]`. The stores of
Windows and Bouncy Castle are refused, with the reason."""
_NEW = "Takes effect for new connections."

# (what follows SSHCert, attribute of `Certificate`, text)
FACTS: tuple[tuple[str, str, str], ...] = (
    ("EffectiveDate", "effective_date", "When the certificate becomes valid, in local time: `23-Jan-2000 15:00:00`."),
    ("ExpirationDate", "expiration_date", "When the certificate expires, in local time: `23-Jan-2001 15:00:00`."),
    ("ExtendedKeyUsage", "extended_key_usage", "What the certificate may be used for besides: OIDs, comma-separated."),
    ("Fingerprint", "fingerprint", "The MD5 hash of the public key as SSH sends it: 16 bytes, `bc:2a:72:…`."),
    ("FingerprintSHA1", "fingerprint_sha1", "The SHA-1 hash of the public key as SSH sends it: 20 bytes."),
    ("FingerprintSHA256", "fingerprint_sha256", "The SHA-256 hash of the public key as SSH sends it: 32 bytes."),
    ("Issuer", "issuer", "Who issued the certificate: `CN=Example CA, O=Example, C=US`."),
    ("PrivateKey", "private_key", "The private key in PEM, a `Secret`: config() masks it, `reveal()` returns it."),
    ("PrivateKeyAvailable", "private_key_available", "Whether there is a private key, so that the server can use it."),
    ("PrivateKeyContainer", "private_key_container", "Always empty: only Windows has containers of keys."),
    ("PublicKey", "public_key", "The public key in PEM."),
    ("PublicKeyAlgorithm", "public_key_algorithm", "What kind of key it is: `RSA`, `ECDSA`, `Ed25519`; else an OID."),
    ("PublicKeyLength", "public_key_length", "The length of the key in bits."),
    ("SerialNumber", "serial_number", "The serial number of the certificate in hexadecimal, two digits for a byte."),
    ("SignatureAlgorithm", "signature_algorithm", "How the certificate is signed: `ecdsa-with-SHA256`; or an OID."),
    ("SubjectAltNames", "subject_alt_names", "The other names that the certificate is for, comma-separated."),
    ("ThumbprintMD5", "thumbprint_md5", "The MD5 hash of the certificate."),
    ("ThumbprintSHA1", "thumbprint_sha1", "The SHA-1 hash of the certificate."),
    ("ThumbprintSHA256", "thumbprint_sha256", "The SHA-256 hash of the certificate."),
    ("Usage", "usage", "What the certificate may be used for: the texts of SSHCertUsageFlags, comma-separated."),
    (
        "UsageFlags",
        "usage_flags",
        "What the certificate may be used for, as the sum of these numbers.\n"
        "128 Digital Signature, 64 Non-Repudiation, 32 Key Encipherment, 16 Data Encipherment, 8 Key Agreement,\n"
        "4 Certificate Signing, 2 CRL Signing, 1 Encipher Only.",
    ),
    ("Version", "version", "The version of the certificate: `V1`, `V2` or `V3`."),
)
_KINDS: dict[str, tuple[Kind[Any], Any]] = {
    "PrivateKeyAvailable": (BOOL, False),
    "PublicKeyLength": (integer(0, unit="bits"), 0),
    "UsageFlags": (integer(0), 0),
}


def _fact(suffix: str, attribute: str, doc: str) -> Setting[Any]:
    kind, default = _KINDS.get(suffix, (TEXT, ""))
    return Setting(
        name=f"SSHCert{suffix}",
        kind=kind,
        default=default,
        change=Change.NEVER,
        secret=suffix == "PrivateKey",
        read=lambda server, index: getattr(server.keys.certificate, attribute),
        doc=doc,
    )


ROWS = declare(
    Setting(
        name="SSHCertStore",
        kind=STORE,
        default="",
        documented="MY",
        restored=False,
        why=_WINDOWS,
        doc=f"A host key, and its certificate if it has one.\n{_STORE} {_NEW}",
    ),
    Setting(
        name="SSHCertStorePassword",
        kind=TEXT,
        default="",
        secret=True,
        doc="The password of SSHCertStore, if it has one; the PIN of a token.",
    ),
    Setting(
        name="SSHCertStoreType",
        kind=_TYPE,
        default=CertStoreType.AUTO,
        documented=CertStoreType.USER,
        restored=False,
        why=_WINDOWS,
        doc=f"What SSHCertStore is.\n{_TYPES}",
    ),
    Setting(
        name="SSHCertSubject",
        kind=TEXT,
        default="",
        doc=f"Which key of SSHCertStore is meant.\n{_SUBJECT} When the key has been read, its whole subject.",
    ),
    Setting(
        name="SSHCertEncoded",
        kind=ENCODED,
        default="",
        doc="""The certificate of the host key, in PEM or Base64.
Set it to choose the key of SSHCertStore that belongs to this certificate; without SSHCertStore it holds the private key
as well. When the key has been read: its certificate, in PEM; empty if it has none.""",
    ),
    Setting(
        name=_COUNT,
        kind=integer(0, 64, unit="keys"),
        default=0,
        doc=f"How many more host keys there are, in the settings AltSSHCert….\n{_NEW}",
    ),
    Setting(
        name="AltSSHCertStore",
        kind=STORE,
        default="",
        index=Index.POSITION,
        count=_COUNT,
        doc=f"One more host key; the client chooses which it wants.\n{_STORE}",
    ),
    Setting(
        name="AltSSHCertStorePassword",
        kind=TEXT,
        default="",
        index=Index.POSITION,
        count=_COUNT,
        secret=True,
        doc="The password of AltSSHCertStore, if it has one.",
    ),
    Setting(
        name="AltSSHCertStoreType",
        kind=_TYPE,
        default=CertStoreType.AUTO,
        documented=CertStoreType.USER,
        restored=False,
        why=_WINDOWS,
        index=Index.POSITION,
        count=_COUNT,
        doc=f"What AltSSHCertStore is.\n{_TYPES}",
    ),
    Setting(
        name="AltSSHCertSubject",
        kind=TEXT,
        default="",
        index=Index.POSITION,
        count=_COUNT,
        doc=f"Which key of AltSSHCertStore is meant.\n{_SUBJECT}",
    ),
    *(_fact(*fact) for fact in FACTS),
)
