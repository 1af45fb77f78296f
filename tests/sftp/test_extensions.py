"""What is advertised."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import interfaces
from conchsftp.sftp.extensions import EXTENSIONS, advertised
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import VERSIONS

ABILITIES = {row.ability for row in EXTENSIONS if row.ability}


class ExtensionTests(SynchronousTestCase):
    """Names, versions, abilities."""

    def test_all(self):
        """With every ability all is advertised, in the order and with the versions of OpenSSH's server."""
        for version in VERSIONS:
            self.assertEqual(
                advertised(version, ABILITIES),
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
                ],
            )

    def test_abilities(self):
        """What needs an ability is advertised only with it, and each ability is an interface."""
        without = advertised(3, ())
        for ability in ABILITIES:
            self.assertTrue(hasattr(interfaces, ability))
            needing = [(row.name, row.data) for row in EXTENSIONS if row.ability == ability]
            self.assertFalse(set(needing) & set(without))
            self.assertEqual(set(advertised(3, {ability})), {*without, *needing})

    def test_every_extended_request(self):
        """Every extended request that is decoded is in the table."""
        declared = {layout.name: layout.record for layout in REQUESTS if layout.name}
        self.assertEqual({row.name: row.request for row in EXTENSIONS}, declared)
