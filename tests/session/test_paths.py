"""
Virtual paths.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.session.paths import LONGEST_PATH, Paths, is_within, join, normalise
from conchsftp.sftp.statuses import Status


class ResolveTests(SynchronousTestCase):
    """From the wire to a path."""

    rows = (
        # what comes, what it means for somebody whose home is /home/u
        (b"/", "/"),
        (b"/a", "/a"),
        (b"/a/b.c/d", "/a/b.c/d"),
        (b"", "/home/u"),
        (b".", "/home/u"),
        (b"./", "/home/u"),
        (b"a", "/home/u/a"),
        (b"a/b", "/home/u/a/b"),
        (b"..", "/home"),
        (b"../v", "/home/v"),
        (b"../../../..", "/"),
        (b"/..", "/"),
        (b"/../../etc/passwd", "/etc/passwd"),
        (b"/a/../b", "/b"),
        (b"/a/./b", "/a/b"),
        (b"/a/.", "/a"),
        (b"/a/..", "/"),
        (b"/a/", "/a"),
        (b"/a//b///c", "/a/b/c"),
        (b"//a", "/a"),
        (b"//", "/"),
        (b"/.hidden", "/.hidden"),
        (b"/a/..b/...", "/a/..b/..."),
        (b"/a b\\c", "/a b\\c"),
        (b"~", "/home/u/~"),
        (b"/caf\xc3\xa9", "/café"),
        (b"/caf\xe9", "/caf\udce9"),
        (b"/\xff\xfe", "/\udcff\udcfe"),
    )

    def test_rows(self) -> None:
        """Relative paths start at home, `..` does not climb above the root, any bytes can be named."""
        paths = Paths("/home/u")
        for raw, path in self.rows:
            self.assertEqual(paths.resolve(raw), path, raw)

    def test_longest(self) -> None:
        """A path is looked at up to a length that no file has; taking apart what a packet can bring takes too long."""
        paths = Paths("/home/u")
        for length in (LONGEST_PATH - 1, LONGEST_PATH):
            self.assertEqual(len(paths.resolve(b"/" + b"a" * (length - 1))), length)
        problem = self.assertRaises(SFTPError, paths.resolve, b"/" + b"a" * LONGEST_PATH)
        self.assertEqual((problem.status, problem.message), (Status.INVALID_FILENAME, "Name too long"))

    def test_zero_byte(self) -> None:
        """A zero byte is refused: the system would read no further."""
        for raw in (b"/a\0b", b"\0", b"a/../\0", b"/\0/.."):
            problem = self.assertRaises(SFTPError, Paths().resolve, raw)
            self.assertEqual(problem.status, Status.INVALID_FILENAME)

    @given(st.binary())
    def test_any(self, raw: bytes) -> None:
        """Whatever comes is refused, or becomes absolute and normalised, and goes back the same."""
        paths = Paths("/home")
        try:
            path = paths.resolve(raw)
        except SFTPError:
            self.assertIn(b"\0", raw)
            return
        self.assertEqual(path, normalise(path))
        self.assertEqual(paths.resolve(paths.encode(path)), path)

    def test_compose(self) -> None:
        """REALPATH in version 6: each path starts from the one before, an absolute one begins anew."""
        paths = Paths("/home/u")
        self.assertEqual(paths.compose(b"a", []), "/home/u/a")
        self.assertEqual(paths.compose(b"a", [b"b", b"", b".."]), "/home/u/a")
        self.assertEqual(paths.compose(b"a", [b"/b", b"c"]), "/b/c")
        self.assertEqual(paths.compose(b"", [b"b"]), "/home/u/b")
        self.assertEqual(paths.compose(b"", [b"", b"b"]), "/home/u/b")
        self.assertEqual(paths.compose(b"/a", [b"b" * LONGEST_PATH, b"/c", b""]), "/c")

    def test_many_to_compose(self) -> None:
        """Paths are put together at once: one by one, those of a packet would take as long as copying gigabytes."""

        class Path(bytes):
            def __add__(self, other: bytes) -> bytes:
                raise AssertionError("put together one by one")

        self.assertEqual(Paths().compose(Path(b"/a"), [b"", b"b"]), "/a/b")


class EncodingTests(SynchronousTestCase):
    """Names on the wire that are not UTF-8."""

    def test_there_and_back(self) -> None:
        """A name comes and goes in the client's encoding."""
        paths = Paths(encoding="latin-1")
        self.assertEqual(paths.resolve(b"/caf\xe9"), "/café")
        self.assertEqual(paths.encode("/café"), b"/caf\xe9")
        self.assertEqual(paths.decode(b"caf\xe9"), "café")

    def test_no_word(self) -> None:
        """What the client's encoding has no word for is sent in UTF-8."""
        self.assertEqual(Paths(encoding="latin-1").encode("日"), "日".encode())

    def test_no_text(self) -> None:
        """A str that stands for no bytes at all is refused, not sent."""
        problem = self.assertRaises(SFTPError, Paths().encode, "\ud800")
        self.assertEqual(problem.status, Status.INVALID_FILENAME)

    def test_hidden_slash(self) -> None:
        """No encoding makes a `..` out of other bytes unseen."""
        self.assertEqual(Paths(encoding="utf-7").resolve(b"/a+AC8-..+AC8-b"), "/b")

    def test_without_ascii(self) -> None:
        """An encoding without ASCII cannot be used."""
        self.assertRaises(ValueError, Paths, encoding="utf-16")


class FunctionTests(SynchronousTestCase):
    """The algebra."""

    def test_join(self) -> None:
        """An entry of a directory, also of the root."""
        self.assertEqual(join("/", "a"), "/a")
        self.assertEqual(join("/a", "b"), "/a/b")

    def test_is_within(self) -> None:
        """Names are compared, not letters."""
        self.assertTrue(is_within("/srv/a/b", "/srv/a"))
        self.assertTrue(is_within("/srv/a", "/srv/a"))
        self.assertTrue(is_within("/x", "/"))
        self.assertFalse(is_within("/srv/ab", "/srv/a"))
