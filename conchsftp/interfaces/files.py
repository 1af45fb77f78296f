"""
What an open file and an open directory promise, and what else they may be able to.
"""

from zope.interface import Attribute, Interface

# zope's interfaces describe methods without `self`, which no type checker understands.
# mypy: disable-error-code="no-untyped-def, misc, empty-body"


class IFile(Interface):
    """An open file."""

    def read(offset, length):
        """
        Read from the file.

        Args:
            offset: where to start, in bytes from the beginning; may lie past the end.
            length: the most to return, in bytes; at least 1. Fewer are returned only at the end.
        Returns:
            The bytes; empty at the end of the file.
        Source: filexfer-13, section 8.2.1.
        """

    def write(offset, data):
        """
        Write all of `data` (bytes) at `offset`; an append handle ignores the offset.

        Source: filexfer-13, section 8.2.2.
        """

    def stat():
        """Return the `Attributes` of the open file."""

    def set_attributes(attributes):
        """Apply every field that is not None, the size first; it truncates or extends with zeros."""

    def close():
        """Release the file. Called once, whatever happened before."""


class IReadInto(Interface):
    """Ability of a file: reading straight into buffers that the caller lends."""

    def read_into(views, offset):
        """
        Fill the views one after the other from `offset`, without ever waiting.

        Returns:
            How many bytes came, fewer than asked for only at the end of the file; or None, at once, where it would have
            to wait for a disk: `read` is asked instead. Never a Deferred: the views lie in a buffer that is about to be
            sent.
        """


class IWriteFrom(Interface):
    """Ability of a file: writing from several buffers at once."""

    def write_from(pieces, offset):
        """
        Write all pieces, one after the other, at `offset`.

        The pieces are views of a buffer that is used again: take `bytes()` before anything that is not done at return.
        """


class ISync(Interface):
    """Ability of a file: forcing its data to the disk."""

    def sync():
        """Return when what was written is on stable storage. Source: fsync@openssh.com."""


class ICopy(Interface):
    """Ability of a file: being copied into another file of the same file system."""

    def copy_to(target, offset, length, target_offset):
        """
        Copy a range into the open file `target`.

        Args:
            target: an `IFile` of the same file system.
            offset, target_offset: in bytes.
            length: in bytes; 0 means up to the end of this file.
        Returns:
            How many bytes were copied; a Deferred of it may provide `IStoppable`.
        Source: draft-ietf-secsh-filexfer-extensions-00, copy-data.
        """


class IScan(Interface):
    """Ability of a file: having its content worked through in threads, without the caller seeing the bytes."""

    def scan(take, offset, length, source):
        """
        Call a function with the content of a range, piece by piece from front to back.

        Args:
            take: called in threads, one call at a time, with a buffer that is lent until it returns; what it raises
                ends the scan.
            offset: in bytes; may lie past the end.
            length: in bytes; 0 means up to the end. Where the file ends before the range does, so does the scan.
            source: whom it is done for: those for whom much is done wait for the others.
        Returns:
            When `take` has had everything.
        """


class ILocks(Interface):
    """Ability of a file: locking ranges of it. Source: filexfer-13, SSH_FXP_BLOCK and SSH_FXP_UNBLOCK."""

    def lock(offset, length, mask):
        """
        Lock a range until it is unlocked or the file is closed; never wait for whoever has locked it.

        Args:
            offset: in bytes; may lie past the end.
            length: in bytes; 0 means up to what is now the end.
            mask: the BLOCK bits of `OpenFlag`; see `ILocking`.
        Raises:
            SFTPError: BYTE_RANGE_LOCK_REFUSED if any of it is locked, by this very file or another.
        """

    def unlock(offset, length):
        """
        Release a range; both numbers are those that `lock` was given.

        Raises:
            SFTPError: NO_MATCHING_BYTE_RANGE_LOCK if this file has not locked exactly that.
        """


class IAbandoned(Interface):
    """Ability of a file or directory: being told that nobody will complete it, so that nothing half is kept."""

    def abandon():
        """
        Stop what is under way, and keep nothing of what was written; `close` is called afterwards.

        Called when the session is lost with it open, and when a handler has refused a WRITE. Must not raise, and may be
        called more than once.
        """


class IDirectory(Interface):
    """An open directory, read once from front to back."""

    def read(count):
        """
        Return the next entries, as many as `count` at most; an empty list at the end, and ever after.

        Returns:
            A list of `(name, attributes)`: a name as str, without `/`; the attributes of the entry itself (a symlink's
            own), with `owner` and `group` filled in where names are known.
        """

    def stat():
        """Return the `Attributes` of the directory."""

    def set_attributes(attributes):
        """Apply every field that is not None to the directory itself."""

    def close():
        """Release the directory. Called once."""


class IEnding(Interface):
    """Ability of a directory: telling its end before somebody reads beyond it."""

    at_end = Attribute("bool: whether `read` has returned everything; False where nobody knows yet.")
