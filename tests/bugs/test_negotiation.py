"""
What two sides agree on: algorithms, or why none; the version of SFTP.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from twisted.logger import LogLevel, globalLogPublisher

from conchsftp.auth.keys.signatures import PublicKey
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.ssh.numbers import Reason
from conchsftp.testing import MemoryClient
from conchsftp.wire.kinds import NAMES, U32
from conchsftp.wire.reader import Reader
from tests.bugs.classes import bug_class
from tests.ssh.case import ConnectionCase

KEX = "curve25519-sha256"
MODERN = ("ssh-ed25519", "aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com")
OLD_KEX = "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1"
OLD_CIPHERS = "aes128-cbc,3des-cbc,blowfish-cbc"


def kexinit(kex: str = KEX, host_key: str = MODERN[0], cipher: str = MODERN[1], mac: str = MODERN[2]) -> bytes:
    """Lay out a client's KEXINIT, without its number (RFC 4253, 7.1)."""
    lists = (kex, host_key, cipher, cipher, mac, mac, "none", "none", "", "")
    return bytes(16) + b"".join(NAMES.pack(names.split(",") if names else []) for names in lists) + b"\0" + U32.pack(0)


@bug_class(29)
class NothingInCommonTests(ConnectionCase):
    """A client that is too old, or too new, for the server."""

    def refused(self, **lists: str) -> tuple[str, list[str]]:
        """Offer some lists; return what the client is told, and what the log says as a warning."""
        warnings: list[str] = []

        def note(event: Any) -> None:
            if event.get("log_level") is LogLevel.warn:
                warnings.append(event["log_format"].format(**event))

        globalLogPublisher.addObserver(note)
        client = self.client()
        client.automatic = False
        client.raw(client.version + b"\r\n")
        client.packet(20, kexinit(**lists))
        globalLogPublisher.removeObserver(note)
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED)
        assert client.disconnected is not None
        return client.disconnected[1], warnings

    def test_both_lists(self) -> None:
        """Client and log are told what is missing and what each side has."""
        for what, lists, theirs, ours in (
            ("key exchange", {"kex": OLD_KEX}, OLD_KEX, KEX),
            ("cipher", {"cipher": OLD_CIPHERS}, OLD_CIPHERS, "aes128-gcm@openssh.com"),
            ("MAC", {"cipher": "aes128-ctr", "mac": "hmac-sha1,hmac-md5"}, "hmac-sha1,hmac-md5", "hmac-sha2-256"),
            ("host key algorithm", {"host_key": "ssh-rsa,ssh-dss"}, "ssh-rsa,ssh-dss", "ssh-ed25519"),
        ):
            self.serve(algorithm_profile="compatible")
            text, warnings = self.refused(**lists)
            self.assertEqual(len(warnings), 1)
            self.assertIn("198.51.100.7", warnings[0])
            for told in (text, warnings[0]):
                self.assertIn(f"no common {what}: the client has {theirs}; the server ", told)
                self.assertIn(ours, told.partition("; the server ")[2])

    def test_remedy(self) -> None:
        """They say which profile, or which host key, would let the client in; and where none would."""
        for lists, remedy in (
            ({"cipher": "aes128-cbc,aes256-ctr"}, "; aes256-ctr comes with AlgorithmProfile=compatible"),
            (
                {"kex": f"{OLD_KEX},diffie-hellman-group14-sha256"},
                "; diffie-hellman-group14-sha256 comes with AlgorithmProfile=compatible",
            ),
            ({"host_key": "ssh-rsa,rsa-sha2-256"}, "; a host key for rsa-sha2-256 would help"),
            (
                {"host_key": "ecdsa-sha2-nistp256"},
                "; a host key for ecdsa-sha2-nistp256 would help, with AlgorithmProf",
            ),
            ({"cipher": OLD_CIPHERS}, "; no AlgorithmProfile has any of the client's"),
            ({"kex": ""}, "; no AlgorithmProfile has any of the client's"),
        ):
            self.serve()
            text, warnings = self.refused(**lists)
            self.assertIn(remedy, text)
            self.assertIn(remedy, warnings[0])

    def test_remedy_works(self) -> None:
        """A client that was sent away with the name of a profile gets in with it."""
        for cipher, mac in (("aes256-ctr", "hmac-sha2-256"), ("aes128-ctr", "hmac-sha2-512")):
            self.serve()
            text, _ = self.refused(cipher=cipher, mac=mac)
            self.assertIn("AlgorithmProfile=compatible", text)
            self.serve(algorithm_profile="compatible")
            self.assertEqual(self.session(client={"cipher": cipher, "mac": mac}).get("/f"), b"0123456789")

    def test_noise(self) -> None:
        """What a client writes into its lists cannot break a log, nor fill it."""
        self.serve()
        text, warnings = self.refused(cipher="\x1b[31m\nadmin logged in," + "x" * 5000)
        for told in (text, warnings[0]):
            self.assertTrue(told.isprintable())
            self.assertLess(len(told), 3000)


