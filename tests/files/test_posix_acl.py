"""
Access control lists of POSIX: stored, told to clients, and made of what clients want.

Who may do what is worked out here for everybody there can be, by the algorithms of acl(5) and RFC 7530, section 6.2.1.
"""

from collections.abc import Iterator
from functools import cache
from itertools import chain, combinations
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.acl_entries import told, wanted
from conchsftp.files.attributes.posix_acl import EXECUTE, READ, WRITE, PosixACL, with_mask
from conchsftp.sftp.acl import ACL, Entry
from conchsftp.sftp.numbers import Access, ACLFlag, EntryFlag, EntryType
from conchsftp.sftp.statuses import Status

OWNING = -1
"""The group that owns the file."""
USERS = {0: "root", 1: "ann", 2: "bob", 3: "cai"}
GROUPS = {10: "red", 11: "blue"}
ALLOWED, DENIED = EntryType.ALLOWED, EntryType.DENIED
R, W, X = Access.READ_DATA, Access.WRITE_DATA | Access.APPEND_DATA, Access.EXECUTE
TO_GROUP = EntryFlag.IDENTIFIER_GROUP
NO_FLAGS = EntryFlag(0)
BOTH = EntryFlag.FILE_INHERIT | EntryFlag.DIRECTORY_INHERIT
ONLY = BOTH | EntryFlag.INHERIT_ONLY


class Person(NamedTuple):
    """Somebody who wants to do something."""

    uid: int
    owns: bool
    groups: frozenset[int]


@cache
def people(owner: int) -> list[Person]:
    """Return everybody that a list may tell apart."""
    all_groups = (OWNING, *GROUPS)
    memberships = chain.from_iterable(combinations(all_groups, count) for count in range(len(all_groups) + 1))
    return [Person(uid, uid == owner, frozenset(groups)) for groups in memberships for uid in USERS]


def by_posix(acl: PosixACL, person: Person, right: int) -> bool:
    """Decide as acl(5) has it, "ACCESS CHECK ALGORITHM"."""
    mask = 7 if acl.mask is None else acl.mask
    if person.owns:
        return bool(acl.owner & right)
    for uid, rights in acl.users:
        if uid == person.uid:
            return bool(rights & mask & right)
    found = [rights for gid, rights in ((OWNING, acl.group), *acl.groups) if gid in person.groups]
    if found:
        return any(rights & mask & right for rights in found)
    return bool(acl.other & right)


def by_entries(acl: ACL, person: Person, bit: Access) -> bool:
    """Decide as RFC 7530 has it, 6.2.1: the first entry for somebody that has the bit."""
    for entry in acl.entries:
        if entry.flags & EntryFlag.INHERIT_ONLY or not entry.mask & bit:
            continue
        named = GROUPS if entry.flags & TO_GROUP else USERS
        who = {
            "OWNER@": person.owns,
            "GROUP@": OWNING in person.groups,
            "EVERYONE@": True,
        }.get(entry.who)
        if who is None:
            number = next(number for number, name in named.items() if name == entry.who)
            who = number in person.groups if entry.flags & TO_GROUP else number == person.uid
        if who:
            return entry.type == ALLOWED
    return False


def tell(access: PosixACL, default: PosixACL | None = None, *, owner: int = 0, directory: bool = False) -> ACL:
    return told(access, default, owner=owner, directory=directory, users=USERS, groups=GROUPS)


def number(names: dict[int, str]):
    """Return what looks a name up."""

    def look(name: str) -> int:
        for found, known in names.items():
            if known == name:
                return found
        raise SFTPError(Status.UNKNOWN_PRINCIPAL)

    return look


def want(acl: ACL):
    return wanted(acl, number(USERS), number(GROUPS))


def lists(acl: ACL, *, owner: int = 0, directory: bool = False):
    """Return the two lists of POSIX that a list of a client becomes."""
    return want(acl).lists(owner=owner, directory=directory)


def made(*entries: Entry, **options) -> PosixACL:
    """Return the list of POSIX that some entries become."""
    return lists(ACL(entries=entries), **options)[0]


def entry(who: str, mask: Access, kind: EntryType = ALLOWED, flags: EntryFlag = NO_FLAGS) -> Entry:
    return Entry(type=kind, flags=flags, mask=mask, who=who)


RIGHTS = st.integers(0, 7)


def some_of(numbers):
    return st.dictionaries(st.sampled_from(sorted(numbers)), RIGHTS, max_size=3).map(
        lambda found: tuple(sorted(found.items()))
    )


@st.composite
def posix_acls(draw):
    """Any list that the system would store."""
    users, groups = draw(some_of(USERS)), draw(some_of(GROUPS))
    mask = draw(RIGHTS) if users or groups else draw(st.none() | RIGHTS)
    return PosixACL(owner=draw(RIGHTS), group=draw(RIGHTS), other=draw(RIGHTS), users=users, groups=groups, mask=mask)


