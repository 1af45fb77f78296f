"""
Key stores in the formats that `cryptography` reads: PKCS#12, PEM and DER, OpenSSH, PKCS#7.

Bytes in, `Certificate`s out; opens no file. What is refused is refused with `Unusable`, whose text holds nothing of a
key or a password. Sources: RFC 7292, RFC 7468, RFC 4716, OpenSSH's PROTOCOL.key.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    load_der_pkcs7_certificates,
    load_pem_pkcs7_certificates,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.der import check_work, locked_keys
from conchsftp.ssh.keys.openssh_keys import bcrypt_rounds, decrypted
from conchsftp.ssh.keys.unusable import Unusable

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
# RFC 4716: "---- BEGIN SSH2 PUBLIC KEY ----", headers that a backslash continues, and Base64.
_SSH2_BEGIN, _SSH2_END = (b"---- %s SSH2 PUBLIC KEY ----" % each for each in (b"BEGIN", b"END"))
_SSH2_HEADER = re.compile(rb"^([!-9;-~]{1,64}): ?((?:.*\\\r?\n)*.*)\r?\n", re.MULTILINE)
# As OpenSSH has it. To find the factors of what fills a store would stop the whole process for hours.
_MOST_BITS = 16384
# As many as a bundle of authorities in one megabyte has. Keys are compared with each of them.
_MOST_ENTRIES, _MOST_KEYS = 1024, 64
# Chains of more than four are rare; a store in which everything issues everything must not keep us busy.
_LONGEST_CHAIN, _MOST_NAMESAKES = 10, 8
_OPENSSH, _DER = "OPENSSH PRIVATE KEY", b"\x30"
# `ssh-keygen` has 16 of its own accord, and people take up to some hundred. This takes half a minute.
_MOST_BCRYPT_ROUNDS = 4096
_OTHER_CIPHER = ("Unknown key enc", "Key encrypted with")
_LOCKED = "it needs a password, or is no undamaged PKCS#12"
_WRONG = (ValueError, TypeError, UnsupportedAlgorithm)


def read_pkcs12(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read PKCS#12: the key with its certificate first, then the other certificates."""
    check_work([data])
    store = None
    # An empty password and none are two things in this format, and one to people.
    for each in (password,) if password else (None, b""):
        try:
            store = load_pkcs12(data, each)
            break
        except _WRONG:
            continue
    if store is None:
        raise Unusable("the password is wrong, or it is no undamaged PKCS#12" if password else _LOCKED)
    found: list[Certificate] = []
    if store.cert is not None:
        found.append(_certified(store.cert.certificate))
    found += [_certified(each.certificate) for each in store.additional_certs]
    keys = [store.key] if store.key is not None else []
    # The library reads one key; `keytool` puts several into a store.
    keys += [key for bag in locked_keys(data) if (key := _of_bag(bag, password)) is not None]
    own = dict.fromkeys(Certificate(public=key.public_key()).public_key for key in keys)
    firsts = {Certificate(public=key.public_key()).public_key: key for key in reversed(keys)}
    return paired([firsts[each] for each in own], found)


def _of_bag(bag: bytes, password: bytes | None) -> Any:
    """Return a key of a store; None: its kind or its encryption is not supported."""
    try:
        return load_der_private_key(bag, password or b"")
    except _WRONG:
        return None


