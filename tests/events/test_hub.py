"""
Who is told of an event, in what order, and what comes of handlers that fail.
"""

import gc
import weakref

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError, SFTPError
from conchsftp.events import (
    ConnectionRequest,
    DirList,
    EventHub,
    FileRead,
    FileRemove,
    FileRename,
    FileWrite,
    in_thread,
)
from conchsftp.events.own import FileRequest
from conchsftp.sftp.statuses import Status


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.hub = EventHub(clock=self.clock)
        self.event = FileRemove(1, "alice", "/a", before_exec=True)
        self.calls = []

    def notes(self, name):
        return lambda event: self.calls.append(name)

    def refused(self, text, call, *args):
        self.assertRegex(self.assertRaises(ServerError, call, *args).text, text)


class SubscriptionTests(Case):
    def test_nobody(self):
        """Without listeners the dictionary is empty, and firing is done at once."""
        self.assertEqual(self.hub.listeners, {})
        self.assertIsNone(self.hub.fire(self.event))

    def test_by_call_and_decorator(self):
        """A handler is added by a call or a decorator, by class, documented name or hook."""
        self.assertTrue(callable(self.hub.on(FileRemove, self.notes("class"))))
        self.hub.on("FileRemove", self.notes("name"))
        self.hub.on("on_file_remove", self.notes("hook"))

        @self.hub.on(FileRemove)
        def keep(event):
            self.calls.append("decorator")

        self.assertEqual(keep.__name__, "keep")
        self.assertIsNone(self.hub.fire(self.event))
        self.assertEqual(self.calls, ["class", "name", "hook", "decorator"])
        self.assertEqual(list(self.hub.listeners), [FileRemove])

    def test_no_handler(self):
        """What cannot be called is no handler, what is no event has none, and a class is not asked for its methods."""
        self.refused("Case is a class; expected an object, such as Case()", self.hub.add_listener, Case)
        self.refused("a handler of FileOpen is a function .* got 5", self.hub.on, "FileOpen", 5)
        self.refused("there is no event '<built-in function print>'", self.hub.on, print)

    def test_unknown_event(self):
        """A name that is no event is an error that names the nearest; so is what nobody can listen to."""
        self.refused("'FileRemov' to listen to; did you mean FileRemove", self.hub.on, "FileRemov", print)
        self.refused("'FileRequest'", self.hub.on, FileRequest, print)
        self.refused("'FileRequest'", self.hub.on, "FileRequest", print)

    def test_off(self):
        """A handler can be removed; removing one that is not there does no harm."""
        handler = self.notes("x")
        self.hub.on(FileRemove, handler)
        self.hub.off(FileRemove, handler)
        self.hub.off(FileRemove, handler)
        self.hub.off(DirList, handler)
        self.assertEqual(self.hub.listeners, {})

    def test_object(self):
        """An object is told of every event that it has a method for."""
        calls = self.calls

        class Audit:
            def on_file_remove(self, event):
                calls.append(("remove", event.path))

            def on_dir_list(self, event):
                calls.append(("list", event.path))

            def on_login(self, event):
                calls.append("never")

        self.hub.add_listener(Audit())
        self.hub.fire(self.event)
        self.hub.fire(DirList(1, "alice", "/b"))
        self.assertEqual(calls, [("remove", "/a"), ("list", "/b")])

    def test_object_without_hooks(self):
        """An object that would be told of nothing is a mistake."""
        self.refused("object has no method", self.hub.add_listener, object())

    def test_misspelt_hook(self):
        """A method that is almost named as a hook is a mistake, not a handler that never runs."""

        class Audit:
            def on_file_opne(self, event): ...

        for call in (self.hub.add_listener, self.hub.adopt, self.hub.child):
            self.refused("Audit.on_file_opne handles no event; did you mean on_file_open", call, Audit())


