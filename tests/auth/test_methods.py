"""
Authentication requests as bytes, and the credentials that become of them.
"""

from twisted.conch.ssh.common import NS
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.auth.credentials import Credentials, KeyOffer, KeyProof, Nothing, Password
from conchsftp.auth.key_method import PublicKeyMethod
from conchsftp.auth.methods import METHODS, AuthRequest, NoneMethod, PasswordMethod
from conchsftp.auth.password_change import PasswordChange
from conchsftp.auth.progress import AuthAttempt, AuthProgress
from conchsftp.errors import ProtocolViolation
from conchsftp.secret import Secret
from tests.auth.support import ALGORITHMS, RSA, SESSION, Ed25519, offer, password_request, proof, request, unhex

KEY = Ed25519()
ADDRESS = IPv4Address("TCP", "192.0.2.1", 4711)
NOW = 1_800_000_000.0


def attempt(parsed: AuthRequest, algorithms: tuple[str, ...] = ALGORITHMS) -> AuthAttempt:
    return AuthAttempt(
        user=parsed.user,
        user_name=parsed.user.decode(),
        service=parsed.service,
        method=parsed.method,
        address=ADDRESS,
        now=NOW,
        session_id=SESSION,
        algorithms=algorithms,
        progress=AuthProgress(),
    )


def verify(payload: bytes, algorithms: tuple[str, ...] = ALGORITHMS) -> Credentials:
    parsed = AuthRequest.parse(payload)
    assert parsed.body is not None
    return parsed.body.verify(attempt(parsed, algorithms))


class LayoutTests(SynchronousTestCase):
    HEAD = "00000005 616c696365  0000000e 7373682d636f6e6e656374696f6e"

    def parsed(self, rest: str) -> AuthRequest:
        parsed = AuthRequest.parse(unhex(self.HEAD + rest))
        self.assertEqual((parsed.user, parsed.service), (b"alice", b"ssh-connection"))
        return parsed

    def test_none(self) -> None:
        """none: user, service, method, nothing else (RFC 4252, 5.2)."""
        self.assertEqual(self.parsed("00000004 6e6f6e65").body, NoneMethod())

    def test_password(self) -> None:
        """password: FALSE, password (RFC 4252, 8)."""
        parsed = self.parsed("00000008 70617373776f7264  00  00000002 7077")
        self.assertEqual(parsed.body, PasswordMethod(secret=Secret(b"pw"), new_secret=None))

    def test_password_change(self) -> None:
        """password: TRUE, old password, new password (RFC 4252, 8)."""
        parsed = self.parsed("00000008 70617373776f7264  01  00000002 7077  00000003 6e6577")
        self.assertEqual(parsed.body, PasswordMethod(secret=Secret(b"pw"), new_secret=Secret(b"new")))

    def test_offer(self) -> None:
        """publickey: FALSE, algorithm, blob (RFC 4252, 7)."""
        parsed = self.parsed("00000009 7075626c69636b6579  00  00000003 616c67  00000004 626c6f62")
        assert isinstance(parsed.body, PublicKeyMethod)
        self.assertEqual((parsed.body.algorithm, parsed.body.blob, parsed.body.signature), ("alg", b"blob", None))

    def test_proof(self) -> None:
        """publickey: TRUE, algorithm, blob, signature; the signature covers all that is before it (RFC 4252, 7)."""
        signed = self.HEAD + "00000009 7075626c69636b6579  01  00000003 616c67  00000004 626c6f62"
        parsed = AuthRequest.parse(unhex(signed + "00000003 736967"))
        assert isinstance(parsed.body, PublicKeyMethod)
        self.assertEqual(parsed.body.signature, b"sig")
        self.assertEqual(parsed.body.signed, unhex("32" + signed))

    def test_unknown(self) -> None:
        """A method that we do not know is read as far as its name."""
        parsed = AuthRequest.parse(request(b"alice", b"telepathy\xff", b"anything"))
        self.assertEqual((parsed.method, parsed.body), ("telepathy\\xff", None))


class BrokenTests(SynchronousTestCase):
    def test_cut_short(self) -> None:
        """Every request that is cut short, at any length, is a violation and nothing else."""
        change = request(b"alice", b"password", b"\x01" + NS(b"old") + NS(b"new"))
        for whole in (
            request(b"alice", b"none"),
            password_request(b"alice", b"pw"),
            change,
            offer(b"alice", KEY),
            proof(b"alice", KEY),
        ):
            AuthRequest.parse(whole)
            for length in range(len(whole)):
                self.assertRaises(ProtocolViolation, AuthRequest.parse, whole[:length])

    def test_excess(self) -> None:
        """A request of a method that we know holds nothing more than that method has."""
        for whole in (request(b"alice", b"none"), password_request(b"alice", b"pw"), proof(b"alice", KEY)):
            self.assertRaises(ProtocolViolation, AuthRequest.parse, whole + b"\0")

    def test_huge_length(self) -> None:
        """A length far beyond the packet is a violation."""
        self.assertRaises(ProtocolViolation, AuthRequest.parse, b"\xff\xff\xff\xff")


