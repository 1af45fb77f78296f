"""
Keys as programs outside of SSH write them in text: JSON Web Keys, and the XML of .NET.

Bytes in, `Certificate`s out. Sources: RFC 7517, RFC 7518 section 6, RFC 8037; RSAKeyValue of XML Signature (RFC 3275).
"""

import json
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.store_formats import check_size, paired
from conchsftp.ssh.keys.unusable import Unusable

_CURVES: dict[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
# Mistakes of a key, whatever notices them.
_WRONG = (KeyError, TypeError, ValueError, OverflowError, UnsupportedAlgorithm, NoBase64)


def read_jwk(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read a JSON Web Key, or a set of them; what is no key for signatures in a set is left out."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise Unusable("it is no JSON") from None
    if not isinstance(said, dict):
        raise Unusable("a JSON object is needed")
    if isinstance(said.get("keys"), list):
        keys = [each for each in said["keys"] if isinstance(each, dict) and str(each.get("kty")) in _READERS]
    else:
        keys = [said]
    return [_jwk(each) for each in keys]


def read_xml(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read `RSAKeyValue` and `X509Certificate` elements, wherever they stand."""
    try:
        text = data.decode("utf-8-sig")
    except ValueError:
        raise Unusable("XML in UTF-8 is needed") from None
    # Entities can name files of this machine, and grow without end. A key has no use for them.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Unusable("XML with a DOCTYPE is not read")
    try:
        root = fromstring(text)
    except (ParseError, ValueError):
        raise Unusable("it is no XML") from None
    elements = [(each.tag.rpartition("}")[2], each) for each in root.iter()]
    try:
        certificates = [_certificate(each.text) for tag, each in elements if tag == "X509Certificate"]
        keys = [_rsa_key_value(each) for tag, each in elements if tag == "RSAKeyValue"]
    except _WRONG:
        raise Unusable("the key is damaged") from None
    private = [key for key in keys if isinstance(key, rsa.RSAPrivateKey)]
    public = [Certificate(public=key) for key in keys if not isinstance(key, rsa.RSAPrivateKey)]
    return paired(private, certificates + public)


def _jwk(said: Mapping[str, Any]) -> Certificate:
    read = _READERS.get(str(said.get("kty")))
    if read is None:
        raise Unusable(f"a JSON Web Key of type {', '.join(_READERS)} is needed")
    comment = said.get("kid")
    try:
        public, private = read(said)
    except _WRONG:
        raise Unusable("the JSON Web Key is damaged, or of a curve that is not supported") from None
    return Certificate(public=public, private=private, comment=comment if isinstance(comment, str) else "")


def _bytes(said: Mapping[str, Any], name: str) -> bytes:
    text = said[name]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(said: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_bytes(said, name), "big")


def _rsa(said: Mapping[str, Any]) -> tuple[Any, Any]:
    public = rsa.RSAPublicNumbers(_number(said, "e"), _number(said, "n"))
    if "d" not in said:
        return public.public_key(), None
    private = _rsa_private(public, _number(said, "d"), {each: _number(said, each) for each in "pq" if each in said})
    return public.public_key(), private


def _rsa_private(public: rsa.RSAPublicNumbers, d: int, factors: Mapping[str, int]) -> rsa.RSAPrivateKey:
    """Return an RSA key; what follows from the factors is computed, and the factors where they are missing."""
    check_size(public.n, public.e, d, *factors.values())
    p, q = factors.get("p"), factors.get("q")
    if p is None or q is None:
        # One base shows that numbers do not belong together; looking for factors tries five hundred before it gives up.
        if pow(pow(2, public.e, public.n), d, public.n) != 2:
            raise ValueError("the halves do not belong together")
        p, q = rsa.rsa_recover_prime_factors(public.n, public.e, d)
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=public,
    )
    return numbers.private_key()


def _ec(said: Mapping[str, Any]) -> tuple[Any, Any]:
    curve = _CURVES[said["crv"]]()
    public = ec.EllipticCurvePublicNumbers(_number(said, "x"), _number(said, "y"), curve)
    if "d" not in said:
        return public.public_key(), None
    return public.public_key(), ec.EllipticCurvePrivateNumbers(_number(said, "d"), public).private_key()


def _okp(said: Mapping[str, Any]) -> tuple[Any, Any]:
    if said["crv"] != "Ed25519":
        raise ValueError("another curve")
    public = ed25519.Ed25519PublicKey.from_public_bytes(_bytes(said, "x"))
    if "d" not in said:
        return public, None
    private = ed25519.Ed25519PrivateKey.from_private_bytes(_bytes(said, "d"))
    if private.public_key() != public:
        raise ValueError("the halves do not belong together")
    return public, private


_READERS: dict[str, Callable[[Mapping[str, Any]], tuple[Any, Any]]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp}


def _certificate(text: str | None) -> Certificate:
    found = x509.load_der_x509_certificate(b64decode(text or ""))
    return Certificate(public=found.public_key(), x509=found)


def _rsa_key_value(element: Element) -> Any:
    """Return a private key if the element has one, else a public key."""
    numbers = {
        each.tag.rpartition("}")[2].lower(): int.from_bytes(b64decode(each.text or ""), "big") for each in element
    }
    public = rsa.RSAPublicNumbers(numbers["exponent"], numbers["modulus"])
    return _rsa_private(public, numbers["d"], numbers) if "d" in numbers else public.public_key()
