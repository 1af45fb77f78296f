"""
The programs of docs/examples that decide about logins, run in memory; `test_examples.py` takes them up.
"""

import re
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bcrypt
import pyotp
from twisted.conch.ssh.common import NS

from conchsftp.ssh.keys.public_blob import fingerprint
from conchsftp.testing import MemoryClient, MemorySession
from conchsftp.testing.memory import MemoryThreads
from tests.auth.certificates import Certified
from tests.auth.support import (
    BANNER,
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    PK_OK,
    REQUEST,
    SUCCESS,
    Ed25519,
    answers,
    interactive_request,
    line,
    offer,
    password_request,
    proof,
    request,
)


class Rows:
    """A connection to a database that has an answer for each name."""

    closed = False

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def execute(self, query: str, names: tuple[str]) -> Any:
        return SimpleNamespace(fetchone=lambda: self._answers.get(names[0]))

    def commit(self) -> None:
        pass


class LoginPrograms:
    """The tests of those programs; part of a case that runs programs by their names."""

    place: Any
    run_example: Any
    log_in: Any
    assertEqual: Any
    assertIn: Any
    assertRaises: Any

    def test_run_auth_by_event(self) -> None:
        """Who needs two proofs gets in with both, others with one."""
        key = Ed25519()
        Path("bob.pub").write_text(f"ssh-ed25519 {b64encode(key.blob).decode()} bob\n")
        (self.place.path / "files" / "incoming").mkdir()
        server = self.log_in("auth_by_event").server
        self.assertRaises(AssertionError, MemorySession, server=server, user="bob", password="builder")
        self.assertRaises(AssertionError, MemorySession, server=server, user="dave", password="wonderland")
        client = self.client(server)
        client.packet(REQUEST, request(b"bob", b"none"))
        server.factory.clock.advance(1)
        client.pump()
        self.assertEqual(client.take(FAILURE), NS(b"publickey,password") + b"\0")
        client.packet(REQUEST, proof(b"bob", key, session=client.session_id))
        self.assertEqual(client.take(FAILURE), NS(b"password") + b"\1")
        client.packet(REQUEST, password_request(b"bob", b"builder"))
        client.take(SUCCESS)

    def test_run_auth_prompts(self) -> None:
        """The password and the code that is asked for let in, another code does not."""
        server = self.run_example("auth_prompts")["server"]
        for change, answer in ((b"", SUCCESS), (b"0", FAILURE)):
            client = self.client(server)
            client.packet(REQUEST, request(b"alice", b"none"))
            server.factory.clock.advance(1)
            client.pump()
            self.assertEqual(client.take(FAILURE), NS(b"keyboard-interactive") + b"\0")
            client.packet(REQUEST, interactive_request(b"alice"))
            (number,) = re.findall(rb"Code (\d): ", client.take(INFO_REQUEST))
            code = {b"1": b"4711", b"2": b"0815", b"3": b"1234"}[number]
            client.packet(INFO_RESPONSE, answers(b"wonderland", code + change))
            server.factory.clock.advance(5)
            client.pump()
            client.take(answer)

    def test_run_auth_rounds(self) -> None:
        """The code that was sent lets in, by the way that was chosen; nothing is sent after a wrong password."""
        server = self.run_example("auth_rounds")["server"]
        for password, code, end in (
            (b"wrong", b"", FAILURE),
            (b"wonderland", b"wrong", FAILURE),
            (b"wonderland", b"", SUCCESS),
        ):
            Path("sent").write_text("")
            client = self.client(server)
            client.packet(REQUEST, interactive_request(b"alice"))
            client.take(INFO_REQUEST)
            client.packet(INFO_RESPONSE, answers(password))
            if password != b"wrong":
                client.take(INFO_REQUEST)
                client.packet(INFO_RESPONSE, answers(b"mail"))
                client.take(INFO_REQUEST)
                sent = Path("sent").read_bytes().split()
                self.assertEqual(sent[:2], [b"mail", b"alice"])
                client.packet(INFO_RESPONSE, answers(code or sent[2]))
            server.factory.clock.advance(2)
            client.pump()
            client.take(end)
            self.assertEqual(bool(Path("sent").read_text()), password != b"wrong")

    def test_run_auth_codes(self) -> None:
        """Who has a secret in the database needs a code after the password, and not without it; others need none."""
        names = self.run_example("auth_codes")
        server, secret = names["server"], "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
        for enrolled in (False, True):
            client = self.client(server)
            client.packet(REQUEST, interactive_request(b"alice"))
            client.take(INFO_REQUEST)
            client.packet(INFO_RESPONSE, answers(b"wonderland"))
            if enrolled:
                client.take(INFO_REQUEST)
                code = pyotp.TOTP(secret).at(int(server.factory.now())).encode()
                client.packet(INFO_RESPONSE, answers(code))
            client.take(SUCCESS)
            names["database"].execute("insert or replace into codes values ('alice', ?)", (secret,))
        self.assertRaises(AssertionError, MemorySession, server=server, user="alice", password="wonderland")

    def test_run_auth_hours(self) -> None:
        """The users file decides, but only while it is open; the greeting is by name."""
        names = self.run_example("auth_hours")
        office = names["office_hours"].__globals__
        office["OPEN"] = range(24)
        MemorySession(server=names["server"], user="alice", password="wonderland")
        self.assertRaises(AssertionError, MemorySession, server=names["server"], user="alice", password="wrong")
        office["OPEN"] = range(0)
        self.assertRaises(AssertionError, MemorySession, server=names["server"], user="alice", password="wonderland")
        client = self.client(names["server"])
        client.packet(REQUEST, request(b"alice", b"none"))
        names["server"].factory.clock.advance(1)
        client.pump()
        self.assertIn(b"Hello alice", client.take(BANNER))

    def test_run_sources(self) -> None:
        """A user of the htpasswd file gets in with the password, and nobody else does."""
        (self.place.path / "keys").mkdir()
        server = self.run_example("sources")["server"]
        alice = MemorySession(server=server, user="alice", password="wonderland")
        self.assertEqual(alice.get("/kept.log"), b"log")
        for user, password in (("alice", "wrong"), ("bob", "wonderland")):
            self.assertRaises(AssertionError, MemorySession, server=server, user=user, password=password)

    def test_run_postgres_users(self) -> None:
        """Who a row of the database knows gets in; `tests/interop/check_postgres.py` has a real one."""
        names = self.run_example("postgres_users")
        pool, hashed = names["pool"], bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
        pool.threadpool, pool.running = MemoryThreads(), True
        pool.dbapi = SimpleNamespace(connect=lambda *args, **options: Rows(alice=(hashed, None, "/", lines)))
        here, elsewhere, authority = Ed25519(), Ed25519(), Ed25519()
        lines = [line(here), f'from="203.0.113.9" {line(elsewhere)}', f"cert-authority {line(authority)}"]
        session = MemorySession(server=names["server"], user="alice", password="wonderland")
        self.assertEqual(session.get("/kept.log"), b"log")
        for user, password in (("alice", "wrong"), ("bob", "wonderland")):
            self.assertRaises(AssertionError, MemorySession, server=names["server"], user=user, password=password)
        for user, key, answer in (
            (b"alice", here, PK_OK),
            (b"alice", elsewhere, FAILURE),
            (b"alice", authority, FAILURE),
            (b"bob", here, FAILURE),
        ):
            client = self.client(names["server"])
            client.packet(REQUEST, offer(user, key))
            names["server"].factory.clock.advance(1)
            client.pump()
            client.take(answer)

    def test_run_auth_certificate(self) -> None:
        """The contractors' CA says who is one; another CA, and a key without a certificate, say nothing."""
        names = self.run_example("auth_certificate")
        contractors = Ed25519()
        names["by_certificate"].__globals__["CONTRACTORS"] = fingerprint(contractors.blob)
        for ca, user, answer in (
            (contractors, b"carol", SUCCESS),
            (contractors, b"dave", FAILURE),
            (Ed25519(), b"carol", FAILURE),
        ):
            client = self.client(names["server"])
            shown = Certified(Ed25519(), ca, principals=(b"carol",))
            client.packet(REQUEST, proof(user, shown, session=client.session_id))
            names["server"].factory.clock.advance(1)
            client.pump()
            client.take(answer)

    def test_run_factors(self) -> None:
        """Who the program names has to prove a key and the password, others one of them."""
        server = self.run_example("factors")["server"]
        for user, methods in ((b"alice", b"publickey"), (b"carol", b"password,keyboard-interactive,publickey")):
            client = self.client(server)
            client.packet(REQUEST, request(user, b"none"))
            server.factory.clock.advance(1)
            client.pump()
            self.assertEqual(client.take(FAILURE), NS(methods) + b"\0")
        self.assertRaises(AssertionError, MemorySession, server=server, user="alice", password="wonderland")

    def client(self, server: Any) -> MemoryClient:
        """Return a client that may log in."""
        client = MemoryClient(server.factory)
        client.connect()
        client.ask_for_login()
        return client
