"""
Logins with X.509 certificates: which ones are trusted, whose they are, and what is no proof.
"""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from twisted.conch.ssh.common import NS

from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.events import SSHUserAuthRequest
from conchsftp.ssh.algorithms.x509_blobs import MOST_CERTIFICATES, X509_FORMS
from tests.auth.listening import Case, accept
from tests.auth.support import ECDSA, FAILURE, PK_OK, SUCCESS, Ed25519, Keys, Transport, logged, offer, proof
from tests.auth.test_certificates import CertificateCase, line
from tests.auth.x509 import (
    ALICE,
    CA_EXTENSION,
    DAY,
    DSA_ALICE,
    NOW,
    RSA_ALICE,
    Issuer,
    Shown,
    alternative,
    der,
    name,
    pem,
    purpose,
    rfc6187,
    upn,
)

ROOT = Issuer("Example root")
CA = Issuer("Example CA", ROOT)
IMPOSTOR = Issuer("Example CA")
SUBJECT = "CN=alice,O=Example"


def certified(key: Any = ALICE, issuer: Issuer = CA, *more: Any, **values: Any) -> Shown:
    """A key with a certificate of alice's, and that of its CA."""
    return Shown(key, issuer.issue(key.private.public_key(), *more, **values), issuer.certificate)


class X509Case(CertificateCase):
    """The server trusts the root, and alice is `CN=alice,O=Example`."""

    def setUp(self) -> None:
        super().setUp()
        self.write("users", f"[alice]\nx509 = ['{SUBJECT}']\n[bob]\n")
        self.trusted = self.write("trusted.pem", pem(ROOT.certificate))

    def transport(self, **settings: Any) -> Transport:
        settings.setdefault("trusted_x509_certificates", self.trusted)
        transport = super().transport(**settings)
        transport.user_signature_algorithms += tuple(X509_FORMS)
        return transport


class FormTests(X509Case):
    def test_every_form(self) -> None:
        """Each name lets in with its key, its blob and its signature: RFC 6187, and the older draft."""
        p384 = ECDSA(ec.SECP384R1(), "nistp384", hashes.SHA384())
        p521 = ECDSA(ec.SECP521R1(), "nistp521", hashes.SHA512())
        rows = (
            ("x509v3-ecdsa-sha2-nistp256", ALICE),
            ("x509v3-ecdsa-sha2-nistp384", p384),
            ("x509v3-ecdsa-sha2-nistp521", p521),
            ("x509v3-rsa2048-sha256", RSA_ALICE),
            ("x509v3-ssh-rsa", RSA_ALICE),
            ("x509v3-ssh-dss", DSA_ALICE),
            ("x509v3-sign-rsa", RSA_ALICE),
            ("x509v3-sign-dss", DSA_ALICE),
        )
        self.assertEqual({algorithm for algorithm, _ in rows}, set(X509_FORMS))
        self.write("trusted.pem", pem(CA.certificate))
        for algorithm, key in rows:
            leaf = CA.issue(key.private.public_key())
            self.assertTrue(self.answer(Shown(key, leaf, algorithm=algorithm)), algorithm)
            self.assertFalse(self.answer(Shown(key, leaf, algorithm=algorithm), user=b"bob"), algorithm)

    def test_names_in_signatures(self) -> None:
        """`x509v3-sign-rsa` is also signed as `ssh-rsa`, with SHA-1 only; a DSA signature may be DER."""
        self.write("trusted.pem", pem(CA.certificate))

        def rsa(label: bytes, digest: Any) -> Any:
            return lambda data: NS(label) + NS(RSA_ALICE.private.sign(data, padding.PKCS1v15(), digest))

        def dss(label: bytes) -> Any:
            return lambda data: NS(label) + NS(DSA_ALICE.private.sign(data, hashes.SHA1()))

        sign_rsa, sha256 = b"x509v3-sign-rsa", b"x509v3-rsa2048-sha256"
        for key, algorithm, signature, lets_in in (
            (RSA_ALICE, sign_rsa, rsa(b"ssh-rsa", hashes.SHA1()), True),
            (RSA_ALICE, sign_rsa, rsa(sign_rsa, hashes.SHA1()), True),
            (RSA_ALICE, sign_rsa, rsa(sign_rsa, hashes.MD5()), False),
            (RSA_ALICE, sign_rsa, rsa(sign_rsa, hashes.SHA256()), False),
            (RSA_ALICE, sign_rsa, rsa(b"rsa-sha2-256", hashes.SHA256()), False),
            (RSA_ALICE, sha256, rsa(b"rsa2048-sha256", hashes.SHA256()), True),
            (RSA_ALICE, sha256, rsa(b"rsa-sha2-256", hashes.SHA256()), False),
            (RSA_ALICE, sha256, rsa(b"rsa2048-sha256", hashes.SHA1()), False),
            (RSA_ALICE, sha256, rsa(b"ssh-rsa", hashes.SHA1()), False),
            (DSA_ALICE, b"x509v3-sign-dss", dss(b"x509v3-sign-dss"), True),
            (DSA_ALICE, b"x509v3-sign-dss", dss(b"ssh-dss"), True),
            (DSA_ALICE, b"x509v3-sign-dss", lambda data: NS(b"ssh-dss") + NS(bytes(39)), False),
            (DSA_ALICE, b"x509v3-ssh-dss", dss(b"ssh-dss"), False),
        ):
            leaf = CA.issue(key.private.public_key())
            shown = Shown(key, leaf, algorithm=algorithm.decode(), signature=signature)
            answered = self.transport().ask(proof(b"alice", shown))[0][0]
            self.assertEqual(answered, SUCCESS if lets_in else FAILURE, (algorithm, lets_in))

    def test_off(self) -> None:
        """Without a file of trusted certificates, or where an algorithm is not named, nobody gets in."""
        self.assertFalse(self.answer(certified(), trusted_x509_certificates=""))
        transport = self.transport()
        transport.user_signature_algorithms = ("ecdsa-sha2-nistp256", "x509v3-ecdsa-sha2-nistp384")
        self.assertEqual(transport.ask(proof(b"alice", certified()))[0][0], FAILURE)

    def test_answers_of_ocsp(self) -> None:
        """What a client sends of OCSP is not looked at, as long as there is no more of it than of certificates."""
        leaf, ca = der(CA.issue(ALICE.private.public_key())), der(CA.certificate)
        for count, lets_in in ((0, True), (2, True), (3, False)):
            blob = rfc6187("x509v3-ecdsa-sha2-nistp256", leaf, ca, answers=[b"?"] * count)
            self.assertEqual(self.answer(Shown(ALICE, CA.certificate, blob=blob)), lets_in, count)


