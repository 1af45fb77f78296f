"""Tests of gssapi-keyex, of tickets among other proofs, and of whose principal it is."""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.credentials import Nothing
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.sources.kerberos import foreign
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ProtocolViolation, ServerError
from conchsftp.settings.auth_policy import AuthPolicy
from tests.auth.gss_case import (
    KEYEX,
    MIC_METHOD,
    GSSCase,
    accepting,
    signed,
    ticket_request,
)
from tests.auth.support import FAILURE, SUCCESS, Transport, password_request, request


class ExchangedTests(GSSCase):
    """gssapi-keyex."""

    def test_login(self) -> None:
        """A MIC of the context that keys were exchanged with lets its principal in (RFC 4462, 4)."""
        self.serve()
        self.assertEqual(self.keyex(self.exchanged()), [(SUCCESS, b"")])
        self.assertEqual(self.transport.logins[0][0], "alice")
        self.assertIsNone(self.transport.gss_context)

    def test_ordinary_exchange(self) -> None:
        """Where keys were exchanged in another way there is no such method, and no answer to it but a refusal."""
        self.serve()
        client = self.exchanged()
        self.transport.gss_context = None
        self.assertEqual(self.keyex(client), [(FAILURE, NS(b"gssapi-with-mic") + b"\0")])
        self.assertEqual(self.checker.asked, [])

    def test_wrong_mic(self) -> None:
        """A MIC of another session, user, method or context is worth nothing."""
        self.serve()
        client = self.exchanged()
        stranger = self.realm.client()
        self.assert_refused(self.keyex(client, session=bytes(32)))
        self.assert_refused(self.keyex(stranger))
        for covered in (signed(b"bob", KEYEX), signed(b"alice", MIC_METHOD), b""):
            self.assert_refused(self.transport.ask(request(b"alice", KEYEX, NS(client.mic(covered)))))
        self.assertEqual(self.checker.asked, [])

    def test_other_principal(self) -> None:
        """It lets in nobody but the user of that principal."""
        self.serve()
        self.assert_refused(self.keyex(self.exchanged("bob@EXAMPLE.COM")))

    def test_second_user(self) -> None:
        """A refused attempt for one user leaves the context for the next attempt of its own."""
        self.serve()
        client = self.exchanged()
        self.assert_refused(self.keyex(client, b"bob"))
        self.assertEqual(self.keyex(client), [(SUCCESS, b"")])

    def test_malformed(self) -> None:
        """A request that is not whole ends the connection."""
        for rest in (b"", NS(b"mic")[:-1], NS(b"mic") + b"x"):
            self.serve()
            self.exchanged()
            self.assertRaises(ProtocolViolation, self.transport.receive, request(b"alice", KEYEX, rest))


class FactorTests(GSSCase):
    """Tickets among other proofs."""

    def test_ticket_counts_once(self) -> None:
        """A principal that was proved by one of the methods proves nothing more by the other."""
        self.serve()
        client = self.exchanged()

        def more(event: Any) -> None:
            event.partial_success = True

        accepting(self.transport, more)
        answers = self.keyex(client)
        self.assertEqual(answers, [(FAILURE, NS(b"gssapi-with-mic") + b"\x01")])
        self.assert_refused(self.mic(self.begin()))

    def test_policy(self) -> None:
        """A policy can name both methods, each with other proofs; not one after the other."""
        for text in ("gssapi-with-mic,password", "gssapi-keyex,password gssapi-with-mic,publickey"):
            self.assertEqual(str(AuthPolicy.parse(text)), text)
        mistake = self.assertRaises(ValueError, AuthPolicy.parse, "gssapi-with-mic,gssapi-keyex")
        self.assertIn("a ticket counts once", str(mistake))

    def test_off_by_default(self) -> None:
        """Without being named neither is a method, whoever could judge it."""
        self.serve(methods=("password", "publickey"))
        client = self.exchanged()
        self.assert_refused(self.keyex(client))
        self.assert_refused(self.transport.ask(ticket_request()))
        self.assertEqual(self.realm.asked, [])

    def test_two_factors(self) -> None:
        """A ticket, and then a password."""
        self.serve(methods=("gssapi-with-mic", "password"), authentication_methods="gssapi-with-mic,password")

        def accept(event: Any) -> None:
            event.accept = event.auth_method == "gssapi-with-mic" or event.auth_param == "secret"

        accepting(self.transport, accept)
        self.assertEqual(self.mic(self.begin()), [(FAILURE, NS(b"password") + b"\x01")])
        self.assertEqual(self.transport.ask(password_request(b"alice", b"secret")), [(SUCCESS, b"")])


