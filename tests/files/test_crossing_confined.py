"""
A copy to another file system is as confined as a rename.
"""

import os
from collections.abc import Callable
from errno import EXDEV
from typing import Any

from conchsftp.files.beneath import Beneath
from conchsftp.files.crossing import Crossing
from tests.files import test_confine


class Far(Beneath):
    """Everything is another file system."""

    def rename(self, path: str, new_path: str, replace: bool) -> None:
        raise OSError(EXDEV, os.strerror(EXDEV))


class SwappingTests(test_confine.SwappingTests):
    """Another process swaps directories and files for links to outside, all the time."""

    def open(self, *args: Any, **options: Any) -> Beneath:
        return Far(*args, **options)

    def actions_on_names(self, at: str) -> dict[str, Callable[[], Any]]:
        return {
            "copy": lambda: self.cross(f"{at}/f", f"{at}/g", True),
            "copy exclusively": lambda: self.cross(f"{at}/f", f"{at}/h", False),
            "copy in": lambda: self.cross("/moving", f"{at}/moving", False),
            "copy out": lambda: self.cross(f"{at}/f", "/stolen", True),
        }

    def cross(self, path: str, new_path: str, replace: bool) -> None:
        """Copy at once."""
        crossing = Crossing(self.beneath, path, new_path, replace)
        while not crossing.step():
            pass
