"""
What may stand in a user's table: every entry by itself, right and wrong.
"""

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.users.toml_text import quote
from conchsftp.auth.users.user import User
from conchsftp.auth.users.user_fields import FIELDS
from conchsftp.auth.users.users_text import UsersText, read_users
from conchsftp.secret import Secret
from conchsftp.settings.auth_policy import AuthPolicy
from conchsftp.settings.permissions import Permissions

CODES = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def read(text: str) -> UsersText:
    return read_users("/etc/users.toml", text.encode())


class FieldCase(SynchronousTestCase):
    def value(self, entry: str, attribute: str) -> Any:
        """Return what a user has who has one entry."""
        found = read(f"[alice]\n{entry}\n")
        self.assertEqual(found.findings, [])
        return getattr(found.users["alice"], attribute)

    def mistake(self, entry: str) -> str:
        """Return what is said of a wrong entry, which stands in line 2."""
        found = read(f"[alice]\n{entry}\n")
        (mistake,) = found.mistakes
        text = str(mistake)
        self.assertTrue(text.startswith("/etc/users.toml, line 2: "), text)
        return text.partition(", line 2: ")[2]


class TableTests(FieldCase):
    def test_examples(self) -> None:
        """The example of every row is right, and not what a user has without the entry."""
        nobody = User(name="alice")
        for row in FIELDS.values():
            value = self.value(f"{row.name} = {row.example}", row.attribute)
            self.assertNotEqual(value, getattr(nobody, row.attribute), row.name)

    def test_attributes(self) -> None:
        """Each attribute of a user but the name is of one row, and each row is of one."""
        attributes = [row.attribute for row in FIELDS.values()]
        self.assertEqual(sorted(attributes), sorted(set(User.__dataclass_fields__) - {"name"}))

    def test_wrong_kinds(self) -> None:
        """A value of a wrong kind is a mistake with its line, whatever the entry."""
        kinds = (
            "1",
            "1.5",
            "[]",
            "[1]",
            "{}",
            "''",
            "true",
            "12:00:00",
            "2030-01-01",
            "'\\u0000'",
            '"\\u0000"',
            "[[]]",
        )
        for row in FIELDS.values():
            wrong = 0
            for kind in kinds:
                found = read(f"[alice]\n{row.name} = {kind}\n")
                wrong += len(found.mistakes)
                for mistake in found.mistakes:
                    self.assertTrue(str(mistake).startswith("/etc/users.toml, line 2: "), str(mistake))
            self.assertGreater(wrong, 6, row.name)

    def test_no_secret_is_shown(self) -> None:
        """Neither a mistake nor a user repeats what must not be seen."""
        for key in ("password", "totp"):
            self.assertNotIn("hunter2", self.mistake(f"{key} = 'hunter2'"))
        self.assertNotIn(CODES, repr(read(f"[alice]\ntotp = '{CODES}'\n").users))


class TotpTests(FieldCase):
    def test_right(self) -> None:
        """Base32, as it is written anywhere: small letters, groups, padding."""
        for text in (CODES, CODES.lower(), " ".join([CODES[:4], CODES[4:]]), f"{CODES[:8]}-{CODES[8:]}"):
            self.assertEqual(self.value(f"totp = '{text}'", "totp"), Secret(CODES))
        self.assertEqual(self.value("totp = 'MZXW6YTBOIQGIZLGM4QG64TFMQ======'", "totp").to_bytes()[-2:], b"MQ")

    def test_wrong(self) -> None:
        """Other letters, and a length that base32 does not have."""
        for text in ("0189", CODES + "A", CODES + "!", "é"):
            self.assertIn("totp of 'alice': a secret in", self.mistake(f"totp = '{text}'"))

    def test_length(self) -> None:
        """111 bits cannot be written; 104 are too few, 112 and 120 are enough."""
        self.assertIn("at least 112 bits expected, 104 given", self.mistake(f"totp = '{'A' * 21}'"))
        for letters in (23, 24):
            self.value(f"totp = '{'A' * letters}'", "totp")


