"""
Kinds of values.
"""

from enum import IntEnum
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings import kinds
from conchsftp.settings.kinds import (
    BOOL,
    ENDPOINTS,
    MASK,
    MODE,
    NAMES,
    PATH,
    PATHS,
    PATTERNS,
    SECONDS,
    TEXT,
    Patterns,
    integer,
    matching,
    numbered,
    one_of,
    some_of,
)


class Level(IntEnum):
    LOW = 1
    HIGH = 3


class KindTests(SynchronousTestCase):
    def takes(self, kind, **pairs):
        for value, expected in pairs.values():
            self.assertEqual(kind.convert(value), expected, repr(value))
            self.assertIs(type(kind.convert(value)), type(expected), repr(value))
            self.assertEqual(kind.convert(kind.format(expected)), expected)

    def refuses(self, kind, *values):
        for value in values:
            error = self.assertRaises(ValueError, kind.convert, value)
            self.assertIn("expected", str(error))

    def test_bool(self):
        """The documented words for true and false are taken in any case, and Python's own."""
        for word in ("True", "1", "yes", "ON", " true ", True, 1):
            self.assertIs(BOOL.convert(word), True)
        for word in ("False", "0", "No", "off", False, 0):
            self.assertIs(BOOL.convert(word), False)
        self.refuses(BOOL, "", "maybe", "2", 2, None, 1.5)

    def test_integer_limits(self):
        """A number is taken at both ends of its range and refused one beyond."""
        kind = integer(1, 10, unit="entries")
        self.takes(kind, low=("1", 1), high=(10, 10), spaced=(" 5 ", 5))
        self.refuses(kind, "0", 11, 0, "11", "", "five", "1.5", 1.5, None, True, "9" * 5000)

    def test_integer_without_end(self):
        """Without an upper end every larger number is taken."""
        self.takes(integer(0), large=(str(2**80), 2**80))

    def test_seconds(self):
        """Seconds may have a fraction; whole ones stay whole; what is no duration is refused."""
        self.takes(SECONDS, none=("0", 0), whole=("120", 120), half=("0.5", 0.5), number=(2.0, 2))
        self.refuses(SECONDS, "-1", "nan", "inf", "", "1s", -0.1, True, None)

    def test_one_of(self):
        """One of the words, in any case."""
        self.takes(one_of("auto", "inline"), any_case=(" Auto ", "auto"))
        self.refuses(one_of("auto", "inline"), "", "outline", 1)

    def test_some_of(self):
        """Some of the words, at least one, in the given order and once."""
        kind = some_of("password", "publickey")
        self.takes(
            kind,
            both=("publickey, Password", ("publickey", "password")),
            twice=("password,password", ("password",)),
            sequence=(["password"], ("password",)),
        )
        self.refuses(kind, "", "password,none", [], [1], 7)

    def test_numbered(self):
        """A member is set by number, name or itself, and written as its number."""
        self.takes(numbered(Level), number=("3", Level.HIGH), name=("low", Level.LOW), value=(1, Level.LOW))
        self.assertEqual(numbered(Level).format(Level.HIGH), "3")
        self.refuses(numbered(Level), "2", 2, "", "none", True, None)

    def test_text(self):
        """Text is taken as it is, and nothing else is."""
        self.takes(TEXT, spaced=(" a\r\n", " a\r\n"))
        self.refuses(TEXT, 1, None, b"a")

    def test_path(self):
        """A path is text, bytes or a path object, without NUL."""
        self.takes(PATH, text=("/srv", "/srv"), path=(Path("/srv"), "/srv"), data=(b"/\xff", "/\udcff"))
        self.refuses(PATH, "/a\0b", 7, None)

    def test_mask(self):
        """A mask is octal text or a number; empty means none."""
        self.takes(MASK, octal=("022", 0o22), python=("0o27", 0o27), number=(0o77, 0o77), none=("", None))
        self.takes(MASK, zero=("0022", 0o22))
        self.assertEqual(MASK.format(0o22), "022")
        self.refuses(MASK, "8", "00220", "1022", "1777", 0o1000, -1, True)

    def test_paths(self) -> None:
        """Paths stand between commas; a comma or a backslash inside one is escaped, and none of them has a NUL."""
        self.takes(PATHS, text=("/a, /b", ("/a", "/b")), empty=("", ()), comma=(r"/a\,b,/c", ("/a,b", "/c")))
        self.takes(PATHS, python=(["/a", Path("/b"), "/a"], ("/a", "/b")), path=(Path("/a"), ("/a",)))
        self.refuses(PATHS, 5, b"/a", ["/a", 5], "/a\0b", ["\0"])
        for value in (("/a,b", "/c"), ("C:\\d", "/ e ".strip()), ("\\,",)):
            self.assertEqual(PATHS.convert(PATHS.format(value)), value)

    def test_mode(self):
        """A mode is octal text or a number, with the three special bits."""
        self.takes(
            MODE, octal=("0644", 0o644), short=("640", 0o640), python=("0o2775", 0o2775), number=(0o7777, 0o7777)
        )
        self.assertEqual((MODE.format(0o644), MODE.format(0o2775)), ("0644", "2775"))
        self.refuses(MODE, "", "8", "000644", "10000", 0o10000, -1, True, None)

    def test_names(self):
        """A list of names loses white space, empty names and repetitions, and keeps its order."""
        self.takes(NAMES, text=(" b, a,,b ", ("b", "a")), empty=("", ()), sequence=(("b", "a"), ("b", "a")))
        self.refuses(NAMES, [""], ["a,b"], [" a"], [1], 1, b"a")

    def test_endpoints(self):
        """Endpoint strings are separated by commas; a comma inside one is escaped, as Twisted reads it."""
        self.takes(
            ENDPOINTS,
            two=("tcp:22, tcp:2222:interface=127.0.0.1", ("tcp:22", "tcp:2222:interface=127.0.0.1")),
            escaped=(r"unix:/a\,b", (r"unix:/a\,b",)),
            sequence=(["unix:/a,b"], (r"unix:/a\,b",)),
            colons=([r"tcp6:22:interface=\:\:1"], (r"tcp6:22:interface=\:\:1",)),
        )
        self.refuses(ENDPOINTS, [1], 22, ["tcp:22\\"], [""])

    def test_patterns(self):
        """Only `*` is special in a pattern; case does not matter; no pattern matches nothing."""
        patterns = PATTERNS.convert("*SSH-1.99-*, *SSH-2.0-*")
        self.assertTrue(patterns.matches("SSH-2.0-OpenSSH_9.6"))
        self.assertTrue(patterns.matches("ssh-1.99-x"))
        self.assertFalse(patterns.matches("SSH-2x0-OpenSSH"))
        self.assertFalse(patterns.matches("SSH-1.5-x"))
        self.assertFalse(Patterns("").matches(""))
        self.assertFalse(Patterns("a[b]c").matches("abc"))
        self.assertEqual(PATTERNS.convert(PATTERNS.format(patterns)), patterns)
        self.assertEqual(PATTERNS.convert(["*a", "b"]), Patterns("*a,b"))
        self.assertEqual(len({patterns, Patterns(str(patterns))}), 1)
        self.refuses(PATTERNS, 1, [1])

    def test_matching(self):
        """Text of a given form must have it as a whole."""
        kind = matching("SSH-[0-9]+", "a version")
        self.takes(kind, good=("SSH-2", "SSH-2"))
        self.refuses(kind, "SSH-2 ", "SSH-", 2)

    def test_described(self):
        """Every kind says what it takes, and names its type."""
        constants = [each for each in vars(kinds).values() if isinstance(each, kinds.Kind)]
        self.assertGreater(len(constants), 7)
        for kind in (*constants, integer(0), one_of("a"), some_of("a"), numbered(Level), matching("", "nothing")):
            self.assertTrue(kind.described)
            self.assertTrue(kind.annotation)

    @given(st.lists(st.text(min_size=1)))
    def test_endpoints_survive(self, strings):
        """Whatever list of endpoint strings is taken comes back from its text."""
        try:
            value = ENDPOINTS.convert(strings)
        except ValueError:
            return
        self.assertEqual(ENDPOINTS.convert(ENDPOINTS.format(value)), value)

    def test_endpoint_with_a_blank_at_its_end(self):
        """A blank that is escaped belongs to the endpoint; others around it do not."""
        for strings, expected in (
            (["\\ "], ("\\ ",)),
            ([" unix:a\\  ", "tcp:1"], ("unix:a\\ ", "tcp:1")),
            (["a", " ", "b "], ("a", "b")),
        ):
            value = ENDPOINTS.convert(strings)
            self.assertEqual(value, expected)
            self.assertEqual(ENDPOINTS.convert(ENDPOINTS.format(value)), value)

    @given(st.text())
    def test_names_survive(self, text):
        """Whatever text is taken as names gives names that come back from their text."""
        value = NAMES.convert(text)
        self.assertEqual(NAMES.convert(NAMES.format(value)), value)
        self.assertEqual(NAMES.convert(list(value)), value)