ENTRIES = st.one_of(
    st.builds(
        entry,
        st.sampled_from(["OWNER@", "GROUP@", "EVERYONE@", "ann", "bob"]),
        st.just(R),
        st.sampled_from((ALLOWED, DENIED)),
    ),
    st.builds(
        entry,
        st.sampled_from(sorted(GROUPS.values())),
        st.just(R),
        st.sampled_from((ALLOWED, DENIED)),
        st.just(TO_GROUP),
    ),
)
"""Entries about one right: about the others is decided in the same way, each by itself."""


class StoredTests(SynchronousTestCase):
    """How the system stores a list (linux/posix_acl_xattr.h)."""

    def test_layout(self):
        """Laid out by hand: tag, rights and number of each entry, little-endian."""
        acl = PosixACL(owner=6, users=((1, 4),), group=4, groups=((10, 5),), mask=5, other=0)
        stored = bytes.fromhex(
            "02000000 0100 0600 ffffffff  0200 0400 01000000  0400 0400 ffffffff"
            "0800 0500 0a000000  1000 0500 ffffffff  2000 0000 ffffffff"
        )
        self.assertEqual(acl.pack(), stored)
        self.assertEqual(PosixACL.parse(stored), acl)

    @given(posix_acls())
    def test_round_trip(self, acl):
        """What is stored is read back."""
        self.assertEqual(PosixACL.parse(acl.pack()), acl)

    @given(st.binary(max_size=40))
    def test_noise(self, data):
        """Any other bytes are told from a list; nothing else happens."""
        for stored in (data, b"\2\0\0\0" + data):
            try:
                PosixACL.parse(stored)
            except ValueError:
                pass

    def test_mode(self):
        """The mode of a file is three entries."""
        self.assertEqual(PosixACL.of_mode(0o754), PosixACL(owner=7, group=5, other=4))

    @given(posix_acls(), RIGHTS, RIGHTS, RIGHTS)
    @settings(max_examples=30, deadline=None, derandomize=True)
    def test_limited(self, acl, owner, group, other):
        """A limited list allows nobody what a mode would not, and nobody more than before."""
        limited = acl.limited(owner << 6 | group << 3 | other)
        for person in people(0):
            named = person.uid in dict(acl.users) or person.groups & {OWNING, *dict(acl.groups)}
            limit = owner if person.owns else group if named else other
            for right in (READ, WRITE, EXECUTE):
                expected = by_posix(acl, person, right) and bool(limit & right)
                self.assertEqual(by_posix(limited, person, right), expected)

    @given(posix_acls())
    @settings(max_examples=30, deadline=None, derandomize=True)
    def test_without_names(self, acl):
        """A list that names nobody any more allows the owner and the group what they were allowed."""
        plain = acl.without_names()
        self.assertEqual((plain.users, plain.groups, plain.mask), ((), (), None))
        for person in people(0):
            if person.owns or person.groups == {OWNING} and person.uid not in dict(acl.users):
                for right in (READ, WRITE, EXECUTE):
                    self.assertEqual(by_posix(plain, person, right), by_posix(acl, person, right))