def read_keys(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read keys and certificates in PEM, DER or OpenSSH's format; those that belong together are one."""
    if b"-----BEGIN " not in data:
        return _read_der(data, password)
    private: list[Any] = []
    comments: dict[str, str] = {}
    rest: list[Certificate] = []
    blocks = list(_blocks(data))
    _check_blocks(blocks)
    for label, block in blocks:
        if label.endswith("PRIVATE KEY"):
            key, comment = _private(block, password, label)
            private.append(key)
            comments.setdefault(Certificate(public=key.public_key()).public_key, comment)
        elif label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
            rest.append(_certified(_read(x509.load_pem_x509_certificate, block, "certificate")))
        elif label.endswith("PUBLIC KEY"):
            rest.append(Certificate(public=_read(load_pem_public_key, block, "public key")))
        elif label in ("PKCS7", "CMS"):
            rest += read_pkcs7(block, None)
        # else the parameters of a curve or a group, which the key names itself.
    return [replace(each, comment=comments.get(each.public_key, "")) for each in paired(private, rest)]


def read_public(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read certificates and public keys in PEM or DER; a private key that is there as well stays unused."""
    return [Certificate(public=each.public, x509=each.x509) for each in read_keys(data, password)]


def read_pkcs7(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read the certificates of PKCS#7, in PEM or DER."""
    read = load_pem_pkcs7_certificates if data.lstrip().startswith(b"-----") else load_der_pkcs7_certificates
    return [_certified(each) for each in _read(read, data, "PKCS#7")]


def read_ssh_public(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read public keys as SSH programs write them: lines of OpenSSH's, RFC 4716, or the key as it is sent."""
    if data.startswith(b"\0\0\0"):
        return [_ssh_public(_line(data))]
    inside, ended, _ = data.partition(_SSH2_BEGIN)[2].partition(_SSH2_END)
    if ended:
        text = inside.strip() + b"\n"
        headers = {name.lower(): value for name, value in _SSH2_HEADER.findall(text)}
        body = _SSH2_HEADER.sub(b"", text)
        comment = re.sub(rb"\\\r?\n", b"", headers.get(b"comment", b"")).strip().strip(b'"')
        try:
            return [_ssh_public(_line(b64decode(body)) + b" " + comment)]
        except ValueError:
            raise Unusable("the public key is damaged") from None
    lines = (line.strip() for line in data.splitlines())
    return [_ssh_public(line) for line in lines if line and not line.startswith(b"#")]


def check_size(*numbers: int) -> None:
    """Raise ValueError if a number is too long for an RSA key that anybody has."""
    if any(number.bit_length() > _MOST_BITS for number in numbers):
        raise ValueError(f"a number of more than {_MOST_BITS} bits")


def paired(private: Iterable[Any], rest: Iterable[Certificate]) -> list[Certificate]:
    """
    Return one entry for each private key, with its certificate and who issued that; then what belongs to no key.

    Args:
        private: keys of `cryptography`.
        rest: certificates and public keys.
    """
    keys, others = list(private), list(rest)
    if len(keys) > _MOST_KEYS or len(others) > _MOST_ENTRIES:
        raise Unusable(f"it holds more than {_MOST_KEYS} private keys or {_MOST_ENTRIES} certificates")
    known = [each.x509 for each in others if each.x509 is not None]
    left: dict[str, list[Certificate]] = {}
    for each in others:
        left.setdefault(each.public_key, []).append(each)
    found = []
    for key in keys:
        mine = Certificate(public=key.public_key(), private=key)
        leaf = next((each.x509 for each in left.pop(mine.public_key, ()) if each.x509 is not None), None)
        chain = issuers(leaf, known) if leaf is not None else ()
        found.append(replace(mine, x509=leaf, chain=chain))
    return found + [each for group in left.values() for each in group]


def issuers(leaf: x509.Certificate, known: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """
    Return who issued a certificate, who issued that, and so on, as far as they are known.

    Args:
        leaf: the certificate.
        known: what else stands in its store, in any order.
    """
    by_name: dict[x509.Name, list[x509.Certificate]] = {}
    for each in known:
        by_name.setdefault(each.subject, []).append(each)
    chain = [leaf]
    while len(chain) <= _LONGEST_CHAIN and chain[-1].issuer != chain[-1].subject:
        namesakes = by_name.get(chain[-1].issuer, ())[:_MOST_NAMESAKES]
        issuer = next((each for each in namesakes if each not in chain and _issued(chain[-1], each)), None)
        if issuer is None:
            break
        chain.append(issuer)
    return tuple(chain[1:])


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether one was signed by the other: a renewed authority has the name of the old one."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except UnsupportedAlgorithm:
        # Signed in a way of which we know nothing: the name has to do, clients will judge.
        return True
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Return what stands in PEM: each label, and the block with its first and last line."""
    at = 0
    while begin := _BEGIN.search(data, at):
        end = b"-----END %s-----" % begin[1]
        at = data.find(end, begin.end()) + len(end)
        if at < begin.end():
            # Not looked for again behind each of many beginnings: that takes hours for a megabyte of them.
            raise Unusable("it ends before the key does")
        yield begin[1].decode("ascii"), data[begin.start() : at]
    if not at:
        raise Unusable("it ends before the key does")


def _check_blocks(blocks: Iterable[tuple[str, bytes]]) -> None:
    """Raise `Unusable` if private keys ask for more work than any program does."""
    keys = [(label, _body(block)) for label, block in blocks if label.endswith("PRIVATE KEY")]
    check_work(body for label, body in keys if label != _OPENSSH and body[:1] == _DER)
    if sum(bcrypt_rounds(body) for label, body in keys if label == _OPENSSH) > _MOST_BCRYPT_ROUNDS:
        raise Unusable(f"its password would have to be hashed more than {_MOST_BCRYPT_ROUNDS} times with bcrypt")


def _body(block: bytes) -> bytes:
    """Return what a block has in Base64; nothing where it cannot be read, which the library will say better."""
    try:
        return b64decode(b"".join(block.splitlines()[1:-1]))
    except ValueError:
        return b""


def _read_der(data: bytes, password: bytes | None) -> list[Certificate]:
    check_work([data])
    readers: tuple[Callable[[], list[Certificate]], ...] = (
        lambda: paired([load_der_private_key(data, None)], ()),
        lambda: [_certified(x509.load_der_x509_certificate(data))],
        lambda: [Certificate(public=load_der_public_key(data))],
    )
    for read in readers:
        try:
            return read()
        except (ValueError, UnsupportedAlgorithm):
            continue
        except TypeError:
            # This is how it says that the key is encrypted.
            return paired([_unlocked(load_der_private_key, data, password)], ())
    raise Unusable("it is no key or certificate in PEM or DER, or it is damaged")


def _private(block: bytes, password: bytes | None, label: str) -> tuple[Any, str]:
    """Return a private key, and its comment if it has one."""
    block, comment = decrypted(block, _body(block), password) if label == _OPENSSH else (block, "")
    read = load_ssh_private_key if label == _OPENSSH else load_pem_private_key
    try:
        return read(block, None), comment
    except TypeError:
        return _unlocked(read, block, password), ""
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable("the private key is damaged, or of a kind that is not supported") from None


def _unlocked(read: Callable[..., Any], data: bytes, password: bytes | None) -> Any:
    if not password:
        raise Unusable("the private key is encrypted, and there is no password for it")
    try:
        return read(data, password)
    except _WRONG as problem:
        # The library has no class of its own for this; of what it says nothing else is looked at.
        if isinstance(problem, UnsupportedAlgorithm) or str(problem).startswith(_OTHER_CIPHER):
            text = "it is encrypted in a way that is not supported; openssl pkcs8 -topk8 changes that"
            raise Unusable(text) from None
        raise Unusable("the password is wrong, or the private key is damaged") from None


def _read(read: Callable[[bytes], Any], data: bytes, what: str) -> Any:
    try:
        return read(data)
    except _WRONG:
        raise Unusable(f"the {what} is damaged, or of a kind that is not supported") from None


def _certified(certificate: x509.Certificate) -> Certificate:
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        # It may stand beside one that can be used.
        return Certificate(x509=certificate)
    return Certificate(public=public, x509=certificate)


def _line(blob: bytes) -> bytes:
    """Return a public key as sent in the form of a line of OpenSSH's."""
    size = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + size] + b" " + b64encode(blob)


def _ssh_public(line: bytes) -> Certificate:
    kind, _, rest = line.partition(b" ")
    encoded, _, comment = rest.strip().partition(b" ")
    public = _read(load_ssh_public_key, kind + b" " + encoded, "public key")
    return Certificate(public=public, comment=comment.strip().decode("utf-8", "replace"))