class OrderTests(Case):
    def test_order(self):
        """The avatar comes first, then the server's hook, then handlers as they were added."""
        case = self

        class Both:
            def __init__(self, name):
                self.name = name

            def on_file_remove(self, event):
                case.calls.append(self.name)

        self.hub.on(FileRemove, self.notes("first"))
        self.hub.adopt(Both("server"))
        session = self.hub.child(Both("avatar"))
        self.hub.on(FileRemove, self.notes("second"))
        session.fire(self.event)
        self.assertEqual(self.calls, ["avatar", "server", "first", "second"])

    def test_sessions_are_apart(self):
        """A session's handlers hear of its own events only."""
        one, other = self.hub.child(), self.hub.child()
        one.on(FileRemove, self.notes("one"))
        other.fire(self.event)
        self.hub.fire(self.event)
        self.assertEqual(self.calls, [])
        one.fire(self.event)
        self.assertEqual(self.calls, ["one"])

    def test_sessions_share(self):
        """Sessions without handlers of their own use their server's dictionary, also after it has changed."""
        one = self.hub.child(object())
        self.hub.on(FileRemove, self.notes("added"))
        self.assertIs(one.listeners, self.hub.listeners)

    def test_sessions_are_not_kept(self):
        """A server does not keep the hubs of sessions that have ended."""
        one = weakref.ref(self.hub.child())
        gc.collect()
        self.assertIsNone(one())

    def test_each_sees_what_earlier_ones_set(self):
        """Handlers share one event, and each is waited for before the next begins."""
        wait = Deferred()

        async def first(event):
            await wait
            event.path = "/b"

        self.hub.on(FileRename, first)
        self.hub.on(FileRename, lambda event: self.calls.append(event.path))
        event = FileRename(1, "alice", "/a", "/c")
        result = self.hub.fire(event)
        self.assertEqual(self.calls, [])
        wait.callback(None)
        self.assertIs(self.successResultOf(result), event)
        self.assertEqual(self.calls, ["/b"])


