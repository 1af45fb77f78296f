"""
Group exchange: Diffie-Hellman in a group whose size the client asks for (RFC 4419).
"""

from struct import pack

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.kex.groups import Group, Groups, fixed_group
from conchsftp.ssh.numbers import Reason
from tests.ssh.clients import GroupExchangeClient, mpint
from tests.ssh.test_key_exchange import ExchangeCase, begin


class GroupExchangeTests(ExchangeCase):
    """Groups that the client sizes."""

    name = "diffie-hellman-group-exchange-sha256"
    weak = "diffie-hellman-group-exchange-sha1"

    def test_sizes(self) -> None:
        """The client gets a group of the size it asks for; its request is part of the hash as it was sent."""
        for least, wanted, most, bits in ((1024, 2048, 8192, 2048), (2048, 3072, 4096, 3072), (2048, 5000, 5000, 4096)):
            client = GroupExchangeClient("sha256", (34, pack(">III", least, wanted, most)))
            self.agree(client, begin(self.name))
            self.assertEqual(client.prime.bit_length(), bits)

    def test_old_request(self) -> None:
        """The old request has one size, and only that is hashed (RFC 4419, 5)."""
        for wanted, bits in ((1024, 2048), (2048, 2048), (3000, 3072)):
            client = GroupExchangeClient("sha256", (30, pack(">I", wanted)))
            self.agree(client, begin(self.name))
            self.assertEqual(client.prime.bit_length(), bits)

    def test_own_groups(self) -> None:
        """Groups of a moduli file are used with their own generator."""
        groups = Groups([Group(fixed_group(15).prime, 5)])
        client = GroupExchangeClient("sha256", (34, pack(">III", 3072, 3072, 3072)))
        self.agree(client, begin(self.name, groups))

    def test_contradictions(self) -> None:
        """Sizes that contradict each other, or that nobody should use, are refused."""
        for name in (self.name, self.weak):
            for sizes in (
                (3072, 2048, 8192),
                (2048, 8192, 4096),
                (4096, 3072, 2048),
                (8193, 8193, 8193),
                (9000, 9000, 9000),
                (4097, 4097, 6143),
                (1023, 1023, 1023),
                (0, 0, 0),
                (2**32 - 1, 2**32 - 1, 2**32 - 1),
            ):
                self.refused(name, pack(">III", *sizes), 34)
            for size in (8193, 0, 1023, 2**32 - 1):
                self.refused(name, pack(">I", size), 30)

    def test_small_groups(self) -> None:
        """Who takes 1024 bits only gets them of the method that is offered by its name only, and of no other."""
        for sizes in ((1024, 1024, 1024), (512, 1024, 1536), (1024, 1024, 2047)):
            self.refused(self.name, pack(">III", *sizes), 34)
            client = GroupExchangeClient("sha1", (34, pack(">III", *sizes)))
            self.agree(client, begin(self.weak))
            self.assertEqual(client.prime, fixed_group(1).prime)

    def test_not_smaller_than_needed(self) -> None:
        """That method, too, gives 2048 bits to whoever takes them, whatever they ask for."""
        for request in ((34, pack(">III", 1024, 1024, 2048)), (34, pack(">III", 1, 1, 8192)), (30, pack(">I", 1024))):
            client = GroupExchangeClient("sha1", request)
            self.agree(client, begin(self.weak))
            self.assertEqual(client.prime.bit_length(), 2048)

    def test_order(self) -> None:
        """A public value before the group, or a second request, may not come."""
        server = self.refused(self.name, mpint(15), 32, Reason.PROTOCOL_ERROR)
        request = pack(">III", 2048, 2048, 8192)
        server.receive(34, request)
        for number in (30, 31, 33, 34):
            self.assertRaises(ProtocolViolation, server.receive, number, request)
        self.assertEqual(len(server.receive(32, mpint(15))), 1)
        # Nor the two requests after each other, nor a request of both kinds.
        server = begin(self.name)
        server.receive(30, pack(">I", 2048))
        self.assertRaises(ProtocolViolation, server.receive, 34, request)
        self.refused(self.name, pack(">I", 2048), 34, Reason.PROTOCOL_ERROR)
        self.refused(self.name, request, 30)

    def test_range(self) -> None:
        """The public value is checked against the group that was sent."""
        for value in (0, 1, fixed_group(14).prime - 1, fixed_group(15).prime - 2):
            server = begin(self.name)
            server.receive(34, pack(">III", 2048, 2048, 8192))
            violation = self.assertRaises(ProtocolViolation, server.receive, 32, mpint(value))
            self.assertEqual(violation.reason, Reason.KEY_EXCHANGE_FAILED)
