"""
The three families of errors, one for each place that catches them.

Knows nothing of who raises or catches; the table of documented error codes stands here too. It deliberately imports
nothing of ours, so that every floor may raise. Texts that go to a peer hold neither local paths nor secrets.
"""


class SFTPError(Exception):
    """
    A request that failed, with the status to answer.

    Raise it in a handler or a file system; the pipeline turns it into the reply.

    Args:
        status: one of `conchsftp.sftp.statuses.Status`, in its version 6 meaning; the codec lowers it for older ones.
        message: what the user is told; empty for the standard text of the status. No local path, no secret.
    """

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class ProtocolViolation(Exception):
    """
    A peer did what SSH forbids; the connection ends with one DISCONNECT.

    Args:
        reason: the disconnect reason code (RFC 4253, 11.1).
        text: what was expected and what came; goes to the peer and to the log.
    """

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


class ServerError(Exception):
    """
    A mistake of the program or operator that uses the server: a bad setting, a missing key, a busy port.

    Args:
        code: the documented error number; 0 where there is none.
        text: one line that says what is wrong and what would be right.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return self.text
