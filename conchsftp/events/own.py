"""
Events of our own, for what the component has none. Records only.
"""

from conchsftp.events.kinds import FileEvent, Phase, event


@event(Phase.BOTH, documented=False, writable="path target")
class LinkCreate(FileEvent):
    """
    A client wants to create a link.

    Attributes:
        path: the new link.
        target: what a symbolic link holds, as the client wrote it; the existing file of a hard link.
        symbolic: False for a hard link.
    """

    path: str
    target: str
    symbolic: bool = True


@event(Phase.AFTER, documented=False, writable="target")
class LinkRead(FileEvent):
    """
    A client asks where a symbolic link leads.

    Attributes:
        path: the link.
        target: the answer, as the link holds it.
    """

    path: str
    target: str = ""


@event(Phase.BOTH, documented=False)
class ExtendedRequest(FileEvent):
    """
    A client sends an extended request that has no other event, known or not.

    Attributes:
        request_name: such as `statvfs@openssh.com` or `copy-data`.
        path: the file that it is about; empty if there is none.
        handle: what stands for the open file that it is about; empty if there is none.
        result: what it gave, after the operation.
    """

    request_name: str
    path: str = ""
    handle: str = ""
    result: object = None


@event(Phase.AFTER, documented=False)
class TransferFinished(FileEvent):
    """
    A file that was read from or written to has been closed.

    Told to those who listened when it was opened; nobody waits for their handlers. `status_code` is the first failure
    of reading, writing or closing; CONNECTION_LOST (7) if there was none and the session ended with the file open. An
    empty upload counts: nothing is written to it, but it was opened to be created or emptied.

    Attributes:
        path: the file; where it was renamed meanwhile, its new path.
        bytes: how many were read and written.
        duration: from opening to closing, in milliseconds.
        upload: True if the file was written to, or created or emptied for writing.
        resumed: True if the transfer did not begin at the start of the file.
    """

    path: str
    bytes: int
    duration: int
    upload: bool = False
    resumed: bool = False


@event(Phase.AFTER, documented=False, subscribable=False)
class FileRequest(FileEvent):
    """
    A request without an event of its own, such as READDIR; takes the same road, and nobody can listen to it.

    Attributes:
        path: what it is about; empty if nothing.
        request: the request.
        result: what it gave.
    """

    path: str = ""
    request: object = None
    result: object = None
