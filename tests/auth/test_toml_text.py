"""
Finding and changing one string in a TOML text.
"""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.users.toml_text import lines_of, nearest_line, quote, statements, with_value

TEXT = '''# users
[alice]  # the first
password = "old"   # changed in May
keys = [
  "a]", # a "comment" ]
  'b',
]

["bob@example.org"]
root = """
/srv
[carol]
"""
note = {a = "}", 'b c' = [1, 2]}
since = 1979-05-27 07:32:00 # a date
[ dave . sub ]
x = 1
'''


class FindTests(SynchronousTestCase):
    def test_statements(self) -> None:
        """Headers and keys are found, and nothing inside strings, arrays and comments is taken for one."""
        found = [(s.path, s.header, s.line, TEXT[slice(*s.value)]) for s in statements(TEXT)]
        bob = "bob@example.org"
        self.assertEqual(
            found,
            [
                (("alice",), True, 2, ""),
                (("alice", "password"), False, 3, '"old"'),
                (("alice", "keys"), False, 4, '[\n  "a]", # a "comment" ]\n  \'b\',\n]'),
                ((bob,), True, 9, ""),
                ((bob, "root"), False, 10, '"""\n/srv\n[carol]\n"""'),
                ((bob, "note"), False, 14, "{a = \"}\", 'b c' = [1, 2]}"),
                ((bob, "since"), False, 15, "1979-05-27 07:32:00"),
                (("dave", "sub"), True, 16, ""),
                (("dave", "sub", "x"), False, 17, "1"),
            ],
        )

    def test_strings(self) -> None:
        """All four kinds of strings end where TOML says."""
        for value in (
            '""',
            "''",
            '"a\\"b"',
            "'a\\'",
            '""""""',
            '"""a"b""c"""',
            '"""a"""""',
            "''''a'''''",
            '"""\\"""""',
        ):
            text = f"k={value}#"
            tomllib.loads(text)
            (found,) = statements(text)
            self.assertEqual(text[slice(*found.value)], value)

    def test_line_of(self) -> None:
        """A key, a table, and what stands inside an inline table have a line."""
        for path, line in (
            (("alice",), 2),
            (("alice", "keys"), 4),
            (("bob@example.org", "note", "a"), 14),
            (("dave",), 16),
        ):
            self.assertEqual(nearest_line(lines_of(TEXT), path), line)
        self.assertEqual(nearest_line(lines_of("a.b = 1\n"), ("a",)), 1)
        self.assertEqual(nearest_line(lines_of(TEXT), ("nobody",)), 1)


class EditTests(SynchronousTestCase):
    def test_replace(self) -> None:
        """Only the value changes."""
        self.assertEqual(with_value(TEXT, "alice", "password", "new"), TEXT.replace('"old"', '"new"'))

    def test_insert(self) -> None:
        """A missing key is put right below its header; the comment there stays."""
        self.assertEqual(
            with_value("[a] # x\r\nb = 1\r\n", "a", "password", "p"), '[a] # x\r\npassword = "p"\r\nb = 1\r\n'
        )
        self.assertEqual(with_value("[a]", "a", "password", "p"), '[a]\npassword = "p"')
        self.assertEqual(with_value("['a']\n[b]\n", "a", "password", "p"), "['a']\npassword = \"p\"\n[b]\n")

    def test_append(self) -> None:
        """A missing table goes to the end; its name is quoted if it must be."""
        self.assertEqual(with_value("", "a", "password", "p"), '[a]\npassword = "p"\n')
        self.assertEqual(with_value("[a]\n", "b", "password", "p"), '[a]\n\n[b]\npassword = "p"\n')
        self.assertEqual(with_value("[a]", "b.c", "password", "p"), '[a]\n\n["b.c"]\npassword = "p"\n')

    def test_dotted(self) -> None:
        """A password that is written with a dotted key is changed where it is."""
        self.assertEqual(with_value("a.password = 'x' # y\n", "a", "password", "p"), 'a.password = "p" # y\n')

    def test_cannot(self) -> None:
        """Tables that are written in other ways are not touched."""
        for text in ("a = {password = 'x'}\n", "a.root = 'x'\n", "[a.b]\n", "a = 1\n"):
            self.assertRaises(ValueError, with_value, text, "a", "password", "p")

    def test_quote(self) -> None:
        """A quoted text means the text."""
        for value in ("", "a", '"\\', "\0\n\x7f", "å", "\U0001f511"):
            self.assertEqual(tomllib.loads("k = " + quote(value))["k"], value)


_names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
_ends = st.sampled_from(["\n", "\r\n"])
_comments = st.sampled_from(["", '  # [alice] password = "x"', " # '''", "# [[", "\t"])
_values = st.one_of(
    st.sampled_from(
        ['"""\n[x]\n#"""', "'''a'''", "[ 1, # ]\n 2 ]", "{ a = [ '}' ] }", "[]", "true", "-1.5e3", "1979-05-27"]
    ),
    _names.map(quote),
    st.lists(_names.map(quote), max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    """A document of tables with unusual contents, names and comments."""
    end = draw(_ends)
    parts = []
    for name in draw(st.lists(_names, unique=True, max_size=4)):
        header = draw(st.sampled_from(["[{}]", "[ {} ]", "  [{}]"])).format(quote(name))
        parts.append(header + draw(_comments))
        keys = draw(st.lists(st.sampled_from(["password", '"root"', "'x y'", "keys", "a.b"]), unique=True))
        parts += [f"{key} ={draw(st.sampled_from(['', ' ']))}{draw(_values)}{draw(_comments)}" for key in keys]
        parts += draw(st.lists(_comments, max_size=2))
    return end.join(parts) + draw(st.sampled_from(["", end]))


class EditorProperties(SynchronousTestCase):
    @settings(max_examples=300)
    @given(_documents(), st.data())
    def test_only_this(self, text: str, data: st.DataObject) -> None:
        """Whatever is in the file: exactly one value changes in meaning, and every other line stays as it was."""
        meant = tomllib.loads(text)
        user = data.draw(st.one_of(_names, st.sampled_from(sorted(meant))) if meant else _names)
        after = with_value(text, user, "password", "$2b$new")
        meant.setdefault(user, {})["password"] = "$2b$new"
        self.assertEqual(tomllib.loads(after), meant)
        # with_value may cut one value out and put one in: all else is a beginning and an end of the old text.
        common = next(
            (i for i, (a, b) in enumerate(zip(text, after, strict=False)) if a != b), min(len(text), len(after))
        )
        tail = 0
        while tail < min(len(text), len(after)) - common and text[-1 - tail] == after[-1 - tail]:
            tail += 1
        removed = text[common : len(text) - tail]
        spans = [s.value for s in statements(text) if s.path == (user, "password")]
        self.assertLessEqual(len(removed), max((end - start for start, end in spans), default=0))