class ToldTests(SynchronousTestCase):
    """What clients learn."""

    def test_mode(self):
        """A mode is three entries; nobody is denied anything where the later ones allow no more."""
        everybody = Access.READ_ATTRIBUTES | Access.READ_ACL | Access.SYNCHRONIZE
        owners = Access.WRITE_ATTRIBUTES | Access.WRITE_ACL
        expected = (
            entry("OWNER@", R | W | everybody | owners),
            entry("GROUP@", R | everybody),
            entry("EVERYONE@", everybody),
        )
        acl = tell(PosixACL.of_mode(0o640))
        self.assertEqual(acl, ACL(entries=expected))
        self.assertEqual(acl.flags, ACLFlag.CONTROL_INCLUDED | ACLFlag.CONTROL_PRESENT)

    def test_denied(self):
        """Who may do less than those after them is denied it."""
        found = [(each.type, each.who, each.mask) for each in tell(PosixACL.of_mode(0o077)).entries if each.type]
        self.assertEqual(found, [(DENIED, "OWNER@", R | W | X)])

    def test_directory(self):
        """Who may write to a directory may remove what is in it."""
        self.assertTrue(tell(PosixACL.of_mode(0o700), directory=True).entries[0].mask & Access.DELETE_CHILD)
        self.assertFalse(tell(PosixACL.of_mode(0o700)).entries[0].mask & Access.DELETE_CHILD)

    def test_numbers(self):
        """Who has no name is told by number."""
        acl = with_mask(owner=6, group=0, other=0, users=((77, 4),), groups=((78, 4),))
        names = {77: None, 78: None}
        found = told(acl, None, owner=0, directory=False, users=names, groups=names).entries
        self.assertEqual([each.who for each in found], ["OWNER@", "77", "GROUP@", "78", "EVERYONE@"])
        self.assertEqual([bool(each.flags & TO_GROUP) for each in found], [False, False, False, True, False])

    def test_default(self):
        """What is inherited comes last, and counts for nothing else."""
        acl = tell(PosixACL.of_mode(0o700), PosixACL.of_mode(0o750), directory=True)
        self.assertEqual([each.flags for each in acl.entries], [0, 0, 0, ONLY, ONLY, ONLY])

    @given(posix_acls(), st.sampled_from(sorted(USERS)), st.booleans())
    @settings(max_examples=30, deadline=None, derandomize=True)
    def test_truth(self, acl, owner, directory):
        """Of everybody the entries say what the system would."""
        entries = tell(acl, owner=owner, directory=directory)
        for person in people(owner):
            for right, bits in ((READ, R), (WRITE, W), (EXECUTE, X)):
                for bit in Access:
                    if bit & bits:
                        self.assertEqual(by_entries(entries, person, bit), by_posix(acl, person, right), person)

    @given(posix_acls(), st.none() | posix_acls(), st.sampled_from(sorted(USERS)))
    @settings(max_examples=30, deadline=None, derandomize=True)
    def test_and_back(self, access, default, owner):
        """What was told can be set, and is what there was: with a mask that takes nothing, as setfacl computes it."""
        acl = tell(access, default, owner=owner, directory=True)
        expected = access.effective(), None if default is None else default.effective()
        self.assertEqual(lists(acl, owner=owner, directory=True), expected)
        self.assertEqual(lists(tell(access, owner=owner), owner=owner), (access.effective(), None))


