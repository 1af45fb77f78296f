"""
What the tests of this folder share: keys, requests as bytes, a transport without a socket, workers without threads.
"""

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.conch.avatar import ConchUser
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import MP, NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.delay import RefusalDelay
from conchsftp.auth.realm import SFTPRealm
from conchsftp.auth.trust import KeyTrust
from conchsftp.auth.user_auth import UserAuth
from conchsftp.events.hub import EventHub
from conchsftp.log import ConnectionLog
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.gss import Acceptor
from tests.auth.penalised import Penalised

SESSION = bytes(range(32))
REQUEST, FAILURE, SUCCESS, BANNER, PK_OK = 50, 51, 52, 53, 60
INFO_REQUEST, INFO_RESPONSE = 60, 61
ALGORITHMS = tuple(
    (
        "ssh-ed25519 sk-ssh-ed25519@openssh.com sk-ecdsa-sha2-nistp256@openssh.com ecdsa-sha2-nistp256 "
        "ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-512 rsa-sha2-256"
    ).split()
)


def unhex(text: str) -> bytes:
    """Return bytes laid out in hex, with any white space."""
    return bytes.fromhex("".join(text.split()))


def _raw(key: Any) -> bytes:
    raw: bytes = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return raw


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class Ed25519:
    """A user's Ed25519 key."""

    algorithm = "ssh-ed25519"

    def __init__(self) -> None:
        self.private = ed25519.Ed25519PrivateKey.generate()
        self.blob = NS(b"ssh-ed25519") + NS(_raw(self.private))

    def sign(self, data: bytes) -> bytes:
        return NS(b"ssh-ed25519") + NS(self.private.sign(data))


class ECDSA:
    """A user's ECDSA key."""

    def __init__(self, curve: ec.EllipticCurve, name: str, digest: hashes.HashAlgorithm) -> None:
        self.algorithm = f"ecdsa-sha2-{name}"
        self.digest = digest
        self.private = ec.generate_private_key(curve)
        self.blob = NS(self.algorithm.encode()) + NS(name.encode()) + NS(_point(self.private))

    def sign(self, data: bytes) -> bytes:
        numbers = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(self.digest)))
        return NS(self.algorithm.encode()) + NS(MP(numbers[0]) + MP(numbers[1]))


class RSA:
    """A user's RSA key; `algorithm` says how it signs."""

    HASHES: dict[str, hashes.HashAlgorithm] = {
        "rsa-sha2-256": hashes.SHA256(),
        "rsa-sha2-512": hashes.SHA512(),
        "ssh-rsa": hashes.SHA1(),
    }

    def __init__(self, bits: int = 2048, algorithm: str = "rsa-sha2-512") -> None:
        self.algorithm = algorithm
        self.private = rsa.generate_private_key(65537, bits)
        numbers = self.private.public_key().public_numbers()
        self.blob = NS(b"ssh-rsa") + MP(numbers.e) + MP(numbers.n)

    def value(self, data: bytes, algorithm: str) -> bytes:
        return self.private.sign(data, padding.PKCS1v15(), self.HASHES[algorithm])

    def sign(self, data: bytes) -> bytes:
        return NS(self.algorithm.encode()) + NS(self.value(data, self.algorithm))


class DSA:
    """A user's DSA key."""

    algorithm = "ssh-dss"

    def __init__(self, bits: int = 1024) -> None:
        self.private = dsa.generate_private_key(bits)
        public = self.private.public_key().public_numbers()
        numbers = public.parameter_numbers
        self.blob = NS(b"ssh-dss") + b"".join(map(MP, (numbers.p, numbers.q, numbers.g, public.y)))

    def sign(self, data: bytes) -> bytes:
        numbers = utils.decode_dss_signature(self.private.sign(data, hashes.SHA1()))
        return NS(b"ssh-dss") + NS(b"".join(number.to_bytes(20) for number in numbers))


class SecurityKey:
    """A user's security key; `flags` is what it says about touch."""

    algorithm = "sk-ssh-ed25519@openssh.com"
    application = b"ssh:"

    def __init__(self, flags: int = 0x01) -> None:
        self.private = ed25519.Ed25519PrivateKey.generate()
        self.device = bytes((flags,)) + unhex("0000002a")
        self.blob = NS(self.algorithm.encode()) + NS(_raw(self.private)) + NS(b"ssh:")

    def message(self, data: bytes) -> bytes:
        return sha256(self.application).digest() + self.device + sha256(data).digest()

    def sign(self, data: bytes) -> bytes:
        return NS(self.algorithm.encode()) + NS(self.private.sign(self.message(data))) + self.device


