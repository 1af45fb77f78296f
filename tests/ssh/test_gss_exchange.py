"""Tests of key exchange by GSSAPI, with a mechanism of our own; interop/check_gssapi.py asks a real KDC."""

from base64 import b64encode
from dataclasses import replace
from hashlib import md5
from struct import pack
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation, ServerError
from conchsftp.gss import GSSFailure, needs_gssapi
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.algorithms.offer import left_out, offered
from conchsftp.ssh.kex.groups import Group, fixed_group
from conchsftp.ssh.kex.gss import MOST_ROUNDS, MOST_TOKEN_BYTES, TokenRefused
from conchsftp.ssh.kexinit import MARKERS, KexInit, negotiate
from conchsftp.ssh.key_exchange import KeyExchange, Transcript
from conchsftp.ssh.numbers import Reason
from conchsftp.testing import MemoryClient
from tests.gss import INTEGRITY, KERBEROS, MUTUAL, Realm, install
from tests.ssh.case import RekeyingCase
from tests.ssh.clients import (
    Client,
    CurveClient,
    GroupClient,
    GroupExchangeClient,
    X25519Client,
    mpint,
    string,
    strings,
)
from tests.ssh.gss_clients import END, GSSClient, exchange_in
from tests.ssh.test_key_exchange import LINES

INSIDE = {
    "gss-group14-sha256": lambda: GroupClient("sha256", fixed_group(14).prime),
    "gss-group16-sha512": lambda: GroupClient("sha512", fixed_group(16).prime),
    "gss-nistp256-sha256": lambda: CurveClient("sha256", ec.SECP256R1()),
    "gss-curve25519-sha256": lambda: X25519Client("sha256"),
    "gss-group14-sha1": lambda: GroupClient("sha1", fixed_group(14).prime),
    "gss-gex-sha1": lambda: GroupExchangeClient("sha1"),
}
CURVE = f"gss-curve25519-sha256-{END}"


def named(prefix: str) -> str:
    """Return a whole name."""
    return f"{prefix}-{END}"


class MethodCase(SynchronousTestCase):
    """What the tests of single exchanges share."""

    def setUp(self) -> None:
        self.realm = Realm()

    def begin(self, prefix: str = "gss-curve25519-sha256") -> KeyExchange:
        """Return the server's side."""
        row = KEY_EXCHANGES[named(prefix)]
        return KeyExchange(row, Transcript(*LINES), None, "null", accept=self.realm.context)

    def client(self, prefix: str = "gss-curve25519-sha256", **options: Any) -> GSSClient:
        """Return the client's side."""
        return GSSClient(INSIDE[prefix](), self.realm.client(**options))

    def refused(self, server: KeyExchange, number: int, payload: bytes, text: str = "") -> ProtocolViolation:
        """Assert that a message ends the exchange; return why."""
        violation = self.assertRaises(ProtocolViolation, server.receive, number, payload)
        self.assertEqual(violation.reason, Reason.KEY_EXCHANGE_FAILED)
        self.assertIn(text, violation.text)
        self.assertFalse(server.finished)
        return violation


class NameTests(SynchronousTestCase):
    """The names in the registry."""

    def test_end(self) -> None:
        """They end with base64 of the MD5 of the mechanism's identifier in DER (RFC 4462, 2.3)."""
        self.assertEqual(b64encode(md5(KERBEROS, usedforsecurity=False).digest()).decode(), END)

    def test_each_has_a_client(self) -> None:
        """No method is left out of these tests, and every one computes in a thread: keytabs are files."""
        rows = [row for row in KEY_EXCHANGES if row.gss]
        self.assertEqual({named(prefix) for prefix in INSIDE}, {row.name for row in rows})
        self.assertTrue(all(row.heavy for row in rows))

    def test_package(self) -> None:
        """Without the package the names may stand in a setting; the reason names the extra."""
        install(self, there=False)
        self.assertEqual(KEY_EXCHANGES.reason(CURVE), "needs the extra conchsftp[gssapi]")
        install(self)
        self.assertIsNone(KEY_EXCHANGES.reason(CURVE))
        self.assertIsNone(needs_gssapi())


