"""
Keys bound to a host, security keys that were touched or not, keys that take long to check.
"""

from functools import partial
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.internet.address import IPv6Address
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.credentials import IUntouchedKey, KeyOffer, KeyProof, UntouchedProof
from conchsftp.auth.key_method import PublicKeyMethod
from conchsftp.auth.keys.security_keys import DEMANDS
from conchsftp.auth.methods import AuthRequest
from conchsftp.errors import ProtocolViolation
from conchsftp.settings.table import TABLE
from conchsftp.workers import FewThreads
from tests.auth.listening import Case, accept
from tests.auth.support import (
    ALGORITHMS,
    DSA,
    ECDSA,
    FAILURE,
    HOST_KEY,
    NONE,
    PK_OK,
    REFUSED,
    RSA,
    SUCCESS,
    Ed25519,
    Keys,
    Passwords,
    SecurityKey,
    SecurityKeyP256,
    SlowWorkers,
    Transport,
    WebAuthnKey,
    bound_offer,
    bound_proof,
    offer,
    proof,
    request,
    unhex,
)

A = Ed25519()
OTHER_HOST = NS(b"ssh-ed25519") + NS(b"\x01" * 32)
P521 = ECDSA(ec.SECP521R1(), "nistp521", hashes.SHA512())
P384 = ECDSA(ec.SECP384R1(), "nistp384", hashes.SHA384())


class HostBoundLayoutTests(SynchronousTestCase):
    """publickey-hostbound-v00@openssh.com (OpenSSH's PROTOCOL, 3.1)."""

    HEAD = """00000005 616c696365  0000000e 7373682d636f6e6e656374696f6e
        00000023 7075626c69636b65792d686f7374626f756e642d763030406f70656e7373682e636f6d"""
    FIELDS = "00000003 616c67  00000004 626c6f62  00000004 686f7374"

    def test_offer(self) -> None:
        """FALSE, algorithm, blob, host key."""
        parsed = AuthRequest.parse(unhex(self.HEAD + "00" + self.FIELDS))
        assert isinstance(parsed.body, PublicKeyMethod)
        self.assertEqual((parsed.body.algorithm, parsed.body.blob, parsed.body.host_key), ("alg", b"blob", b"host"))
        self.assertIsNone(parsed.body.signature)

    def test_proof(self) -> None:
        """TRUE, algorithm, blob, host key, signature; the signature covers all that is before it."""
        signed = self.HEAD + "01" + self.FIELDS
        parsed = AuthRequest.parse(unhex(signed + "00000003 736967"))
        assert isinstance(parsed.body, PublicKeyMethod)
        self.assertEqual((parsed.body.host_key, parsed.body.signature), (b"host", b"sig"))
        self.assertEqual(parsed.body.signed, unhex("32" + signed))

    def test_name(self) -> None:
        """It is the method publickey, under whatever name it comes."""
        parsed = AuthRequest.parse(bound_proof(b"alice", A))
        assert parsed.body is not None
        self.assertEqual((parsed.method, parsed.body.name), ("publickey", "publickey"))

    def test_cut_short(self) -> None:
        """A request that is cut short, at any length, or that has something after it, is a violation."""
        for whole in (bound_offer(b"alice", A), bound_proof(b"alice", A)):
            AuthRequest.parse(whole)
            for length in range(len(whole)):
                self.assertRaises(ProtocolViolation, AuthRequest.parse, whole[:length])
            self.assertRaises(ProtocolViolation, AuthRequest.parse, whole + b"\0")


