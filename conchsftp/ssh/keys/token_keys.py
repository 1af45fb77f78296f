"""
Keys that stay on a token (PKCS#11), as objects with the interface of `cryptography`.

A signature is made on the token, everything else of what is public; nothing is exported. Each signature is checked
before it is given away: the token may be another one by now. Sources: PKCS#11 (OASIS), version 2.40; RFC 8017
section 9.2.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.secret import Secret
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.store_formats import paired
from conchsftp.ssh.keys.token_uri import Wanted, parse
from conchsftp.ssh.keys.tokens import Missing, Token, open_token
from conchsftp.ssh.keys.unusable import Unusable

Data = bytes | bytearray | memoryview

# "DigestInfo" of RSA signatures up to the hash (RFC 8017, 9.2, note 1). Every token signs so; few know the hashes, too.
_DIGEST_INFO = {
    "sha1": "3021300906052b0e03021a05000414",
    "sha256": "3031300d060960864801650304020105000420",
    "sha384": "3041300d060960864801650304020205000430",
    "sha512": "3051300d060960864801650304020305000440",
}
_CURVES: dict[bytes, ec.EllipticCurve] = {
    bytes.fromhex("06082a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("06052b81040022"): ec.SECP384R1(),
    bytes.fromhex("06052b81040023"): ec.SECP521R1(),
}
# How tokens name it: by its OID, as PKCS#11 3.0 has it, and by a printable string, as was usual before.
_ED25519 = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519", bytes.fromhex("06092b06010401da470f01"))


class _OnToken:
    """
    What keys on a token have in common.

    Args:
        public: the public key, of `cryptography`.
        sign: makes a raw signature on the token.
    """

    slow = True
    """A signature takes long, whatever the kind of key: never on the reactor's thread."""

    lost = False
    """Whether the token has another key by now."""

    def __init__(self, public: Any, sign: Callable[[bytes], bytes]) -> None:
        self._public = public
        self._sign = sign

    def public_key(self) -> Any:
        return self._public

    @property
    def key_size(self) -> int:
        return int(self._public.key_size)

    def _checked(self, signature: bytes, *arguments: Any) -> bytes:
        try:
            self._public.verify(signature, *arguments)
        except InvalidSignature:
            self.lost = True
            raise ServerError(ErrorCode.NO_HOST_KEY, "the token has another key by now") from None
        return signature

    def private_bytes(self, *arguments: Any, **named: Any) -> NoReturn:
        raise UnsupportedAlgorithm("a key stays on its token")

    private_bytes_raw = private_numbers = decrypt = exchange = private_bytes

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class TokenRSAKey(_OnToken, rsa.RSAPrivateKey):
    """An RSA key on a token."""

    def sign(self, data: Data, padding: Any, algorithm: Any) -> bytes:
        info = bytes.fromhex(_DIGEST_INFO[algorithm.name]) + _digest(algorithm, data)
        return self._checked(self._sign(info), data, _pkcs1(padding), algorithm)


class TokenECKey(_OnToken, ec.EllipticCurvePrivateKey):
    """A key of a NIST curve on a token."""

    @property
    def curve(self) -> ec.EllipticCurve:
        curve: ec.EllipticCurve = self._public.curve
        return curve

    def sign(self, data: Data, signature_algorithm: Any) -> bytes:
        raw = self._sign(_digest(signature_algorithm.algorithm, data))
        half = len(raw) // 2
        r, s = (int.from_bytes(each, "big") for each in (raw[:half], raw[half:]))
        return self._checked(encode_dss_signature(r, s), data, signature_algorithm)


class TokenEd25519Key(_OnToken, ed25519.Ed25519PrivateKey):
    """An Ed25519 key on a token."""

    def sign(self, data: Data) -> bytes:
        return self._checked(self._sign(bytes(data)), data)


def read_token(data: bytes, password: bytes | None) -> list[Certificate]:
    """Find the private keys that a store means; `data` is what `token_uri.parse` reads, the password is the PIN."""
    try:
        wanted = parse(data.decode("utf-8"))
    except ValueError:
        raise Unusable("the full path of a library is needed, or a pkcs11: URI") from None
    return entries(open_token(wanted, Secret(password or b"")), wanted)


def entries(token: Token, wanted: Wanted) -> list[Certificate]:
    """Return the private keys of a token that are meant, with their certificates; then its other certificates."""
    # Here only, as the library is optional; by now it was loaded.
    from pkcs11 import Attribute

    names = (Attribute.ID, Attribute.LABEL)
    keys, public, certificates = token.use(_listed)
    known = [(each, _certificate(each.get(Attribute.VALUE))) for each in certificates]
    private, told = [], []
    for each in keys:
        id, label = each.get(Attribute.ID) or b"", each.get(Attribute.LABEL) or ""
        if wanted.id not in (None, id) or wanted.label not in (None, label):
            continue
        halves = [_public(other, Attribute) for other in (each, *public) if other is each or _same(other, each, names)]
        halves += [found.public for other, found in known if found is not None and _same(other, each, names[:1])]
        half = next((found for found in halves if found is not None), None)
        key = _key(half, token, each) if half is not None else None
        if key is not None:
            private.append(key)
            told.append((str(label), (str(label), id.hex())))
    if not private:
        raise Unusable("there is no such private key of a kind that SSH knows on the token, or its public half is not")
    found = paired(private, [found for _, found in known if found is not None])
    named = [replace(each, comment=label, names=also) for each, (label, also) in zip(found, told, strict=False)]
    return named + found[len(named) :]


