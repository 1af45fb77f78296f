"""
Access control lists of POSIX as clients are told them, and lists of clients as POSIX can hold them.

The lists of SFTP are those of NFS version 4: the first entry that matches decides about each right. What is told says
the same of everybody, and what POSIX cannot hold exactly is refused, never rounded. Nothing of the system is used here.
Sources: filexfer-13, section 7.8; RFC 7530, section 6.2; draft-ietf-nfsv4-acl-mapping-05; acl(5).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import NamedTuple

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.posix_acl import EXECUTE, READ, WRITE, PosixACL, Tag, with_mask
from conchsftp.sftp.acl import ACL, CONTROL, Entry
from conchsftp.sftp.numbers import Access, ACLFlag, EntryFlag, EntryType
from conchsftp.sftp.statuses import Status

_NOBODY = 0xFFFF_FFFF
_NO_FLAGS = EntryFlag(0)

# What the three rights are as bits of SFTP. Who may write to a directory may also remove what is in it.
_READING, _EXECUTING = Access.READ_DATA, Access.EXECUTE
_WRITING = {False: Access.WRITE_DATA | Access.APPEND_DATA}
_WRITING[True] = _WRITING[False] | Access.DELETE_CHILD

# "read_acl, read_attributes": stat(2) and getxattr(2) ask for no right to the file itself. To wait for a file is free.
_ALWAYS = Access.READ_ATTRIBUTES | Access.READ_ACL | Access.SYNCHRONIZE
_OWNERS = Access.WRITE_ATTRIBUTES | Access.WRITE_ACL
_NEVER = Access.READ_NAMED_ATTRS | Access.WRITE_NAMED_ATTRS | Access.DELETE | Access.WRITE_OWNER
# The same as numbers: flags are slow to ask.
_OWN, _UNGIVEN, _KEPT = int(_OWNERS), int(_NEVER), int(_ALWAYS)
_INHERITED = EntryFlag.FILE_INHERIT | EntryFlag.DIRECTORY_INHERIT


def told(
    access: PosixACL,
    default: PosixACL | None,
    *,
    owner: int,
    directory: bool,
    users: Mapping[int, str | None],
    groups: Mapping[int, str | None],
) -> ACL:
    """
    Return what a client is told.

    Args:
        access: the list of a file or directory.
        default: of a directory, the one that what is made in it gets: entries that are only inherited.
        owner: the number of the owner.
        users, groups: names by number; None, where there is none, becomes digits.
    """
    names = _Names(users, groups)
    entries = [*_told(access.effective(), names, owner, directory, _NO_FLAGS)]
    if default is not None:
        entries += _told(default.effective(), names, None, True, _INHERITED | EntryFlag.INHERIT_ONLY)
    return ACL(entries=tuple(entries))


class _Names(NamedTuple):
    users: Mapping[int, str | None]
    groups: Mapping[int, str | None]

    def user(self, number: int) -> str:
        return self.users[number] or str(number)

    def group(self, number: int) -> str:
        return self.groups[number] or str(number)


def _told(acl: PosixACL, names: _Names, owner: int | None, directory: bool, flags: EntryFlag) -> Iterator[Entry]:
    """
    Yield the entries for a list whose mask takes nothing.

    A denying entry follows only where a later one would allow more: POSIX looks no further than the owner's entry, then
    that of a user, then those of groups.
    """

    def allowed(who: str, rights: int, more: Access = _ALWAYS, kind: EntryFlag = _NO_FLAGS) -> Entry:
        return Entry(flags=flags | kind, mask=_bits(rights, directory) | more, who=who)

    def denied(who: str, rights: int, kind: EntryFlag = _NO_FLAGS) -> Iterator[Entry]:
        if rights:
            yield Entry(type=EntryType.DENIED, flags=flags | kind, mask=_bits(rights, directory), who=who)

    grouped = [("GROUP@", acl.group, _NO_FLAGS)]
    grouped += [(names.group(number), rights, EntryFlag.IDENTIFIER_GROUP) for number, rights in acl.groups]
    of_groups = reduce(or_, (rights for _, rights, _ in grouped), acl.other)
    # The owner may be named as well, and is whoever makes something where the list is inherited.
    own = [rights for number, rights in acl.users if owner is None or number == owner]
    yield allowed("OWNER@", acl.owner, _ALWAYS | _OWNERS)
    yield from denied("OWNER@", reduce(or_, own, of_groups) & ~acl.owner)
    for number, rights in acl.users:
        yield allowed(names.user(number), rights)
        yield from denied(names.user(number), of_groups & ~rights)
    for who, rights, kind in grouped:
        yield allowed(who, rights, kind=kind)
    for who, rights, kind in grouped:
        yield from denied(who, acl.other & ~rights, kind)
    yield allowed("EVERYONE@", acl.other)


def _bits(rights: int, directory: bool) -> Access:
    bits = Access(0)
    if rights & READ:
        bits |= _READING
    if rights & WRITE:
        bits |= _WRITING[directory]
    if rights & EXECUTE:
        bits |= _EXECUTING
    return bits


class Who(NamedTuple):
    """Whom an entry is about; `number` of a user or a group that is named."""

    tag: Tag
    number: int = _NOBODY


_OWNER, _GROUP, _EVERYONE = Who(Tag.OWNER), Who(Tag.GROUP_OWNER), Who(Tag.OTHER)
_GROUPS = (Tag.GROUP_OWNER, Tag.GROUP)
_SPECIAL = {"OWNER@": _OWNER, "GROUP@": _GROUP, "EVERYONE@": _EVERYONE}
_SPELLINGS = {who.tag: name for name, who in _SPECIAL.items()}


class Rule(NamedTuple):
    """An entry whose name is looked up."""

    allows: bool
    flags: EntryFlag
    mask: Access
    who: Who
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    A list that a client wants, with its names looked up.

    Attributes:
        rules: its entries; None: there shall be none, and the mode alone decides.
    """

    rules: tuple[Rule, ...] | None

    def lists(self, *, owner: int, directory: bool) -> tuple[PosixACL | None, PosixACL | None]:
        """
        Return the lists of POSIX that hold exactly this: that of a file or directory, and what is inherited from it.

        Args:
            owner: the number of its owner.
        Returns:
            None for the first: nobody is to be named; None for the second: nothing is inherited.
        Raises:
            SFTPError: OP_UNSUPPORTED for what no list of POSIX means; INVALID_PARAMETER for what makes no sense.
        """
        if self.rules is None:
            return None, None
        own = [rule for rule in self.rules if not rule.flags & EntryFlag.INHERIT_ONLY]
        inherited = [rule for rule in self.rules if _is_inherited(rule, directory)]
        access = _Judged(own, owner, directory).acl()
        return access, _Judged(inherited, None, True).acl() if inherited else None