class HostBoundTests(Case):
    """What comes of a key that is bound to a host."""

    def test_login(self) -> None:
        """It is offered and proved as any key is, and checkers see no difference."""
        keys = Keys(alice=A)
        transport = Transport(keys)
        self.assertEqual(transport.ask(bound_offer(b"alice", A)), [(PK_OK, NS(b"ssh-ed25519") + NS(A.blob))])
        self.assertEqual(transport.ask(bound_proof(b"alice", A)), [(SUCCESS, b"")])
        self.assertEqual([type(asked) for asked in keys.asked], [KeyOffer, KeyProof])
        self.assertEqual({asked.attempt.method for asked in keys.asked}, {"publickey"})

    def test_other_host(self) -> None:
        """Who signs for another server has somebody in between, and is refused before anybody is asked."""
        keys = Keys(alice=A)
        for wrong in (OTHER_HOST, b"", HOST_KEY[:-1], HOST_KEY + b"\0"):
            transport = Transport(keys, Passwords())
            self.assertEqual(transport.ask(bound_offer(b"alice", A, host_key=wrong)), [REFUSED])
            self.assertEqual(transport.ask(bound_proof(b"alice", A, host_key=wrong)), [REFUSED])
            self.assertEqual(keys.asked, [])

    def test_name_is_signed(self) -> None:
        """A signature for one of the two methods is none for the other."""
        keys = Keys(alice=A)
        plain, bound = proof(b"alice", A), bound_proof(b"alice", A)
        signature = len(NS(A.sign(b"")))
        for head, other in ((plain, bound), (bound, plain)):
            mixed = head[:-signature] + other[-signature:]
            self.assertEqual(Transport(keys, Passwords()).ask(mixed), [REFUSED])
        self.assertEqual(keys.asked, [])

    def test_host_key_is_signed(self) -> None:
        """The host key cannot be exchanged on the way."""
        relayed = bound_proof(b"alice", A, host_key=OTHER_HOST).replace(OTHER_HOST, HOST_KEY)
        self.assertEqual(Transport(Keys(alice=A), Passwords()).ask(relayed), [REFUSED])

    def test_not_listed(self) -> None:
        """No list of methods has it, and a list that has publickey means it as well."""
        transport = Transport(Keys(alice=A), default_auth_methods=("publickey",))
        self.assertEqual(transport.ask(NONE), [(FAILURE, NS(b"publickey") + b"\0")])
        self.assertEqual(transport.ask(bound_proof(b"alice", A)), [(SUCCESS, b"")])
        without = Transport(Keys(alice=A), Passwords(), default_auth_methods=("password",))
        self.assertEqual(without.ask(bound_proof(b"alice", A))[0][0], FAILURE)

    def test_counts(self) -> None:
        """A refusal counts as that of any key."""
        transport = Transport(Keys(alice=A), max_auth_attempts=2)
        for _ in range(2):
            transport.ask(bound_proof(b"alice", A, host_key=OTHER_HOST))
        self.assertEqual([reason for reason, _ in transport.disconnected], [2])

    def test_events(self) -> None:
        """Handlers know it as publickey; a wrong signature of it is told as one of any key."""
        self.listen(say=accept, fire_auth_request_after_sig=True)
        self.assertEqual(self.numbers(bound_proof(b"alice", A, host_key=OTHER_HOST)), [FAILURE])
        self.assertEqual(self.numbers(bound_offer(b"alice", A)), [PK_OK])
        self.assertEqual(self.numbers(bound_proof(b"alice", A)), [SUCCESS])
        expected = [("sigstatus", "0"), ("publickey", A.blob), ("publickey", A.blob), ("sigstatus", "1")]
        self.assertEqual(self.seen(), expected)

    def test_detail(self) -> None:
        """The log tells that a key was bound to the host key."""
        for payload, bound in ((bound_proof(b"alice", A), True), (proof(b"alice", A), False)):
            body = AuthRequest.parse(payload).body
            assert body is not None
            self.assertEqual("host-bound" in body.detail, bound)


@implementer(ICredentialsChecker)
class Untouched(Keys):
    """A checker that knows of its keys that they need not be touched."""

    credentialInterfaces = (ISSHPrivateKey, IUntouchedKey)