class Shown(Nothing):
    """What a checker sees."""

    def __init__(self, principal: str, realm: str = "EXAMPLE.COM") -> None:
        self.principal, self.realm = principal, realm


class PrincipalTests(SynchronousTestCase):
    """Whose principal it is."""

    def test_own_name(self) -> None:
        """The principal with the user's name, in the realm of our key, and no other."""
        self.assertEqual(foreign(Shown("alice@EXAMPLE.COM"), "alice", None), "")
        for principal in (
            "bob@EXAMPLE.COM",
            "alice@OTHER.COM",
            "alice",
            "alice/admin@EXAMPLE.COM",
            "alice@EXAMPLE.COM@OTHER.COM",
            r"alice\@EXAMPLE.COM@OTHER.COM",
            "Alice@EXAMPLE.COM",
            "alice@example.com",
        ):
            self.assertIn("is no principal of this user", foreign(Shown(principal), "alice", None), principal)

    def test_special_names(self) -> None:
        """A user name with the signs of principals is never one by itself."""
        for name in ("alice/admin", "alice@OTHER.COM", r"alice\@x"):
            self.assertNotEqual(foreign(Shown(f"{name}@EXAMPLE.COM"), name, None), "", name)
        self.assertNotEqual(foreign(Shown("alice@", ""), "alice", None), "")

    def test_named(self) -> None:
        """Principals that are written down count instead, of any realm."""
        names = frozenset(("alice/admin@OTHER.COM",))
        self.assertEqual(foreign(Shown("alice/admin@OTHER.COM"), "alice", names), "")
        self.assertNotEqual(foreign(Shown("alice@EXAMPLE.COM"), "alice", names), "")
        self.assertNotEqual(foreign(Shown("alice@EXAMPLE.COM"), "alice", frozenset()), "")


class UsersFileTests(GSSCase):
    """The users file."""

    def login(self, user: bytes, principal: str, text: str) -> bool:
        """Return whether a users file lets a principal in as a user."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write(text)
        self.serve(UsersFileChecker(UsersFile(path), self.workers))
        return self.keyex(self.exchanged(principal), user)[-1][0] == SUCCESS

    def setUp(self) -> None:
        super().setUp()
        self.workers: Any = Transport().workers

    def test_users(self) -> None:
        """Only users in it, by their own principal or those of their entry, and nobody who is refused anyway."""
        self.assertTrue(self.login(b"alice", "alice@EXAMPLE.COM", "[alice]\n"))
        self.assertFalse(self.login(b"bob", "bob@EXAMPLE.COM", "[alice]\n"))
        self.assertFalse(self.login(b"alice", "bob@EXAMPLE.COM", "[alice]\n[bob]\n"))
        self.assertFalse(self.login(b"alice", "alice@EXAMPLE.COM", "[alice]\ndisabled = true\n"))
        self.assertFalse(self.login(b"alice", "alice@EXAMPLE.COM", "[alice]\nkerberos = []\n"))
        named = '[alice]\nkerberos = ["boss@OTHER.COM", "alice/admin@EXAMPLE.COM"]\n'
        self.assertTrue(self.login(b"alice", "boss@OTHER.COM", named))
        self.assertTrue(self.login(b"alice", "alice/admin@EXAMPLE.COM", named))
        self.assertFalse(self.login(b"alice", "alice@EXAMPLE.COM", named))

    def test_mistakes(self) -> None:
        """A principal without a realm, or none at all, is a mistake."""
        for value in ('"alice@EXAMPLE.COM"', '["alice"]', '["@EXAMPLE.COM"]', '["alice@"]', '[" a@B"]', "[1]"):
            path = self.mktemp()
            with open(path, "w") as file:
                file.write(f"[alice]\nkerberos = {value}\n")
            self.assertIn("kerberos", str(self.assertRaises(ServerError, UsersFile, path)))
