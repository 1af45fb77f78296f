"""
Logins with certificates: which CA is trusted, for whom, and what was revoked.
"""

import os
from base64 import b64encode
from typing import Any

from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.trust import KeyTrust
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.events import SSHUserAuthRequest
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.keys.public_blob import fingerprint
from conchsftp.testing import memory_server
from tests.auth.certificates import KRL_HEAD, Certified, krl_certificates, krl_section, u64
from tests.auth.listening import Case, accept
from tests.auth.support import (
    FAILURE,
    PK_OK,
    RSA,
    SUCCESS,
    Ed25519,
    Keys,
    SecurityKey,
    Transport,
    Workers,
    logged,
    offer,
    proof,
)

CA, OTHER_CA, KEY, OTHER = Ed25519(), Ed25519(), Ed25519(), Ed25519()
NOW = 1_800_000_000


def line(key: Any, options: str = "") -> str:
    return f"{options} {key.blob[4 : 4 + key.blob[3]].decode()} {b64encode(key.blob).decode()}".strip()


class CertificateCase(SynchronousTestCase):
    """The client is at 192.0.2.1, it is January 2027, and there are alice and bob."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.write("users", "[alice]\n[bob]\n")

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file and return where it is."""
        place = os.path.join(self.folder, name)
        with open(place, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(place, 0o600)
        return place

    def transport(self, **settings: Any) -> Transport:
        return Transport(UsersFileChecker(UsersFile(os.path.join(self.folder, "users")), Workers()), **settings)

    def answer(self, shown: Any, *, user: bytes = b"alice", **settings: Any) -> bool:
        """Return whether what is shown lets in; it is told of the offer as of the proof."""
        transport = self.transport(**settings)
        offered = transport.ask(offer(user, shown))[0][0]
        proved = transport.ask(proof(user, shown))[0][0]
        self.assertIn((offered, proved), [(PK_OK, SUCCESS), (FAILURE, FAILURE)])
        return proved == SUCCESS


class UsersCATests(CertificateCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("users", f"[alice]\nca_keys = ['{line(CA)}']\n[bob]\n")

    def test_ca_keys(self) -> None:
        """A user's own CA lets in that user, and nobody else; another CA does not."""
        self.assertTrue(self.answer(Certified(KEY, CA)))
        self.assertFalse(self.answer(Certified(KEY, OTHER_CA)))
        both = (b"alice", b"bob")
        self.assertFalse(self.answer(Certified(KEY, CA, principals=both), user=b"bob"))
        self.assertFalse(self.answer(Certified(KEY, CA, principals=(b"carol",)), user=b"carol"))

    def test_not_the_keys(self) -> None:
        """Neither the key of the CA itself nor the bare key of a certificate lets in."""
        self.assertFalse(self.answer(CA))
        self.assertFalse(self.answer(KEY))

    def test_principals(self) -> None:
        """A certificate has to name the user, exactly; no name at all is nobody's."""
        for names, lets_in in (
            ((b"alice",), True),
            ((b"x", b"alice"), True),
            ((b"bob",), False),
            ((b"Alice",), False),
            ((b"alice,bob",), False),
            ((b"*",), False),
            ((b"",), False),
            ((), False),
        ):
            self.assertEqual(self.answer(Certified(KEY, CA, principals=names)), lets_in, names)

    def test_principals_of_the_user(self) -> None:
        """Where the users file has principals, one of those is needed, and the user name is none by itself."""
        self.write("users", f"[alice]\nca_keys = ['{line(CA)}']\nprincipals = ['staff', 'ops']\n")
        for name, lets_in in ((b"staff", True), (b"ops", True), (b"alice", False), (b"Staff", False)):
            self.assertEqual(self.answer(Certified(KEY, CA, principals=(name,))), lets_in, name)

    def test_cert_authority(self) -> None:
        """A line with cert-authority is a CA; its options hold for the certificates."""
        for options, principals, lets_in in (
            ("cert-authority", (b"alice",), True),
            ('cert-authority,principals="staff,ops"', (b"ops",), True),
            ('cert-authority,principals="staff,ops"', (b"alice",), False),
            ('cert-authority,from="192.0.2.0/24"', (b"alice",), True),
            ('cert-authority,from="198.51.100.0/24"', (b"alice",), False),
            ('cert-authority,expiry-time="20260101"', (b"alice",), False),
            ("restrict", (b"alice",), False),
            ('principals="alice"', (b"alice",), False),
        ):
            self.write("users", "[alice]\nkeys_file = 'keys'\n")
            self.write("keys", line(CA, options))
            self.assertEqual(self.answer(Certified(KEY, CA, principals=principals)), lets_in, options)

    def test_a_certificate_is_no_key(self) -> None:
        """A key that lets in does not, while a certificate without a trusted CA stands in its place."""
        self.write("users", f"[alice]\nkeys = ['{line(KEY)}']\n")
        self.assertTrue(self.answer(KEY))
        self.assertFalse(self.answer(Certified(KEY, OTHER_CA)))

    def test_stolen_certificate(self) -> None:
        """Who has a certificate, and not its key, has nothing."""
        shown = Certified(KEY, CA)
        transport = self.transport()
        self.assertEqual(transport.ask(offer(b"alice", shown))[0][0], PK_OK)
        self.assertEqual(transport.ask(proof(b"alice", shown, signer=OTHER))[0][0], FAILURE)
        self.assertEqual(transport.ask(proof(b"alice", shown, signer=CA))[0][0], FAILURE)

    def test_worthless(self) -> None:
        """What is forged, expired, for a host, or asks for what is not done lets nobody in."""
        for shown in (
            Certified(KEY, CA, signature=OTHER.sign(b"x")),
            Certified(KEY, OTHER_CA, ca_blob=CA.blob),
            Certified(KEY, CA, before=NOW),
            Certified(KEY, CA, after=NOW + 1),
            Certified(KEY, CA, kind=2),
            Certified(KEY, CA, critical=[(b"telepathy", b"")]),
            Certified(KEY, CA, critical=[(b"force-command", NS(b"sh"))]),
            Certified(KEY, CA, critical=[(b"source-address", NS(b"192.0.2.2"))]),
            Certified(KEY, CA, tail=b"\0"),
        ):
            self.assertFalse(self.answer(shown))
        critical = [(b"force-command", NS(b"internal-sftp")), (b"source-address", NS(b"192.0.2.0/24"))]
        self.assertTrue(self.answer(Certified(KEY, CA, before=NOW + 1, after=NOW, critical=critical)))

    def test_rsa(self) -> None:
        """With RSA the request says how is signed, the certificate always `ssh-rsa`; SHA-1 is not asked for."""
        key = RSA()
        for algorithm, lets_in in (("rsa-sha2-512", True), ("rsa-sha2-256", True), ("ssh-rsa", False)):
            key.algorithm = algorithm
            self.assertEqual(self.answer(Certified(key, CA)), lets_in, algorithm)

    def test_another_name(self) -> None:
        """Request, certificate and signature name what fits together, and nothing else."""
        shown = Certified(KEY, CA)
        for algorithm in ("ssh-ed25519", "rsa-sha2-512-cert-v01@openssh.com", "ssh-ed25519-cert-v02@openssh.com"):
            shown.algorithm = algorithm
            self.assertFalse(self.answer(shown), algorithm)
        bare = Ed25519()
        bare.algorithm = "ssh-ed25519-cert-v01@openssh.com"
        self.assertFalse(self.answer(bare))

    def test_not_accepted(self) -> None:
        """A certificate signs as its key does: what keys may not use, it may not, either."""
        transport = self.transport()
        transport.user_signature_algorithms = ("rsa-sha2-512",)
        self.assertEqual(transport.ask(proof(b"alice", Certified(KEY, CA)))[0][0], FAILURE)

    def test_ca_algorithms(self) -> None:
        """How a CA may sign is a setting."""
        shown = Certified(KEY, CA)
        self.assertFalse(self.answer(shown, ca_signature_algorithms="rsa-sha2-512"))
        self.assertTrue(self.answer(shown, ca_signature_algorithms="rsa-sha2-512,ssh-ed25519"))

    def test_verify_required(self) -> None:
        """A certificate can ask that a security key has verified its user; any other key cannot."""
        for options, critical in (("", [(b"verify-required", b"")]), ("verify-required", [])):
            self.write("users", f"[alice]\nca_keys = ['{line(CA, options)}']\n")
            for key, accepted in ((SecurityKey(5), True), (SecurityKey(1), False), (KEY, False)):
                answer = self.transport().ask(proof(b"alice", Certified(key, CA, critical=critical)))[0][0]
                self.assertEqual(answer, SUCCESS if accepted else FAILURE)

    def test_verify_required_of_handlers(self) -> None:
        """That holds whoever accepts the certificate."""
        for key, accepted in ((SecurityKey(5), True), (SecurityKey(1), False)):
            transport = Transport()
            transport.events.on(SSHUserAuthRequest, accept)
            shown = Certified(key, CA, critical=[(b"verify-required", b"")])
            self.assertEqual(transport.ask(proof(b"alice", shown))[0][0], SUCCESS if accepted else FAILURE)

    def test_touch(self) -> None:
        """A security key has to be touched, unless certificate and CA's line agree that it need not be."""
        extension = [(b"no-touch-required", b"")]
        for options, extensions, flags, accepted in (
            ("", [], 1, True),
            ("", [], 0, False),
            ("", extension, 0, False),
            ("no-touch-required", [], 0, False),
            ("no-touch-required", extension, 0, True),
        ):
            self.write("users", f"[alice]\nca_keys = ['{line(CA, options)}']\n")
            shown = Certified(SecurityKey(flags), CA, extensions=extensions)
            answer = self.transport().ask(proof(b"alice", shown))[0][0]
            self.assertEqual(answer, SUCCESS if accepted else FAILURE, (options, extensions, flags))


class TrustedTests(CertificateCase):
    """TrustedUserCAKeys."""

    def setUp(self) -> None:
        super().setUp()
        self.trusted = self.write("ca.pub", f"# ours\n{line(CA)} the CA\n")

    def test_everybody(self) -> None:
        """Each user that the server knows is let in, by a certificate with the user's name."""
        self.assertTrue(self.answer(Certified(KEY, CA), trusted_user_ca_keys=self.trusted))
        bobs = Certified(KEY, CA, principals=(b"bob",))
        self.assertTrue(self.answer(bobs, user=b"bob", trusted_user_ca_keys=self.trusted))
        self.assertFalse(self.answer(bobs, trusted_user_ca_keys=self.trusted))
        self.assertFalse(self.answer(bobs, user=b"bob"))
        self.assertFalse(self.answer(Certified(KEY, OTHER_CA), trusted_user_ca_keys=self.trusted))

    def test_unknown_user(self) -> None:
        """A name in a certificate makes no user."""
        carols = Certified(KEY, CA, principals=(b"carol",))
        self.assertFalse(self.answer(carols, user=b"carol", trusted_user_ca_keys=self.trusted))

    def test_principals(self) -> None:
        """The principals of the users file hold here, too."""
        self.write("users", "[alice]\nprincipals = ['staff']\n")
        for name, lets_in in ((b"staff", True), (b"alice", False)):
            shown = Certified(KEY, CA, principals=(name,))
            self.assertEqual(self.answer(shown, trusted_user_ca_keys=self.trusted), lets_in)

    def test_changes(self) -> None:
        """The file is read again when it changes, and another file when the setting does."""
        shown = Certified(KEY, CA)
        transport = self.transport(trusted_user_ca_keys=self.trusted)
        self.assertEqual(transport.ask(offer(b"alice", shown))[0][0], PK_OK)
        self.write("ca.pub", line(OTHER_CA))
        self.assertEqual(transport.ask(offer(b"alice", shown))[0][0], FAILURE)
        transport.server_settings.set("TrustedUserCAKeys", self.write("more.pub", line(CA)))
        self.assertEqual(transport.ask(offer(b"alice", shown))[0][0], PK_OK)
        transport.server_settings.set("TrustedUserCAKeys", "")
        self.assertEqual(transport.ask(offer(b"alice", shown))[0][0], FAILURE)

    def test_missing(self) -> None:
        """Without the file nobody is trusted; keys of users go on."""
        self.write("users", f"[alice]\nkeys = ['{line(KEY)}']\n")
        missing = os.path.join(self.folder, "missing")
        self.assertFalse(self.answer(Certified(KEY, CA), trusted_user_ca_keys=missing))
        self.assertTrue(self.answer(KEY, trusted_user_ca_keys=missing))

    def test_touch(self) -> None:
        """Of touch, a CA for everybody says all in its certificates."""
        for extensions, accepted in (([], False), ([(b"no-touch-required", b"")], True)):
            transport = self.transport(trusted_user_ca_keys=self.trusted)
            answer = transport.ask(proof(b"alice", Certified(SecurityKey(0), CA, extensions=extensions)))[0][0]
            self.assertEqual(answer, SUCCESS if accepted else FAILURE)


class RevokedTests(CertificateCase):
    """RevokedKeys."""

    def setUp(self) -> None:
        super().setUp()
        self.write("users", f"[alice]\nkeys = ['{line(KEY)}', '{line(OTHER)}']\nca_keys = ['{line(CA)}']\n")

    def revoked(self, content: str | bytes) -> str:
        return self.write("revoked", content)

    def test_key(self) -> None:
        """A revoked key does not let in, whoever trusts it, nor a certificate for it."""
        revoked = self.revoked(line(KEY))
        self.assertFalse(self.answer(KEY, revoked_keys=revoked))
        self.assertFalse(self.answer(Certified(KEY, CA), revoked_keys=revoked))
        self.assertTrue(self.answer(OTHER, revoked_keys=revoked))
        self.assertTrue(self.answer(Certified(OTHER, CA), revoked_keys=revoked))

    def test_ca(self) -> None:
        """The certificates of a revoked CA do not let in."""
        revoked = self.revoked(line(CA))
        self.assertFalse(self.answer(Certified(KEY, CA), revoked_keys=revoked))
        self.assertTrue(self.answer(KEY, revoked_keys=revoked))

    def test_serial(self) -> None:
        """Certificates are revoked by number; their keys stay good."""
        revoked = self.revoked(KRL_HEAD + krl_certificates(krl_section(0x20, u64(7)), ca=CA.blob))
        self.assertFalse(self.answer(Certified(KEY, CA, serial=7), revoked_keys=revoked))
        self.assertTrue(self.answer(Certified(KEY, CA, serial=8), revoked_keys=revoked))
        self.assertTrue(self.answer(KEY, revoked_keys=revoked))

    def test_another_file(self) -> None:
        """When the setting changes, what it names counts at once."""
        transport = self.transport(revoked_keys=self.revoked(line(KEY)))
        self.assertEqual(transport.ask(offer(b"alice", KEY))[0][0], FAILURE)
        for place, answer in (
            (self.write("other", line(OTHER)), PK_OK),
            (self.revoked(line(KEY)), FAILURE),
            ("", PK_OK),
        ):
            transport.server_settings.set("RevokedKeys", place)
            self.assertEqual(transport.ask(offer(b"alice", KEY))[0][0], answer)

    def test_unreadable(self) -> None:
        """While the file cannot be read, no key lets in."""
        for place in (os.path.join(self.folder, "missing"), self.revoked("garbage"), self.folder):
            self.assertFalse(self.answer(KEY, revoked_keys=place))

    def test_before_handlers(self) -> None:
        """A handler that accepts everything cannot accept a revoked key."""
        transport = self.transport(revoked_keys=self.revoked(line(KEY)))
        told: list[Any] = []
        transport.events.on(SSHUserAuthRequest, told.append)
        transport.events.on(SSHUserAuthRequest, accept)
        self.assertEqual(transport.ask(proof(b"alice", KEY))[0][0], FAILURE)
        self.assertEqual(told, [])
        self.assertEqual(transport.ask(proof(b"alice", OTHER))[0][0], SUCCESS)
        self.assertEqual(len(told), 1)


class StartTests(CertificateCase):
    """What is wrong with the files is told when the server starts."""

    def told(self, **values: str) -> list[str]:
        lines = logged(self)
        KeyTrust(Settings(TABLE, **values), Workers()).start()
        return lines

    def test_missing(self) -> None:
        """A file that is missing is named, once for each setting."""
        missing = os.path.join(self.folder, "missing")
        for name in ("revoked_keys", "trusted_user_ca_keys"):
            (line,) = self.told(**{name: missing})
            self.assertIn(f"{missing}: cannot be read: No such file or directory", line)

    def test_good(self) -> None:
        """Of files that are as they should be, and of no files, nothing is said."""
        self.assertEqual(self.told(), [])
        place = self.write("good", line(CA))
        self.assertEqual(self.told(revoked_keys=place, trusted_user_ca_keys=place), [])

    def test_server(self) -> None:
        """A server does so when it opens its ports."""
        lines = logged(self)
        server = memory_server(root_directory=self.folder, revoked_keys=os.path.join(self.folder, "missing"))
        self.successResultOf(server.start_listening())
        self.assertEqual(len([each for each in lines if "all keys are refused" in each]), 1, lines)


class HandlerTests(Case):
    """What handlers of SSHUserAuthRequest are told of certificates, and may accept."""

    def test_told(self) -> None:
        """A handler sees what the certificate says, and may accept it without any checker."""
        ca = fingerprint(CA.blob)
        self.listen(say=lambda event: setattr(event, "accept", event.certificate.ca_fingerprint == ca))
        shown = Certified(KEY, CA, serial=5, key_id=b"laptop", principals=(b"alice", b"bob"), after=10, before=NOW + 9)
        self.assertEqual(self.transport.ask(offer(b"alice", shown))[0][0], PK_OK)
        self.assertEqual(self.transport.ask(proof(b"alice", shown))[0][0], SUCCESS)
        event = self.told[-1]
        found = event.certificate
        self.assertEqual((found.serial, found.key_id, found.principals), (5, "laptop", ("alice", "bob")))
        self.assertEqual((found.valid_after, found.valid_before, found.trusted_by), (10, NOW + 9, ()))
        self.assertEqual((event.auth_param, event.key_algorithm), (shown.blob, shown.algorithm))

    def test_no_certificate(self) -> None:
        """A key without one says so."""
        self.listen(say=lambda event: setattr(event, "accept", event.certificate is None))
        self.assertEqual(self.transport.ask(proof(b"alice", KEY))[0][0], SUCCESS)

    def test_not_told_of_worthless_ones(self) -> None:
        """Nobody is asked about a certificate that is worth nothing."""
        self.listen(say=accept, max_auth_attempts=50)
        for shown in (Certified(KEY, CA, kind=2), Certified(KEY, CA, before=1), Certified(KEY, CA, principals=())):
            self.assertEqual(self.transport.ask(offer(b"alice", shown))[0][0], FAILURE)
            self.assertEqual(self.transport.ask(proof(b"alice", shown))[0][0], FAILURE)
        self.assertEqual(self.told, [])


class ForeignCheckerTests(SynchronousTestCase):
    def test_looks_for_the_key(self) -> None:
        """A checker that knows nothing of certificates does not find the key that is in one."""
        transport = Transport(Keys(alice=KEY))
        self.assertEqual(transport.ask(proof(b"alice", Certified(KEY, CA)))[0][0], FAILURE)
        self.assertEqual(transport.ask(proof(b"alice", KEY))[0][0], SUCCESS)
