"""
Which permissions new files and directories get.
"""

import os
from typing import Any

from conchsftp.files.local import LocalFileSystem
from conchsftp.sftp.attributes import Attributes
from tests.files.case import ANY, NEW, NONE, OLD, TRUNCATE, WRITE
from tests.files.local_case import LocalCase


class ModeTests(LocalCase):
    """FileMode, DirectoryMode and ForceModes."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(os.umask, os.umask(0o022))

    def serve(self, **options: Any) -> None:
        self.files = LocalFileSystem(self.root, workers=self.workers, **options)

    def made(self, mode: int | None = None) -> tuple[int, int]:
        """Make a file and a directory, and return their modes."""
        name = f"/{len(os.listdir(self.root))}"
        self.put(name, b"", mode)
        self.files.make_directory(f"{name}d", Attributes(permissions=mode))
        return tuple(os.stat(self.root + path).st_mode & 0o7777 for path in (name, f"{name}d"))  # type: ignore

    def test_default(self) -> None:
        """Where a client asks for no mode there is a usual one, less the umask."""
        self.assertEqual(self.made(), (0o644, 0o755))
        self.serve(file_mode=0o640, directory_mode=0o770)
        self.assertEqual(self.made(), (0o640, 0o750))
        self.serve(file_mode=0o660, directory_mode=0o2777, umask=0o007)
        self.assertEqual(self.made(), (0o660, 0o2770))

    def test_asked(self) -> None:
        """What a client asks for goes before, less the umask; also if that is nothing at all."""
        self.serve(file_mode=0o640, directory_mode=0o770)
        self.assertEqual(self.made(0o777), (0o755, 0o755))
        self.assertEqual(self.made(0o600), (0o600, 0o600))
        self.assertEqual(self.made(0), (0, 0))

    def test_forced(self) -> None:
        """Forced modes hold exactly: neither what a client asks nor any umask changes them."""
        for umask in (None, 0o077):
            self.serve(file_mode=0o664, directory_mode=0o2775, force_modes=True, umask=umask)
            for mode in (None, 0, 0o600, 0o4777):
                self.assertEqual(self.made(mode), (0o664, 0o2775))

    def test_forced_for_new_ones_only(self) -> None:
        """A file that exists keeps its mode, and other attributes of an OPEN are still used."""
        self.put("/a", b"", 0o600)
        self.serve(file_mode=0o664, force_modes=True)
        for flags in (OLD, ANY, TRUNCATE):
            self.files.open("/a", WRITE, flags, NONE).close()
        self.assertEqual(os.stat(f"{self.root}/a").st_mode & 0o7777, 0o600)
        self.files.open("/b", WRITE, NEW, Attributes(permissions=0, mtime=77, atime=77)).close()
        there = os.stat(f"{self.root}/b")
        self.assertEqual((there.st_mode & 0o7777, there.st_mtime), (0o664, 77))

    def test_inherited_group(self) -> None:
        """A directory inherits the group bit of the one above, forced or not: that decides whose group files get."""
        os.chmod(self.root, 0o2775)
        self.serve(directory_mode=0o750, force_modes=True)
        self.assertEqual(self.made()[1], 0o2750)

    def test_views(self) -> None:
        """A view of a part has the same rules."""
        self.files.make_directory("/d", NONE)
        self.serve(file_mode=0o604, directory_mode=0o705, force_modes=True)
        for view in (self.files.rooted_at("/d"), self.files.restricted_to("/d")):
            assert isinstance(view, LocalFileSystem)
            path = "/d/e" if view._beneath.base else "/f"
            view.make_directory(path, NONE)
            self.assertEqual(view.stat(path).permissions, 0o705)  # type: ignore[union-attr]
