"""
What the local file system tells of files beyond stat(2), in conversations that ask for it.
"""

import os
import time
from typing import Any

from conchsftp.files.attributes.mime_types import guessed
from conchsftp.files.disk.statx import find_statx
from conchsftp.interfaces import IDetails
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import AttribBit, FileType, TextHint
from conchsftp.sftp.statuses import Status
from tests.files.case import ANY, BOTH, NONE
from tests.files.local_case import LocalCase
from tests.files.support import threaded_workers

ALL = frozenset({"create_time", "attrib_bits", "mime_type", "text_hint", "untranslated_name"})
_DETAILS = (
    "create_time",
    "create_time_ns",
    "attrib_bits",
    "attrib_bits_valid",
    "mime_type",
    "text_hint",
    "untranslated_name",
)
_EVERYWHERE = AttribBit.READONLY | AttribBit.HIDDEN | AttribBit.SPARSE


def has_births(place: str) -> bool:
    """Whether the disk keeps when files were made: the system is asked in another way than the server does it."""
    return os.popen(f"stat -c %W '{place}'").read().strip() not in ("", "0", "-")


class DetailsCase(LocalCase):
    """Help: a file system that tells everything."""

    def setUp(self) -> None:
        super().setUp()
        self.plain = self.files
        self.files = self.plain.detailed(ALL)

    def entries(self, path: str = "/") -> dict[str, Attributes]:
        """Return what a listing tells."""
        directory = self.files.list(path)
        found: dict[str, Attributes] = dict(directory.read(100))
        directory.close()
        return found