def wanted(acl: ACL, number_of_user: Callable[[str], int], number_of_group: Callable[[str], int]) -> Wanted | None:
    """
    Return what a client wants a list to be; None: as it is.

    Args:
        number_of_user, number_of_group: look a name up; raise SFTPError with UNKNOWN_PRINCIPAL.
    Raises:
        SFTPError: for what cannot be, whatever file it is; UNKNOWN_PRINCIPAL tells all names that nobody has.
    """
    flags = acl.flags
    if flags & ~CONTROL:
        # "If the server does not support … it MUST fail"; and whether entries come from a parent is not kept anywhere.
        raise _unsupported(
            f"ACL flags {flags & ~CONTROL:#x} are not possible here: no audit, no alarm, no later inheriting"
        )
    if not flags & ACLFlag.CONTROL_INCLUDED or not flags & ACLFlag.CONTROL_PRESENT:
        if acl.entries:
            raise SFTPError(Status.INVALID_PARAMETER, "An ACL with entries whose flags say that it has none")
        return Wanted(None) if flags & ACLFlag.CONTROL_INCLUDED else None
    # Each name once, however often it comes: a database may be slow.
    find_user, find_group = cache(number_of_user), cache(number_of_group)
    rules, unknown = [], []
    for entry in acl.entries:
        try:
            rules.append(_rule(entry, find_user, find_group))
        except SFTPError as problem:
            if problem.status != Status.UNKNOWN_PRINCIPAL:
                raise
            unknown.append(entry.who)
    if unknown:
        raise SFTPError(Status.UNKNOWN_PRINCIPAL, names=dict.fromkeys(unknown))
    return Wanted(tuple(rules))