class TouchTests(Case):
    """Security keys that were touched, or not."""

    KINDS = (SecurityKey, SecurityKeyP256)

    def test_demands(self) -> None:
        """Every value of the setting demands something, and each more than the one before."""
        described = TABLE.find("PubkeyAuthOptions").kind.described
        self.assertEqual(described, "one of " + ", ".join(f"`{word}`" for word in DEMANDS))
        self.assertEqual(sorted(DEMANDS.values()), list(DEMANDS.values()))

    def test_ordinary_checkers(self) -> None:
        """A checker that knows nothing of touch is not asked about a key that was not touched."""
        for kind in self.KINDS:
            for flags, answer in ((0, REFUSED), (4, REFUSED), (1, (SUCCESS, b"")), (5, (SUCCESS, b""))):
                key = kind(flags)
                keys = Keys(alice=key)
                self.assertEqual(Transport(keys, Passwords()).ask(proof(b"alice", key)), [answer])
                self.assertEqual(len(keys.asked), flags & 1)

    def test_checkers_that_know(self) -> None:
        """A checker that knows that a key need not be touched is asked, and believed."""
        for kind in self.KINDS:
            key, keys = kind(0), Untouched()
            self.assertEqual(Transport(keys, Passwords()).ask(proof(b"alice", key)), [REFUSED])
            keys.blobs["alice"] = key
            self.assertEqual(Transport(keys).ask(proof(b"alice", key)), [(SUCCESS, b"")])
            self.assertEqual([type(asked) for asked in keys.asked], [UntouchedProof] * 2)
            self.assertFalse(ISSHPrivateKey.providedBy(keys.asked[0]))

    def test_reason(self) -> None:
        """The log says that it was not touched, or what a checker says who knows of such keys."""
        lines: list[str] = []

        def note(event: Any) -> None:
            lines.append(event.get("reason", ""))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        key = SecurityKey(0)
        for checker, expected in (
            (Keys(alice=key), "the security key was not touched"),
            (Untouched(), "unknown key"),
        ):
            Transport(checker).ask(proof(b"alice", key))
            self.assertEqual([line for line in lines if line], [expected])
            lines.clear()

    def test_setting(self) -> None:
        """What PubkeyAuthOptions demands holds for every key, whatever a checker knows of it."""
        for option, needed in (("none", 0), ("touch-required", 1), ("verify-required", 5)):
            for flags in (0, 1, 4, 5):
                key = SecurityKey(flags)
                keys = Untouched(alice=key)
                transport = Transport(keys, Passwords(), pubkey_auth_options=option)
                expected = (SUCCESS, b"") if flags & needed == needed else REFUSED
                self.assertEqual(transport.ask(proof(b"alice", key)), [expected], (option, flags))
                self.assertEqual(len(keys.asked), int(expected is not REFUSED))

    def test_setting_and_other_keys(self) -> None:
        """Keys that are no security keys have nobody to ask, and are not meant."""
        transport = Transport(Keys(alice=A), pubkey_auth_options="verify-required")
        self.assertEqual(transport.ask(proof(b"alice", A)), [(SUCCESS, b"")])

    def test_offers(self) -> None:
        """An offer says nothing about touch, and is judged without."""
        key = SecurityKey(0)
        transport = Transport(Keys(alice=key), pubkey_auth_options="verify-required")
        self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK)

    def test_handlers(self) -> None:
        """Handlers are told of touch and verification, and see no key without touch unless a checker wants it."""
        for flags, checkers, expected in (
            (0, (), None),
            (0, (Keys,), None),
            (0, (Untouched,), (False, False)),
            (1, (), (True, False)),
            (5, (), (True, True)),
        ):
            key = SecurityKey(flags)
            self.listen(*(each(alice=key) for each in checkers), say=accept)
            self.assertEqual(self.numbers(proof(b"alice", key)), [SUCCESS if expected else FAILURE])
            told = [(event.touched, event.verified) for event in self.told]
            self.assertEqual(told, [expected] if expected else [])

    def test_handlers_may_refuse(self) -> None:
        """A handler may want touch where a checker does not."""
        key = SecurityKey(0)
        self.listen(Untouched(alice=key), say=lambda event: setattr(event, "accept", event.accept and event.touched))
        self.assertEqual(self.numbers(proof(b"alice", key)), [FAILURE])

    def test_no_word_about_offers(self) -> None:
        """Of an offered key, or of one without a device, nothing is said about touch."""
        key = SecurityKey(5)
        self.listen(say=accept)
        self.assertEqual(self.numbers(offer(b"alice", key)) + self.numbers(proof(b"alice", A)), [PK_OK, SUCCESS])
        self.assertEqual([(event.touched, event.verified) for event in self.told], [(False, False)] * 2)

    def test_after_signature(self) -> None:
        """A key that should have been touched is told as a wrong signature is."""
        for checkers in ((), (Keys(),)):
            key = SecurityKey(0)
            self.listen(*checkers, say=accept, fire_auth_request_after_sig=True)
            self.assertEqual(self.numbers(proof(b"alice", key)), [FAILURE])
            self.assertEqual(self.seen(), [("sigstatus", "0")])


