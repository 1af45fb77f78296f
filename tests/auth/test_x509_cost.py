"""
What a stranger's X.509 certificates cost, which may be made to be expensive.
"""

from typing import Any

from cryptography import x509
from twisted.logger import formatEvent, globalLogPublisher

from conchsftp.auth.keys.x509_path import TrustedCertificates, trusted_path
from conchsftp.ssh.algorithms.x509_blobs import LONGEST_CERTIFICATE
from tests.auth.support import FAILURE, Workers, offer, proof
from tests.auth.test_x509 import CA, IMPOSTOR, X509Case, certified
from tests.auth.x509 import ALICE, NOW, RSA_ALICE, Issuer, Shown, name, pem


class CostTests(X509Case):
    def parsed(self) -> "list[Any]":
        """Have noted in which thread certificates are read, by its number."""
        read: list[Any] = []
        load = x509.load_der_x509_certificate

        def noted(data: bytes) -> x509.Certificate:
            read.append(self.working[-1])
            return load(data)

        self.patch(x509, "load_der_x509_certificate", noted)
        return read

    def test_in_threads(self) -> None:
        """A stranger's certificate is read in a thread, once, also where it is offered, refused and logged."""
        self.working, run = [False], Workers.run

        def working(workers: Any, *args: Any, **named: Any) -> Any:
            self.working.append(True)
            try:
                return run(workers, *args, **named)
            finally:
                self.working.pop()

        self.patch(Workers, "run", working)
        read, lines = self.parsed(), list[str]()
        observe = lambda event: lines.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        transport = self.transport(max_auth_attempts=100)
        for shown in (certified(), certified(issuer=IMPOSTOR)):
            for asked in (offer(b"alice", shown), proof(b"bob", shown)):
                transport.ask(asked)
        self.assertEqual(read, [True] * 8)
        said = "X.509 'CN=alice,O=Example' (serial 7) CA 'CN=Example CA,O=Example'"
        self.assertTrue(any(said in each for each in lines))

    def test_unread(self) -> None:
        """Where the algorithm is not accepted, nobody reads the certificate."""
        self.working = [False]
        read = self.parsed()
        transport = self.transport()
        transport.user_signature_algorithms = ("ecdsa-sha2-nistp256",)
        for asked in (offer(b"alice", certified()), proof(b"alice", certified())):
            self.assertEqual(transport.ask(asked)[0][0], FAILURE)
        self.assertEqual(read, [])

    def test_long(self) -> None:
        """A certificate longer than any that people have is not read, wherever it stands."""
        rsa = RSA_ALICE.private.public_key()
        self.write("trusted.pem", pem(CA.certificate))
        for length, lets_in in ((7000, True), (LONGEST_CERTIFICATE, False)):
            filled = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(length)), False)]
            long = CA.issue(ALICE.private.public_key(), None, filled)
            self.assertEqual(self.answer(Shown(ALICE, long)), lets_in)
            self.assertEqual(self.answer(Shown(ALICE, CA.issue(ALICE.private.public_key()), long)), lets_in)
            self.assertEqual(
                self.answer(Shown(RSA_ALICE, CA.issue(rsa, None, filled), algorithm="x509v3-sign-rsa")), lets_in
            )

    def test_names_are_read_once(self) -> None:
        """However long the way is, the name of each certificate beside it is read once: there may be many in a name."""
        way = [Issuer("1", Issuer("0"))]
        for number in range(2, 5):
            way.append(Issuer(str(number), way[-1]))
        beside = [Counted() for _ in range(3)]
        leaf = way[-1].issue(ALICE.private.public_key())
        sent = leaf, *beside, *(each.certificate for each in reversed(way[1:]))
        path = trusted_path(sent, TrustedCertificates((way[0].certificate,)), NOW)  # type: ignore[arg-type]
        self.assertEqual(len(path), 5)
        self.assertEqual([each.reads for each in beside], [1] * 3)


class Counted:
    """A certificate of nobody, that counts how often its name is read."""

    reads = 0

    @property
    def subject(self) -> x509.Name:
        self.reads += 1
        return name("nobody")