class WaitingTests(Case):
    def test_nothing_waits(self):
        """Functions, coroutines and Deferreds that need not wait make no Deferred; their results are ignored."""

        async def handler(event):
            await succeed(None)
            return Status.FAILURE

        for each in (lambda event: 5, handler, lambda event: succeed(Status.FAILURE)):
            self.hub.on(FileRemove, each)
        self.assertIsNone(self.hub.fire(self.event))
        self.assertEqual(self.event.status_code, Status.OK)

    def test_deferred(self):
        """A handler that returns a Deferred is waited for."""
        wait = Deferred()
        self.hub.on(FileRemove, lambda event: wait)
        result = self.hub.fire(self.event)
        self.assertNoResult(result)
        wait.callback(None)
        self.assertIs(self.successResultOf(result), self.event)

    def test_lent_buffers(self):
        """Before anything waits, the event owns its content."""
        buffer = bytearray(b"abc")
        event = FileWrite(1, "alice", "/a", "1", 0, [memoryview(buffer)])
        self.hub.on(FileWrite, lambda event: Deferred())
        self.hub.fire(event)
        buffer[:] = b"xyz"
        self.assertEqual(event.data, b"abc")

    def test_buffers_are_not_copied(self):
        """Where nothing waits and nobody looks, nothing is copied."""
        view = memoryview(b"abc")
        event = FileRead(1, "alice", "/a", "1", 0, 3, [view])
        self.hub.on(FileRead, lambda event: None)
        self.hub.fire(event)
        self.assertIs(event.pieces[0], view)

    def test_thread(self):
        """A handler marked @in_thread runs where the hub is told to run it, is waited for, and has the event."""
        jobs = []

        def threads(function, *args):
            job = Deferred()
            jobs.append(lambda: job.callback(function(*args)))
            return job

        @in_thread
        def handler(event):
            self.calls.append(event)
            event.status_code = Status.QUOTA_EXCEEDED

        session = EventHub(threads=threads).child()
        session.on(FileRemove, handler)
        result = session.fire(self.event)
        self.assertEqual(self.calls, [])
        jobs.pop()()
        self.assertEqual(self.successResultOf(result).status_code, Status.QUOTA_EXCEEDED)
        self.assertEqual(self.calls, [self.event])

    def test_no_threads(self):
        """Without threads such a handler is a mistake: it never blocks the reactor, and the request fails."""
        self.hub.on(FileRemove, in_thread(lambda event: self.calls.append("ran")))
        self.hub.fire(self.event)
        self.assertEqual((self.calls, self.event.status_code), ([], Status.FAILURE))
        self.assertEqual(len(self.flushLoggedErrors(ServerError)), 1)

    def test_cancel(self):
        """Cancelling ends the handler that is waiting, and no other begins."""
        wait = Deferred()
        self.hub.on(FileRemove, lambda event: wait)
        self.hub.on(FileRemove, self.notes("never"))
        result = self.hub.fire(self.event)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertTrue(wait.called)
        self.assertEqual(self.calls, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FailureTests(Case):
    def fire_with(self, *handlers):
        for each in handlers:
            self.hub.on(type(self.event), each)
        result = self.hub.fire(self.event)
        return self.event if result is None else self.successResultOf(result)

    def raises(self, problem):
        def handler(event):
            raise problem

        return handler

    def raises_later(self, problem):
        async def handler(event):
            await self.wait
            raise problem

        self.wait = Deferred()
        self.clock.callLater(0, self.wait.callback, None)
        return handler

    def test_deny(self):
        """A handler denies by setting a status."""

        def handler(event):
            event.status_code = Status.PERMISSION_DENIED

        self.assertEqual(self.fire_with(handler).status_code, Status.PERMISSION_DENIED)

    def test_sftp_error(self):
        """An SFTPError sets status and message; it is an answer, not a mistake, and later handlers see it."""
        event = self.fire_with(
            self.raises(SFTPError(Status.QUOTA_EXCEEDED, "full")), lambda event: self.calls.append(event.status_code)
        )
        self.assertEqual((event.status_code, event.error_message), (Status.QUOTA_EXCEEDED, "full"))
        self.assertEqual(self.calls, [Status.QUOTA_EXCEEDED])

    def test_os_error(self):
        """An OSError is an answer as well, without its text."""
        event = self.fire_with(self.raises(FileNotFoundError(2, "no such", "/srv/secret")))
        self.assertEqual((event.status_code, event.error_message), (Status.NO_SUCH_FILE, ""))

    def test_error_with_status_ok(self):
        """Raising never allows, even with OK."""
        self.assertEqual(self.fire_with(self.raises(SFTPError(Status.OK))).status_code, Status.FAILURE)

    def test_mistake(self):
        """Any other exception is logged once and answered FAILURE; other handlers run, but cannot allow."""

        def allow(event):
            self.calls.append("ran")
            event.status_code = Status.OK

        self.assertEqual(self.fire_with(self.raises(KeyError()), allow).status_code, Status.FAILURE)
        self.assertEqual(self.calls, ["ran"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_mistake_after_waiting(self):
        """So it is if the mistake comes after a wait."""

        def allow(event):
            event.status_code = Status.OK

        self.hub.on(FileRemove, self.raises_later(KeyError()))
        self.hub.on(FileRemove, allow)
        result = self.hub.fire(self.event)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(result).status_code, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_mistake_before_another_waits(self):
        """A mistake is not forgotten while a later handler waits and then allows."""

        async def allow(event):
            await wait
            event.status_code = Status.OK

        wait = Deferred()
        self.hub.on(FileRemove, self.raises(KeyError()))
        self.hub.on(FileRemove, allow)
        result = self.hub.fire(self.event)
        wait.callback(None)
        self.assertEqual(self.successResultOf(result).status_code, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_sftp_error_after_waiting(self):
        """A denial after a wait is the answer, too."""
        self.hub.on(FileRemove, self.raises_later(SFTPError(Status.EOF)))
        result = self.hub.fire(self.event)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(result).status_code, Status.EOF)

    def test_connection(self):
        """A mistake of a handler refuses a connection."""
        self.event = ConnectionRequest("192.0.2.1", 5)
        self.assertIs(self.fire_with(self.raises(OSError(2, "no"))).accept, False)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
