"""What is advertised of the extended requests."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.extended import EXTENSIONS, advertised
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import VERSIONS


class ExtensionTests(SynchronousTestCase):
    """Names and versions."""

    def test_all(self):
        """Where everything is possible all is advertised, first what OpenSSH's server has, with its versions."""
        for version in VERSIONS:
            self.assertEqual(
                advertised(version, lambda request: True),
                [
                    (b"posix-rename@openssh.com", b"1"),
                    (b"statvfs@openssh.com", b"2"),
                    (b"fstatvfs@openssh.com", b"2"),
                    (b"hardlink@openssh.com", b"1"),
                    (b"fsync@openssh.com", b"1"),
                    (b"lsetstat@openssh.com", b"1"),
                    (b"limits@openssh.com", b"1"),
                    (b"expand-path@openssh.com", b"1"),
                    (b"copy-data", b"1"),
                    (b"home-directory", b"1"),
                    (b"users-groups-by-id@openssh.com", b"1"),
                    *([(b"text-seek", b"1")] if version > 3 else []),
                    (b"md5-hash", b"1"),
                    (b"md5-hash-handle", b"1"),
                    (b"check-file-name", b"1"),
                    (b"check-file-handle", b"1"),
                    (b"check-file", b"md5,sha1,sha224,sha256,sha384,sha512"),
                    (b"space-available", b"1"),
                    (b"copy-file", b"1"),
                    (b"get-temp-folder", b"1"),
                    (b"make-temp-folder", b"1"),
                ],
            )

    def test_possible(self):
        """What cannot be carried out is not advertised."""
        for row in EXTENSIONS:
            for version in VERSIONS:
                pairs = advertised(version, lambda request, row=row: request is row.record)
                expected = [(row.name, row.told)] if version in row.versions else []
                self.assertEqual([pair for pair in pairs if pair[0] != b"newline"], expected)

    def test_every_extended_request(self):
        """Every extended request that is decoded is advertised by its name, or goes with a fact that is told."""
        declared = {layout.name: layout.record for layout in REQUESTS if layout.name}
        with_facts = {row.request for row in FACTS if row.request is not None}
        named = {row.name: row.record for row in EXTENSIONS}
        self.assertEqual(named, {name: record for name, record in declared.items() if record not in with_facts})
        self.assertLessEqual(with_facts, set(declared.values()))