class ExpiresTests(FieldCase):
    def at(self, text: str) -> datetime:
        return datetime.fromtimestamp(self.value(f"expires = {text}", "expires"), UTC)

    def test_day(self) -> None:
        """A date is the last day: it ends at midnight UTC; leap days and the last of all years are days, too."""
        self.assertEqual(self.at("2030-12-31"), datetime(2031, 1, 1, tzinfo=UTC))
        self.assertEqual(self.at("2028-02-29"), datetime(2028, 3, 1, tzinfo=UTC))
        self.assertEqual(self.value("expires = 9999-12-31", "expires"), 253402300800.0)

    def test_time(self) -> None:
        """A date with a time is that moment; without a zone it is in UTC."""
        self.assertEqual(self.at("2030-12-31T18:00:00+01:00"), datetime(2030, 12, 31, 17, tzinfo=UTC))
        self.assertEqual(self.at("2030-12-31 18:00:00"), datetime(2030, 12, 31, 18, tzinfo=UTC))
        self.assertLess(self.value("expires = 0001-01-01T00:00:00+23:59", "expires"), 0)

    def test_wrong(self) -> None:
        """A date in quotes, a time alone, a day that is not."""
        for text in ("'2030-12-31'", "12:00:00", "1"):
            self.assertIn("expires of 'alice': a date or a date with a time", self.mistake(f"expires = {text}"))
        self.mistake("expires = 2030-02-30")


class NetworkTests(FieldCase):
    def test_right(self) -> None:
        """Addresses and networks of both kinds; an IPv4 network in IPv6's clothes is one of IPv4."""
        for text, network in (
            ("192.0.2.7", "192.0.2.7/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::/0", "::/0"),
        ):
            self.assertEqual(self.value(f"from = ['{text}']", "networks"), (ip_network(network),))

    def test_wrong(self) -> None:
        """A name, a network with bits of a host, an empty list, no list: each says what was expected."""
        for text in ("['host']", "['10.1.2.3/8']", "['10.0.0.0/33']", "['*']", "['']", "[1]"):
            self.assertIn("expected", self.mistake(f"from = {text}"))
        self.assertIn("has host bits set", self.mistake("from = ['10.1.2.3/8']"))
        for text in ("[]", "'10.0.0.0/8'"):
            self.assertIn("at least one", self.mistake(f"from = {text}"))


class MethodsTests(FieldCase):
    def test_right(self) -> None:
        """A policy as OpenSSH writes it; `any` is one, too, and not the same as none."""
        for text in ("publickey,password publickey,keyboard-interactive", "any"):
            self.assertEqual(self.value(f"methods = '{text}'", "methods"), AuthPolicy.parse(text))

    def test_wrong(self) -> None:
        """An unknown method, and one that counts once only; what the policy says of it is passed on."""
        self.assertIn("did you mean publickey?", self.mistake("methods = 'pubkey'"))
        self.assertIn("password counts once", self.mistake("methods = 'password,password'"))
        self.assertIn("a text expected", self.mistake("methods = ['publickey']"))


class PermissionsTests(FieldCase):
    def test_right(self) -> None:
        """Patterns and words, in the table itself or in one of their own."""
        expected = Permissions.parse({"/": "list read", "/incoming": "upload"})
        inline = self.value("permissions = {'/' = 'list read', '/incoming' = ['upload']}", "permissions")
        table = self.value("[alice.permissions]\n'/' = 'list read'\n'/incoming' = 'upload'", "permissions")
        self.assertEqual((inline, table), (expected, expected))

    def test_wrong(self) -> None:
        """Each pattern with a mistake is named, with its line if it has one; so is what is no table."""
        found = read("[a.permissions]\n'/' = 'list raed'\n'/in' = 'read'\nout = 'read'\n'/x' = 1\n")
        self.assertEqual([mistake.line for mistake in found.mistakes], [2, 4, 5])
        self.assertIn("permissions of 'a': ", found.mistakes[0].text)
        for text in ("'read'", "['read']", "{}"):
            self.assertIn("a table of patterns and words expected", self.mistake(f"permissions = {text}"))


