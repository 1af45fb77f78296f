"""
What a file system promises, and what else it may be able to.
"""

from zope.interface import Attribute, Interface

# zope's interfaces describe methods without `self`, which no type checker understands.
# mypy: disable-error-code="no-untyped-def, misc, empty-body"


class IFileSystem(Interface):
    """Files and directories under virtual paths."""

    file_abilities = Attribute("Tuple of interfaces that its open files provide beside `IFile`; may be missing: none.")

    def open(path, access, flags, attributes):
        """
        Open or create a file.

        Args:
            access: `Access` bits; READ_DATA and WRITE_DATA or APPEND_DATA decide the direction.
            flags: `OpenFlag`; its three lowest bits are the `Disposition`.
            attributes: applied only to a file that this call creates.
        Returns:
            An `IFile`, with whichever of `IReadInto`, `IWriteFrom`, `ISync`, `ICopy`, `ILocks` it can.
        """

    def list(path):
        """Open a directory and return an `IDirectory`; fails here, not at the first read, if it is missing."""

    def stat(path):
        """Return the `Attributes` of what a path means, links followed."""

    def lstat(path):
        """Return the `Attributes` of a path itself: of a link, not of its target."""

    def set_attributes(path, attributes, follow):
        """Apply every field that is not None, the size first, to a link's target (`follow`) or to the link itself."""

    def make_directory(path, attributes):
        """Create a directory; its parent must exist, it must not."""

    def remove_directory(path):
        """Remove an empty directory."""

    def remove(path):
        """Remove a file or a link, not a directory."""

    def rename(path, new_path, flags):
        """
        Rename; without `RenameFlag.OVERWRITE` (or ATOMIC, NATIVE) an existing target is FILE_ALREADY_EXISTS.

        A Deferred that it returns may provide `IStoppable`.
        """

    def real_path(path):
        """
        Return the canonical virtual path, links resolved.

        What does not exist is kept as it is written: clients ask for the path of what they are about to create.
        """


class IStoppable(Interface):
    """Ability of a Deferred that a file system returns: being told that nobody waits for it any more."""

    def stop():
        """
        Give up and undo what was done, or go on to the end where there is not much left.

        The Deferred fires in either case. Called when the session is lost.
        """


class ILinks(Interface):
    """Ability of a file system: symbolic links."""

    def read_link(path):
        """Return the target of a symbolic link as str, as it was stored."""

    def make_symlink(path, target):
        """Create a link at `path`; `target` is str, stored as given, resolved inside the root when it is followed."""


class IHardLinks(Interface):
    """Ability of a file system: several names for one file."""

    def make_hard_link(path, new_path):
        """Give an existing file a second name."""


class ILocking(Interface):
    """
    Ability of a file system: keeping others from what one has open.

    A lock ends with the file, however that is closed. It is between all who have the file open, in whatever session.
    """

    lock_masks = Attribute(
        "Frozenset of the masks that `ILocks` carries out: combinations of the BLOCK bits of `OpenFlag`."
    )
    open_lock_masks = Attribute("Frozenset of the combinations of these bits that `open` carries out among its flags.")


class ISpace(Interface):
    """Ability of a file system: telling how full it is."""

    def space(path):
        """Return an object with the `f_…` fields of `os.statvfs_result`, for the file system that holds `path`."""


class IRestrict(Interface):
    """
    Ability of a file system: showing one directory only.

    What has links needs it for `RestrictUserToHomeDir`: where a link leads, only the file system knows.
    """

    def restricted_to(path):
        """
        Return a file system that shows the same paths as this one, but only those at and below a directory.

        Everything else, and what a link leads to there, is PERMISSION_DENIED.
        """


class IGuarded(Interface):
    """
    Ability of a file system: following a link only where somebody else lets it.

    What has links needs it for users whose permissions differ by path: where a link leads, only the file system knows.
    """

    def guarded_by(judge):
        """
        Return a file system of the same files that follows a link only where it may.

        Whatever is done through a link where it may not is PERMISSION_DENIED; `real_path` returns the path as it is
        written. Nobody who swaps links meanwhile can lead a request elsewhere than was judged.

        Args:
            judge: called, in any thread, with a path as it is written, the path of what it means, links resolved, and
                whether a folder may stand there; returns whether that may be.
        """


class IOnDisk(Interface):
    """Ability of a file system: its files lie on this machine, for `UserRootDirectory`."""

    def rooted_at_place(place):
        """
        Return a file system that shows a directory of this one as `/`, and nothing above it.

        Args:
            place: where it lies on this machine, links followed; a relative one counts from the root.
        Raises:
            SFTPError: PERMISSION_DENIED if it does not lie at or below the root.
        """


class IDetails(Interface):
    """
    Ability of a file system: telling more of its files than stat(2) does, to those whose version has words for it.

    Fields are names of `Attributes`; a field that goes with another one (`create_time_ns`, `attrib_bits_valid`) is not
    named: it comes with it. A file system without this ability is believed to tell what it tells, and to set the size,
    owner and group, permissions, and the times of access and modification.
    """

    tells = Attribute("frozenset: the fields that it can tell beyond stat(2), at a cost.")
    sets = Attribute("frozenset: the fields that a SETSTAT may change.")
    attrib_bits = Attribute("int: the `AttribBit` bits that a SETSTAT may change; may be missing: none.")
    acl_support = Attribute("int: the `ACLSupport` bits of what is done of access control lists; may be missing: none.")

    def detailed(fields):
        """
        Return a file system of the same files that also tells some fields, at once.

        Called once, when a client and the server have agreed on a version; the session then works with what it returns.
        A subclass of one of ours whose sessions share something keeps that in an object that copies share.

        Args:
            fields: a set of those in `tells`.
        """


class INameCharset(Interface):
    """
    Ability of a file system: translating names, which are in another charset than UTF-8 on its disk.

    A client of version 6 is told of it, and may have the names as they are on the disk.
    """

    name_charset = Attribute("str: the charset, by a name that Python knows, such as `iso-8859-1`.")


class IAccounts(Interface):
    """Ability of a file system: names of user and group numbers."""

    def user_name(uid):
        """Return the name of a user number as str, or None."""

    def group_name(gid):
        """Return the name of a group number as str, or None."""


class IAccountNumbers(Interface):
    """
    Ability of a file system: numbers of users and groups that a handler of GetAttributes has named.

    Version 3 has no words for names. Nobody waits for these: what has to be looked up somewhere may be None until then.
    """

    def user_number(name):
        """Return the number of a user as int, or None for a name that is not known."""

    def group_number(name):
        """Return the number of a group as int, or None."""


class IExtendedRequests(Interface):
    """
    Ability of a file system: extended requests of its own, beside those that the server knows.

    Nobody knows which of them change something: a user who may only read, or a server with ReadOnly, has none of them.
    """

    def extensions(version, offered):
        """
        Return what to advertise: a dict of name to data, both bytes.

        Args:
            version: the version of the protocol that the conversation has, 3 to 6.
            offered: the same of the client, as it came with INIT.
        """

    def extended_request(name, data):
        """
        Carry out a request whose name the server does not know.

        Args:
            name, data: bytes, as they came.
        Returns:
            The content of the EXTENDED_REPLY, as bytes; None for a plain OK.
        Raises:
            SFTPError: OP_UNSUPPORTED for a name that is not known here either.
        """
