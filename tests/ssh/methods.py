"""
Other methods of key exchange for `MemoryClient`: those whose server's side computes in a thread.
"""

import hashlib
import secrets
from struct import pack

from conchsftp.ssh.kex.groups import fixed_group
from conchsftp.testing import MemoryClient
from conchsftp.testing.exchange import X25519Exchange
from tests.ssh.clients import mpint, strings


class GroupExchange(X25519Exchange):
    """diffie-hellman-group16-sha512."""

    name = "diffie-hellman-group16-sha512"
    hash = staticmethod(hashlib.sha512)

    def __init__(self) -> None:
        self.host_key = self.signature = self.secret = self.hashed = b""
        self.begin(fixed_group(16).prime, 2)
        self.first = 30, self.value

    def begin(self, prime: int, generator: int) -> None:
        """Choose a value in a group."""
        self.prime = prime
        self.exponent = 2 + secrets.randbits(256)
        self.value = mpint(pow(generator, self.exponent, prime))

    def take(self, number: int, payload: bytes) -> tuple[int, bytes] | None:
        self.host_key, theirs, self.signature = strings(payload)
        shared = pow(int.from_bytes(theirs, "big"), self.exponent, self.prime)
        self.secret = mpint(shared)
        self.hashed = self.value + mpint(int.from_bytes(theirs, "big"))
        return None


class ChosenGroupExchange(GroupExchange):
    """diffie-hellman-group-exchange-sha256: four messages instead of two."""

    name = "diffie-hellman-group-exchange-sha256"
    hash = staticmethod(hashlib.sha256)

    def __init__(self) -> None:
        self.host_key = self.signature = self.secret = self.hashed = b""
        self.sizes = pack(">III", 2048, 2048, 8192)
        self.first = 34, self.sizes

    def take(self, number: int, payload: bytes) -> tuple[int, bytes] | None:
        if number == 31:
            self.group = payload
            self.begin(*(int.from_bytes(each, "big") for each in strings(payload)))
            return 32, self.value
        super().take(number, payload)
        self.hashed = self.sizes + self.group + self.hashed
        return None


class HeavyClient(MemoryClient):
    """A client that makes the server compute."""

    method = GroupExchange


class TwiceHeavyClient(MemoryClient):
    """A client that makes the server compute twice in one exchange."""

    method = ChosenGroupExchange