class SecurityKeyP256(SecurityKey):
    """The same with ECDSA."""

    algorithm = "sk-ecdsa-sha2-nistp256@openssh.com"

    def __init__(self, flags: int = 0x01) -> None:
        super().__init__(flags)
        self.inner = ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
        self.blob = (
            NS(SecurityKeyP256.algorithm.encode()) + NS(b"nistp256") + NS(_point(self.inner.private)) + NS(b"ssh:")
        )

    def sign(self, data: bytes) -> bytes:
        return NS(self.algorithm.encode()) + self.value(self.message(data)) + self.device

    def value(self, message: bytes) -> bytes:
        return self.inner.sign(message)[len(NS(self.inner.algorithm.encode())) :]


class WebAuthnKey(SecurityKeyP256):
    """
    A security key in a browser.

    Attributes:
        origin: the web site, as it stands in the signature.
        head: how the client data begins, up to the challenge.
        foot: how it goes on after the challenge.
    """

    algorithm = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
    origin = b"https://login.example"
    head = b'{"type":"webauthn.get","challenge":"'
    foot = b'","origin":"https://login.example","crossOrigin":false}'
    padding = b""

    def __init__(self, flags: int = 0x01, extensions: bytes = b"") -> None:
        super().__init__(flags)
        self.extensions = extensions

    def sign(self, data: bytes) -> bytes:
        client_data = self.head + urlsafe_b64encode(data).rstrip(b"=") + self.padding + self.foot
        message = sha256(b"ssh:").digest() + self.device + self.extensions + sha256(client_data).digest()
        said = NS(self.origin) + NS(client_data) + NS(self.extensions)
        return NS(self.algorithm.encode()) + self.value(message) + self.device + said


def line(key: Any) -> str:
    """A line of authorized_keys."""
    return f"{key.algorithm} {b64encode(key.blob).decode()}"


def logged(test: SynchronousTestCase) -> list[str]:
    """What is logged as an error until the test ends: the texts that operators see."""
    lines: list[str] = []

    def observe(event: Any) -> None:
        if event["log_level"] is LogLevel.error:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    test.addCleanup(globalLogPublisher.removeObserver, observe)
    return lines


def request(user: bytes, method: bytes, rest: bytes = b"", service: bytes = b"ssh-connection") -> bytes:
    """A USERAUTH_REQUEST without its number."""
    return NS(user) + NS(service) + NS(method) + rest


def password_request(user: bytes, password: bytes) -> bytes:
    return request(user, b"password", b"\0" + NS(password))


def interactive_request(user: bytes) -> bytes:
    """What OpenSSH sends: no language, no wish."""
    return request(user, b"keyboard-interactive", NS(b"") + NS(b""))


def answers(*texts: bytes) -> bytes:
    """An INFO_RESPONSE without its number."""
    return len(texts).to_bytes(4, "big") + b"".join(map(NS, texts))


def offer(user: bytes, key: Any) -> bytes:
    return request(user, b"publickey", b"\0" + NS(key.algorithm.encode()) + NS(key.blob))


HOST_KEY = NS(b"ssh-ed25519") + NS(bytes(32))
HOST_BOUND = b"publickey-hostbound-v00@openssh.com"


def bound_offer(user: bytes, key: Any, host_key: bytes = HOST_KEY) -> bytes:
    """An offer for one host only, as OpenSSH has it."""
    return request(user, HOST_BOUND, b"\0" + NS(key.algorithm.encode()) + NS(key.blob) + NS(host_key))


def bound_proof(user: bytes, key: Any, host_key: bytes = HOST_KEY, session: bytes = SESSION) -> bytes:
    """A proof for one host only."""
    head = request(user, HOST_BOUND, b"\x01" + NS(key.algorithm.encode()) + NS(key.blob) + NS(host_key))
    return head + NS(key.sign(NS(session) + bytes((REQUEST,)) + head))


def proof(user: bytes, key: Any, signer: Any = None, session: bytes = SESSION) -> bytes:
    """A signed request for `key`, signed by `signer` (default: the key itself)."""
    head = request(user, b"publickey", b"\x01" + NS(key.algorithm.encode()) + NS(key.blob))
    return head + NS((signer or key).sign(NS(session) + bytes((REQUEST,)) + head))


class Workers:
    """Runs blocking calls at once."""

    def run(self, function: Any, *args: Any, source: Any = None) -> "Deferred[Any]":
        return maybeDeferred(function, *args)