class RSAClient(MemoryClient):
    """A client that knows some signatures of RSA keys and no others."""

    known = "rsa-sha2-512"

    def send_kexinit(self) -> None:
        payload = kexinit(kex=f"{KEX},kex-strict-c-v00@openssh.com", host_key=self.known)
        self._ours = b"\x14" + payload
        self.lay_now(20, payload)


@bug_class(29)
class HostKeyTests(ConnectionCase):
    """A server with an RSA key."""

    def test_signatures(self) -> None:
        """An RSA key signs with SHA-2, as the client likes; its own name stays the old one (RFC 8332, 3)."""
        private = rsa.generate_private_key(65537, 2048)
        self.serve(host_keys=HostKeys([HostKey(private), HostKey(ed25519.Ed25519PrivateKey.generate())]))
        for name in ("rsa-sha2-512", "rsa-sha2-256"):
            client = type("Client", (RSAClient,), {"known": name})(self.factory)
            client.connect()
            self.assertEqual(Reader(client.signature).string(), name.encode())
            self.assertEqual(Reader(client.host_key).string(), b"ssh-rsa")
            PublicKey(client.host_key).verify(name, client.signature, client.exchange_hash)

    def test_sha1(self) -> None:
        """With SHA-1 it does not sign, in no profile that is meant for use."""
        keys = HostKeys([HostKey(rsa.generate_private_key(65537, 2048))])
        for profile in ("modern", "compatible"):
            self.serve(host_keys=keys, algorithm_profile=profile)
            client = self.client()
            client.automatic = False
            client.raw(client.version + b"\r\n")
            client.packet(20, kexinit(host_key="ssh-rsa"))
            self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "no common host key algorithm")


@bug_class(34)
class VersionTests(ConnectionCase):
    """Versions of SFTP that clients ask for."""

    def greeted(self, version: int) -> Any:
        """Open a session for a client of a version; return its channel."""
        channel = self.logged_in().open_subsystem()
        channel.send(bytes.fromhex("00000005 01") + U32.pack(version))
        return channel

    def test_never_higher(self) -> None:
        """The answer is 3 at most, and never above what was asked for: several clients stop at a higher one."""
        for version in (3, 4, 5, 6, 7, 0x7FFFFFFF, 0xFFFFFFFF):
            channel = self.greeted(version)
            answer = channel.take()
            self.assertEqual((answer[4], int.from_bytes(answer[5:9], "big")), (2, 3), version)

    def test_old_clients(self) -> None:
        """A client of version 2 or less is not spoken to in version 3: its channel ends, with a line in the log."""
        for version in (0, 1, 2):
            warnings: list[str] = []

            def note(event: Any, warnings: list[str] = warnings) -> None:
                if event.get("log_level") is LogLevel.warn:
                    warnings.append(event["log_format"].format(**event))

            globalLogPublisher.addObserver(note)
            self.addCleanup(globalLogPublisher.removeObserver, note)
            channel = self.greeted(version)
            globalLogPublisher.removeObserver(note)
            self.assertEqual((channel.take(), channel.closed), (b"", True))
            self.assertEqual(
                [each.partition("] ")[2] for each in warnings], [f"version {version}, at least 3 expected"]
            )
            self.serve()

    def test_version_3_all_along(self) -> None:
        """Who asked for 6 and got 3 is answered in 3: attributes without a type, names with a longname."""
        session = self.session(version=6)
        self.assertEqual(session.version, 3)
        self.assertNotIn(b"versions", session.extensions)
        (entry,) = [entry for entry in session.listing("/") if entry.name == b"f"]
        assert entry.longname is not None
        self.assertTrue(entry.longname.startswith(b"-rw"))
