"""
What a `Secret` shows, and what it does not.
"""

import copy
import pickle

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.secret import Secret


class SecretTests(SynchronousTestCase):
    def test_never_shown(self) -> None:
        """repr, str, format and a record that holds it show the mask only."""
        secret = Secret("hunter2")
        for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret!s:>5}".strip()):
            self.assertNotIn("hunter2", shown)
            self.assertIn("***", shown)

    def test_revealed(self) -> None:
        """The value comes out as it went in, and as bytes."""
        self.assertEqual(Secret("å").reveal(), "å")
        self.assertEqual(Secret("å").to_bytes(), "å".encode())
        self.assertEqual(Secret(b"\xff").to_bytes(), b"\xff")
        self.assertEqual(Secret(Secret("x")).reveal(), "x")

    def test_equality(self) -> None:
        """Secrets are equal by value, text and bytes alike; a secret never equals the bare value."""
        self.assertEqual(Secret("a"), Secret(b"a"))
        self.assertEqual(hash(Secret("a")), hash(Secret(b"a")))
        self.assertNotEqual(Secret("a"), Secret("b"))
        self.assertNotEqual(Secret("a"), Secret("ab"))
        self.assertNotEqual(Secret("a"), "a")

    def test_truth(self) -> None:
        """An empty secret is false."""
        self.assertFalse(Secret(""))
        self.assertTrue(Secret("x"))

    def test_copies(self) -> None:
        """Settings that hold a secret can be copied, not pickled."""
        secret = Secret("hunter2")
        self.assertIs(copy.copy(secret), secret)
        self.assertIs(copy.deepcopy([secret])[0], secret)
        self.assertRaises(TypeError, pickle.dumps, secret)

    def test_traceback(self) -> None:
        """A failure that carries a secret does not print it."""
        try:
            raise ValueError(Secret("hunter2"))
        except ValueError:
            self.assertNotIn("hunter2", Failure().getTraceback(detail="verbose"))
