"""
Order of work on one file.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.session.lanes import Lanes, Ticket

A, B, C = ("/a",), ("/b",), ("/c",)


class LaneTests(SynchronousTestCase):
    """One file."""

    def test_free(self) -> None:
        """Whoever comes to a free lane may start at once; when all have left, nothing remains."""
        for shared in (True, False):
            with self.subTest(shared=shared):
                lanes = Lanes()
                self.assertFalse(lanes.taken)
                ticket = lanes.enter(A, shared)
                self.assertTrue(ticket.admitted)
                self.assertTrue(lanes.taken)
                self.assertEqual(lanes.leave(ticket), [])
                self.assertFalse(lanes.taken)

    def test_first_come_first_served(self) -> None:
        """Exclusive work is done one at a time, in order of arrival."""
        lanes = Lanes()
        tickets = [lanes.enter(A, False) for _ in range(5)]
        self.assertEqual([ticket.admitted for ticket in tickets], [True, False, False, False, False])
        for ticket, following in zip(tickets, tickets[1:], strict=False):
            self.assertEqual(lanes.leave(ticket), [following])
            self.assertTrue(following.admitted)
        self.assertEqual(lanes.leave(tickets[-1]), [])
        self.assertFalse(lanes.taken)

    def test_shared_overlap(self) -> None:
        """Shared work overlaps, and may end in any order."""
        lanes = Lanes()
        tickets = [lanes.enter(A, True) for _ in range(3)]
        self.assertTrue(all(ticket.admitted for ticket in tickets))
        for ticket in reversed(tickets):
            self.assertTrue(lanes.taken)
            self.assertEqual(lanes.leave(ticket), [])
        self.assertFalse(lanes.taken)

    def test_write_waits_for_reads(self) -> None:
        """Exclusive work waits for all shared work before it."""
        lanes = Lanes()
        reads = [lanes.enter(A, True) for _ in range(2)]
        write = lanes.enter(A, False)
        self.assertFalse(write.admitted)
        self.assertEqual(lanes.leave(reads[1]), [])
        self.assertEqual(lanes.leave(reads[0]), [write])

    def test_no_starvation(self) -> None:
        """Shared work that comes later does not pass exclusive work that waits."""
        lanes = Lanes()
        first = lanes.enter(A, True)
        write = lanes.enter(A, False)
        later = [lanes.enter(A, True) for _ in range(3)]
        self.assertFalse(any(ticket.admitted for ticket in later))
        self.assertEqual(lanes.leave(first), [write])
        self.assertEqual(lanes.leave(write), later)

    def test_shared_up_to_the_next_exclusive(self) -> None:
        """All shared work that waits in a row starts together, what stands behind the next exclusive one does not."""
        lanes = Lanes()
        write = lanes.enter(A, False)
        together = [lanes.enter(A, True) for _ in range(2)]
        lanes.enter(A, False)
        behind = lanes.enter(A, True)
        self.assertEqual(lanes.leave(write), together)
        self.assertFalse(behind.admitted)

    def test_other_files(self) -> None:
        """Files do not wait for each other."""
        lanes = Lanes()
        lanes.enter(A, False)
        self.assertTrue(lanes.enter(B, False).admitted)

    def test_no_file(self) -> None:
        """Work on no file never waits and holds nobody up."""
        lanes = Lanes()
        lanes.enter(A, False)
        ticket = lanes.enter((), False)
        self.assertTrue(ticket.admitted)
        self.assertEqual(lanes.leave(ticket), [])

    def test_used_again(self) -> None:
        """A lane that was left by all is free for who comes next."""
        lanes = Lanes()
        for _ in range(3):
            ticket = lanes.enter(A, False)
            self.assertTrue(ticket.admitted)
            lanes.leave(ticket)
        self.assertFalse(lanes.taken)


class TwoPathTests(SynchronousTestCase):
    """Work on two files, as a rename is."""

    def test_waits_for_both(self) -> None:
        """It starts when its turn has come in both lanes, whichever is free first."""
        for order in ((0, 1), (1, 0)):
            with self.subTest(order=order):
                lanes = Lanes()
                before = lanes.enter(A, False), lanes.enter(B, True)
                both = lanes.enter(A + B, False)
                self.assertEqual(lanes.leave(before[order[0]]), [])
                self.assertFalse(both.admitted)
                self.assertEqual(lanes.leave(before[order[1]]), [both])
                self.assertTrue(both.admitted)

    def test_holds_its_place(self) -> None:
        """While it waits for one lane, nobody passes it in the other."""
        lanes = Lanes()
        before = lanes.enter(A, False)
        both = lanes.enter(A + B, False)
        after = lanes.enter(B, False)
        self.assertFalse(after.admitted)
        self.assertEqual(lanes.leave(before), [both])
        self.assertEqual(lanes.leave(both), [after])

    def test_wakes_both(self) -> None:
        """When it leaves, who waits in either lane may start."""
        lanes = Lanes()
        both = lanes.enter(A + B, False)
        one, other = lanes.enter(A, False), lanes.enter(B, False)
        self.assertEqual(lanes.leave(both), [one, other])

    def test_woken_in_order(self) -> None:
        """Who is woken by it comes in the order of arrival, whichever lane was left first."""
        lanes = Lanes()
        both = lanes.enter(B + A, False)
        one, other = lanes.enter(A + B, True), lanes.enter(B, True)
        self.assertEqual(lanes.leave(both), [one, other])

    def test_chain(self) -> None:
        """Renames that share a name with the next one each wait for the one before, not for all."""
        lanes = Lanes()
        first, second, third = lanes.enter(A + B, False), lanes.enter(B + C, False), lanes.enter(C, False)
        self.assertEqual([first.admitted, second.admitted, third.admitted], [True, False, False])
        self.assertEqual(lanes.leave(first), [second])
        self.assertEqual(lanes.leave(second), [third])
        lanes.leave(third)
        self.assertFalse(lanes.taken)

    def test_crossed(self) -> None:
        """Two requests that name the same files in another order do not wait for each other forever."""
        lanes = Lanes()
        first, second = lanes.enter(A + B, False), lanes.enter(B + A, False)
        self.assertTrue(first.admitted)
        self.assertEqual(lanes.leave(first), [second])
        lanes.leave(second)
        self.assertFalse(lanes.taken)

    def test_same_path_twice(self) -> None:
        """A request that names one file twice does not wait for itself."""
        lanes = Lanes()
        ticket = lanes.enter(A + A, False)
        self.assertTrue(ticket.admitted)
        self.assertFalse(lanes.enter(A, True).admitted)
        self.assertEqual(len(lanes.leave(ticket)), 1)


class ManyTests(SynchronousTestCase):
    """A client that queues as much as it may."""

    def test_five_thousand(self) -> None:
        """Five thousand requests in a row are woken one by one in a loop, without recursion."""
        lanes = Lanes()
        tickets = [lanes.enter(A, False) for _ in range(5000)]
        running = [tickets[0]]
        done = []
        while running:
            ticket = running.pop()
            done.append(ticket)
            running += lanes.leave(ticket)
        self.assertEqual(done, tickets)
        self.assertFalse(lanes.taken)

    def test_five_thousand_at_once(self) -> None:
        """Five thousand reads behind one write are all woken by its end, in order."""
        lanes = Lanes()
        write = lanes.enter(A, False)
        tickets = [lanes.enter(A, True) for _ in range(5000)]
        self.assertEqual(lanes.leave(write), tickets)
        for ticket in tickets:
            self.assertEqual(lanes.leave(ticket), [])
        self.assertFalse(lanes.taken)


class Arrival:
    """One request as the rule sees it."""

    def __init__(self, ticket: Ticket, paths: frozenset[str]) -> None:
        self.ticket = ticket
        self.paths = paths

    def conflicts(self, earlier: "Arrival") -> bool:
        """Whether it would make a difference which of the two is done first."""
        return bool(self.paths & earlier.paths) and not (self.ticket.shared and earlier.ticket.shared)


class RuleTests(SynchronousTestCase):
    """ "as if done one at a time, in the order they came" (filexfer-13, 4.1)."""

    @given(
        st.lists(
            st.tuples(st.lists(st.sampled_from(("/a", "/b", "/c")), max_size=3), st.booleans()) | st.integers(0, 50),
            max_size=60,
        )
    )
    @settings(max_examples=250)
    def test_rule(self, steps: list[tuple[list[str], bool] | int]) -> None:
        """A request runs as soon as, and only when, no unfinished earlier one conflicts with it."""
        lanes = Lanes()
        unfinished: list[Arrival] = []
        for step in steps:
            if isinstance(step, tuple):
                paths, shared = step
                ticket = lanes.enter(tuple(paths), shared)
                self.assertIs(ticket.shared, shared)
                unfinished.append(Arrival(ticket, frozenset(paths)))
                woken: list[Ticket] = []
            else:
                running = [arrival for arrival in unfinished if arrival.ticket.admitted]
                if not running:
                    continue
                leaving = running[step % len(running)]
                waiting = [arrival for arrival in unfinished if not arrival.ticket.admitted]
                unfinished.remove(leaving)
                woken = lanes.leave(leaving.ticket)
                started = [arrival.ticket for arrival in waiting if arrival.ticket.admitted]
                self.assertCountEqual(woken, started)
                self.check_order(woken, unfinished)
            for number, arrival in enumerate(unfinished):
                free = not any(arrival.conflicts(earlier) for earlier in unfinished[:number])
                self.assertEqual(arrival.ticket.admitted, free)
            self.assertEqual(bool(lanes.taken), any(arrival.paths for arrival in unfinished))

    def check_order(self, woken: list[Ticket], unfinished: list[Arrival]) -> None:
        """Check that on each file the woken requests come in the order of their arrival."""
        for path in ("/a", "/b", "/c"):
            arrived = [arrival.ticket for arrival in unfinished if path in arrival.paths and arrival.ticket in woken]
            here = {id(ticket) for ticket in arrived}
            self.assertEqual([ticket for ticket in woken if id(ticket) in here], arrived)
