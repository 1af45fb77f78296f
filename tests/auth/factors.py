"""
What the tests of policies share: a connection that asks for several factors, and what was answered.
"""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import SSHUserAuthRequest
from tests.auth.support import FAILURE, REQUEST, Ed25519, Keys, Passwords, Transport

A, B = Ed25519(), Ed25519()
BOTH = "publickey,password"


def partial(*methods: str) -> tuple[int, bytes]:
    """The answer that something was right and more is needed, by these methods."""
    return (FAILURE, NS(",".join(methods).encode()) + b"\1")


def refused(*methods: str) -> tuple[int, bytes]:
    """The answer that something was wrong, with what can be tried."""
    return (FAILURE, NS(",".join(methods).encode()) + b"\0")


class Case(SynchronousTestCase):
    """A connection on which alice has the key A and the password `right`, carol the key A, and all of it is asked."""

    def listen(
        self, methods: str = BOTH, *checkers: Any, policies: Any = None, say: Any = None, **settings: Any
    ) -> Transport:
        """
        Return a connection.

        Args:
            methods: AuthenticationMethods.
            checkers: those of keys and passwords by default.
            policies: asked what a user has to prove.
            say: called with each event that handlers are told of; without it there is no handler.
            settings: others.
        """
        self.passwords, self.keys = Passwords(), Keys(alice=A, carol=A)
        self.told: list[SSHUserAuthRequest] = []
        asked = checkers or (self.passwords, self.keys)
        self.transport = Transport(*asked, authentication_methods=methods, **settings)
        self.transport.factory.policies = policies
        if say is not None:
            self.transport.events.on(SSHUserAuthRequest, lambda event: (self.told.append(event), say(event))[1])
        return self.transport

    def numbers(self, *payloads: bytes, number: int = REQUEST) -> list[int]:
        """Return the numbers of what is answered to messages, one after the other."""
        return [each for payload in payloads for each, _ in self.transport.ask(payload, number=number)]

    def lines(self, *levels: Any) -> list[str]:
        """Return the list in which the lines of the log will stand, from now on."""
        found: list[str] = []

        def observe(event: Any) -> None:
            if event["log_level"] in (levels or (LogLevel.warn, LogLevel.error)):
                found.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return found