class TellingTests(DetailsCase):
    """What is told."""

    def ways(self, name: str) -> dict[str, Attributes]:
        """Return what every way of asking tells of a file in the root."""
        file = self.files.open(f"/{name}", BOTH, ANY, NONE)
        self.addCleanup(file.close)
        return {
            "lstat": self.files.lstat(f"/{name}"),
            "stat": self.files.stat(f"/{name}"),
            "fstat": file.stat(),
            "readdir": self.entries()[name],
        }

    def test_ability(self) -> None:
        """It says what it can tell, and that is no more than the record has."""
        self.assertTrue(IDetails.providedBy(self.plain))
        self.assertLessEqual(self.plain.tells, ALL | {"acl"})
        for field in self.plain.tells | self.plain.sets:
            self.assertTrue(hasattr(NONE, field), field)

    def test_plain(self) -> None:
        """Who does not ask is told what stat(2) tells."""
        self.put("/.a.txt", b"a")
        self.files = self.plain
        for way, attributes in self.ways(".a.txt").items():
            self.assertEqual([getattr(attributes, field) for field in _DETAILS], [None] * 7, way)

    def test_create_time(self) -> None:
        """When a file was made stays, whatever is done to it (filexfer-13, 7.7)."""
        before = time.time() - 1
        self.put("/a", b"a")
        os.utime(f"{self.root}/a", (1, 1))
        if not has_births(f"{self.root}/a"):
            self.assertIsNone(self.files.stat("/a").create_time)
            return
        found = self.ways("a")
        for way, attributes in found.items():
            assert attributes.create_time is not None and attributes.create_time_ns is not None
            born = attributes.create_time + attributes.create_time_ns / 1e9
            self.assertTrue(before <= born <= time.time(), (way, born))
        self.assertEqual(len({(each.create_time, each.create_time_ns) for each in found.values()}), 1)

    def test_same_as_stat(self) -> None:
        """All that stat(2) tells is told as ever."""
        self.put("/a.txt", b"abc")
        for path in ("/a.txt", "/"):
            told, plain = self.files.stat(path), self.plain.stat(path)
            for field in _DETAILS:
                setattr(told, field, None)
            self.assertEqual(told, plain)

    def test_bits(self) -> None:
        """Hidden are names with a dot; nobody may write to what is read-only (filexfer-13, 7.9)."""
        self.put("/a")
        self.put("/.b")
        self.put("/c", mode=0o444)
        os.mkdir(f"{self.root}/.d")
        for name, bits in (("a", 0), (".b", AttribBit.HIDDEN), ("c", AttribBit.READONLY), (".d", AttribBit.HIDDEN)):
            for attributes in (self.files.lstat(f"/{name}"), self.entries()[name]):
                assert attributes.attrib_bits is not None and attributes.attrib_bits_valid is not None
                self.assertEqual(attributes.attrib_bits & _EVERYWHERE, bits, name)
                self.assertEqual(attributes.attrib_bits_valid & _EVERYWHERE, _EVERYWHERE)
                self.assertEqual(attributes.attrib_bits & ~attributes.attrib_bits_valid, 0)
        self.assertEqual(self.entries()["."].attrib_bits, 0)

    def test_sparse(self) -> None:
        """A file with a hole is sparse, one that is full is not."""
        self.put("/full", bytes(100_000))
        self.put("/hole")
        os.truncate(f"{self.root}/hole", 10_000_000)
        for name in ("full", "hole"):
            status = os.stat(f"{self.root}/{name}")
            for way, attributes in self.ways(name).items():
                assert attributes.attrib_bits is not None
                sparse = status.st_blocks * 512 < status.st_size
                self.assertEqual(bool(attributes.attrib_bits & AttribBit.SPARSE), sparse, way)

    def test_type(self) -> None:
        """The MIME type goes by the name, and what is guessed of a text is said to be guessed."""
        for name, mime_type, hint in (
            ("a.txt", "text/plain", TextHint.GUESSED_TEXT),
            ("b.JPEG", "image/jpeg", TextHint.GUESSED_BINARY),
            ("c.json", "application/json", TextHint.GUESSED_TEXT),
            ("d.unheard", None, None),
            (".txt", None, None),
            ("txt", None, None),
        ):
            self.put(f"/{name}")
            for way, attributes in self.ways(name).items():
                self.assertEqual((attributes.mime_type, attributes.text_hint), (mime_type, hint), (name, way))
        os.mkdir(f"{self.root}/e.txt")
        self.assertIsNone(self.files.stat("/e.txt").mime_type)
        self.assertIsNone(self.entries()["e.txt"].text_hint)

    def test_links(self) -> None:
        """A link is told of itself, or of what it means, never of both."""
        self.put("/a.png", b"a")
        os.symlink("a.png", f"{self.root}/.l.txt")
        itself, meant = self.files.lstat("/.l.txt"), self.files.stat("/.l.txt")
        self.assertEqual((itself.type, itself.mime_type), (FileType.SYMLINK, None))
        self.assertEqual((meant.type, meant.mime_type), (FileType.REGULAR, "image/png"))
        self.assertTrue((itself.attrib_bits or 0) & AttribBit.HIDDEN)
        self.assertFalse((meant.attrib_bits or 0) & AttribBit.HIDDEN)
        self.assertEqual(self.entries()[".l.txt"].type, FileType.SYMLINK)
        self.assertEqual(meant.create_time_ns, self.files.stat("/a.png").create_time_ns)

    def test_untranslated_name(self) -> None:
        """A name that is not UTF-8 is marked so, and told as it is (filexfer-13, 7.15)."""
        with open(os.fsencode(self.root) + b"/\xe4\xf6", "wb"):
            pass
        self.put("/\xe4")
        name = b"\xe4\xf6".decode("utf-8", "surrogateescape")
        for attributes in (self.files.stat(f"/{name}"), self.entries()[name]):
            self.assertEqual(attributes.untranslated_name, b"\xe4\xf6")
            self.assertTrue((attributes.attrib_bits or 0) & AttribBit.TRANSLATION_ERR)
        for attributes in (self.files.stat("/\xe4"), self.entries()["\xe4"]):
            self.assertIsNone(attributes.untranslated_name)
            self.assertFalse((attributes.attrib_bits or 0) & AttribBit.TRANSLATION_ERR)

    def test_only_fields(self) -> None:
        """Nothing is told that was not asked for: a version may have no word for it."""
        self.put("/.a.txt")
        self.files = self.plain.detailed({"create_time"})
        for attributes in self.ways(".a.txt").values():
            self.assertEqual([getattr(attributes, field) for field in _DETAILS[2:]], [None] * 5)
        self.files = self.plain.detailed({"attrib_bits"})
        for attributes in self.ways(".a.txt").values():
            self.assertIsNone(attributes.create_time)
            self.assertFalse((attributes.attrib_bits_valid or 0) & AttribBit.TRANSLATION_ERR)

    def test_missing(self) -> None:
        """What is not there fails as ever."""
        for ask in (self.files.stat, self.files.lstat):
            self.assertRaises(FileNotFoundError, ask, "/none")


