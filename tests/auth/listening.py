"""
What the tests of logins by event share: a connection whose handlers are asked, and note what they are told.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import SSHUserAuthRequest
from tests.auth.support import (
    Ed25519,
    Transport,
)

A, B = Ed25519(), Ed25519()


class Case(SynchronousTestCase):
    """A connection whose handler answers by a table, and notes what it was told."""

    def listen(self, *checkers: Any, say: Any = None, **settings: Any) -> Transport:
        """Return a connection; `say` is called with each event."""
        self.told: list[SSHUserAuthRequest] = []
        self.transport = Transport(*checkers, **settings)

        def handle(event: SSHUserAuthRequest) -> Any:
            self.told.append(event)
            return say(event) if say is not None else None

        self.transport.events.on(SSHUserAuthRequest, handle)
        return self.transport

    def numbers(self, payload: bytes, number: int = 50) -> list[int]:
        """Return the numbers of what is answered."""
        return [each for each, _ in self.transport.ask(payload, number=number)]

    def seen(self) -> list[tuple[str, str | bytes]]:
        """Return the methods and parameters that the handler was told."""
        return [(event.auth_method, event.auth_param) for event in self.told]


def accept(event: SSHUserAuthRequest) -> None:
    event.accept = True


def known(event: SSHUserAuthRequest) -> None:
    """Alice, with her password or her key."""
    event.accept = event.user == "alice" and event.auth_param in ("right", A.blob)


def two(event: SSHUserAuthRequest) -> None:
    """The key, then the password."""
    event.accept = False
    if event.auth_method == "publickey":
        event.partial_success = event.auth_param == A.blob
        event.available_methods = "password"
    elif event.auth_method == "password":
        event.accept = event.auth_param == "right" and event.proven == ("publickey",)