def names_somebody(acl: ACL) -> bool:
    """Whether a list has names that have to be looked up."""
    return any(entry.who not in _SPECIAL for entry in acl.entries)


def _rule(entry: Entry, number_of_user: Callable[[str], int], number_of_group: Callable[[str], int]) -> Rule:
    if entry.type not in (EntryType.ALLOWED, EntryType.DENIED):
        raise _unsupported("ACL entries that audit or alarm are not possible here")
    who = _SPECIAL.get(entry.who)
    if who is None:
        if entry.who.endswith("@") or not entry.who:
            raise _unsupported(f"ACL entries for {entry.who or 'nobody'} are not possible here")
        if entry.flags & EntryFlag.IDENTIFIER_GROUP:
            who = Who(Tag.GROUP, number_of_group(entry.who))
        else:
            who = Who(Tag.USER, number_of_user(entry.who))
    return Rule(entry.type == EntryType.ALLOWED, entry.flags, entry.mask, who, entry.who)


def _is_inherited(rule: Rule, directory: bool) -> bool:
    """Whether a rule is inherited; refused if not all that is made in the directory would inherit it for ever."""
    flags = rule.flags & (_INHERITED | EntryFlag.INHERIT_ONLY | EntryFlag.NO_PROPAGATE)
    if not flags:
        return False
    if not directory:
        raise SFTPError(
            Status.INVALID_PARAMETER, f"An ACL entry for {rule.name} to be inherited from what is no folder"
        )
    if flags & ~EntryFlag.INHERIT_ONLY != _INHERITED:
        raise _unsupported("Only ACL entries that both files and folders inherit, at any depth, are possible here")
    return True