class SlowTests(SynchronousTestCase):
    """Signatures that take longer to check than others should wait."""

    def transport(self, *checkers: Any) -> Transport:
        transport = Transport(*checkers)
        transport.factory.proofs = self.workers = SlowWorkers()
        return transport

    def test_in_a_thread(self) -> None:
        """Those of large curves are checked in a thread; the answer waits for it."""
        for key in (P384, P521):
            transport = self.transport(Keys(alice=key))
            self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK)
            self.assertEqual(transport.ask(proof(b"alice", key)), [])
            self.workers.finish()
            self.assertEqual(transport.sent[-1], (SUCCESS, b""))

    def test_by_turns(self) -> None:
        """Hosts have their turns one after the other: who comes behind a flood from elsewhere waits for one of them."""
        slow, shown = SlowWorkers(), proof(b"alice", P521)
        threads = FewThreads(slow, 1)
        transports = []
        for host in (*[f"2001:db8::{number}" for number in range(9)], "192.0.2.7"):
            transports.append(self.transport(Keys(alice=P521)))
            transports[-1].factory.proofs = threads
            self.patch(transports[-1], "getPeer", partial(IPv6Address, "TCP", host, 4711))
            transports[-1].receive(shown)
        for _ in range(3):
            slow.finish()
        self.assertEqual([bool(each.sent) for each in transports], [True] * 2 + [False] * 7 + [True])

    def test_wrong(self) -> None:
        """A wrong one is refused as anywhere else."""
        keys = Keys(alice=P521)
        transport = self.transport(keys, Passwords())
        self.assertEqual(transport.ask(proof(b"alice", P521, session=bytes(32))), [])
        self.workers.finish()
        transport.clock.advance(10)
        self.assertEqual((transport.sent, keys.asked), ([REFUSED], []))

    def test_offers(self) -> None:
        """An offer has nothing to check, unless it is one of a certificate."""
        certificate = b"\0" + NS(b"ecdsa-sha2-nistp521-cert-v01@openssh.com") + NS(P521.blob)
        for payload, slow in ((offer(b"alice", P521), False), (request(b"alice", b"publickey", certificate), True)):
            body = AuthRequest.parse(payload).body
            assert body is not None
            self.assertEqual(body.slow, slow)

    def test_quick(self) -> None:
        """Those of most people are checked at once: a thread would take longer."""
        transport = self.transport(Keys(alice=A))
        self.assertEqual(transport.ask(proof(b"alice", A)), [(SUCCESS, b"")])
        self.assertEqual(self.workers.pending, [])

    def test_lost(self) -> None:
        """A connection that is lost meanwhile logs nobody in."""
        transport = self.transport(Keys(alice=P521))
        transport.receive(proof(b"alice", P521))
        transport.service.serviceStopped()
        self.workers.finish()
        self.assertEqual((transport.sent, transport.logins), ([], []))

    def test_in_order(self) -> None:
        """What comes meanwhile waits."""
        transport = self.transport(Keys(alice=A), Passwords())
        transport.receive(proof(b"alice", P521))
        self.assertEqual(transport.ask(proof(b"alice", A)), [])
        self.workers.finish()
        transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [FAILURE, SUCCESS])


class NamesTests(SynchronousTestCase):
    def test_sha1(self) -> None:
        """Algorithms that are accepted by name only are refused without it, in an offer already."""
        for key in (RSA(algorithm="ssh-rsa"), DSA(), WebAuthnKey()):
            for names, answer in ((ALGORITHMS, FAILURE), ((*ALGORITHMS, key.algorithm), SUCCESS)):
                transport = Transport(Keys(alice=key))
                transport.user_signature_algorithms = names
                first = transport.ask(offer(b"alice", key))[0][0]
                self.assertEqual(first, PK_OK if answer == SUCCESS else FAILURE)
                self.assertEqual(transport.ask(proof(b"alice", key))[0][0], answer)

    def test_certificates(self) -> None:
        """The name of an algorithm for certificates does not fit a key that is none."""
        body = proof(b"alice", A).replace(NS(b"ssh-ed25519"), NS(b"ssh-ed25519-cert-v01@openssh.com"), 1)
        self.assertEqual(Transport(Keys(alice=A), Passwords()).ask(body), [REFUSED])
