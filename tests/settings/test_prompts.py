"""
Prompts of keyboard-interactive, as settings.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.prompts import MOST_PROMPTS, PROMPTS, Prompt
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE


class PromptsTests(SynchronousTestCase):
    """The text of KeyboardInteractivePrompts, and what Python may give instead."""

    def check(self, value: object, *expected: tuple[str, bool]) -> None:
        """Check what is read, and that it is read again from what is written."""
        prompts = PROMPTS.convert(value)
        self.assertEqual([(each.text, each.echo) for each in prompts], list(expected))
        self.assertEqual(PROMPTS.convert(PROMPTS.format(prompts)), prompts)

    def test_documented(self) -> None:
        """The example of the documentation."""
        self.check("First prompt,echo=false;Second prompt,echo=true", ("First prompt", False), ("Second prompt", True))

    def test_text(self) -> None:
        """Blanks at the end belong to a prompt, commas too; without `echo` nothing is shown."""
        self.check("Code, please: ", ("Code, please: ", False))
        self.check("A: ,Echo=Yes; B: ,echo = 0", ("A: ", True), ("B: ", False))
        self.check("A: ;", ("A: ", False))
        self.check("")
        self.check(" ")

    def test_semicolon(self) -> None:
        r"""`\;` is a semicolon, `\\` a backslash, and every other backslash is one."""
        self.check(r"a\;b\\,echo=true;c\d", ("a;b\\", True), ("c\\d", False))

    def test_python(self) -> None:
        """A list of texts, pairs or prompts."""
        given = ["a", ("b", True), Prompt(text="c;d,echo=true")]
        self.check(given, ("a", False), ("b", True), ("c;d,echo=true", False))
        self.check([])

    def test_refused(self) -> None:
        """No prompt may be empty (RFC 4256, 3.2), and they are not too many."""
        self.check(["x"] * MOST_PROMPTS, *[("x", False)] * MOST_PROMPTS)
        wrong: tuple[Any, ...] = (";", ",echo=true", "a;;b", "a,echo=maybe", 3, b"a", [(1, 2)])
        for value in (*wrong, ["x"] * (MOST_PROMPTS + 1)):
            self.assertRaises(ValueError, PROMPTS.convert, value)

    def test_list(self) -> None:
        """The documented list has as many prompts as KeyboardInteractivePromptCount says."""
        settings = Settings(TABLE)
        settings.config("KeyboardInteractivePromptCount=2")
        settings.config("KeyboardInteractivePromptPrompt[1]=Code: ")
        settings.config("KeyboardInteractivePromptEcho[1]=true")
        self.assertEqual(settings.keyboard_interactive_prompt_prompt, ("", "Code:"))
        self.assertEqual(settings.keyboard_interactive_prompt_echo, (False, True))
        self.assertRaises(ServerError, settings.config, "KeyboardInteractivePromptPrompt[2]=x")

    def test_connection(self) -> None:
        """One connection has its own prompts."""
        settings = Settings(TABLE)
        mine = settings.overlay(3)
        settings.config("KeyboardInteractivePrompts[3]=Code: ,echo=true")
        self.assertEqual(mine.keyboard_interactive_prompts, (Prompt(text="Code: ", echo=True),))
        self.assertEqual(settings.keyboard_interactive_prompts, ())
