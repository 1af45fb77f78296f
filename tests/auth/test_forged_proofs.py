"""
Proofs that are none, for whoever decides: nobody is let in, and nobody is told that a key was proved.

Each forgery is tried against deciders that trust everything they are told: what they never hear cannot mislead them.
"""

import os
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.credentials import KeyProof
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.events import SSHUserAuthRequest
from tests.auth.support import (
    ALGORITHMS,
    FAILURE,
    HOST_BOUND,
    HOST_KEY,
    PK_OK,
    REQUEST,
    RSA,
    SESSION,
    SUCCESS,
    Ed25519,
    SecurityKey,
    Transport,
    Workers,
    bound_proof,
    offer,
    proof,
    request,
)

# Keys of alice; B is that of the administrator.
A, R, S, B = Ed25519(), RSA(), SecurityKey(), Ed25519()
UNTOUCHED, OTHER_APPLICATION = SecurityKey(0), SecurityKey()
for _other in (UNTOUCHED, OTHER_APPLICATION):
    _other.private, _other.blob = S.private, S.blob
OTHER_APPLICATION.application = b"ssh:other"
OLD = RSA(algorithm="ssh-rsa")
OLD.private, OLD.blob = R.private, R.blob


def head(key: Any, *, user: bytes = b"alice", method: bytes = b"publickey", **other: Any) -> bytes:
    """What is signed of a request, after the number of the message."""
    algorithm, blob = other.get("algorithm", key.algorithm.encode()), other.get("blob", key.blob)
    rest = other.get("flag", b"\x01") + NS(algorithm) + NS(blob) + other.get("after", b"")
    return request(user, method, rest, other.get("service", b"ssh-connection"))


def forged(
    key: Any,
    *,
    signer: Any = None,
    session: bytes = NS(SESSION),
    number: int = REQUEST,
    as_user: bytes = b"alice",
    **other: Any,
) -> bytes:
    """A request for a key, with a signature over one that differs in what is given; `as_user` says who it is for."""
    data = session + bytes((number,)) + head(key, **other)
    return head(key, user=as_user) + NS((signer or key).sign(data))


def mangled(key: Any, change: Callable[[bytes], bytes]) -> bytes:
    """A request whose signature was changed."""
    whole = head(key)
    return whole + NS(change(key.sign(NS(SESSION) + bytes((REQUEST,)) + whole)))


def renamed(name: bytes) -> Callable[[bytes], bytes]:
    return lambda signature: NS(name) + signature[len(NS(R.algorithm.encode())) :]