class OtherTests(FieldCase):
    def test_truth(self) -> None:
        """read_only and disabled are true or false; a word for it is neither."""
        for key in ("read_only", "disabled"):
            self.assertIs(self.value(f"{key} = false", key), False)
            self.assertEqual(self.mistake(f"{key} = 'yes'"), f"{key} of 'alice': true or false expected")
            self.assertEqual(self.mistake(f"{key} = 1"), f"{key} of 'alice': true or false expected")

    def test_principals(self) -> None:
        """Names, at least one: an empty list would look as if it meant nobody."""
        self.assertEqual(self.value("principals = ['a', 'b', 'a']", "principals"), {"a", "b"})
        self.assertIn("at least one", self.mistake("principals = []"))

    def test_all_mistakes(self) -> None:
        """Every mistake of a text is found, each with its line, in the order of the file; the rest is read."""
        found = read("x = 1\n[a]\npasword = 1\nroot = 'here'\nhome = '/in'\n\n[b.c]\n[d]\nread_only = 1\n")
        self.assertEqual([mistake.line for mistake in found.mistakes], [1, 3, 4, 7, 9])
        self.assertEqual(list(found.users), [])

    def test_toml(self) -> None:
        """What TOML does not allow is one mistake; so is what Python cannot read of it."""
        for text, line in (("[a]\nb =\n", 2), ("a = " + "[" * 100000, None), ("[a]\nb = " + "1" * 5000, None)):
            (mistake,) = read(text).findings
            self.assertEqual((mistake.line, mistake.mistake), (line, True))


_atoms = st.sampled_from(
    [
        *("true", "1", "1.5", "nan", "[]", "{}", '""', "''", '"\\u0000"', '"/"', '"a"', "'10.0.0.0/8'", "'::/0'"),
        *("2030-01-01", "2030-01-01T00:00:00", "2030-01-01 00:00:00+01:00", "12:00:00", "9" * 19),
        *("{a = 1}", '{"/*" = "read"}'),
        *(row.example for row in FIELDS.values()),
    ]
)
_items = st.lists(_atoms, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
_keys = st.sampled_from([*FIELDS, "x", "a.b", '""', "permissions.'/'"])
_lines = st.one_of(
    st.builds("{} = {}".format, _keys, st.one_of(_atoms, _items)),
    st.sampled_from(["[a]", "[b]", "[[c]]", "[a.b]", "['']", "#", "", "x", "[", '"' * 3, "'" * 3, "]"]),
)


class AnythingTests(SynchronousTestCase):
    """Whatever a file holds, reading it gives users or mistakes, and nothing is raised."""

    def check(self, content: bytes) -> None:
        found = read_users("/etc/users.toml", content)
        for each in found.findings:
            self.assertIn(each.line, (None, *range(1, content.count(b"\n") + 2)))
        self.assertLessEqual(set(found.users), set(found.names))

    @given(st.lists(_lines, max_size=8).map("\n".join))
    def test_entries(self, text: str) -> None:
        """Entries with values of any kind, in any order."""
        self.check(text.encode())

    @given(st.binary(max_size=40))
    def test_bytes(self, content: bytes) -> None:
        """Bytes of any kind."""
        self.check(content)

    @given(st.sampled_from(list(FIELDS)), st.text(max_size=30).map(quote))
    def test_texts(self, key: str, value: str) -> None:
        """Any text, alone and in a list, as the value of any entry."""
        self.check(f"[a]\n{key} = {value}\n[b]\n{key} = [{value}]\n".encode("utf-8", "replace"))