class AttackTests(X509Case):
    def test_malformed(self) -> None:
        """A key that is cut short anywhere, or goes on after its end, lets nobody in; so do its certificates."""
        shown = certified()
        for blob in (*(shown.blob[:length] for length in range(len(shown.blob))), shown.blob + b"\0"):
            with self.assertRaises(Exception) as caught:
                X509UserCertificate.parse(shown.algorithm, blob)
            self.assertEqual(type(caught.exception).__name__, "BadCertificate", len(blob))
        whole = der(CA.issue(RSA_ALICE.private.public_key()))
        for blob in (*(whole[:length] for length in range(len(whole))), whole + b"\0"):
            with self.assertRaises(Exception) as caught:
                X509UserCertificate.parse("x509v3-sign-rsa", blob)
            self.assertEqual(type(caught.exception).__name__, "BadCertificate", len(blob))

    def test_every_byte(self) -> None:
        """Whatever byte of a certificate is another one, nobody gets in."""
        leaf = der(CA.issue(ALICE.private.public_key()))
        for at in range(0, len(leaf), 3):
            forged = bytearray(leaf)
            forged[at] ^= 1
            blob = rfc6187("x509v3-ecdsa-sha2-nistp256", bytes(forged), der(CA.certificate))
            transport = self.transport()
            answered = transport.ask(proof(b"alice", Shown(ALICE, CA.certificate, blob=blob)))
            self.assertEqual(answered[0][0], FAILURE, at)

    def test_name_of_the_blob(self) -> None:
        """A key that is not of the algorithm that the request names is none."""
        leaf = CA.issue(RSA_ALICE.private.public_key())
        other = rfc6187("x509v3-ssh-rsa", der(leaf), der(CA.certificate))
        self.assertFalse(self.answer(Shown(RSA_ALICE, leaf, algorithm="x509v3-rsa2048-sha256", blob=other)))
        self.assertFalse(self.answer(Shown(RSA_ALICE, leaf, algorithm="x509v3-sign-rsa", blob=other)))
        self.assertFalse(self.answer(Shown(RSA_ALICE, leaf, algorithm="x509v3-ssh-rsa", blob=der(leaf))))
        self.assertFalse(self.answer(Shown(RSA_ALICE, leaf, algorithm="x509v3-ssh-rsa", blob=RSA_ALICE.blob)))

    def test_kind_of_key(self) -> None:
        """A certificate of another kind of key does not fit, whatever signs."""
        rsa = CA.issue(RSA_ALICE.private.public_key())
        self.assertFalse(self.answer(Shown(ALICE, rsa, CA.certificate)))
        self.assertFalse(self.answer(Shown(RSA_ALICE, CA.issue(ALICE.private.public_key()), CA.certificate)))
        edwards = CA.issue(Ed25519().private.public_key())
        self.assertFalse(self.answer(Shown(ALICE, edwards, CA.certificate)))

    def test_many(self) -> None:
        """More certificates than anybody needs are refused before one is read."""
        leaf, ca = der(CA.issue(ALICE.private.public_key())), der(CA.certificate)
        for count, lets_in in ((MOST_CERTIFICATES, True), (MOST_CERTIFICATES + 1, False), (100, False)):
            blob = rfc6187("x509v3-ecdsa-sha2-nistp256", leaf, *([ca] * (count - 1)))
            self.assertEqual(self.answer(Shown(ALICE, CA.certificate, blob=blob)), lets_in, count)
        self.assertFalse(self.answer(Shown(ALICE, CA.certificate, blob=rfc6187("x509v3-ecdsa-sha2-nistp256"))))

    def test_other_ca_of_the_same_name(self) -> None:
        """A certificate of a CA that only has the name of a trusted one is worth nothing, also beside the right one."""
        leaf = IMPOSTOR.issue(ALICE.private.public_key())
        for others in ((), (IMPOSTOR.certificate,), (CA.certificate,), (IMPOSTOR.certificate, CA.certificate)):
            self.assertFalse(self.answer(Shown(ALICE, leaf, *others)))

    def test_self_signed(self) -> None:
        """A certificate that nobody has issued lets in only where it is trusted itself."""
        leaf = Issuer("alice", extensions=(), private=ALICE.private).certificate
        self.assertEqual(leaf.subject, name("alice"))
        self.assertFalse(self.answer(Shown(ALICE, leaf)))
        self.write("trusted.pem", pem(ROOT.certificate, leaf))
        self.assertTrue(self.answer(Shown(ALICE, leaf)))
        self.assertFalse(self.answer(Shown(ALICE, leaf), user=b"bob"))
        # A second one, with the same key and name, is not that one.
        again = Issuer("alice", extensions=(), private=ALICE.private, serial=8).certificate
        self.assertFalse(self.answer(Shown(ALICE, again)))

    def test_signature_over_other_data(self) -> None:
        """A signature of another session, or by another key, is none."""
        stranger = ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
        transport = self.transport()
        self.assertEqual(transport.ask(proof(b"alice", certified(), session=bytes(32)))[0][0], FAILURE)
        self.assertEqual(transport.ask(proof(b"alice", certified(), signer=stranger))[0][0], FAILURE)
        self.assertEqual(transport.ask(proof(b"alice", certified()))[0][0], SUCCESS)

    def test_swapped(self) -> None:
        """What was offered with a good certificate is not proved with another one."""
        transport = self.transport()
        self.assertEqual(transport.ask(offer(b"alice", certified()))[0][0], PK_OK)
        for other in (certified(issuer=IMPOSTOR), certified(before=NOW - 1), certified(ALICE, CA, name("bob"))):
            self.assertEqual(transport.ask(proof(b"alice", other))[0][0], FAILURE)

    def test_expired(self) -> None:
        """A certificate is good from its first second to its last."""
        for after, before, lets_in in (
            (NOW, NOW, True),
            (NOW + 1, NOW + DAY, False),
            (NOW - DAY, NOW - 1, False),
        ):
            self.assertEqual(self.answer(certified(after=after, before=before)), lets_in)

    def test_bare_key(self) -> None:
        """The key of a certificate alone lets nobody in, nor does a certificate whose key stands in `keys`."""
        self.assertFalse(self.answer(ALICE))
        self.write("users", f"[alice]\nkeys = ['{line(ALICE)}']\n[bob]\n")
        self.assertTrue(self.answer(ALICE))
        self.assertFalse(self.answer(certified()))


