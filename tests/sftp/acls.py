"""Access control lists of all kinds, for the tests of what reads and writes them."""

from hypothesis import strategies as st

from conchsftp.sftp.acl import ACL, CONTROL, Entry
from conchsftp.sftp.numbers import Access, ACLFlag, EntryFlag, EntryType


def combined(enum):
    """Any combination of the flags of an enum."""
    return st.sets(st.sampled_from(list(enum))).map(lambda flags: enum(sum(flags)))


ENTRIES = st.builds(
    Entry,
    type=st.sampled_from(EntryType),
    flags=combined(EntryFlag),
    mask=combined(Access),
    who=st.one_of(st.sampled_from(["OWNER@", "GROUP@", "EVERYONE@"]), st.text(max_size=20)),
)


def acls(version):
    """Any list that a version can say without loss."""
    flags = combined(ACLFlag) if version == 6 else st.just(CONTROL)
    return st.builds(ACL, flags=flags, entries=st.lists(ENTRIES, max_size=4).map(tuple))