def _listed(session: Any) -> list[list[Any]]:
    """Return what private keys, public keys and certificates of a token say of themselves."""
    from pkcs11 import Attribute, ObjectClass

    names = (Attribute.ID, Attribute.LABEL)
    rsa_numbers = (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
    asked: tuple[tuple[Any, tuple[Any, ...]], ...] = (
        (ObjectClass.PRIVATE_KEY, (*names, Attribute.KEY_TYPE, *rsa_numbers)),
        (ObjectClass.PUBLIC_KEY, (*names, Attribute.EC_PARAMS, Attribute.EC_POINT, *rsa_numbers)),
        (ObjectClass.CERTIFICATE, (*names, Attribute.VALUE)),
    )
    # Each search comes to its end before anything else is asked: a session does one thing at a time.
    return [
        [_values(each, *attributes) for each in list(session.get_objects({Attribute.CLASS: kind}))]
        for kind, attributes in asked
    ]


def _key(public: Any, token: Token, said: Any) -> Any:
    from pkcs11 import Mechanism

    kinds: tuple[tuple[type, Any, Any], ...] = (
        (rsa.RSAPublicKey, TokenRSAKey, Mechanism.RSA_PKCS),
        (ec.EllipticCurvePublicKey, TokenECKey, Mechanism.ECDSA),
        (ed25519.Ed25519PublicKey, TokenEd25519Key, Mechanism.EDDSA),
    )
    for kind, build, mechanism in kinds:
        if isinstance(public, kind):
            return build(public, _Signer(token, said, mechanism).sign)
    return None


class _Signer:
    """Signs with one key of a token, and looks for it again when the token was away."""

    def __init__(self, token: Token, said: Any, mechanism: Any) -> None:
        self._token = token
        self._said = said
        self._mechanism = mechanism
        self._found: tuple[Any, Any] = (None, None)

    def sign(self, data: bytes) -> bytes:
        """Return a raw signature. Raises ServerError: the token does not give one (1301)."""
        try:
            return bytes(self._token.use(lambda session: self._key(session).sign(data, mechanism=self._mechanism)))
        except Unusable as problem:
            raise ServerError(ErrorCode.NO_HOST_KEY, f"host key on a token: {problem}") from None

    def _key(self, session: Any) -> Any:
        from pkcs11 import Attribute, ObjectClass

        if self._found[0] is not session:
            search = {name: self._said[name] for name in (Attribute.ID, Attribute.LABEL, Attribute.KEY_TYPE)}
            search = {name: value for name, value in search.items() if value}
            found = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, **search}))
            if not found:
                raise Missing("the key is not on the token any more")
            self._found = session, found[0]
        return self._found[1]


def _values(each: Any, *names: Any) -> dict[Any, Any]:
    """Return what an object says of itself; what it does not know is None."""
    found = {}
    for name in names:
        try:
            found[name] = each[name]
        except (RuntimeError, ValueError):
            found[name] = None
    return found


def _same(one: Any, other: Any, names: Any) -> bool:
    """Return whether two objects belong together: the id says so, and where there is none the label."""
    id, *label = names
    if one.get(id) or other.get(id):
        return bool(one.get(id) == other.get(id))
    return bool(label) and bool(one.get(label[0])) and one.get(label[0]) == other.get(label[0])


def _public(said: Any, attribute: Any) -> Any:
    """Return the public key that an object tells of, if it is one that SSH knows."""
    try:
        if said.get(attribute.MODULUS) and said.get(attribute.PUBLIC_EXPONENT):
            n, e = (int.from_bytes(said[each], "big") for each in (attribute.MODULUS, attribute.PUBLIC_EXPONENT))
            return rsa.RSAPublicNumbers(e, n).public_key()
        parameters, point = said.get(attribute.EC_PARAMS), said.get(attribute.EC_POINT)
        if not parameters or not point:
            return None
        # "DER-encoding of ANSI X9.62 ECPoint value": an octet string; some tokens leave its head away.
        head = 3 if point[1:2] == b"\x81" else 2
        bare = point[head:] if point[:1] == b"\x04" and len(point) - head == point[head - 1] else point
        if parameters in _ED25519:
            return ed25519.Ed25519PublicKey.from_public_bytes(bare)
        curve = _CURVES.get(bytes(parameters))
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, bare) if curve is not None else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def _certificate(data: bytes | None) -> Certificate | None:
    try:
        found = x509.load_der_x509_certificate(bytes(data or b""))
        return Certificate(public=found.public_key(), x509=found)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _pkcs1(given: Any) -> padding.PKCS1v15:
    if not isinstance(given, padding.PKCS1v15):
        raise UnsupportedAlgorithm("keys on tokens sign with PKCS#1 v1.5")
    return given


def _digest(algorithm: hashes.HashAlgorithm, data: Data) -> bytes:
    hashing = hashes.Hash(algorithm)
    hashing.update(data)
    return hashing.finalize()
