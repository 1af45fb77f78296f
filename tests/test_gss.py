"""Tests of `conchsftp.gss` without the package: a stand-in for what it would answer."""

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.gss import GSSFailure, KerberosContext


class _GSSError(Exception):
    pass


class _Name:
    def __init__(self, name: bytes) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name.decode()


class _Complete:
    """A context that is complete after one token."""

    mech = "krb5"
    actual_flags = 3
    complete = True
    target_name = _Name(b"host/server@EXAMPLE.COM")

    def __init__(self, principal: bytes) -> None:
        self.initiator_name = _Name(principal)

    def step(self, token: bytes) -> None:
        return None


def _library(principal: bytes) -> Any:
    return SimpleNamespace(
        exceptions=SimpleNamespace(GSSError=_GSSError),
        MechType=SimpleNamespace(kerberos="krb5"),
        RequirementFlag=SimpleNamespace(mutual_authentication=1, integrity=2),
        SecurityContext=lambda creds, usage: _Complete(principal),
    )


class PrincipalTests(SynchronousTestCase):
    def test_known(self) -> None:
        """A complete context tells who came, and of which realm the key is that took the ticket."""
        context = KerberosContext(_library("zoë@EXAMPLE.COM".encode()), None)
        self.assertEqual(context.step(b"token"), b"")
        self.assertEqual((context.complete, context.principal, context.realm), (True, "zoë@EXAMPLE.COM", "EXAMPLE.COM"))

    def test_not_text(self) -> None:
        """A principal whose name is not UTF-8 is refused, and the context is not complete."""
        context = KerberosContext(_library(b"zo\xeb@EXAMPLE.COM"), None)
        self.assertRaises(GSSFailure, context.step, b"token")
        self.assertFalse(context.complete)