class NamesTests(X509Case):
    def listed(self, *names: str) -> None:
        self.write("users", f"[alice]\nx509 = {list(names)}\n[bob]\nx509 = ['email:bob@example.com']\n")

    def test_subject(self) -> None:
        """A subject has to be the whole one, in the order of RFC 4514; one of several is enough."""
        for names, lets_in in (
            (["CN=alice, O=Example"], True),
            (["CN=bob,O=Example", SUBJECT], True),
            (["CN=alice"], False),
            (["O=Example,CN=alice"], False),
            (["CN=alice,O=Example,C=DE"], False),
            (["CN=Alice,O=Example"], False),
            (["CN=alice+O=Example"], False),
        ):
            self.listed(*names)
            self.assertEqual(self.answer(certified()), lets_in, names)

    def test_alternative_names(self) -> None:
        """Email addresses and user principal names count as a whole; what stands in the subject is no address."""
        mail, ad = x509.RFC822Name("alice@example.com"), upn("alice@corp.example")
        shown = certified(ALICE, CA, None, [alternative(mail, ad)])
        for each, lets_in in (
            ("email:alice@example.com", True),
            ("upn:alice@corp.example", True),
            ("email:alice@corp.example", False),
            ("upn:alice@example.com", False),
            ("email:alice@example.co", False),
            ("email:example.com", False),
        ):
            self.listed(each)
            self.assertEqual(self.answer(shown), lets_in, each)
        self.listed("email:alice@example.com")
        self.assertFalse(self.answer(certified(ALICE, CA, name("alice@example.com"))))
        self.assertFalse(self.answer(shown, user=b"bob"))

    def test_two_users(self) -> None:
        """A certificate lets in whoever lists it, and nobody else; two who do are two users with one key."""
        self.write("users", f"[alice]\nx509 = ['{SUBJECT}']\n[bob]\nx509 = ['{SUBJECT}']\n[carol]\n")
        self.assertTrue(self.answer(certified()) and self.answer(certified(), user=b"bob"))
        self.assertFalse(self.answer(certified(), user=b"carol") or self.answer(certified(), user=b"dave"))

    def test_user_name(self) -> None:
        """Only where X509UserName says so, a name in the certificate is that of the user."""
        self.write("users", "[alice]\n['alice@example.com']\n[bob]\nx509 = ['CN=robert,O=Example']\n")
        alice = certified(ALICE, CA, None, [alternative(x509.RFC822Name("alice@example.com"))])
        bob = certified(ALICE, CA, name("bob"))
        for kind, user, shown, lets_in in (
            ("none", b"alice", alice, False),
            ("common-name", b"alice", alice, True),
            ("common-name", b"bob", alice, False),
            ("email", b"alice", alice, False),
            ("email", b"alice@example.com", alice, True),
            ("upn", b"alice@example.com", alice, False),
            # Who lists names means these, and no others.
            ("common-name", b"bob", bob, False),
            ("common-name", b"dave", certified(ALICE, CA, name("dave")), False),
        ):
            self.assertEqual(self.answer(shown, user=user, x509_user_name=kind), lets_in, (kind, user))

    def test_two_common_names(self) -> None:
        """A subject with two common names names nobody by them."""
        self.write("users", "[alice]\n")
        both = x509.Name([*name("alice"), *name("bob")])
        self.assertFalse(self.answer(certified(ALICE, CA, both), x509_user_name="common-name"))


