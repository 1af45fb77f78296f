"""
What docs/permissions.md says of patterns and words holds.
"""

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.permissions import CREATE, LIST, READ, WORDS, Permissions, written

DOCS = Path(__file__).parents[1] / "docs"


class PageTests(SynchronousTestCase):
    """The page and its examples."""

    def test_users(self) -> None:
        """The examples of users mean what their comments say."""
        users = tomllib.loads((DOCS / "examples" / "permissions.toml").read_text())
        allowed = {name: Permissions.parse(entries["permissions"]) for name, entries in users.items()}
        for name, path, words in (
            ("supplier", "/share/x", "list read"),
            ("supplier", "/incoming/x", "list write create rename mkdir times"),
            ("supplier", "/incoming/.x", "none"),
            ("courier", "/incoming/x", "create mkdir"),
            ("courier", "/x", "none"),
            ("editor", "/x/y", "all"),
            ("editor", "/archive/x", "list read"),
            ("editor", "/private/x", "none"),
        ):
            self.assertEqual(written(allowed[name].may(path)), words, (name, path))
        self.assertFalse(allowed["courier"].place("/incoming").shows("x"))
        self.assertTrue(allowed["courier"].place("/").shows("incoming"))

    def test_patterns(self) -> None:
        """The patterns that are shown count as it is said."""
        text = (DOCS / "permissions.md").read_text()
        (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
        found = Permissions.parse(tomllib.loads(shown))
        for path, words in {
            "/": "all",
            "/projects": "all",
            "/projects/a": "list read",
            "/projects/mine/x": "all",
            "/projects/mine/secret": "none",
            "/projects/mine/secret/x": "none",
            "/projects/mine/x/y.key": "none",
            "/z.key": "none",
        }.items():
            self.assertEqual(written(found.may(path)), words, path)

    def test_what_is_in_a_folder(self) -> None:
        """With a star below it a folder itself stays."""
        found = Permissions.parse({"/incoming/*": "all", "/incoming": "list"})
        self.assertEqual((found.may("/incoming"), written(found.may("/incoming/x/y"))), (LIST, "all"))

    def test_ways(self) -> None:
        """What leads to what is allowed is shown; patterns that begin with `**` lead nowhere."""
        found = Permissions.parse({"/projects/mine": "all"})
        self.assertTrue(found.place("/projects").visible and found.place("/").visible)
        self.assertFalse(found.place("/projects").shows("other"))
        self.assertFalse(Permissions.parse({"/**/mine": "all"}).place("/").visible)

    def test_words(self) -> None:
        """Every word stands in the table, and words may be separated by commas."""
        text = (DOCS / "permissions.md").read_text()
        self.assertEqual([word for word in WORDS if f"| `{word}` |" not in text], [])
        self.assertEqual(Permissions.parse({"/": "create, read"}).may("/"), CREATE | READ)
