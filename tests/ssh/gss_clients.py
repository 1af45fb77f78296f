"""
The client's side of exchanges by GSSAPI, written from RFC 4462 and RFC 8732: around a client's side without it.
"""

from conchsftp.testing.exchange import X25519Exchange
from tests.gss import Initiator, Realm
from tests.ssh.clients import Client, Messages, Send, string, strings

END = "toWM5Slw5Ew8Mqkay+al2g=="


class GSSClient(Client):
    """
    A client in one exchange.

    Args:
        inside: the same without GSSAPI.
        context: its half.
    """

    def __init__(self, inside: Client, context: Initiator) -> None:
        super().__init__(inside.hash)
        self.inside = inside
        self.context = context
        self.token: bytes | None = None

    def run(self, send: Send) -> None:
        def around(number: int, payload: bytes) -> Messages:
            if number == 34:
                ((number, group),) = send(40, payload)
                assert number == 41
                return [(31, group)]
            return self.through(send, payload, number + 1)

        self.inside.run(around)
        self.secret, self.hashed = self.inside.secret, self.inside.hashed
        self.host_key, self.signature = self.inside.host_key, self.inside.signature

    def through(self, send: Send, value: bytes, number: int) -> Messages:
        """Send our value and tokens until the end; return what the exchange without GSSAPI would have had for it."""
        ((got, payload),) = send(30, string(self.context.first) + value)
        while got == 31:
            (token,) = strings(payload)
            ((got, payload),) = send(31, string(self.context.take(token)))
        assert got == 32
        ours, mic, self.token = completed(payload)
        return [(number, string(b"") + string(ours) + string(mic))]


class GSSExchange(X25519Exchange):
    """The same as `MemoryClient` has it; `realm` is that of the server."""

    name = f"gss-curve25519-sha256-{END}"
    realm: Realm
    principal = "alice@EXAMPLE.COM"
    context: Initiator

    def __init__(self) -> None:
        super().__init__()
        self.context = type(self).last = self.realm.client(self.principal)
        self.first = 30, string(self.context.first) + self.first[1]

    last: Initiator

    def take(self, number: int, payload: bytes) -> tuple[int, bytes] | None:
        if number == 31:
            (token,) = strings(payload)
            return 31, string(self.context.take(token))
        ours, self.mic, _ = completed(payload)
        return super().take(31, string(b"") + string(ours) + string(self.mic))


def exchange_in(realm: Realm, principal: str = "alice@EXAMPLE.COM") -> type[GSSExchange]:
    """Return the method of a client that has tickets of a realm."""
    return type("Exchange", (GSSExchange,), {"realm": realm, "principal": principal})


def completed(payload: bytes) -> tuple[bytes, bytes, bytes | None]:
    """Return public value, MIC and token, if there is one, of a COMPLETE."""
    ours_end = 4 + int.from_bytes(payload[:4], "big")
    mic_end = ours_end + 4 + int.from_bytes(payload[ours_end : ours_end + 4], "big")
    has_token, rest = payload[mic_end], payload[mic_end + 1 :]
    assert has_token in (0, 1) and bool(rest) == bool(has_token)
    ours, mic = strings(payload[:mic_end])
    return ours, mic, strings(rest)[0] if has_token else None