FORGERIES: dict[str, bytes] = {
    "by another key": forged(A, signer=B),
    "by the key of another, for the administrator": forged(B, signer=A, as_user=b"admin", user=b"admin"),
    "for another user": forged(A, user=b"admin"),
    "of another user": forged(B, as_user=b"admin"),
    "for another service": forged(A, service=b"ssh-userauth"),
    "for another method": forged(A, method=b"hostbased"),
    "for a host": forged(A, method=HOST_BOUND, after=NS(HOST_KEY)),
    "of an offer": forged(A, flag=b"\0"),
    "of another kind of true": forged(A, flag=b"\x02"),
    "of another key": forged(A, blob=B.blob),
    "of another algorithm": forged(R, algorithm=b"rsa-sha2-256"),
    "of another session": forged(A, session=NS(bytes(32))),
    "of no session": forged(A, session=b""),
    "of a session without its length": forged(A, session=SESSION),
    "of another message": forged(A, number=51),
    "of more": forged(A, after=b"\0"),
    "cut short": mangled(A, lambda signature: signature[:-1]),
    "cut short inside": mangled(A, lambda signature: NS(b"ssh-ed25519") + NS(signature[-64:-1])),
    "extended": mangled(A, lambda signature: signature + b"\0"),
    "extended inside": mangled(A, lambda signature: NS(b"ssh-ed25519") + NS(signature[-64:] + b"\0")),
    "twice": mangled(A, lambda signature: signature * 2),
    "empty": mangled(A, lambda signature: b""),
    "without a value": mangled(A, lambda signature: NS(b"ssh-ed25519") + NS(b"")),
    "of zeros": mangled(A, lambda signature: NS(b"ssh-ed25519") + NS(bytes(64))),
    "without a name": mangled(A, lambda signature: signature[-64:]),
    "with SHA-1": mangled(R, lambda signature: OLD.sign(NS(SESSION) + bytes((REQUEST,)) + head(R))),
    "renamed to SHA-1": mangled(R, renamed(b"ssh-rsa")),
    "renamed": mangled(R, renamed(b"rsa-sha2-256")),
    "renamed, and cut short": mangled(R, renamed(b"rsa-sha2-51")),
    "RSA cut short": mangled(R, lambda signature: signature[:-1]),
    "RSA extended": mangled(R, lambda signature: NS(b"rsa-sha2-512") + NS(b"\0" + signature[-256:])),
    "not touched": forged(S, signer=UNTOUCHED),
    "for another application": forged(S, signer=OTHER_APPLICATION),
    "touched afterwards": mangled(UNTOUCHED, lambda signature: signature[:-5] + b"\x01" + signature[-4:]),
    "counted on": mangled(S, lambda signature: signature[:-1] + bytes((signature[-1] ^ 1,))),
    "without flags": mangled(S, lambda signature: signature[:-5]),
    "for another host": bound_proof(b"alice", A, host_key=NS(b"ssh-ed25519") + NS(b"\x01" * 32)),
    "with SHA-1 in its place": proof(b"alice", OLD).replace(NS(b"ssh-rsa"), NS(b"rsa-sha2-512"), 1),
}
"""What is wrong with a proof → the request."""


@implementer(ICredentialsChecker)
class Trusting:
    """A checker that says yes to whatever reaches it, and notes it."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        return succeed(credentials.username)


class ForgedTests(SynchronousTestCase):
    """The same forgeries for everybody who decides."""

    def transport(self, *checkers: Any) -> Transport:
        """A connection of which every event of a key is noted; RSA with SHA-1 counts, too."""
        transport = Transport(*checkers, fire_auth_request_after_sig=True, max_auth_attempts=1000)
        transport.user_signature_algorithms = (*ALGORITHMS, "ssh-rsa")
        self.told: list[SSHUserAuthRequest] = []
        transport.events.on(SSHUserAuthRequest, self.told.append)
        return transport

    def refuse_all(self, transport: Callable[[], Transport]) -> None:
        """Try every forgery, alone and after offers; nobody may be let in or told of a proof."""
        for offers in ((), (A, B), (B, A), (R,), (S,)):
            for what, payload in FORGERIES.items():
                connection = transport()
                for key in offers:
                    connection.ask(offer(b"admin" if key is B else b"alice", key))
                self.told.clear()
                self.assertEqual([number for number, _ in connection.ask(payload)], [FAILURE], what)
                self.assertEqual(connection.logins, [], what)
                self.assertEqual([event.auth_param for event in self.told], ["0"], what)
        for key in (A, R, S, OLD):
            connection = transport()
            self.assertEqual(connection.ask(proof(b"alice", key)), [(SUCCESS, b"")])
            self.assertEqual([event.auth_param for event in self.told], [key.blob, "1"])

    def test_users_file(self) -> None:
        """The users file."""
        path = self.mktemp()
        lines = {"alice": (A, R, S), "admin": (B,)}
        with open(path, "w") as file:
            for user, keys in lines.items():
                texts = [
                    f"{Key.fromString(key.blob).sshType().decode()} {b64encode(key.blob).decode()}" for key in keys
                ]
                file.write(f"[{user}]\nkeys = {texts!r}\n")
        os.chmod(path, 0o600)
        checker = UsersFileChecker(UsersFile(path), Workers())
        self.refuse_all(lambda: self.transport(checker))

    def test_conch(self) -> None:
        """Conch's checker of keys."""
        known = {b"alice": [A, R, S], b"admin": [B]}
        keys = {user: [Key.fromString(key.blob) for key in each] for user, each in known.items()}
        checker = SSHPublicKeyChecker(InMemorySSHKeyDB(keys))  # type: ignore[no-untyped-call]
        self.refuse_all(lambda: self.transport(checker))

    def test_trusting_checker(self) -> None:
        """A checker that says yes to everything: it never hears of a proof that is none."""
        checker = Trusting()
        self.refuse_all(lambda: self.transport(checker))
        proved = [asked.blob for asked in checker.asked if isinstance(asked, KeyProof)]
        self.assertEqual(proved, [A.blob, R.blob, S.blob, OLD.blob])

    def test_trusting_handler(self) -> None:
        """A handler that says yes to everything."""

        def transport() -> Transport:
            made = self.transport()
            made.events.on(SSHUserAuthRequest, lambda event: setattr(event, "accept", True))
            return made

        self.refuse_all(transport)