class _Judged:
    """
    Rules, asked what they mean for everybody that a list of POSIX tells apart.

    A client may send as many rules as fit, about as many users and groups: so each question is answered from what is
    known of each bit, and no rule is looked at once for everybody.

    Args:
        rules: the first that matches decides about each right.
        owner: the number of the owner; None: anybody.
    """

    def __init__(self, rules: Iterable[Rule], owner: int | None, directory: bool) -> None:
        self._rules = tuple(rules)
        self._owner = owner
        self._bits = {
            READ: (*_each(_READING),),
            WRITE: (*_each(_WRITING[directory]),),
            EXECUTE: (*_each(_EXECUTING),),
        }
        self._named = {rule.who: rule.name for rule in self._rules}
        self._about = {int(bit): self._deciding(int(bit)) for bits in self._bits.values() for bit in bits}

    def _deciding(self, bit: int) -> "_Deciding":
        first: dict[Who, tuple[int, bool]] = {}
        groups: dict[bool, int] = {}
        for at, rule in enumerate(self._rules):
            if int(rule.mask) & bit and rule.who not in first:
                first[rule.who] = at, rule.allows
                if rule.who.tag in _GROUPS:
                    groups.setdefault(rule.allows, at)
        return _Deciding(first, groups)

    def acl(self) -> PosixACL:
        """Return the list; refused if there is none that means the same."""
        self._check_fixed()
        users = sorted(who for who in self._named if who.tag == Tag.USER)
        groups = sorted(who for who in self._named if who.tag == Tag.GROUP)
        of_groups = self._by_groups([_GROUP, *groups])
        return with_mask(
            owner=self._rights(_OWNER, self._of_owner),
            users=tuple((who.number, self._rights(who, self._of_user)) for who in users),
            group=of_groups[_GROUP],
            groups=tuple((who.number, of_groups[who]) for who in groups),
            other=self._rights(_EVERYONE, self._alike),
        )

    def _check_fixed(self) -> None:
        """Refuse to allow or deny what POSIX decides by itself."""
        kept = 0
        for rule in self._rules:
            mask = int(rule.mask)
            if rule.allows:
                self._refuse(rule, mask & (_UNGIVEN if rule.who == _OWNER else _UNGIVEN | _OWN), "allowed")
                kept |= mask if rule.who == _OWNER else 0
            else:
                own = _OWN & ~kept if self._may_be_owner(rule.who) else 0
                self._refuse(rule, mask & (_KEPT | own), "denied")

    @staticmethod
    def _refuse(rule: Rule, bits: int, what: str) -> None:
        if bits:
            raise _unsupported(f"{_written(Access(bits))} cannot be {what} to {rule.name} here")

    def _by_groups(self, groups: list[Who]) -> dict[Who, int]:
        """Return what groups may do. Who is in several may do what any of them may: no refusal may come earlier."""
        for bits in self._bits.values():
            for bit in bits:
                found = {who: self._first(bit, who) for who in groups}
                refused = min((at for at, allows in found.values() if not allows), default=len(self._rules) + 1)
                late = next((who for who, (at, allows) in found.items() if allows and at > refused), None)
                if late is not None:
                    raise _unsupported(
                        f"{_written(bit)} cannot be denied to a group before {self._name(late)} is allowed it"
                    )
        return {who: self._rights(who, self._alike) for who in groups}

    def _rights(self, who: Who, judge: Callable[[Access, Who], bool]) -> int:
        """Return what somebody may do; refused if only some of the bits that are one right for POSIX are allowed."""
        rights = 0
        for right, bits in self._bits.items():
            allowed = {judge(bit, who) for bit in bits}
            if len(allowed) > 1:
                one = _written(reduce(or_, bits))
                raise _unsupported(f"{one} are one right here: allow {self._name(who)} all of them, or none")
            if allowed == {True}:
                rights |= right
        return rights

    def _first(self, bit: Access, who: Who) -> tuple[int, bool]:
        """Return the place of the rule that decides for somebody of whom nothing else is known, and what it says."""
        first, nobody = self._about[int(bit)].first, (len(self._rules), False)
        return min(first.get(who, nobody), first.get(_EVERYONE, nobody))

    def _alike(self, bit: Access, who: Who) -> bool:
        return self._first(bit, who)[1]

    def _of_user(self, bit: Access, who: Who) -> bool:
        """Return what is decided for a user; refused if it depends on the groups that they are in."""
        at, allows = self._first(bit, who)
        return self._alone(bit, who, {allows} | self._of_any_group(bit, at))

    def _of_owner(self, bit: Access, who: Who) -> bool:
        """Return the same for the owner, who may be named as a user as well."""
        first = self._about[int(bit)].first
        found = [self._first(bit, _OWNER)]
        if self._owner is not None:
            found.append(first.get(Who(Tag.USER, self._owner), found[0]))
        at, allows = min(found)
        asked = {allows} | self._of_any_group(bit, at)
        if self._owner is None:
            # Whoever will own it may be any of these.
            asked |= {says for by, (place, says) in first.items() if by.tag == Tag.USER and place < at}
        return self._alone(bit, who, asked)

    def _of_any_group(self, bit: Access, end: int) -> set[bool]:
        """Return what rules about groups say before a place: nobody knows who is in which."""
        return {says for says, at in self._about[int(bit)].groups.items() if at < end}

    def _alone(self, bit: Access, who: Who, asked: set[bool]) -> bool:
        if len(asked) > 1:
            name = self._name(who)
            raise _unsupported(
                f"{_written(bit)} must be allowed or denied to {name} before groups that may include them"
            )
        return asked.pop()

    def _name(self, who: Who) -> str:
        return self._named.get(who) or _SPELLINGS[who.tag]

    def _may_be_owner(self, whom: Who) -> bool:
        """Whether a rule may be about the owner: nobody knows who is in which group, nor who will own what inherits."""
        if whom.tag == Tag.USER:
            return self._owner is None or whom.number == self._owner
        return True


class _Deciding(NamedTuple):
    """
    What rules say about one bit.

    Attributes:
        first: the first rule about each: its place, and whether it allows.
        groups: where the first rule about any group stands that allows, and that does not; of those in `first`.
    """

    first: dict[Who, tuple[int, bool]]
    groups: dict[bool, int]


def _each(bits: Access) -> Iterator[Access]:
    return (bit for bit in Access if bit & bits)


def _written(bits: Access) -> str:
    return " and ".join(str(bit.name) for bit in _each(bits))


def _unsupported(what: str) -> SFTPError:
    return SFTPError(Status.OP_UNSUPPORTED, what)
