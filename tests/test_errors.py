"""
The documented error codes, and what of the system's errors they stand for.
"""

import errno
import socket

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ERRORS, ErrorCode, ServerError, code_of, path_error


class ErrorCodeTests(SynchronousTestCase):
    """The table."""

    def test_rows(self) -> None:
        """Each code says what it means and when it is reported, or why never."""
        for code in ErrorCode:
            self.assertIs(ERRORS[int(code)], code)
            self.assertTrue(code.text and code.when.endswith("."), code)

    def test_names(self) -> None:
        """A name that the system has is the system's name: what it stands for follows from it."""
        named = {each for each in ErrorCode if 10004 <= each <= 10071}
        self.assertEqual({each for each in named if not hasattr(errno, each.name)}, {ErrorCode.EPROCLIM})
        self.assertTrue(ErrorCode.EPROCLIM.when.startswith("Never"))

    def test_text(self) -> None:
        """An error without a text of its own has that of its code."""
        error = ServerError(ErrorCode.ALREADY_LISTENING)
        self.assertEqual((error.code, str(error)), (104, "the server is already listening"))
        self.assertEqual(str(ServerError(ErrorCode.ALREADY_LISTENING, "twice")), "twice")


class CodeOfTests(SynchronousTestCase):
    """What the system answers, by its documented number."""

    def test_errno(self) -> None:
        """An error of a socket has the number of the component, also inside of Twisted's."""
        for number, code in (
            (errno.EACCES, 10013),
            (errno.EWOULDBLOCK, 10035),
            (errno.EADDRINUSE, 10048),
            (errno.EREMOTE, 10071),
            (errno.EPERM, 0),
        ):
            self.assertEqual(code_of(OSError(number, "")), code)
            self.assertEqual(code_of(CannotListenError("", 22, OSError(number, ""))), code)

    def test_lookup(self) -> None:
        """A name that cannot be looked up is 11001 to 11004, though its numbers are like those of other errors."""
        for number, code in (
            (socket.EAI_NONAME, 11001),
            (socket.EAI_AGAIN, 11002),
            (socket.EAI_FAIL, 11003),
            (socket.EAI_NODATA, 11004),
            (socket.EAI_SERVICE, 0),
        ):
            self.assertEqual(code_of(socket.gaierror(number, "")), code)

    def test_others(self) -> None:
        """What is no error of the system has no number."""
        self.assertEqual((code_of(None), code_of(OverflowError()), code_of(OSError("text"))), (0, 0, 0))

    def test_path(self) -> None:
        """A folder that cannot be used is 2001, a disk that fails 2002."""
        self.assertEqual(path_error("/srv", OSError(errno.EACCES, "Permission denied")).code, 2001)
        error = path_error("/srv", OSError(errno.EIO, "Input/output error"))
        self.assertEqual((error.code, str(error)), (2002, "/srv: Input/output error"))
