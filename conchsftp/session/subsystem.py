"""
The sftp subsystem of one channel: bytes in, requests through the pipeline, replies out.

Replies leave in the order of the requests: the drafts allow any, but some clients pair the two by position. None of
these asks for anything of another kind while it waits for what takes long, so that replies to that may be overtaken;
among themselves they keep the order.

Starts a request only when its reply can leave, and returns a request's window when it has been answered; so a client
that does not read, or asks faster than a disk answers, costs a bounded amount of memory. Knows nothing of what a
request does.
Source: filexfer-13, sections 3 and 4.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from conchsftp.log import Detail
from conchsftp.session.conversation import Conversation
from conchsftp.session.greeting import greet
from conchsftp.session.lanes import Lanes, Ticket
from conchsftp.session.on_handles import Abandon
from conchsftp.session.operation import LARGEST_READ, Operation, Placed
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.pipeline import Pipeline
from conchsftp.session.telling import show_requests
from conchsftp.sftp.codec import BadPacket
from conchsftp.sftp.replies import Data, StatusReply
from conchsftp.sftp.statuses import MISTAKE, Status
from conchsftp.wire.inbox import Inbox

# OpenSSH's limit; the drafts ask for 34000 (filexfer-13, 4). A larger packet cannot be skipped: the channel ends.
LARGEST_PACKET = 256 * 1024
# What a request costs that waits, whatever it is about: its event, its reply, and all that waiting is made of.
_WAITING_BYTES = 4096
# What a request costs beside which no other may be in flight: more than MaxBytesInFlight can be.
_ALL_THERE_IS = 2**40


class _Slot:
    """A request that waits for its answer, or for its turn to be answered."""

    __slots__ = ("cost", "event", "request", "request_id", "row", "size")

    def __init__(self, request_id: int | None, row: Operation, request: Any, size: int) -> None:
        self.request_id = request_id
        self.row = row
        self.request = request
        self.size = size
        self.cost = _WAITING_BYTES + (0 if row.bulk is None else min(row.bulk(request), LARGEST_READ))
        if row.alone:
            self.cost += _ALL_THERE_IS
        self.event: Any = None


class SFTPSubsystem(Protocol):
    """
    One SFTP conversation. Its transport is an `SFTPChannel`.

    Args:
        avatar: whose session it is.
        ssh: the SSH transport: the client's needs, settings, the hub of events, what the user sees.
    """

    transport: Any

    def __init__(self, avatar: Any, ssh: Any) -> None:
        self._ssh = ssh
        self._settings = ssh.settings
        self._inbox = Inbox(LARGEST_PACKET)
        self._lanes = Lanes()
        self._slots: deque[_Slot] = deque()
        # Those that take long: other replies overtake them, and they keep an order of their own.
        self._slow: deque[_Slot] = deque()
        self._woken: deque[Ticket] = deque()
        self._in_flight = self._dealt_with = 0
        self._pumping = self._waking = self._queued = False
        self._ending = False
        self._deaf = False
        self._over = False
        self._turns = ssh.factory.turns
        self._seconds = ssh.clock.seconds
        self._begun = False
        self._abandoned: Iterator[bytes] = iter(())
        self._closed: Deferred[None] | None = None
        self._conversation = Conversation(
            avatar,
            settings=ssh.settings,
            connection_id=ssh.connection_id,
            events=ssh.factory.events,
            seconds=ssh.clock.seconds,
            client=ssh.client,
            turns=ssh.factory.turns,
            uploads=ssh.factory.uploads,
            view=ssh.view,
        )
        self._pipeline = Pipeline(self._conversation)
        self._conversation.log = ssh.log

    def dataReceived(self, data: Any) -> None:
        """Take channel data: a view that is good until `keep()`."""
        if not self._deaf:
            self._inbox.feed(data)
            self._pump()

    def keep(self) -> None:
        """Copy what is unread: the received bytes are about to be overwritten."""
        self._inbox.keep()

    def go_on(self) -> None:
        """Answer, begin and let leave what can be now: replies can leave again, or there is another one."""
        if not self._queued:
            self._answer()
            self._pump()
        if not self._over:
            self.transport.flush()
        else:
            self._leave_at_last()

    def end_of_input(self) -> None:
        """The client asks nothing more; the channel ends with the last answer."""
        self._ending = True
        self._pump()

    def connectionMade(self) -> None:
        """The channel is there."""
        self.show(self._ssh.log.detail)
        self._conversation.channel = self.transport
        self._conversation.give_up = self._give_up

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close every handle, each after the work on its file."""
        if self._over:
            return
        self._over = True
        # What it has of this one would keep both in memory.
        self._conversation.give_up = self._conversation.nothing
        self.show(Detail.NONE)
        self._conversation.end()
        self._turns.forget(self._resume)
        self._queued = False
        self._closed = Deferred()
        self._ssh.factory.events.pending.add(self._closed)
        self._abandoned = iter(self._conversation.handles)
        self._resume()

    def _leave_at_last(self) -> None:
        """Tell who waits for it that all is closed, as soon as that is so."""
        if self._closed is not None and not self.busy and not self._queued:
            closed, self._closed = self._closed, None
            closed.callback(None)

    def show(self, detail: Detail) -> None:
        """Have the log show requests from now on, or no more."""
        show_requests(self, self._ssh.log, detail >= Detail.VERBOSE)

    @property
    def busy(self) -> bool:
        """Whether a request is being worked on."""
        return bool(self._slots or self._slow)

    @property
    def version(self) -> int:
        """The version of SFTP that was agreed on; 0 before that."""
        codec = self._conversation.codec
        return codec.version if codec is not None else 0

    @property
    def in_use(self) -> bool:
        """Whether anything is open, or being worked on."""
        return self.busy or len(self._conversation.handles) > 0

    def _pump(self) -> None:
        """Start requests while replies can leave; called again when they can."""
        if self._pumping or self._over or self._queued:
            return
        self._pumping = True
        pieces: Any = ()
        take, ready, most = self._inbox.take, self.transport.ready, self._settings.max_bytes_in_flight
        seconds, end = self._seconds, self._turns.end()
        try:
            while self._inbox.size and self._in_flight < most and ready():
                pieces = take()
                if pieces is None:
                    break
                self._take(pieces)
                if seconds() > end:
                    self._queue_up()
                    break
        except ValueError as problem:
            self._give_up(str(problem))
        finally:
            self._pumping = False
            self._give_back()
        # What is left may be a part of a packet that will never be whole.
        if self._ending and not self.busy and (pieces is None or not self._inbox.size):
            self.transport.finish()

    def _queue_up(self) -> None:
        """Let others have their turn before it goes on."""
        if not self._queued:
            self._queued = True
            self._turns.wait(self._resume)

    def _resume(self) -> None:
        self._queued = False
        self._wake()
        self._abandon()
        self._answer()
        self._pump()
        if not self._over:
            self.transport.flush()
        else:
            self._leave_at_last()

    def _abandon(self) -> None:
        """Close what was open when the session ended."""
        end = self._turns.end()
        for handle in self._abandoned:
            self._start(None, Abandon(handle=handle), 0)
            if self._seconds() > end:
                self._queue_up()
                break

    def _take(self, pieces: list[memoryview]) -> None:
        size = 4 + (len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces)))
        if not self._begun:
            self._begin(pieces, size)
            return
        try:
            # Whatever was asked before may have changed the version.
            request_id, request = self._conversation.codec.decode(pieces)  # type: ignore[union-attr]
        except BadPacket as bad:
            if bad.request_id is None:
                self._give_up(bad.text)
                return
            request_id, request = bad.request_id, bad
        self._start(request_id, request, size)

    def _begin(self, pieces: list[memoryview], size: int) -> None:
        """Take the first packets: INIT, and the only request that may choose another version."""
        conversation = self._conversation
        if conversation.codec is None:
            self.transport.write(greet(conversation, b"".join(pieces)))
            self.transport.credit(size)
            return
        self._begun = conversation.fresh = True
        self._take(pieces)
        conversation.fresh = False

    def _start(self, request_id: int | None, request: Any, size: int) -> None:
        row = OPERATIONS[type(request)]
        ticket = None
        if self._lanes.taken or row.enters_first:
            ticket = row.enter(self._lanes, self._conversation, request)
            if not ticket.admitted:
                if row.own is not None:
                    row.own(request)
                slot = self._queue(request_id, row, request, size)
                ticket.job = slot
                return
        self._conversation.direct = not self._slots and not self._over
        outcome = self._pipeline.serve(row, request)
        if outcome.__class__ is Deferred:
            if ticket is None:
                ticket = row.enter(self._lanes, self._conversation, request)
            self._wait(outcome, ticket, self._queue(request_id, row, request, size))
            return
        if ticket is not None:
            self._leave(ticket)
        if self._slow if row.slow else self._slots:
            self._queue(request_id, row, request, size).event = outcome
        else:
            self._emit(request_id, row, outcome, request, size)

    def _queue(self, request_id: int | None, row: Any, request: Any, size: int) -> _Slot:
        """Give a request a place in the order of replies; count what its reply may take."""
        slot = _Slot(request_id, row, request, size)
        self._in_flight += slot.cost
        (self._slow if row.slow else self._slots).append(slot)
        return slot

    def _wait(self, outcome: Deferred[Any], ticket: Ticket, slot: _Slot) -> None:
        def done(event: Any) -> None:
            slot.event = event
            self._leave(ticket)
            self.go_on()

        outcome.addCallback(done)
        outcome.addErrback(lambda failure: self._ssh.log.failure("a reply was lost", failure))

    def _leave(self, ticket: Ticket) -> None:
        """Give up a lane and start whoever waited for it."""
        self._woken.extend(self._lanes.leave(ticket))
        if self._woken and not self._queued:
            self._wake()

    def _wake(self) -> None:
        """Start requests whose turn has come in their lanes; in a loop, because a started one may leave at once."""
        if self._waking:
            return
        self._waking = True
        end = self._turns.end()
        try:
            while self._woken:
                woken = self._woken.popleft()
                slot = woken.job
                self._conversation.direct = False
                outcome = self._pipeline.serve(slot.row, slot.request)
                if outcome.__class__ is Deferred:
                    self._wait(outcome, woken, slot)
                else:
                    slot.event = outcome
                    self._woken.extend(self._lanes.leave(woken))
                if self._seconds() > end:
                    self._queue_up()
                    break
        finally:
            self._waking = False

    def _answer(self) -> None:
        """Send the replies that are made, as far as the order and the channel allow."""
        end = self._turns.end()
        for slots in (self._slow, self._slots):
            while slots and slots[0].event is not None and (self._over or self.transport.ready()):
                slot = slots.popleft()
                self._in_flight -= slot.cost
                self._emit(slot.request_id, slot.row, slot.event, slot.request, slot.size)
                if self._seconds() > end:
                    self._queue_up()
                    break
        self._give_back()

    def _give_back(self) -> None:
        """Return the window of what has been answered, all of it at once."""
        if self._dealt_with:
            self.transport.credit(self._dealt_with)
            self._dealt_with = 0

    def _emit(self, request_id: int | None, row: Operation, event: Any, request: Any, size: int) -> None:
        codec = self._conversation.codec
        if self._over or request_id is None or codec is None:
            return
        try:
            reply = self._pipeline.reply(row, event, request)
            if reply.__class__ is Placed:
                head, packet = codec.data_frame(request_id, reply.count, reply.end_of_file)
                self.transport.commit(head, reply.count)
            elif reply.__class__ is Data:
                # Not joined: the data is long, and is copied into the outgoing packets anyway.
                data = memoryview(reply.data).cast("B")
                head, packet = codec.data_frame(request_id, data.nbytes, reply.end_of_file)
                self.transport.write(head)
                if data.nbytes:
                    self.transport.write(data)
            else:
                packet = codec.encode(request_id, reply)
        except Exception:
            # What a handler or a file system put into the event cannot be said in this protocol: their bug, but the
            # client is owed an answer.
            self._ssh.log.failure("{about} cannot be answered", about=type(event).__name__)
            packet = codec.encode(request_id, StatusReply(status=Status.FAILURE, message=MISTAKE))
        if packet:
            self.transport.write(packet)
        self._dealt_with += size

    def _give_up(self, text: str) -> None:
        """The framing is lost: nothing that follows can be told from garbage."""
        self._ssh.log.warn("{text}", text=text)
        self._inbox = Inbox(LARGEST_PACKET)
        # What was asked before is still answered; the pump ends the channel behind the last reply.
        self._deaf = self._ending = True