class FilesTests(X509Case):
    def test_read_again(self) -> None:
        """The file is read again; what cannot be read as a whole trusts nobody, and the log says so once."""
        lines = logged(self)
        transport = self.transport()
        shown, asked = certified(), offer(b"alice", certified())
        self.assertEqual(transport.ask(asked)[0][0], PK_OK)
        for content in ("", "nothing", pem(ROOT.certificate)[:-60], pem(IMPOSTOR.certificate)):
            self.write("trusted.pem", content)
            # One that has read the file when it was right, and one that has not.
            self.assertEqual((transport.ask(asked)[0][0], self.answer(shown)), (FAILURE, False), content)
        self.write("trusted.pem", "# ours\n" + pem(ROOT.certificate, IMPOSTOR.certificate))
        self.assertEqual(transport.ask(asked)[0][0], PK_OK)
        self.assertTrue(self.answer(shown))
        self.assertFalse(self.answer(shown, trusted_x509_certificates=self.trusted + ".gone"))
        told = [each for each in lines if "nobody can log in with an X.509 certificate until it is right" in each]
        self.assertTrue(told and not any("Traceback" in each for each in lines))

    def test_revoked(self) -> None:
        """What a CA has revoked lets nobody in; a CA of which there is no current list neither."""
        lists = self.write("lists.pem", ROOT.revoke() + CA.revoke(5))
        for content, lets_in in (
            (ROOT.revoke() + CA.revoke(5), True),
            (ROOT.revoke() + CA.revoke(5, 7), False),
            (ROOT.revoke(7) + CA.revoke(), False),
            (ROOT.revoke(), False),
            (CA.revoke(), False),
            (ROOT.revoke() + IMPOSTOR.revoke(), False),
            (ROOT.revoke() + IMPOSTOR.revoke(7) + CA.revoke(), True),
            (ROOT.revoke() + CA.revoke(before=NOW - 1), False),
            (ROOT.revoke() + CA.revoke(after=NOW + 1), False),
            (ROOT.revoke() + CA.revoke() + CA.revoke(7, before=NOW - 1), False),
            (ROOT.revoke() + CA.revoke(extra=[(x509.DeltaCRLIndicator(1), True)]), False),
            ((ROOT.revoke() + CA.revoke())[:-60], False),
            ("", False),
        ):
            self.write("lists.pem", content)
            self.assertEqual(self.answer(certified(), x509_revocation_lists=lists), lets_in, content)
        self.assertFalse(self.answer(certified(), x509_revocation_lists=lists + ".gone"))

    def test_revoked_keys(self) -> None:
        """RevokedKeys counts for X.509 as well: the key of the user, and of any CA on the way."""
        ca = ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
        issuer = Issuer("Example CA", ROOT, private=ca.private)
        for key, lets_in in ((Ed25519(), True), (ALICE, False), (ca, False)):
            revoked = self.write("revoked", line(key))
            self.assertEqual(self.answer(certified(issuer=issuer), revoked_keys=revoked), lets_in)