class ConfinedTests(DetailsCase):
    """What is told of a part of the files."""

    def narrowed(self) -> list[Any]:
        """Return the file system narrowed after and before it tells more."""
        os.makedirs(f"{self.root}/home/alice")
        with open(f"{self.root}/home/alice/.a.txt", "wb"):
            pass
        everything = lambda path, real_path, folder: True  # noqa: E731
        return [
            self.plain.rooted_at("/home").detailed(ALL),
            self.files.rooted_at("/home"),
            self.plain.restricted_to("/home").detailed(ALL).rooted_at("/home"),
            self.files.guarded_by(everything).rooted_at("/home"),
            self.plain.guarded_by(everything).detailed(ALL).rooted_at("/home"),
        ]

    def test_narrowed(self) -> None:
        """It tells the same where it shows only a part, or judges links."""
        for files in self.narrowed():
            self.assertEqual(files.stat("/alice/.a.txt").mime_type, "text/plain")
            self.assertTrue(files.lstat("/alice/.a.txt").attrib_bits & AttribBit.HIDDEN)

    def test_above(self) -> None:
        """Nothing is told of what lies above the root but what the root is itself."""
        self.files = self.plain.rooted_at(self.narrowed() and "/home").detailed(ALL)
        self.assertIsNone(self.entries()[".."].create_time)

    def test_refused(self) -> None:
        """A link to where a user may not go is told of as a link, and what it means is refused."""
        self.put("/secret.txt")
        os.mkdir(f"{self.root}/in")
        os.symlink("/secret.txt", f"{self.root}/in/l")
        files = self.plain.restricted_to("/in").detailed(ALL)
        self.assertEqual(files.lstat("/in/l").type, FileType.SYMLINK)
        self.refused(Status.PERMISSION_DENIED, files.stat, "/in/l")


class ThreadTests(LocalCase):
    """On a slow mount everything is told as well."""

    def make_workers(self) -> Any:
        return threaded_workers()

    def test_threads(self) -> None:
        """Everything is looked at in threads, and what that tells comes from there."""
        files = self.files.detailed(ALL)
        for name in ("a", ".b"):
            with open(f"{self.root}/{name}.txt", "wb"):
                pass
        self.assertEqual(self.done(files.stat("/a.txt")).mime_type, "text/plain")
        directory = self.done(files.list("/"))
        found = dict(self.done(directory.read(9)))
        self.assertTrue(found[".b.txt"].attrib_bits & AttribBit.HIDDEN)
        self.assertEqual(self.done(directory.stat()).type, FileType.DIRECTORY)
        self.done(directory.close())

    def done(self, waiting: Any) -> Any:
        """Return what a thread has to do first."""
        self.assertNoResult(waiting)
        self.workers.pool.work()
        return self.successResultOf(waiting)


class StatxTests(LocalCase):
    """The system call."""

    def test_nobody(self) -> None:
        """What is not there is nothing, and no error: somebody may have removed it since."""
        look = find_statx()
        if look is not None:
            self.assertIsNone(look(-100, os.fsencode(self.root) + b"/none"))

    def test_another_file(self) -> None:
        """What another file, which has the name by now, is like is not told of the first."""
        self.put("/a")
        self.put("/b")
        files: Any = self.files.detailed(ALL)
        other = os.stat(f"{self.root}/b")
        descriptor = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        self.assertIsNone(files._details.at(descriptor, b"a", other)[2])
        self.assertIsNotNone(files._details.at(descriptor, b"b", other)[2])

    def test_guessed(self) -> None:
        """A name without an ending, or with a long one, tells nothing."""
        for name in (b"", b".", b"..", b"a.", b"a." + b"x" * 13, b"README"):
            self.assertEqual(guessed(name), (None, None), name)
        self.assertEqual(guessed(b"a.tar.GZ"), ("application/gzip", TextHint.GUESSED_BINARY))
