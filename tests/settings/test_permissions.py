"""
What a user may do, path by path.
"""

import time
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.globs import fold, parse_pattern
from conchsftp.settings.permissions import ALL, GROUPS, LIST, READ, WORDS, WRITE, Permissions, written

NAMES = ["a", "b", "ab", "ba"]
GLOBS = [*NAMES, "*", "?", "a*", "*b", "[ab]", "[!a]*", "**"]


def fits(pattern: list[str], names: list[str]) -> bool:
    """Whether a pattern means exactly a path, by definition."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return fits(pattern[1:], names) or bool(names) and fits(pattern, names[1:])
    return bool(names) and fnmatchcase(names[0], pattern[0]) and fits(pattern[1:], names[1:])


def rank(pattern: list[str]) -> tuple[object, ...]:
    """How exactly a pattern says what it means, the last name first."""
    return (*(glob.rank for glob in reversed(parse_pattern("/" + "/".join(pattern)))), (0, 0))


def model(rules: list[tuple[list[str], int]], names: list[str]) -> int:
    """What is allowed, by definition."""
    found = 0
    for depth in range(len(names) + 1):
        fitting = [(rank(rule), at) for at, (rule, _) in enumerate(rules) if fits(rule, names[:depth])]
        if fitting:
            found = rules[max(fitting)[1]][1]
    return found


def plain(pattern: list[str]) -> list[str]:
    """A pattern as it is understood: `**` at the end is everything in a folder, and two of them are one."""
    found: list[str] = []
    for name in pattern:
        if name != "**" or found[-1:] != ["**"]:
            found.append(name)
    return [*found[:-1], "*"] if found[-1:] == ["**"] else found


PATTERNS = st.lists(st.sampled_from(GLOBS), max_size=4).map(plain)
RULES = st.lists(
    st.tuples(PATTERNS, st.integers(min_value=0, max_value=ALL)), max_size=6, unique_by=lambda rule: tuple(rule[0])
)
PATHS = st.lists(st.sampled_from(NAMES), max_size=5)


def permissions(rules: list[tuple[list[str], int]]) -> Permissions:
    """Permissions of patterns in pieces."""
    return Permissions(("/" + "/".join(rule), bits) for rule, bits in rules)


class MatchingTests(SynchronousTestCase):
    """Which pattern counts."""

    def check(self, rules: dict[str, str], **expected: str) -> None:
        """Check what paths get; `_` stands for a slash."""
        found = Permissions.parse(rules)
        for path, words in expected.items():
            self.assertEqual(written(found.may(path.replace("_", "/"))), words, path)

    @given(RULES, PATHS)
    def test_model(self, rules: list[tuple[list[str], int]], names: list[str]) -> None:
        """The pattern that goes deepest counts, of those the most exact one, of those the last."""
        found, expected = permissions(rules), model(rules, names)
        for _ in range(2):
            # The second answer is remembered.
            self.assertEqual(found.may("/" + "/".join(names)), expected)

    @given(RULES, PATHS, PATHS)
    def test_uniform(self, rules: list[tuple[list[str], int]], names: list[str], below: list[str]) -> None:
        """Below a place that is called uniform everything has what that place has."""
        found = permissions(rules)
        place = found.place("/" + "/".join(names))
        if place.uniform:
            self.assertEqual(found.may("/" + "/".join(names + below)), place.words)

    @given(RULES, PATHS, PATHS, PATHS)
    def test_leads_to(
        self, rules: list[tuple[list[str], int]], names: list[str], others: list[str], below: list[str]
    ) -> None:
        """What gets a name elsewhere is never more accessible there, nor is anything in it."""
        found = permissions(rules)
        new, old = ("/" + "/".join(each) for each in (names, others))
        if found.place(new).leads_to(found.place(old)):
            self.assertEqual(found.may("/".join((new, *below))) & ~found.may("/".join((old, *below))), 0)

    @given(RULES, PATHS)
    def test_shown(self, rules: list[tuple[list[str], int]], names: list[str]) -> None:
        """A listing shows nothing that the user may not know of; in a folder with `list` it shows all that they may."""
        found = permissions(rules)
        *above, name = names or ["a"]
        folder = found.place("/" + "/".join(above))
        visible = found.place("/".join(("", *above, name))).visible
        if folder.shows(name):
            self.assertTrue(visible)
        elif folder.words & LIST:
            self.assertFalse(visible)

    @given(RULES, PATHS)
    def test_reachable(self, rules: list[tuple[list[str], int]], names: list[str]) -> None:
        """What a pattern without `**` allows can be walked to: every folder on the way may be known of."""
        kept = [rule for rule in rules if "**" not in rule[0]]
        found = permissions(kept)
        for rule, bits in kept:
            if bits and fits(rule, names):
                for depth in range(len(names)):
                    self.assertTrue(found.place("/" + "/".join(names[:depth])).visible)

    def test_folders(self) -> None:
        """A pattern is a path and everything below it, and no longer name."""
        rules = {"/": "list", "/in": "all", "/in/no": "none"}
        self.check(rules, _="list", _in="all", _in_x_y="all", _in_no="none", _in_no_x="none", _inn="list", _i="list")

    def test_order(self) -> None:
        """The order of the file says nothing where one pattern goes deeper, or is more exact."""
        for rules in ({"/a/b": "read", "/*/b": "write", "/a": "list"}, {"/a": "list", "/*/b": "write", "/a/b": "read"}):
            self.check(rules, _a="list", _a_b="read", _c_b="write", _c="none")

    def test_equals(self) -> None:
        """Of two patterns that are as exact the later one counts."""
        self.check({"/a*": "read", "/*b": "write"}, _ab="write", _aa="read")

    def test_deep(self) -> None:
        """`**` stands for any number of names, and for none."""
        self.check({"/": "all", "/**/x": "none"}, _="all", _x="none", _a_b_x="none", _a_b_x_c="none", _a_b="all")
        self.check({"/a/**/x": "read"}, _a_x="read", _a_b_x="read", _x="none", _a="none")

    def test_deep_at_the_end(self) -> None:
        """`**` at the end is what is in a folder, and not the folder; it is no more exact than a star."""
        self.check({"/a/**": "read"}, _a="none", _a_b="read", _a_b_c="read")
        self.check({"/**": "list", "/a": "read"}, _a_b_c="read", _b_c="list", _="none")

    def test_nothing(self) -> None:
        """Where no pattern fits, nothing is allowed; with no pattern at all, nothing anywhere."""
        self.check({}, _="none", _a="none")
        self.check({"/a": "all"}, _="none", _b="none")

    def test_wildcards(self) -> None:
        """A star, a question mark and a set never mean a slash; a set has ranges and what it has not."""
        self.check({"/*.x": "read"}, _a="none")
        found = Permissions.parse(
            {"/*.txt": "read", "/?": "write", "/[0-9]x": "list", "/[!a-c]y": "times", "/[[]": "all"}
        )
        for path, words in {
            "/b.txt": "read", "/.txt": "read", "/bb/b.txt": "none", "/q": "write", "/7x": "list", "/ax": "none",
            "/dy": "times", "/ay": "none", "/[": "all", "/a.txtx": "none", "/\nb.txt": "read",
        }.items():  # fmt: skip
            self.assertEqual(written(found.may(path)), words, path)

    def test_case(self) -> None:
        """What may be the same file to a file system gets no more than both names may."""
        rules = {"/": "list read write", "/Secret": "none", "/straße": "list", "/pub": "all"}
        found = Permissions.parse(rules)
        expected = {
            "/Secret": "none",
            "/secret": "none",
            "/SECRET/x": "none",
            "/STRASSE": "list",
            "/PUB": "list read write",
        }
        for path, words in expected.items():
            self.assertEqual(written(found.may(path)), words, path)

    def test_unicode(self) -> None:
        """Composed and decomposed letters are the same where something is taken away."""
        found = Permissions.parse({"/": "read", "/caf\u00e9": "none", "/x\u0065\u0301": "none"})
        for path in ("/caf\u00e9", "/cafe\u0301", "/CAFE\u0301/a", "/x\u00e9", "/X\u00c9"):
            self.assertEqual(found.may(path), 0, path)
        self.assertEqual(found.may("/cafe"), READ)

    def test_odd_names(self) -> None:
        """Names that are no UTF-8 are names."""
        found = Permissions.parse({"/": "read", "/\udcff": "none"})
        self.assertEqual((found.may("/\udcff"), found.may("/\udcfe")), (0, READ))

    def test_quick(self) -> None:
        """The longest path takes no time that others would notice, whatever the patterns."""
        found = Permissions.parse({"/": "all", "/**/a*a*a*a*b": "none", "/**/a/**/a/**/b": "none", "/*/*x*x": "read"})
        began = time.process_time()
        for path in ("/a" * 16000, "/" + "a" * 32000, "/\u00e9" * 10000, "/ax" * 10000):
            found.may(path)
        self.assertLess(time.process_time() - began, 2)

    def test_bounded(self) -> None:
        """What is remembered does not grow with what is asked."""
        found = Permissions.parse({"/": "all", "/**/x*": "none", "/[ab]*/c": "read"})
        for number in range(5000):
            found.may(f"/a{number}/x{number}")
        places = [*found._places.values()]
        self.assertLess(len(places), 1025)
        self.assertLess(max(len(place._known) for place in places), 257)


class ParsingTests(SynchronousTestCase):
    """How it is written."""

    def test_words(self) -> None:
        """Every word means itself, every group what it stands for; blanks, commas and lists separate them."""
        for name, word in {**WORDS, **GROUPS}.items():
            self.assertEqual(Permissions.parse({"/": name}).may("/x"), word.bits)
        for text in ("list read", "list,read", " read ,  list", ["list", "read"], ("read", "list")):
            self.assertEqual(Permissions.parse({"/": text}).may("/"), LIST | READ)

    def test_every_bit_has_a_word(self) -> None:
        """The words are all that there is, and no two mean the same."""
        self.assertEqual(sum(word.bits for word in WORDS.values()), ALL)

    def test_mistakes(self) -> None:
        """A mistake is told with its pattern."""
        for rules, text in {
            "a": "must begin", "": "", "/a//b": "", "/a/..": "", "/./a": "", "//": "", "/a\0": "", "/a**": "", "/[": "",
            "/[]": "", "/[z-a]": "",
        }.items():  # fmt: skip
            with self.assertRaises(ValueError, msg=text) as caught:
                Permissions.parse({rules: "read"})
            self.assertIn(repr(rules), str(caught.exception))
        for words in ("raed", "", "none read", "list;read", 7, {"read": 1}, b"read", [7], True):
            with self.assertRaises(ValueError) as caught:
                Permissions.parse({"/x": words})  # type: ignore[dict-item]
            self.assertIn("'/x'", str(caught.exception))
        with self.assertRaises(ValueError):
            Permissions.parse(["/x"])  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            Permissions.parse({7: "read"})  # type: ignore[dict-item]

    def test_hint(self) -> None:
        """A misspelt word is told what it may have been."""
        with self.assertRaisesRegex(ValueError, "rename"):
            Permissions.parse({"/x": "renam"})

    def test_twice(self) -> None:
        """The same pattern, written in two ways, is a mistake; in another case it is another one."""
        self.assertRaises(ValueError, Permissions.parse, {"/a": "read", "/a/": "write"})
        self.assertRaises(ValueError, Permissions.parse, {"/a/*": "read", "/a/**": "write"})
        Permissions.parse({"/a": "read", "/A": "write"})

    def test_of(self) -> None:
        """A mapping, permissions and None are taken where permissions are."""
        found = Permissions.parse({"/": "read"})
        self.assertIs(Permissions.of(found), found)
        self.assertIsNone(Permissions.of(None))
        self.assertEqual(Permissions.of({"/": "read"}), found)
        self.assertEqual(hash(Permissions.of({"/": ["read"]})), hash(found))
        self.assertNotEqual(found, Permissions.parse({"/": "write"}))

    def test_repr(self) -> None:
        """It shows itself as it can be written."""
        found = Permissions.parse({"/": "download", "/x": "none", "/y": "all"})
        self.assertEqual(eval(repr(found)), found)

    def test_unlimited(self) -> None:
        """Permissions that forbid nothing are known as such; and those that are the same everywhere."""
        self.assertTrue(Permissions.parse({"/": "all"}).unlimited)
        self.assertTrue(Permissions.parse({"/": "all", "/a": "all"}).unlimited)
        self.assertFalse(Permissions.parse({"/": "all", "/a": "list"}).unlimited)
        self.assertFalse(Permissions.parse({"/a": "all"}).unlimited)
        self.assertFalse(Permissions.parse({"/": "list"}).varies)
        self.assertTrue(Permissions.parse({"/": "list", "/a": "read"}).varies)

    def test_fold(self) -> None:
        """Folding a folded text changes nothing."""
        for text in ("ABC", "\u00c9", "E\u0301", "\u1e9e", "\u0130", "\udcff"):
            self.assertEqual(fold(fold(text)), fold(text))

    def test_bits(self) -> None:
        """Bits can be written as words."""
        self.assertEqual(written(WRITE | LIST), "list write")
        self.assertEqual((written(0), written(ALL)), ("none", "all"))
