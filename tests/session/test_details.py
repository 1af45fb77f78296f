"""
Attributes beyond stat(2), in every version that has words for them.
"""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.local import LocalFileSystem
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import VERSIONS, AttribBit
from conchsftp.testing import MemorySession
from tests.files.support import inline_workers
from tests.session.support import Session

DETAILS = ("create_time", "attrib_bits", "mime_type", "text_hint", "untranslated_name")
_SINCE = {"create_time": 4, "attrib_bits": 5, "mime_type": 6, "text_hint": 6, "untranslated_name": 6}
NAME = b".\xff.txt"


class ToldTests(SynchronousTestCase):
    """What clients are told of local files."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        with open(os.fsencode(self.root) + b"/" + NAME, "wb"):
            pass

    def session(self, version: int) -> MemorySession:
        return MemorySession(version=version, root_directory=self.root, file_threads="inline", protocol_version=6)

    def ways(self, session: MemorySession) -> dict[str, Attributes]:
        """Return what every request that asks for attributes is told."""
        handle = session.request(requests.Open(path=NAME, access=1, flags=2, attributes=Attributes())).handle
        listing = session.request(requests.OpenDir(path=b"/")).handle
        entries = {entry.name: entry.attributes for entry in session.request(requests.ReadDir(handle=listing)).entries}
        return {
            "stat": session.request(requests.Stat(path=NAME, flags=0)).attributes,
            "lstat": session.request(requests.LStat(path=NAME, flags=0)).attributes,
            "fstat": session.request(requests.FStat(handle=handle, flags=0)).attributes,
            "readdir": entries[NAME],
        }

    def test_every_version(self) -> None:
        """Each version is told what it has words for, by every request (filexfer-13, 7)."""
        born = LocalFileSystem(self.root, workers=inline_workers()).detailed({"create_time"}).stat("/")
        assert isinstance(born, Attributes)
        for version in VERSIONS:
            for way, told in self.ways(self.session(version)).items():
                got = {field for field in DETAILS if getattr(told, field) is not None}
                expected = {field for field in DETAILS if version >= _SINCE[field]}
                if born.create_time is None:
                    # The disk does not keep it.
                    expected -= {"create_time"}
                self.assertEqual(got, expected, (version, way))

    def test_values(self) -> None:
        """The name is read for the type, and told as it is; version 5 has no word for names that are not UTF-8."""
        for version in (5, 6):
            for way, told in self.ways(self.session(version)).items():
                bits: Any = told.attrib_bits
                self.assertTrue(bits & AttribBit.HIDDEN, way)
                self.assertEqual(bool(bits & AttribBit.TRANSLATION_ERR), version == 6)
                if version == 6:
                    self.assertEqual((told.mime_type, told.untranslated_name), ("text/plain", NAME))

    def test_asked_once(self) -> None:
        """The file system is asked once for each version that is spoken, and not at all in version 3."""
        asked: list[Any] = []

        class Files(LocalFileSystem):
            def detailed(self, fields: Any) -> LocalFileSystem:
                asked.append(set(fields))
                return super().detailed(fields)

        files = Files(self.root, workers=inline_workers())
        conversation = Session(files).conversation
        for version in (3, 6, 3, 4):
            conversation.speak(version)
            self.assertEqual(conversation.files is files, version == 3)
        self.assertEqual(asked, [set(files.tells), {"create_time", "acl"} & files.tells])

    def test_fields(self) -> None:
        """The codec knows which attributes its version has words for."""
        self.assertEqual({field for field in DETAILS if field in Codec(3).fields}, set())
        for version in VERSIONS:
            expected = {field for field in DETAILS if version >= _SINCE[field]}
            self.assertEqual({field for field in DETAILS if field in Codec(version).fields}, expected)
