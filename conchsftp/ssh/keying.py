"""
Key exchanges of one connection: the first, those the peer asks for, and those we start.

Drives `kexinit`, `key_exchange` and the registry; switches keys per direction: outgoing right after our NEWKEYS,
incoming right after the peer's. When keys are worn out is said in `wear.py`, what waits for new ones is in `held.py`.
Does no arithmetic itself and never touches the socket. Sources: RFC 4253 sections 7 to 9, RFC 8308, OpenSSH's PROTOCOL
section 1.10 (strict key exchange).
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from conchsftp.errors import ProtocolViolation, ServerError
from conchsftp.settings.penalties import NetBlocks, source_of
from conchsftp.ssh.algorithms.offer import offered, user_signatures
from conchsftp.ssh.algorithms.registry import CipherRow, MacRow
from conchsftp.ssh.held import HeldMessages
from conchsftp.ssh.kex.gss import TokenRefused
from conchsftp.ssh.kexinit import KexInit, Negotiated, enforce_strict, negotiate
from conchsftp.ssh.key_exchange import KeyExchange, Transcript
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.compression import EARLY_LIMIT, Decompressor
from conchsftp.ssh.packets.receiving import SEQUENCE_MASK
from conchsftp.ssh.phases import Stage
from conchsftp.ssh.proofs import HostKeyProofs
from conchsftp.ssh.wear import Wear
from conchsftp.wire.kinds import BYTES, U32

if TYPE_CHECKING:
    from conchsftp.ssh.transport import Transport

# Nobody needs new keys before login, and who comes without one is held responsible only when the connection ends.
_MOST_EARLY = 4
# How long a peer may keep us waiting for its next message of an exchange.
_ANSWER_SECONDS = 60.0


class Keying:
    """
    The keys of a connection and the exchange that makes the next ones.

    Args:
        transport: whose connection it is; packets go through its sender and receiver.
    """

    def __init__(self, transport: "Transport") -> None:
        self._transport = transport
        self._settings = transport.settings
        self.prove_with(transport.factory.host_keys)
        self._ours: bytes | None = None
        self._negotiated: Negotiated | None = None
        self._exchange: KeyExchange | None = None
        self._computing: Deferred[Any] | None = None
        self._incoming: tuple[PacketCipher, Decompressor | None] | None = None
        self._inflate: Decompressor | None = None
        self._skip = False
        self._early = 0
        self._overdue: IDelayedCall | None = None
        self._held = HeldMessages()
        self._authenticated = False
        self._compressing = False
        self._stopped = False
        self._askers: list[Deferred[None]] = []
        self._wear = Wear(transport.settings, transport.clock, transport.sender, transport.receiver)
        self.active = False
        """From our KEXINIT to our NEWKEYS: only messages of the exchange may be sent."""

    def prove_with(self, host_keys: HostKeys) -> None:
        """
        Take the keys that say who we are, for the life of the connection; before our first KEXINIT.

        Raises:
            ServerError: nothing is left to offer.
        """
        gss = self._transport.factory.gss
        self._offer = offered(self._settings, host_keys.algorithms(), gss.reason)
        self._host_keys = host_keys

    def user_signature_algorithms(self) -> tuple[str, ...]:
        """Return the signature algorithms that a user key may use, in our order."""
        return user_signatures(self._settings)

    def proofs(self) -> HostKeyProofs:
        """Return what proves to the client that the server has its keys; once they are exchanged."""
        agreed, session_id = self._negotiated, self._transport.sessionID
        assert agreed is not None and session_id is not None
        return HostKeyProofs(self._host_keys, self._offer.host_keys, agreed.host_key, session_id)

    def protected(self, direction: str) -> bool:
        """Whether keys are in use for `in`, `out` or `both` directions."""
        outgoing = self._transport.sessionID is not None
        incoming = outgoing and (self._incoming is None or self._authenticated)
        return {"out": outgoing, "in": incoming, "both": outgoing and incoming}[direction]

    def start(self, why: str = "") -> None:
        """
        Send our KEXINIT, unless an exchange is going on already.

        Args:
            why: who wants new keys, for the log.
        """
        if self.active or self._negotiated is not None and self._incoming is not None:
            return
        self.active = True
        first = self._transport.sessionID is None
        offer = self._offer if self._transport.client.curve25519 else self._offer.without_curve25519()
        self._ours = KexInit.offering(offer, first=first).payload
        self._transport.log.status("KEXINIT sent{why}", why=f", for new keys: {why}" if why else "")
        self._transport.sender.packet(self._ours)
        self._await_peer()
        self._transport.flush()

    def renewed(self) -> "Deferred[None]":
        """
        Exchange keys now; where an exchange is going on already, that is the one.

        Returns:
            A Deferred that fires when both directions have new keys, and fails with ConnectionLost if the connection
            ends first.
        """
        if self._stopped:
            return fail(ConnectionLost())
        asker: Deferred[None] = Deferred()
        self._askers.append(asker)
        self.start("ExchangeKeys")
        return asker

    def start_if_due(self) -> None:
        """Start an exchange when the keys have protected enough; called once a turn."""
        if not self._authenticated or self.active or self._incoming is not None or not self._transport.client.rekeys:
            return
        assert self._negotiated is not None
        why = self._wear.reason(self._negotiated)
        if why:
            self.start(why)

    def kexinit(self, payload: bytes) -> None:
        """Take the peer's KEXINIT: answer with ours if it is not out yet, and agree."""
        transport = self._transport
        first = transport.sessionID is None
        self._early += not self._authenticated
        if self._early > _MOST_EARLY:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, "too many key exchanges before login")
        asked = not self.active
        transport.log.status("KEXINIT received{why}", why=": the client wants new keys" if asked else "")
        self.start()
        assert self._ours is not None
        theirs, ours = KexInit.parse(payload), KexInit.parse(self._ours)
        agreed = negotiate(theirs, ours)
        if first and agreed.strict:
            if transport.receiver.packets != 1:
                raise ProtocolViolation(Reason.PROTOCOL_ERROR, "strict key exchange: KEXINIT was not the first message")
            transport.strict = True
        enforce_strict(agreed, self._settings.use_strict_key_exchange, strict=transport.strict)
        if transport.log.follows:
            for line in (*agreed.described, f"strict key exchange: {'yes' if transport.strict else 'no'}"):
                transport.log.status("{line}", line=line)
        self._negotiated = agreed
        self._skip = agreed.guess_wrong
        host_key = None if agreed.kex.gss else self._host_keys.for_algorithm(agreed.host_key.name)
        if first and host_key is not None:
            transport.first_host_key = host_key.blob_for(agreed.host_key.name)
        self._exchange = KeyExchange(
            agreed.kex,
            Transcript(transport.otherVersionString, transport.ourVersionString, payload, self._ours),
            host_key,
            agreed.host_key.name,
            transport.factory.groups,
            transport.factory.gss.context,
        )
        stages = {Stage.FIRST_KEXINIT: Stage.FIRST_KEX, Stage.CONNECTED: Stage.REKEY}
        transport.enter(stages.get(transport.stage, Stage.REKEY_AUTH))

    def message(self, number: int, payload: bytes) -> None:
        """Take a message of the key exchange method (30 to 49)."""
        if self._skip:
            self._skip = False
            return
        exchange = self._exchange
        if exchange is None:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"message {number} after the end of the key exchange")
        # Now it is us who make the other side wait.
        self._cancel_overdue()
        if not exchange.heavy:
            self._answer(exchange.receive(number, payload))
            return
        self._transport.suspend()
        factory, source = self._transport.factory, source_of(self._transport.log.host, NetBlocks())
        assert self._negotiated is not None
        kex = self._negotiated.kex
        # Tokens and tickets may be waited for.
        threads = factory.exchanges if kex.heavy and not kex.gss else factory.slow_proofs
        computing: Deferred[Any] = threads.run(exchange.receive, number, payload, source=source)
        self._computing = computing
        computing.addCallbacks(self._answer, self._failed)
        computing.addErrback(self._failed)
        computing.addBoth(lambda _: self._computed())

    def _computed(self) -> None:
        self._computing = None
        self._transport.resume()

    def newkeys(self) -> None:
        """Take the peer's NEWKEYS: what comes next is under the new keys."""
        if self._incoming is None:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, "NEWKEYS before the key exchange was finished")
        transport = self._transport
        self._cancel_overdue()
        if transport.stage is Stage.FIRST_KEX:
            _check_wrap(transport.receiver.packets)
        cipher, decompress = self._incoming
        self._incoming = None
        transport.log.status("NEWKEYS received: keys are exchanged")
        transport.receiver.switch(cipher, decompress, reset=transport.strict)
        if transport.stage is Stage.REKEY:
            transport.enter(Stage.CONNECTED)
        else:
            transport.enter(Stage.SERVICE if transport.service is None else Stage.AUTH)
        askers, self._askers = self._askers, []
        for asker in askers:
            asker.callback(None)

    def authenticated(self) -> None:
        """USERAUTH_SUCCESS was sent, or is held: our own rekeying starts, and delayed compression behind it."""
        self._authenticated = True
        if not self.active:
            self._compress()

    def hold(self, message: bytes) -> None:
        """
        Keep a message until our NEWKEYS is out.

        Raises:
            ProtocolViolation: the peer has us keep too many.
        """
        self._held.add(message)

    def _release(self) -> None:
        for message in self._held.release():
            self._transport.sender.packet(message)
            if message[0] == Message.USERAUTH_SUCCESS:
                self._compress()

    def _compress(self) -> None:
        """USERAUTH_SUCCESS is out: compress what follows it, and inflate what the peer sends upon it, large or not."""
        self._compressing = True
        agreed = self._negotiated
        assert agreed is not None
        if agreed.compression_in.delayed:
            self._inflate = agreed.compression_in.build_decompressor()
        if agreed.compression_out.delayed:
            self._transport.sender.compress_with(agreed.compression_out.build_compressor())
        if self._incoming is None:
            self._transport.receiver.decompress_with(self._inflate)
        else:
            # The peer's NEWKEYS is on its way, and was sent before it knew of its success.
            self._incoming = self._incoming[0], self._inflate

    def _answer(self, replies: list[tuple[int, bytes]]) -> None:
        if self._stopped:
            return
        sender = self._transport.sender
        for number, payload in replies:
            sender.packet(bytes((number,)) + payload)
        assert self._exchange is not None
        self._await_peer()
        if self._exchange.finished:
            self._switch()

    def _failed(self, failure: Failure) -> None:
        if self._stopped:
            return
        problem = failure.value
        if isinstance(problem, TokenRefused):
            self._transport.log.info("GSSAPI: {detail}", detail=problem.detail)
            for number, payload in problem.farewell:
                self._transport.sender.packet(bytes((number,)) + payload)
        if isinstance(problem, ProtocolViolation):
            self._transport.sendDisconnect(problem.reason, problem.text.encode())
            return
        if isinstance(problem, ServerError):
            # The token that has the host key was unplugged, for example. Clients may come again.
            self._transport.log.error("no proof by the host key: {text}", text=problem.text, error_code=problem.code)
            self._transport.excuse()
            self._transport.sendDisconnect(Reason.KEY_EXCHANGE_FAILED, b"the host key cannot be used now")
            return
        self._transport.log.failure("key exchange failed", failure)
        self._transport.sendDisconnect(Reason.KEY_EXCHANGE_FAILED, b"internal error")

    def _switch(self) -> None:
        transport, agreed, exchange = self._transport, self._negotiated, self._exchange
        assert agreed is not None and exchange is not None
        first = transport.sessionID is None
        if first:
            _check_wrap(transport.sender.packets)
            transport.gss_context = exchange.context
        session_id = transport.sessionID = transport.sessionID or exchange.exchange_hash
        transport.log.status("NEWKEYS sent")
        transport.sender.packet(bytes((Message.NEWKEYS,)))

        def derive(letter: bytes, size: int) -> bytes:
            return exchange.derive(letter, size, session_id)

        incoming = agreed.cipher_in, agreed.mac_in, b"ACE"
        outgoing = agreed.cipher_out, agreed.mac_out, b"BDF"
        ciphers = [_cipher(row, mac, letters, derive) for row, mac, letters in (incoming, outgoing)]
        deflate, inflate = agreed.compression_out, agreed.compression_in
        self._inflate = inflate.build_decompressor() if self._compressing or not inflate.delayed else None
        self._incoming = ciphers[0], self._inflate if self._compressing else _for_strangers(self._inflate)
        compress = deflate.build_compressor() if self._compressing or not deflate.delayed else None
        transport.sender.switch(ciphers[1], compress, reset=transport.strict)
        self._exchange = None
        self.active = False
        self._wear.renew()
        if first and agreed.ext_info:
            transport.sender.packet(self._extensions())
        self._release()
        transport.keys_switched()

    def _extensions(self) -> bytes:
        # "server-sig-algs" lists what a *user* key may sign with, not our host keys (RFC 8308, 3.1).
        pairs = {
            b"server-sig-algs": ",".join(self.user_signature_algorithms()).encode(),
            b"ping@openssh.com": b"0",
            b"publickey-hostbound@openssh.com": b"0",
        }
        body = b"".join(BYTES.pack(name) + BYTES.pack(value) for name, value in pairs.items())
        return bytes((Message.EXT_INFO,)) + U32.pack(len(pairs)) + body

    def _await_peer(self) -> None:
        """The next message is for the peer to send: it has a minute, whatever else it sends meanwhile."""
        self._cancel_overdue()
        self._overdue = self._transport.clock.callLater(_ANSWER_SECONDS, self._give_up)

    def _give_up(self) -> None:
        text = b"no answer to KEXINIT" if self.active and self._exchange is None else b"the key exchange does not go on"
        self._transport.sendDisconnect(Reason.KEY_EXCHANGE_FAILED, text)

    def stop(self) -> None:
        """The connection is over: what is still computed comes too late."""
        self._stopped = True
        self._cancel_overdue()
        if self._computing is not None:
            # What still waits for its turn is not computed for nobody.
            self._computing.cancel()
        askers, self._askers = self._askers, []
        for asker in askers:
            asker.errback(ConnectionLost())

    def _cancel_overdue(self) -> None:
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()


def _check_wrap(packets: int) -> None:
    """
    Fail if the first exchange has used up the sequence numbers of a direction.

    Who can have somebody count round during it can choose the number that the protected part begins with. Source:
    OpenSSH's PROTOCOL, 1.10.
    """
    if packets > SEQUENCE_MASK:
        raise ProtocolViolation(Reason.PROTOCOL_ERROR, "sequence numbers were used up during the first key exchange")


def _for_strangers(inflate: Decompressor | None) -> Decompressor | None:
    """Return what inflates for somebody who has not logged in, and may be anybody."""
    return inflate and partial(inflate, limit=EARLY_LIMIT)


def _cipher(row: CipherRow, mac: MacRow | None, letters: bytes, derive: Callable[[bytes, int], bytes]) -> PacketCipher:
    """Build the protection of one direction from its negotiated rows."""
    vector, key, integrity = (letters[i : i + 1] for i in range(3))
    built = mac.build(derive(integrity, mac.key)) if mac is not None else None
    return row.build(derive(key, row.key), derive(vector, row.iv), built)
