"""
The grammar of `config()` and of the configuration file.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.config import Statement, parse


class ParseTests(SynchronousTestCase):
    def test_set(self):
        """`Name=value` sets; the value may hold anything, also `=` and brackets."""
        self.assertEqual(parse("RootDirectory=/srv/a=b[1]"), Statement(name="RootDirectory", value="/srv/a=b[1]"))

    def test_ask(self):
        """`Name` asks."""
        self.assertEqual(parse(" LocalPort "), Statement(name="LocalPort"))

    def test_empty_value(self):
        """An empty value is a value."""
        self.assertEqual(parse("RootDirectory="), Statement(name="RootDirectory", value=""))

    def test_index(self):
        """A number in brackets is the index, of a question as well."""
        self.assertEqual(parse("ConnectionUID[5]"), Statement(name="ConnectionUID", index=5))
        self.assertEqual(parse("A[0]=x"), Statement(name="A", index=0, value="x"))

    def test_white_space(self):
        """White space around name, brackets, `=` and value does not count: "AltSSHCertCount =1" is documented."""
        self.assertEqual(parse("AltSSHCertCount =1"), Statement(name="AltSSHCertCount", value="1"))
        self.assertEqual(parse("  A [ 2 ] =  x y \t"), Statement(name="A", index=2, value="x y"))

    def test_several_lines(self):
        """A value may have several lines, such as a key in PEM."""
        self.assertEqual(parse("A=b\nc\n").value, "b\nc")

    def test_nothing_of_a_value(self):
        """Where `=` is missing, what may be a password is not repeated."""
        for text in (
            "SSHCertStorePassword hunter2",
            "SSHCertStorePassword[hunter2]=1",
            "SSHCertStorePassword: hunter2",
        ):
            error = self.assertRaises(ServerError, parse, text)
            self.assertIn("'SSHCertStorePassword'", error.text)
            self.assertNotIn("hunter2", error.text)
        self.assertNotIn("hunter2", self.assertRaises(ServerError, parse, "-hunter2").text)

    def test_refused(self):
        """What is no statement is an error that does not repeat the value."""
        for name in ("", "A[x]", "A[-1]", "A[]", "A B", "A[1", "9A", "A]"):
            text = f"{name}=secret"
            error = self.assertRaises(ServerError, parse, text)
            self.assertEqual(error.code, 0)
            self.assertNotIn("secret", error.text)