class ExchangeTests(MethodCase):
    """One exchange that goes well."""

    def agree(self, client: Client, server: KeyExchange) -> None:
        """Run it, and assert that both sides have the same, which a MIC of the server's half proves."""
        client.run(server.receive)
        self.assertTrue(server.finished)
        self.assertEqual(server.secret, client.secret)
        self.assertEqual(client.host_key, b"")
        self.assertEqual(server.exchange_hash, client.exchange_hash(LINES))
        assert isinstance(client, GSSClient)
        self.assertTrue(client.context.verify(server.exchange_hash, client.signature))
        self.assertIs(server.context, self.realm.contexts[-1])

    def test_agreement(self) -> None:
        """Each of the six: one secret, one hash with an empty host key, and a MIC instead of a signature."""
        for prefix in INSIDE:
            self.agree(self.client(prefix), self.begin(prefix))

    def test_rounds(self) -> None:
        """A mechanism may need several tokens, up to a limit."""
        for rounds in (2, MOST_ROUNDS):
            self.realm.rounds = rounds
            for prefix in ("gss-curve25519-sha256", "gss-gex-sha1"):
                self.agree(self.client(prefix), self.begin(prefix))

    def test_last_token(self) -> None:
        """The token that makes the client's half complete comes with the end of the exchange."""
        client = self.client()
        self.agree(client, self.begin())
        assert client.token is not None
        client.context.take(client.token)


class RefusalTests(MethodCase):
    """Exchanges that end."""

    def test_too_many_rounds(self) -> None:
        """A mechanism that never comes to an end is stopped."""
        self.realm.rounds = MOST_ROUNDS + 1
        violation = self.assertRaises(ProtocolViolation, self.client().run, self.begin().receive)
        self.assertIn(f"more than {MOST_ROUNDS} tokens", violation.text)

    def test_long_token(self) -> None:
        """A token longer than any ticket is not looked at."""
        value = string(bytes(32))
        for size, text in ((MOST_TOKEN_BYTES, "not accepted"), (MOST_TOKEN_BYTES + 1, "at most")):
            self.refused(self.begin(), 30, string(bytes(size)) + string(b"\x09" + bytes(31)), text)
        self.refused(self.begin(), 30, string(b"x") + value, "not accepted")
        self.refused(self.begin(), 30, string(self.realm.client().first) + value, "secret of zero")

    def test_nothing_for_strangers(self) -> None:
        """Without a ticket nobody has us compute: in these groups that takes a thousand times as long as sending."""
        computed: list[int] = []
        self.patch(Group, "agree", lambda group, theirs: computed.append(theirs))
        for token in (b"nonsense", Realm().client().first):
            self.refused(self.begin("gss-group16-sha512"), 30, string(token) + mpint(2**4000), "not accepted")
        self.assertEqual(computed, [])

    def test_flags(self) -> None:
        """A context that proves one side only, or makes no MICs, is none (RFC 4462, 2.1)."""
        for flags in (0, MUTUAL, INTEGRITY):
            client = self.client(flags=flags)
            violation = self.assertRaises(ProtocolViolation, client.run, self.begin().receive)
            self.assertIn("proves one side only, or protects nothing", violation.text)

    def test_forged_ticket(self) -> None:
        """A ticket of somebody else's realm is refused; what the library says of it goes to the log alone."""
        stranger = GSSClient(X25519Client("sha256"), Realm().client())
        refused = self.assertRaises(TokenRefused, stranger.run, self.begin().receive)
        self.assertIn("/etc/krb5.keytab", refused.detail)
        self.assertNotIn("/etc", refused.text)
        ((number, error),) = refused.farewell
        self.assertEqual((number, error[:8]), (34, pack(">II", 0xD0000, 0x9698C60A)))
        self.assertEqual(strings(error[8:]), [b"The token is not accepted", b""])

    def test_error_token(self) -> None:
        """What the library has to say to its peer is sent before the error (RFC 4462, 2.1)."""
        violation = self.refused(self.begin(), 30, string(b"nonsense") + string(b"\x09" + bytes(31)))
        assert isinstance(violation, TokenRefused)
        self.assertEqual(violation.farewell[0], (31, string(b"error token")))
        self.assertEqual([number for number, _ in violation.farewell], [31, 34])

    def test_wrong_second_token(self) -> None:
        """So is a second token that does not go on with the first."""
        self.realm.rounds = 2
        server, client = self.begin(), self.client()
        ((number, _),) = server.receive(30, string(client.context.first) + string(b"\x09" + bytes(31)))
        self.assertEqual(number, 31)
        self.refused(server, 31, string(b"another"), "not accepted")

    def test_order(self) -> None:
        """Only the message that comes next may come, and the first carries our value once."""
        self.realm.rounds = 2
        first = string(self.realm.client().first) + string(b"\x09" + bytes(31))
        for sent, allowed in ((0, {30}), (1, {31})):
            for number in set(range(30, 50)) - allowed:
                server = self.begin()
                if sent:
                    server.receive(30, first)
                violation = self.assertRaises(ProtocolViolation, server.receive, number, first)
                self.assertEqual(violation.reason, Reason.PROTOCOL_ERROR)
        group = self.begin("gss-gex-sha1")
        self.assertRaises(ProtocolViolation, group.receive, 30, first)
        ((number, _),) = group.receive(40, pack(">III", 2048, 2048, 8192))
        self.assertEqual(number, 41)
        self.assertRaises(ProtocolViolation, group.receive, 40, pack(">III", 2048, 2048, 8192))

    def test_cut_short_and_too_long(self) -> None:
        """A message cut short anywhere, or with a byte after it, is a violation."""
        for prefix in INSIDE:
            value = mpint(2**2000 - 1) if "-g" in prefix[3:] else string(b"\x09" + bytes(31))
            first = string(self.realm.client().first) + value
            for payload in (*(first[:size] for size in range(0, len(first), 7)), first + b"\0"):
                server = self.begin(prefix)
                if "gex" in prefix:
                    server.receive(40, pack(">III", 2048, 2048, 8192))
                self.assertRaises(ProtocolViolation, server.receive, 30, payload)
                self.assertFalse(server.finished)
        self.realm.rounds = 2
        for payload in (b"", string(b"token")[:-1], string(b"token") + b"\0"):
            server, client = self.begin(), self.client()
            server.receive(30, string(client.context.first) + string(b"\x09" + bytes(31)))
            self.assertRaises(ProtocolViolation, server.receive, 31, payload)


