"""
Tests for the seam to Twisted Conch.
"""

import inspect

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.conch import SEAM


class SeamTests(SynchronousTestCase):
    """What we override or rely on in Conch is still there, as it was."""

    def test_names(self) -> None:
        """Each name exists, and a method takes the parameters that ours takes."""
        for row in SEAM:
            found = getattr(row.owner, row.name, None)
            with self.subTest(f"{row.owner.__name__}.{row.name}"):
                self.assertTrue(hasattr(row.owner, row.name))
                if row.parameters is not None:
                    parameters = tuple(inspect.signature(found).parameters)[1:]
                    self.assertEqual(parameters, row.parameters)
