"""
Handlers of Log, SSHStatus and Error that wait: how many events are with them, and what becomes of more.
"""

from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.events import Error, Log, SSHStatus
from conchsftp.server import backlog
from tests.server.test_log import LogCase

LIMIT = 4


class BacklogTests(LogCase):
    """A server with handlers that wait for the test, and connections that are nothing but their logs."""

    def setUp(self) -> None:
        super().setUp()
        self.working: list[Deferred[None]] = []

    def begin(self, event: Any) -> "Deferred[None]":
        """Begin to handle an event."""
        self.told.append(event.connection_id)
        self.working.append(Deferred())
        return self.working[-1]

    def listen_to(self, kind: Any, most: int = 1000) -> Any:
        """Make a server, and return what has one event of a kind happen to a connection."""
        self.patch(backlog, "MOST_OF_ONE", LIMIT)
        self.patch(backlog, "MOST", most)
        self.told.clear()
        self.working.clear()
        self.serve()
        self.server.on(kind, self.begin)
        log = self.server.factory.log

        def happen(number: int = 1, times: int = 1) -> None:
            each = log.of(number, "192.0.2.7")
            each.connected = True
            for _ in range(times):
                (each.warn if kind is Error else each.info)("something", step=kind is SSHStatus or None)
            self.lines[:] = [line for line in self.lines if "something" not in line]

        return happen

    def finish(self, count: int) -> None:
        """Let those have done that began first."""
        for _ in range(count):
            self.working.pop(0).callback(None)

    def test_limit(self) -> None:
        """As many as the limit are told; more are dropped until handlers have done, and the log says both, once."""
        for kind in (Log, SSHStatus, Error):
            happen = self.listen_to(kind)
            happen(times=LIMIT)
            self.assertEqual((len(self.told), self.lines), (LIMIT, []))
            happen(times=3)
            slow = f"[1] handlers of {kind.name} are too slow: events are dropped until they have caught up"
            self.assertEqual((len(self.told), self.lines), (LIMIT, [slow]))
            self.finish(LIMIT - 1)
            happen()
            self.assertEqual((len(self.told), self.lines), (LIMIT, [slow]))
            self.finish(1)
            self.assertEqual(self.lines[1:], [f"[1] handlers of {kind.name} have caught up: 4 events were dropped"])
            happen()
            self.assertEqual(len(self.told), LIMIT + 1)
            self.lines.clear()

    def test_below(self) -> None:
        """Handlers that are quick enough miss nothing, however much there is."""
        happen = self.listen_to(Log)
        for _ in range(5):
            happen(times=LIMIT - 1)
            self.finish(LIMIT - 1)
        self.assertEqual((len(self.told), self.lines), (5 * (LIMIT - 1), []))

    def test_others(self) -> None:
        """A connection of which too much is told takes nothing from the others."""
        happen = self.listen_to(Log)
        happen(1, LIMIT + 1)
        happen(2, LIMIT)
        happen(0, LIMIT)
        self.assertEqual([self.told.count(number) for number in (0, 1, 2)], [LIMIT] * 3)

    def test_whole_server(self) -> None:
        """Of all connections together there is a limit, too; then everything is dropped until all have done."""
        happen = self.listen_to(Log, most=LIMIT + 2)
        happen(1, LIMIT)
        happen(2, LIMIT)
        happen(3)
        self.assertEqual(self.told, [1] * LIMIT + [2] * 2)
        self.assertEqual(self.lines, ["handlers of Log are too slow: events are dropped until they have caught up"])
        self.finish(LIMIT + 2)
        self.assertEqual(self.lines[1:], ["handlers of Log have caught up: 3 events were dropped"])
        happen(3)
        self.assertEqual(self.told[-1], 3)

    def test_nothing_is_left(self) -> None:
        """When handlers have done, or failed, nothing is kept of a connection."""
        happen = self.listen_to(Log)
        happen(1, LIMIT)
        happen(2, LIMIT)
        self.finish(LIMIT)
        for each in self.working:
            each.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), LIMIT)
        (kept,) = (each for kind, each in self.server.factory.log._backlogs.items() if kind is Log)
        self.assertEqual((kept._each, kept._all.waiting, len(self.server.events.pending)), ({}, 0, 0))