class GSSCase(RekeyingCase):
    """A server with a realm, and clients with tickets of it."""

    def setUp(self) -> None:
        super().setUp()
        self.realm = Realm()

    def serve(self, *names: str, **settings: Any) -> Any:
        """Make the server; `names` are its key exchanges."""
        install(self)
        server = super().serve(ssh_key_exchange_algorithms=names or (CURVE, "curve25519-sha256"), **settings)
        server.factory.gss.make = self.realm.credentials
        server.factory.gss.start()
        return server

    def gss_client(self, *host_keys: str, realm: Realm | None = None) -> MemoryClient:
        """Return a client with a ticket, and what it knows of host keys."""
        if self.server is None:
            self.serve()
        method = exchange_in(realm or self.realm)
        kind = type("Client", (MemoryClient,), {"method": method, "host_key_algorithms": host_keys or ("null",)})
        client: MemoryClient = kind(self.factory)
        return client


class ConnectionTests(GSSCase):
    """Whole connections."""

    def offers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the key exchanges and host key algorithms that a new client is offered."""
        client = self.client()
        client.automatic = False
        client.raw(client.version + b"\r\n")
        offer = KexInit.parse(b"\x14" + client.take(20))
        return tuple(name for name in offer.kex if name not in MARKERS), offer.host_key

    def test_offered(self) -> None:
        """`null` is offered together with an exchange of GSSAPI, last."""
        self.serve()
        self.assertEqual(self.offers(), ((CURVE, "curve25519-sha256"), ("ssh-ed25519", "null")))

    def test_not_listed(self) -> None:
        """Who does not name such exchanges does not offer them, and no keytab is looked at."""
        self.serve("curve25519-sha256")
        self.assertEqual(self.offers(), (("curve25519-sha256",), ("ssh-ed25519",)))
        self.assertEqual(self.realm.asked, [])

    def test_keytab(self) -> None:
        """The settings say which keytab it is, and which keys in it; it is opened once."""
        self.serve(gss_keytab="/etc/sftp.keytab", gss_acceptor="host@server")
        self.offers()
        self.offers()
        self.assertEqual(self.realm.asked, [("host@server", "/etc/sftp.keytab")])

    def test_without_credentials(self) -> None:
        """Where there are no credentials, nothing of GSSAPI is offered, and the log says why."""

        def none(acceptor: str, keytab: str) -> Any:
            raise GSSFailure("no key for host")

        self.serve()
        self.factory.gss.make = none
        self.factory.gss.start()
        self.assertEqual(self.offers(), (("curve25519-sha256",), ("ssh-ed25519",)))
        reasons = left_out(self.server.settings, without_gss=self.factory.gss.reason)
        self.assertEqual(reasons["SSHKeyExchangeAlgorithms: no key for host"], [CURVE])

    def test_nothing_left(self) -> None:
        """Credentials that are needed for every exchange, and are not there, are the operator's mistake."""
        self.serve(CURVE)
        mistake = self.assertRaises(ServerError, offered, self.server.settings, ["ssh-ed25519"], lambda: "no key")
        self.assertEqual(mistake.text, "SSHKeyExchangeAlgorithms: no key exchange is left: no key")

    def test_without_host_key(self) -> None:
        """A server without a host key offers nothing but GSSAPI, if it can, and else cannot begin."""
        self.serve()
        offer = offered(self.server.settings, [], lambda: "")
        self.assertEqual([row.name for row in offer.key_exchanges], [CURVE])
        self.assertEqual([row.name for row in offer.host_keys], ["null"])
        self.assertEqual(self.assertRaises(ServerError, offered, self.server.settings, [], lambda: "no").code, 1301)

    def test_documented(self) -> None:
        """The profile `documented` offers all six, behind the others that it has."""
        install(self)
        RekeyingCase.serve(self, algorithm_profile="documented")
        self.factory.gss.make = self.realm.credentials
        self.assertEqual(self.offers()[0][-6:], tuple(map(named, INSIDE)))

    def test_login(self) -> None:
        """A connection that begins with a ticket goes on as every other, with a host key that both know, or without."""
        for host_keys in (("null",), ("ssh-ed25519", "null"), ("ssh-ed25519",)):
            client = self.gss_client(*host_keys)
            client.log_in()
            self.assert_alive(client)
            self.assertEqual(client.server.first_host_key, b"")

    def test_rekey(self) -> None:
        """Keys can be exchanged again; the session, and who it belongs to, stay."""
        client = self.gss_client()
        client.connect()
        first, session = client.server.gss_context, client.session_id
        self.assertIs(first, self.realm.contexts[0])
        client.rekey()
        client.ask_for_login()
        client.server.keying.start()
        client.pump()
        self.assertEqual((client.exchanges, len(self.realm.contexts)), (3, 3))
        self.assertIs(client.server.gss_context, first)
        self.assertEqual(client.server.sessionID, session)

    def test_ordinary(self) -> None:
        """A connection that began with a host key has no context, whatever keys it exchanges later."""
        self.serve()
        client = self.client()
        client.connect()
        self.assertIsNone(client.server.gss_context)
        client.method = exchange_in(self.realm)
        client.rekey()
        self.assertEqual((client.exchanges, len(self.realm.contexts)), (2, 1))
        self.assertIsNone(client.server.gss_context)

    def test_null_alone(self) -> None:
        """`null` is no host key for an exchange that needs one: nothing would prove who we are."""
        self.serve()
        client = self.client()
        client.host_key_algorithms = ("null",)
        client.automatic = False
        client.connect()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "no common host key algorithm")

    def test_null_first(self) -> None:
        """Who prefers `null` still gets a host key with an exchange that needs one."""
        self.serve()
        theirs = KexInit.offering(offered(self.server.settings, ["ssh-ed25519"], lambda: ""), first=True)
        for kex, host_keys, result in (
            (("curve25519-sha256", CURVE), ("null", "ssh-ed25519"), ("curve25519-sha256", "ssh-ed25519")),
            (("curve25519-sha256", CURVE), ("null",), (CURVE, "null")),
            ((CURVE, "curve25519-sha256"), ("null", "ssh-ed25519"), (CURVE, "null")),
            ((CURVE,), ("ssh-ed25519", "null"), (CURVE, "ssh-ed25519")),
            ((*sorted(MARKERS), CURVE), ("rsa-sha2-256", "null"), (CURVE, "null")),
        ):
            agreed = negotiate(replace(theirs, kex=kex, host_key=host_keys), theirs)
            self.assertEqual((agreed.kex.name, agreed.host_key.name), result)
        for kex, host_keys in (((CURVE,), ("rsa-sha2-256",)), (("curve25519-sha256",), ("null", "rsa-sha2-256"))):
            self.assertRaises(ProtocolViolation, negotiate, replace(theirs, kex=kex, host_key=host_keys), theirs)

    def test_refused(self) -> None:
        """A ticket that is not ours is answered with an error, and the connection ends; the log says more."""
        said: list[str] = []

        def note(event: Any) -> None:
            said.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        client = self.gss_client(realm=Realm())
        client.connect()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "the token of GSSAPI is not accepted")
        self.assertEqual(client.numbers[-2:], [34, 1])
        self.assertNotIn("krb5", str(client.messages) + str(client.disconnected))
        self.assertTrue([line for line in said if "not a ticket for /etc/krb5.keytab" in line], said)