class MisusedTests(SynchronousTestCase):
    """Applications that keep what they were told: what they keep last is what was proved (CVE-2024-45337)."""

    def setUp(self) -> None:
        self.kept: dict[str, Any] = {}

    def keep(self, event: SSHUserAuthRequest) -> None:
        """Accept every key, and keep it without asking whether it was only offered."""
        if event.auth_method == "publickey":
            self.kept["key"], self.kept["user"] = event.auth_param, event.user
        event.accept = event.auth_method in ("publickey", "sigstatus")

    def test_last_event(self) -> None:
        """Whatever was offered before, by whatever name: the last key that an application hears of has logged in."""
        for after_signature in (False, True):
            for offers in ([A, B], [B, A], [B], [B] * 3, [B, A, B]):
                transport = Transport(fire_auth_request_after_sig=after_signature)
                transport.events.on(SSHUserAuthRequest, self.keep)
                for key in offers:
                    self.assertEqual(transport.ask(offer(b"admin" if key is B else b"alice", key))[0][0], PK_OK)
                self.assertEqual(transport.ask(proof(b"alice", A)), [(SUCCESS, b"")])
                self.assertEqual((self.kept["key"], self.kept["user"]), (A.blob, "alice"))

    def test_other_user(self) -> None:
        """An offer for one user says nothing about a proof for another."""
        checker = SSHPublicKeyChecker(
            InMemorySSHKeyDB({b"alice": [Key.fromString(A.blob)], b"admin": [Key.fromString(B.blob)]})  # type: ignore[no-untyped-call]
        )
        for offered_for, offered, user, key, answer in (
            (b"admin", B, b"admin", A, FAILURE),
            (b"alice", A, b"admin", A, FAILURE),
            (b"admin", B, b"alice", B, FAILURE),
            (b"admin", B, b"alice", A, SUCCESS),
        ):
            transport = Transport(checker)
            self.assertEqual(transport.ask(offer(offered_for, offered))[0][0], PK_OK)
            self.assertEqual(transport.ask(proof(user, key))[0][0], answer)
            self.assertEqual([login[0] for login in transport.logins], ["alice"] if answer == SUCCESS else [])

    def test_pipelined(self) -> None:
        """Offers and proofs that come at once are judged in their order, each by itself."""
        transport = Transport()
        transport.events.on(SSHUserAuthRequest, self.keep)
        for payload in (
            offer(b"alice", A),
            offer(b"admin", B),
            forged(B, signer=A),
            proof(b"alice", A),
            offer(b"admin", B),
        ):
            transport.receive(payload)
        transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [PK_OK, PK_OK, FAILURE, SUCCESS])
        self.assertEqual((self.kept["key"], self.kept["user"]), (A.blob, "alice"))
