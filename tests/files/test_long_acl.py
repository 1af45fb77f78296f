"""
Access control lists with as many entries as a client may send: what they cost.
"""

import sys

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.attributes.acl_entries import wanted
from conchsftp.sftp.acl import ACL, Entry
from conchsftp.sftp.numbers import Access, EntryFlag

R, X = Access.READ_DATA, Access.EXECUTE


class CostTests(SynchronousTestCase):
    """What one packet may cost everybody else."""

    def test_many(self) -> None:
        """Twice as many entries take twice the work: a packet holds a thousand, and other sessions wait meanwhile."""

        def work(count: int, flags: EntryFlag) -> int:
            calls = 0

            def count_call(*_: object) -> None:
                nonlocal calls
                calls += 1

            entries = (Entry(mask=R, who=str(number), flags=flags) for number in range(count))
            acl = ACL(entries=(*entries, Entry(mask=R, who="EVERYONE@")))
            sys.setprofile(count_call)
            try:
                wanted(acl, int, int).lists(owner=0, directory=False)
            finally:
                sys.setprofile(None)
            return calls

        for flags in (EntryFlag(0), EntryFlag.IDENTIFIER_GROUP):
            self.assertLess(work(160, flags), 3 * work(80, flags))

    def test_same_name(self) -> None:
        """A name that comes again is not looked up again."""
        asked = []

        def find(name: str) -> int:
            asked.append(name)
            return 5

        wanted(
            ACL(entries=(Entry(mask=R, who="ann"), Entry(mask=X, who="ann"), Entry(mask=R, who="EVERYONE@"))),
            find,
            find,
        )
        self.assertEqual(asked, ["ann"])