class WantedTests(SynchronousTestCase):
    """What of clients' lists POSIX can hold."""

    def refused(self, *entries: Entry, status: Status = Status.OP_UNSUPPORTED, **options) -> str:
        problem = self.assertRaises(SFTPError, made, *entries, **options)
        self.assertEqual(problem.status, status)
        return problem.message

    @given(st.lists(ENTRIES, max_size=6), st.sampled_from([0, 1]))
    @settings(max_examples=30, deadline=None, derandomize=True)
    def test_exactly(self, entries, owner):
        """A list is accepted where, and only where, some list of POSIX means the same for everybody."""
        acl = ACL(entries=tuple(entries))
        truth = {person: by_entries(acl, person, R) for person in people(owner)}
        try:
            found = made(*entries, owner=owner)
        except SFTPError:
            # Who is named and owns the file is two people: one of them may be nobody now, but would be somebody later.
            if owner not in (1, 2):
                self.assertFalse(any(self.means(each, truth) for each in self.all_lists(entries)))
        else:
            self.assertTrue(self.means(found, truth), found)

    @staticmethod
    def means(acl: PosixACL, truth: dict[Person, bool]) -> bool:
        return all(by_posix(acl, person, READ) == allowed for person, allowed in truth.items())

    @staticmethod
    def all_lists(entries) -> Iterator[PosixACL]:
        """Every list of POSIX about one right that names the same."""
        whos = {each.who for each in entries}
        users = [uid for uid, name in USERS.items() if name in whos]
        groups = [gid for gid, name in GROUPS.items() if name in whos]
        for bits in range(1 << (3 + len(users) + len(groups))):
            rights = iter([4 * (bits >> at & 1) for at in range(10)])
            yield with_mask(
                owner=next(rights),
                group=next(rights),
                other=next(rights),
                users=tuple((uid, next(rights)) for uid in users),
                groups=tuple((gid, next(rights)) for gid in groups),
            )

    def test_plain(self):
        """Three entries are a mode."""
        found = made(entry("OWNER@", R | W), entry("GROUP@", R), entry("EVERYONE@", R))
        self.assertEqual(found, PosixACL.of_mode(0o644))
        self.assertEqual(made(entry("EVERYONE@", R)), PosixACL.of_mode(0o444))

    def test_named(self):
        """Somebody who is named has what they are allowed, and there is a mask that takes nothing of it."""
        found = made(entry("OWNER@", R | W), entry("ann", R | W), entry("GROUP@", R), entry("red", R, flags=TO_GROUP))
        self.assertEqual(found, PosixACL(owner=6, users=((1, 6),), group=4, groups=((10, 4),), mask=6, other=0))

    def test_nothing(self):
        """A list without entries denies all (filexfer-13, 7.8)."""
        self.assertEqual(made(), PosixACL.of_mode(0))

    def test_owner_named(self):
        """An entry that names the owner matters for the owner, and for nobody else's file."""
        entries = entry("ann", R | W), entry("OWNER@", R), entry("GROUP@", R)
        self.assertEqual(made(*entries, owner=0).owner, READ)
        self.assertEqual(made(*entries, owner=1).owner, READ | WRITE)
        self.refused(entry("GROUP@", R), entry("ann", R, DENIED), owner=1)

    def test_depends_on_groups(self):
        """A user whose rights depend on their groups is nobody that POSIX knows; the text says what to do."""
        text = self.refused(entry("OWNER@", R | W), entry("ann", R), entry("GROUP@", R | W))
        self.assertEqual(text, "WRITE_DATA must be allowed or denied to ann before groups that may include them")

    def test_halves(self):
        """To write and to append are one right of POSIX; in a directory, to remove as well."""
        self.refused(entry("OWNER@", Access.WRITE_DATA))
        self.refused(entry("OWNER@", W), directory=True)
        self.assertEqual(made(entry("OWNER@", W | Access.DELETE_CHILD), directory=True).owner, WRITE)
        self.assertEqual(made(entry("OWNER@", W | Access.DELETE_CHILD)).owner, WRITE)

    def test_fixed(self):
        """What POSIX gives to everybody, to the owner or to nobody can neither be denied nor allowed to others."""
        for who in ("OWNER@", "EVERYONE@", "ann"):
            for bit in (Access.READ_ATTRIBUTES, Access.READ_ACL, Access.SYNCHRONIZE):
                self.refused(entry(who, bit, DENIED))
            for bit in (Access.DELETE, Access.WRITE_OWNER, Access.READ_NAMED_ATTRS, Access.WRITE_NAMED_ATTRS):
                self.refused(entry(who, bit))
        for bit in (Access.WRITE_ACL, Access.WRITE_ATTRIBUTES):
            self.refused(entry("ann", bit))
            self.refused(entry("OWNER@", bit, DENIED))
            self.refused(entry("EVERYONE@", bit, DENIED))
            made(entry("OWNER@", bit), entry("EVERYONE@", bit, DENIED))
            made(entry("ann", bit, DENIED))
        made(entry("EVERYONE@", Access.DELETE, DENIED))

    def test_audit(self):
        """Nothing is audited, nobody alarmed (filexfer-13, 7.8: such a request must fail)."""
        self.refused(entry("EVERYONE@", R, EntryType.AUDIT))
        self.refused(entry("EVERYONE@", R, EntryType.ALARM))
        for flag in (ACLFlag.AUDIT_ALARM_INCLUDED, ACLFlag.AUDIT_ALARM_INHERITED, ACLFlag.CONTROL_INHERITED):
            problem = self.assertRaises(SFTPError, want, ACL(flags=ACL().flags | flag))
            self.assertEqual(problem.status, Status.OP_UNSUPPORTED)

    def test_flags(self):
        """Without CONTROL_INCLUDED nothing is to change; without CONTROL_PRESENT, there shall be no entries."""
        self.assertIsNone(want(ACL(flags=ACLFlag(0))))
        self.assertIsNone(want(ACL(flags=ACLFlag.CONTROL_PRESENT)))
        self.assertIsNone(want(ACL(flags=ACLFlag.CONTROL_INCLUDED)).rules)
        for flags in (ACLFlag(0), ACLFlag.CONTROL_PRESENT, ACLFlag.CONTROL_INCLUDED):
            problem = self.assertRaises(SFTPError, want, ACL(flags=flags, entries=(entry("ann", R),)))
            self.assertEqual(problem.status, Status.INVALID_PARAMETER)

    def test_others(self):
        """Those that stand for more than POSIX knows are refused; so is nobody at all."""
        for who in ("ANONYMOUS@", "AUTHENTICATED@", "NETWORK@", "@", ""):
            self.refused(entry(who, R))

    def test_unknown(self):
        """All names that nobody has are told, once each."""
        entries = entry("ann", R), entry("dan", R), entry("dan", W), entry("red", R), entry("bob", R, flags=TO_GROUP)
        problem = self.assertRaises(SFTPError, made, *entries)
        self.assertEqual((problem.status, problem.names), (Status.UNKNOWN_PRINCIPAL, ("dan", "red", "bob")))

    def test_inherited(self):
        """What both files and directories inherit at any depth is the default list of a directory."""
        entries = ACL(entries=(entry("OWNER@", R, flags=BOTH), entry("GROUP@", R, flags=ONLY), entry("EVERYONE@", X)))
        expected = PosixACL.of_mode(0o511), PosixACL.of_mode(0o440)
        self.assertEqual(lists(entries, directory=True), expected)
        self.refused(entry("OWNER@", R, flags=BOTH), status=Status.INVALID_PARAMETER)
        for flags in (
            EntryFlag.FILE_INHERIT,
            EntryFlag.DIRECTORY_INHERIT,
            EntryFlag.INHERIT_ONLY,
            BOTH | EntryFlag.NO_PROPAGATE,
        ):
            self.refused(entry("OWNER@", R, flags=flags), directory=True)