class CredentialsTests(SynchronousTestCase):
    def test_password(self) -> None:
        """A password becomes what checkers of Twisted know, and does not show."""
        password = verify(password_request(b"alice", b"hunter2"))
        assert isinstance(password, Password)
        verifyObject(IUsernamePassword, password)
        self.assertEqual((password.username, password.password), (b"alice", b"hunter2"))
        self.assertTrue(password.checkPassword(b"hunter2"))
        self.assertTrue(password.checkPassword("hunter2"))
        self.assertFalse(password.checkPassword(b"hunter3"))
        self.assertEqual(password.address, ADDRESS)
        self.assertNotIn("hunter2", repr(password) + repr(AuthRequest.parse(password_request(b"alice", b"hunter2"))))

    def test_password_change(self) -> None:
        """A request to change the password is none to log in with the old one: no checker of passwords sees it."""
        credentials = verify(request(b"a", b"password", b"\x01" + NS(b"old") + NS(b"new")))
        self.assertFalse(IUsernamePassword.providedBy(credentials))
        assert isinstance(credentials, PasswordChange)
        self.assertEqual((credentials.password, credentials.new_password), (b"old", b"new"))

    def test_offer(self) -> None:
        """An offer carries no signature: for checkers of Conch that is what makes it one."""
        offered = verify(offer(b"alice", KEY))
        assert isinstance(offered, KeyOffer)
        verifyObject(ISSHPrivateKey, offered)
        self.assertEqual((offered.username, offered.algName, offered.blob), (b"alice", b"ssh-ed25519", KEY.blob))
        self.assertIsNone(offered.signature)
        self.assertIsNone(offered.sigData)

    def test_proof(self) -> None:
        """A proof carries the signature and what it covers."""
        proven = verify(proof(b"alice", KEY))
        assert isinstance(proven, KeyProof)
        verifyObject(ISSHPrivateKey, proven)
        self.assertEqual((proven.username, proven.algName, proven.blob), (b"alice", b"ssh-ed25519", KEY.blob))
        KEY.private.public_key().verify(proven.signature[-64:], proven.sigData)

    def test_other_session(self) -> None:
        """A signature that was made for another connection proves nothing."""
        self.assertRaises(UnauthorizedLogin, verify, proof(b"alice", KEY, session=bytes(32)))

    def test_other_user(self) -> None:
        """A signature that was made for another user proves nothing."""
        self.assertRaises(UnauthorizedLogin, verify, proof(b"alice", KEY).replace(b"alice", b"carol", 1))

    def test_unusual_true(self) -> None:
        """TRUE is every byte but zero, and the signature covers the byte as it was sent (RFC 4251, 5)."""
        head = request(b"alice", b"publickey", b"\x02" + NS(b"ssh-ed25519") + NS(KEY.blob))
        signature = KEY.sign(NS(SESSION) + b"\x32" + head)
        self.assertIsInstance(verify(head + NS(signature)), KeyProof)

    def test_algorithm_list(self) -> None:
        """Only algorithms of the setting are accepted, in an offer and in a proof."""
        for payload in (offer(b"alice", KEY), proof(b"alice", KEY)):
            self.assertRaises(UnauthorizedLogin, verify, payload, ("rsa-sha2-512",))

    def test_inner_algorithm(self) -> None:
        """A request that names one algorithm and is signed with another is refused, although both are good."""
        key, other = RSA(algorithm="rsa-sha2-512"), RSA(algorithm="rsa-sha2-256")
        other.private = key.private
        accepted = ("rsa-sha2-512", "rsa-sha2-256")
        self.assertIsInstance(verify(proof(b"alice", key), accepted), KeyProof)
        self.assertRaises(UnauthorizedLogin, verify, proof(b"alice", key, signer=other), accepted)

    def test_type_and_algorithm(self) -> None:
        """An algorithm that does not fit the type of the key is refused, in an offer already."""
        key = RSA()
        key.algorithm = "ssh-ed25519"
        self.assertRaises(UnauthorizedLogin, verify, offer(b"alice", key))

    def test_bad_key(self) -> None:
        """What is no key, or a weak one, is refused and does not end the connection."""
        weak = RSA(1024)
        self.assertRaises(UnauthorizedLogin, verify, offer(b"alice", weak))
        weak.blob = b"garbage"
        self.assertRaises(UnauthorizedLogin, verify, offer(b"alice", weak))

    def test_detail(self) -> None:
        """The log names algorithm and fingerprint; what a peer writes there cannot break the line."""
        body = AuthRequest.parse(offer(b"alice", KEY)).body
        assert body is not None
        self.assertRegex(body.detail, "^ 'ssh-ed25519' SHA256:")
        body = AuthRequest.parse(offer(b"alice", KEY).replace(b"\x0bssh-ed25519", b"\x0bssh-\n\x1b25519", 1)).body
        assert body is not None
        self.assertTrue(body.detail.isprintable())

    def test_none(self) -> None:
        """none proves nothing, and no checker is responsible for it."""
        shown = verify(request(b"alice", b"none"))
        self.assertIsInstance(shown, Nothing)
        self.assertEqual([each for each in (ISSHPrivateKey, IUsernamePassword) if each.providedBy(shown)], [])


class TableTests(SynchronousTestCase):
    def test_rows(self) -> None:
        """Every method stands under its own name, and says how long its refusals take."""
        for name, method in METHODS.items():
            self.assertEqual(method.name, name)
            self.assertGreaterEqual(method.refusal_seconds, 0.0)