class SlowWorkers:
    """Keeps blocking calls until they are finished one by one."""

    def __init__(self) -> None:
        self.pending: list[tuple[Deferred[Any], Any, tuple[Any, ...]]] = []

    def run(self, function: Any, *args: Any, source: Any = None) -> "Deferred[Any]":
        done: Deferred[Any] = Deferred()
        self.pending.append((done, function, args))
        return done

    def finish(self) -> None:
        done, function, args = self.pending.pop(0)
        maybeDeferred(function, *args).chainDeferred(done)


class Avatar(ConchUser):  # type: ignore[misc]
    """An avatar that counts its logouts."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.logouts = 0

    def logged_out(self) -> None:
        self.logouts += 1


class Transport(Penalised):
    """What `UserAuth` asks of its transport, without a socket."""

    def __init__(self, *checkers: Any, make_avatar: Any = Avatar, **settings: Any) -> None:
        super().__init__()
        self.clock, self.workers = Clock(), cast(Any, Workers())
        self.events = EventHub(clock=self.clock)
        self.connection_id = 7
        self.server_settings = Settings(TABLE, default_auth_methods=("publickey", "password"))
        self.settings = self.server_settings.overlay(self.connection_id)
        for name, value in settings.items():
            self.server_settings.set(name, value)
        portal = Portal(SFTPRealm(make_avatar), checkers)
        self.factory = SimpleNamespace(portal=portal, events=self.events, now=lambda: self.now, proofs=self.workers)
        self.factory.policies = self.factory.barred = None
        self.factory.trust = KeyTrust(self.server_settings, Workers())
        self.factory.gss = Acceptor(self.server_settings, cast(Any, self.workers))
        self.now = 1_800_000_000.0
        self.home_dir = ""
        self.ending = self.gss_context = None
        self.sessionID = SESSION
        self.first_host_key = HOST_KEY
        self.log = ConnectionLog(1, "192.0.2.1")
        self.otherVersionString = b"SSH-2.0-client"
        self.user_signature_algorithms = ALGORITHMS
        self.sent: list[tuple[int, bytes]] = []
        self.unimplemented = 0
        self.disconnected: list[tuple[int, bytes]] = []
        self.logins: list[tuple[str, Any, Any]] = []
        self.service = UserAuth()
        self.service.transport = self
        self.service.delay = RefusalDelay(b"key")
        self.service.serviceStarted()

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 4711)

    def sendPacket(self, number: int, payload: bytes) -> None:
        self.sent.append((int(number), payload))

    def sendUnimplemented(self) -> None:
        self.unimplemented += 1

    def sendDisconnect(self, reason: int, text: bytes, code: int = 0) -> None:
        self.disconnected.append((int(reason), text))

    async def prepared(self, user_name: str, avatar: Any, home_dir: str) -> Any:
        self.home_dir = home_dir
        return avatar

    def authenticated(self, user_name: str, avatar: Any, logout: Any) -> None:
        self.logins.append((user_name, avatar, logout))
        self.service.serviceStopped()

    def receive(self, payload: bytes, number: int = REQUEST) -> None:
        """Hand a message over as the real transport does: as a view of a buffer that is used again."""
        buffer = bytearray(payload)
        self.service.packetReceived(number, memoryview(buffer))
        buffer[:] = b"\xee" * len(buffer)

    def ask(self, payload: bytes, seconds: float = 10.0, number: int = REQUEST) -> list[tuple[int, bytes]]:
        """Send a message, wait, and return what was answered."""
        before = len(self.sent)
        self.receive(payload, number)
        self.clock.advance(seconds)
        return self.sent[before:]


METHODS = b"publickey,password,keyboard-interactive"
REFUSED = (FAILURE, NS(METHODS) + b"\0")
NONE = request(b"alice", b"none")
WRONG = password_request(b"alice", b"wrong")
RIGHT = password_request(b"alice", b"right")


@implementer(ICredentialsChecker)
class Passwords:
    """Lets alice in with `right`; `answers` may take over."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, answer: Any = None) -> None:
        self.asked: list[Any] = []
        self.answer = answer

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        if self.answer is not None:
            return self.answer()
        if (credentials.username, credentials.password) == (b"alice", b"right"):
            return succeed(credentials.username)
        raise UnauthorizedLogin("no")


@implementer(ICredentialsChecker)
class Keys:
    """Lets users in with listed keys, as a careful checker of Conch does."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, **blobs: Any) -> None:
        self.blobs = blobs
        self.asked: list[Any] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        key = self.blobs.get(credentials.username.decode())
        if key is None or key.blob != credentials.blob:
            raise UnauthorizedLogin("unknown key")
        if credentials.signature is None:
            raise ValidPublicKey
        return credentials.username