class EventTests(Case):
    def listen(self, *checkers: Any, say: Any = None, **settings: Any) -> Transport:
        case = X509Case()
        case.mktemp = self.mktemp
        case.setUp()
        settings.setdefault("trusted_x509_certificates", case.trusted)
        transport = super().listen(*checkers, say=say, **settings)
        transport.user_signature_algorithms += tuple(X509_FORMS)
        return transport

    def test_facts(self) -> None:
        """Handlers are told of the certificate that leads to a trusted one, with the algorithm, and may let it in."""
        shown = certified(ALICE, CA, None, [purpose("1.3.6.1.5.5.7.3.21")], serial=258)
        transport = self.listen(say=accept)
        self.assertEqual(self.numbers(offer(b"carol", shown)), [PK_OK])
        self.assertEqual(transport.ask(proof(b"carol", shown))[0][0], SUCCESS)
        event: SSHUserAuthRequest = self.told[-1]
        self.assertEqual((event.key_algorithm, event.auth_param), (shown.algorithm, shown.blob))
        found = event.certificate
        assert isinstance(found, X509UserCertificate)
        self.assertEqual((found.subject, found.issuer, found.serial), (SUBJECT, "CN=Example CA,O=Example", 258))
        self.assertEqual((found.valid_after, found.valid_before), (NOW - DAY, NOW + DAY))
        self.assertEqual([each.subject for each in found.path], [name("alice"), CA.name, ROOT.name])

    def test_worthless(self) -> None:
        """What is worth nothing is refused before any handler or checker is asked."""
        keys = Keys(alice=ALICE)
        transport = self.listen(keys, say=accept, max_auth_attempts=100)
        for shown in (
            certified(issuer=IMPOSTOR),
            certified(before=NOW - 1),
            certified(ALICE, CA, None, [CA_EXTENSION]),
        ):
            self.assertEqual(transport.ask(offer(b"alice", shown))[0][0], FAILURE)
            self.assertEqual(transport.ask(proof(b"alice", shown))[0][0], FAILURE)
        self.assertEqual((self.told, keys.asked), ([], []))

    def test_checkers_of_keys(self) -> None:
        """A checker that knows no certificates finds none of its keys in one."""
        transport = self.listen(Keys(alice=ALICE))
        self.assertEqual(transport.ask(proof(b"alice", certified()))[0][0], FAILURE)
        self.assertEqual(transport.ask(proof(b"alice", ALICE))[0][0], SUCCESS)
