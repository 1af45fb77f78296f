"""
The documented key stores: a file or its content becomes the key and certificate that a setting means.

One row for each documented type. The formats themselves are read in `store_formats.py`, `text_formats.py` and `ppk.py`.
Blocks on files and on the hashing of passwords: never to be called on the reactor's thread for a connection. No text
holds a password or anything of a key.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fsdecode

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.secret import Secret
from conchsftp.settings.choices import CertStoreType as Type
from conchsftp.settings.key_stores import STORE
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.files import check_length, read_key_file, warn_of_others
from conchsftp.ssh.keys.host_keys import HostKey
from conchsftp.ssh.keys.java_stores import read_jks
from conchsftp.ssh.keys.ppk import read_ppk
from conchsftp.ssh.keys.store_formats import (
    issuers,
    read_keys,
    read_pkcs7,
    read_pkcs12,
    read_public,
    read_ssh_public,
)
from conchsftp.ssh.keys.text_formats import read_jwk, read_xml
from conchsftp.ssh.keys.token_keys import read_token
from conchsftp.ssh.keys.token_uri import SCHEME
from conchsftp.ssh.keys.unusable import Unusable

Store = str | bytes | PathLike[str] | Secret
Reader = Callable[[bytes, bytes | None], list[Certificate]]

_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]{16,}={0,2}")
_WINDOWS = "the certificate stores of Windows are not on this machine; export the certificate as PKCS#12 (PFX)"
_BOUNCY_CASTLE = "Bouncy Castle's key stores are read by Java and .NET only; export the key as PKCS#12 (PFX)"


@dataclass(frozen=True, slots=True)
class StoreType:
    """
    One type of store.

    Attributes:
        type: its documented number.
        name: its documented name.
        read: reads the content; None: refused.
        in_file: whether the store is the name of a file; else it is the content.
        reason: why it is refused.
    """

    type: Type
    name: str
    read: Reader | None = None
    in_file: bool = False
    reason: str = ""


def read_any(data: bytes, password: bytes | None) -> list[Certificate]:
    """Find out by its content what a store is, and read it."""
    start = data.lstrip()[:64]
    for pattern, reader in _STARTS:
        if pattern.match(start):
            return reader(data, password)
    if start.startswith(b"\x7fELF"):
        raise Unusable(
            "it is a library; that of a token is named by a pkcs11: URI, or with SSHCertStoreType 23 (PKCS11)"
        )
    if start[:1] != b"\x30":
        raise Unusable("it is no key store of a kind that is known here")
    problems = []
    # PKCS#12 last: it says no more than that the password may be wrong.
    for reader in (read_pkcs7, read_keys, read_pkcs12):
        try:
            return reader(data, password)
        except Unusable as problem:
            problems.append(problem)
    raise next((each for each in problems if "encrypted" in str(each)), problems[-1])


_STARTS: tuple[tuple[re.Pattern[bytes], Reader], ...] = (
    (re.compile(SCHEME.encode(), re.IGNORECASE), read_token),
    (re.compile(rb"PuTTY-User-Key-File-"), read_ppk),
    (re.compile(rb"---- BEGIN SSH2 |\0\0\0|(ssh|ecdsa)-\S+ "), read_ssh_public),
    (re.compile(rb"\xfe\xed\xfe\xed|\xce\xce\xce\xce"), read_jks),
    (re.compile(rb"\{"), read_jwk),
    (re.compile(rb"(\xef\xbb\xbf)?<"), read_xml),
    # PEM, after a text that says what it is, or without.
    (re.compile(rb"-----BEGIN |[A-Za-z#]"), read_keys),
)

_ROWS = (
    StoreType(Type.USER, "cstUser", reason=_WINDOWS),
    StoreType(Type.MACHINE, "cstMachine", reason=_WINDOWS),
    StoreType(Type.PFX_FILE, "cstPFXFile", read_pkcs12, True),
    StoreType(Type.PFX_BLOB, "cstPFXBlob", read_pkcs12),
    StoreType(Type.JKS_FILE, "cstJKSFile", read_jks, True),
    StoreType(Type.JKS_BLOB, "cstJKSBlob", read_jks),
    StoreType(Type.PEM_KEY_FILE, "cstPEMKeyFile", read_keys, True),
    StoreType(Type.PEM_KEY_BLOB, "cstPEMKeyBlob", read_keys),
    StoreType(Type.PUBLIC_KEY_FILE, "cstPublicKeyFile", read_public, True),
    StoreType(Type.PUBLIC_KEY_BLOB, "cstPublicKeyBlob", read_public),
    StoreType(Type.SSH_PUBLIC_KEY_BLOB, "cstSSHPublicKeyBlob", read_ssh_public),
    StoreType(Type.P7B_FILE, "cstP7BFile", read_pkcs7, True),
    StoreType(Type.P7B_BLOB, "cstP7BBlob", read_pkcs7),
    StoreType(Type.SSH_PUBLIC_KEY_FILE, "cstSSHPublicKeyFile", read_ssh_public, True),
    StoreType(Type.PPK_FILE, "cstPPKFile", read_ppk, True),
    StoreType(Type.PPK_BLOB, "cstPPKBlob", read_ppk),
    StoreType(Type.XML_FILE, "cstXMLFile", read_xml, True),
    StoreType(Type.XML_BLOB, "cstXMLBlob", read_xml),
    StoreType(Type.JWK_FILE, "cstJWKFile", read_jwk, True),
    StoreType(Type.JWK_BLOB, "cstJWKBlob", read_jwk),
    StoreType(Type.BCFKS_FILE, "cstBCFKSFile", reason=_BOUNCY_CASTLE),
    StoreType(Type.BCFKS_BLOB, "cstBCFKSBlob", reason=_BOUNCY_CASTLE),
    StoreType(Type.PKCS11, "cstPKCS11", read_token),
    StoreType(Type.AUTO, "cstAuto", read_any),
)
STORE_TYPES = {row.type: row for row in _ROWS}
"""Every documented type of store."""


def check_type(store_type: int) -> None:
    """Raise ValueError with the reason if a type of store is unknown or refused."""
    row = STORE_TYPES.get(store_type)  # type: ignore[call-overload]
    if row is None or row.read is None:
        raise ValueError(f"{store_type} ({row.name}): {row.reason}" if row else f"there is no type {store_type}")


VALIDATORS = {"SSHCertStoreType": check_type, "AltSSHCertStoreType": check_type}
"""For `Settings(validators=…)`."""


def load(
    store: Store, store_type: int = Type.AUTO, password: str | bytes | Secret = "", subject: str = ""
) -> Certificate:
    """
    Load a key.

    Args:
        store: a path, or the content: bytes, text or Base64. With AUTO text is a path unless it looks like a key; a
            `Secret` or bytes are content.
        store_type: a documented number.
        password: of the store; not looked at if it has none.
        subject: which of several: empty or `*` for the first with a private key; else its whole subject, or a part of
            it, in which case does not matter.
    Raises:
        ServerError: it cannot be read, or has no such key (1301); the type is refused, or unknown (0).
    """
    name = called(store, store_type)
    return choose(load_all(content(store, store_type), store_type, password, name), subject, name)


def content(store: Store, store_type: int) -> bytes:
    """Return what is in a store, of which the file may have to be read. Raises ServerError as `load` does."""
    try:
        return _content(store, _row(store_type))
    except Unusable as problem:
        raise unusable(called(store, store_type), str(problem)) from None


def load_all(data: bytes, store_type: int, password: str | bytes | Secret, name: str = "") -> list[Certificate]:
    """
    Return every key and certificate of a store, at least one.

    Args:
        data: what `content` returned.
        store_type, password: as for `load`, which tells what is raised, too.
        name: what messages call it.
    """
    read = _row(store_type).read
    assert read is not None
    try:
        entries = read(data, Secret(password).to_bytes() or None)
    except Unusable as problem:
        raise unusable(name, str(problem)) from None
    if not entries:
        raise unusable(name, "there is no key in it")
    return entries


def choose(entries: Sequence[Certificate], subject: str, name: str = "") -> Certificate:
    """Return the entry of a subject; `load` tells which, and what is raised."""
    if subject in ("", "*"):
        return next((each for each in entries if each.private_key_available), entries[0])
    part = subject.lower()
    searches: tuple[Callable[[Certificate], bool], ...] = (
        lambda each: each.subject == subject,
        lambda each: subject in each.names,
        lambda each: part in each.subject.lower(),
        lambda each: any(part in name.lower() for name in each.names),
    )
    for fits in searches:
        for each in entries:
            if fits(each):
                return each
    raise unusable(name, "there is no key or certificate of this subject in it")


def host_key(certificate: Certificate, name: str = "") -> HostKey:
    """
    Return the key to serve with.

    Args:
        certificate: what `load` returned.
        name: where it is from, for messages.
    Raises:
        ServerError: it has no private key, or one that is no host key (1301).
    """
    if not certificate.private_key_available:
        raise unusable(name, "it has no private key, which a host key needs")
    chain = () if certificate.x509 is None else (certificate.x509, *certificate.chain)
    return HostKey(certificate.private, name, x509=chain)


def of_certificate(entries: Sequence[Certificate], wanted: Certificate, name: str = "") -> Certificate:
    """
    Return the entry with the private key of a certificate, and with this certificate.

    Raises:
        ServerError: there is none (1301).
    """
    for each in entries:
        if each.private_key_available and each.matches(wanted):
            known = (one for entry in (wanted, *entries) for one in (entry.x509, *entry.chain) if one is not None)
            chain = issuers(wanted.x509, known) if wanted.x509 is not None else ()
            return replace(each, x509=wanted.x509, chain=chain)
    raise unusable(name, "the private key of this certificate is not in it")


def unusable(name: str, text: str) -> ServerError:
    """Return the documented error for a store that gives no host key."""
    return ServerError(ErrorCode.NO_HOST_KEY, f"key store {name}".rstrip() + f": {text}")


def called(store: Store, store_type: int) -> str:
    """Return what messages call a store: the name of its file; content is not repeated, it may be a key."""
    given = STORE.convert(store)
    named = in_file(given, store_type) or _row(store_type).type is Type.PKCS11
    return given.partition("?")[0] if isinstance(given, str) and (named or _is_token(given)) else ""


def _row(store_type: int) -> StoreType:
    try:
        check_type(store_type)
    except ValueError as problem:
        raise ServerError(0, f"key store type {problem}") from None
    return STORE_TYPES[Type(store_type)]


def in_file(store: Store, store_type: int) -> bool:
    """Return whether a store is the name of a file, and not the content of one."""
    row = _row(store_type)
    given = STORE.convert(store)
    return row.in_file or row.type is Type.AUTO and isinstance(given, str) and not _is_token(given)


def warn_of_store(store: Store, store_type: int) -> None:
    """Say in the log that others have access to a store with a host key, if it is a file and they have; blocks."""
    if in_file(store, store_type):
        given = STORE.convert(store)
        warn_of_others(fsdecode(given.reveal() if isinstance(given, Secret) else given))


def _is_token(store: str) -> bool:
    return store[: len(SCHEME)].lower() == SCHEME


def _content(store: Store, row: StoreType) -> bytes:
    given = STORE.convert(store)
    plain = given.reveal() if isinstance(given, Secret) else given
    if in_file(given, row.type):
        return _undressed(read_key_file(fsdecode(plain)))
    data = Secret(plain).to_bytes()
    check_length(data)
    return _undressed(data)


def _undressed(data: bytes) -> bytes:
    """Return what stands in Base64 without it; anything else as it is."""
    # White space at the end may be matched in one way only: in several, a megabyte of it takes hours.
    if _BASE64.fullmatch(data.rstrip()):
        try:
            return b64decode(data)
        except binascii.Error:
            pass
    return data
