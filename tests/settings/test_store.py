"""
Values of settings, with rows of every kind that the table can carry.
"""

import gc
from enum import IntEnum

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.settings.kinds import BOOL, NAMES, TEXT, integer, matching, numbered, one_of
from conchsftp.settings.row import Change, Index, Setting, Support, declare
from conchsftp.settings.store import Settings
from conchsftp.settings.table import Table


class Level(IntEnum):
    LOW = 1
    HIGH = 2


ROWS = declare(
    Setting(name="AlgorithmProfile", kind=one_of("modern", "compatible", "documented"), default="modern", doc="A."),
    Setting(name="RootDirectory", kind=TEXT, default="", doc="A."),
    Setting(name="LocalPort", kind=integer(0, 65535), default=22, change=Change.BEFORE_LISTENING, error=106, doc="A."),
    Setting(name="Level", kind=numbered(Level), default=Level.LOW, doc="A."),
    Setting(name="TcpNoDelay", kind=BOOL, default=True, documented=False, why="So.", doc="A."),
    Setting(name="Entries", kind=integer(0), default=0, documented=1, why="So.", index=Index.CONNECTION, doc="A."),
    Setting(name="Banner", kind=TEXT, default="", index=Index.CONNECTION, doc="A."),
    Setting(name="Macs", kind=NAMES, default=(), compatible=("a",), doc="A."),
    Setting(name="Password", kind=TEXT, default="", secret=True, doc="A."),
    Setting(name="Token", kind=matching("[0-9]*", "digits"), default="", secret=True, doc="A."),
    Setting(name="CertCount", kind=integer(0, 10), default=0, doc="A."),
    Setting(name="CertStore", kind=TEXT, default="none", index=Index.POSITION, count="CertCount", doc="A."),
    Setting(name="CertPassword", kind=TEXT, default="", index=Index.POSITION, count="CertCount", secret=True, doc="A."),
    Setting(name="Count", kind=integer(0), default=0, change=Change.NEVER, read=lambda owner, _: len(owner), doc="A."),
    Setting(
        name="Peer",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=lambda owner, connection: owner.get(connection, "nobody"),
        doc="A.",
    ),
    Setting(
        name="Data",
        kind=integer(0),
        default=0,
        index=Index.CONNECTION,
        read=lambda owner, connection: owner[connection],
        write=lambda owner, connection, value: owner.__setitem__(connection, value),
        doc="A.",
    ),
    Setting(name="Iocp", kind=BOOL, default=False, support=Support.REFUSED, why="Windows only.", doc="A."),
    Setting(name="Idle", kind=BOOL, default=True, support=Support.ACCEPTED, why="Always so.", doc="A."),
)
TABLE = Table({"All": ROWS})


class Case(SynchronousTestCase):
    def setUp(self):
        self.peers = {3: "192.0.2.3"}
        self.settings = Settings(TABLE, owner=self.peers)

    def refused(self, text, call, *args, code=0):
        error = self.assertRaises(ServerError, call, *args)
        self.assertRegex(error.text, text)
        self.assertEqual(error.code, code)


class SettingsTests(Case):
    def test_default(self):
        """What nobody set has its default."""
        self.assertEqual((self.settings.root_directory, self.settings.local_port), ("", 22))

    def test_first_values(self):
        """Values may be given when the settings are made."""
        self.assertEqual(Settings(TABLE, local_port="2222", root_directory="/srv").local_port, 2222)
        self.refused("did you mean local_port", lambda: Settings(TABLE, local_prot=1))

    def test_every_spelling(self):
        """A name is found in its documented spelling in any case, as attribute and as option."""
        for number, name in enumerate(("LocalPort", "localPORT", "local_port", "local-port", "--local-port")):
            self.settings.set(name, number)
            self.assertEqual(self.settings.get(name), number)

    def test_attributes(self):
        """Assigning an attribute sets the setting, and checks it."""
        self.settings.local_port = "80"
        self.assertEqual(self.settings.local_port, 80)
        self.refused("^LocalPort: expected .*65535", setattr, self.settings, "local_port", 65536)
        self.assertEqual(self.settings.local_port, 80)

    def test_unknown_name(self):
        """An unknown name is an error that names the nearest one, in the spelling of the question."""
        self.refused("'RootDirectry'; did you mean RootDirectory", self.settings.set, "RootDirectry", "")
        self.refused("'root_directry'; did you mean root_directory", setattr, self.settings, "root_directry", "")
        error = self.assertRaises(AttributeError, getattr, self.settings, "root_directry")
        self.assertIn("did you mean root_directory", str(error))
        self.assertFalse(hasattr(self.settings, "_private"))

    def test_index_where_there_is_none(self):
        """An index after a name that has none is an error, for setting and asking."""
        self.refused("LocalPort takes no index", self.settings.set, "LocalPort", 1, 0)
        self.refused("LocalPort takes no index", self.settings.get, "LocalPort", 0)
        self.refused("at least 0", self.settings.get, "CertStore", -1)

    def test_while_listening(self):
        """What can change only before listening is refused with its documented number while the server listens."""
        self.settings.freeze()
        self.refused("LocalPort cannot change", self.settings.set, "LocalPort", 1, code=106)
        self.settings.root_directory = "/srv"
        self.refused("cannot be reset", self.settings.reset)
        self.settings.thaw()
        self.settings.local_port = 1
        self.assertEqual(self.settings.local_port, 1)

    def test_reset(self):
        """Reset drops what was stored."""
        self.settings.local_port = 1
        self.settings.reset()
        self.assertEqual(self.settings.local_port, 22)

    def test_profile(self):
        """The profile chooses the defaults; what was set stays."""
        self.settings.entries = 7
        self.settings.algorithm_profile = "documented"
        self.assertEqual((self.settings.tcp_no_delay, self.settings.entries), (False, 7))
        self.settings.algorithm_profile = "compatible"
        self.assertEqual((self.settings.tcp_no_delay, self.settings.macs), (True, ("a",)))

    def test_validators(self):
        """A validator refuses what the table cannot judge; it is not asked about defaults."""

        def check(names):
            if "x" in names or not names:
                raise ValueError("unknown algorithm 'x'")

        settings = Settings(TABLE, validators={"Macs": check})
        settings.macs = "a,b"
        self.refused("^Macs: unknown algorithm 'x'", settings.set, "Macs", "a,x")
        self.assertEqual(settings.macs, ("a", "b"))

    def test_validator_of_unknown_name(self):
        """A validator for a setting that does not exist is a mistake."""
        self.refused("unknown setting", lambda: Settings(TABLE, validators={"Nothing": print}))

    def test_unsupported_value(self):
        """A value that this system cannot honour is refused with the reason; the default is taken."""
        self.refused("Iocp can only be False here: Windows only", self.settings.set, "Iocp", True)
        self.settings.iocp = "no"

    def test_without_effect(self):
        """A setting that is accepted without effect says so in the log when it is set."""
        seen = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        self.settings.idle = False
        self.assertIs(self.settings.idle, False)
        self.assertEqual([(event["name"], event["why"]) for event in seen], [("Idle", "Always so.")])

    def test_repr(self):
        """The repr shows what was set, and no secret."""
        self.settings.local_port = 1
        self.settings.password = "hunter2"
        self.assertEqual(repr(self.settings), "Settings(local_port=1, password=***)")

    def test_reserved_names(self):
        """No row hides a method: reading the attribute gives the value."""
        for row in TABLE:
            self.assertFalse(hasattr(Settings, row.attribute), row.name)


class SecretTests(Case):
    def test_value(self):
        """A secret is wrapped, whether it is set or not, and can be set from a secret."""
        self.assertEqual(self.settings.password, Secret(""))
        self.settings.password = "hunter2"
        self.assertEqual(self.settings.password.reveal(), "hunter2")
        self.settings.password = Secret("other")
        self.assertEqual(self.settings.password.reveal(), "other")

    def test_text(self):
        """As text a secret is stars, or nothing if it is empty."""
        self.assertEqual(self.settings.text("Password"), "")
        self.assertEqual(self.settings.config("Password=hunter2"), "***")

    def test_refused_value(self):
        """The error about a secret that is refused does not repeat it."""
        error = self.assertRaises(ServerError, self.settings.set, "Token", "hunter2")
        self.assertNotIn("hunter2", error.text)
        self.assertIn("Token: expected", error.text)


class PositionTests(Case):
    def test_list(self):
        """A list has as many elements as its count says, each with its default."""
        self.assertEqual(self.settings.cert_store, ())
        self.settings.cert_count = 2
        self.assertEqual(self.settings.cert_store, ("none", "none"))
        self.settings.set("CertStore", "b", 1)
        self.assertEqual(self.settings.cert_store, ("none", "b"))
        self.assertEqual(self.settings.get("CertStore", 1), "b")
        self.assertEqual(self.settings.config("CertStore[0]"), "none")

    def test_range(self):
        """An element at the end of the list or past it is an error that names the count."""
        self.settings.cert_count = 2
        for index in (2, 3):
            self.refused(r"CertStore\[\d\]: CertCount is 2", self.settings.set, "CertStore", "x", index)
            self.refused(r"CertStore\[\d\]: CertCount is 2", self.settings.get, "CertStore", index)

    def test_needs_index(self):
        """The list as a whole can be read in Python, but not set, nor asked for by config()."""
        self.refused("is a list", self.settings.set, "CertStore", "x")
        self.refused("is a list", self.settings.config, "CertStore")

    def test_shortened(self):
        """Elements past a shortened end are forgotten: they do not return, and passwords do not stay in memory."""
        self.settings.cert_count = 2
        self.settings.set("CertPassword", "hunter2", 1)
        self.assertEqual(self.settings.cert_password, (Secret(""), Secret("hunter2")))
        self.settings.cert_count = 1
        self.settings.cert_count = 2
        self.assertEqual(self.settings.cert_password, (Secret(""), Secret("")))

    def test_for_connections(self):
        """Connections see the lists of the server."""
        overlay = self.settings.overlay(3)
        self.settings.cert_count = 1
        self.assertEqual(overlay.cert_store, ("none",))


class ComputedTests(Case):
    def test_read(self):
        """A computed setting is read from the owner each time."""
        self.assertEqual((self.settings.count, self.settings.get("Count")), (1, 1))
        self.peers[4] = "192.0.2.4"
        self.assertEqual(self.settings.config("Count"), "2")

    def test_of_connection(self):
        """A computed setting of a connection gets the index, also one that is no connection, and needs one."""
        overlay = self.settings.overlay(3)
        self.assertEqual(overlay.peer, "192.0.2.3")
        self.assertEqual(overlay.count, 1)
        self.assertEqual(self.settings.config("Peer[3]"), "192.0.2.3")
        self.assertEqual(self.settings.get("Peer", 9), "nobody")
        self.refused("Peer belongs to a connection", self.settings.get, "Peer")
        self.refused("Peer belongs to a connection", getattr, self.settings, "peer")

    def test_read_only(self):
        """A computed setting cannot be set, on any road."""
        self.settings.overlay(3)
        for call in (
            lambda: self.settings.set("Count", 1),
            lambda: setattr(self.settings, "count", 1),
            lambda: self.settings.config("Peer=x"),
        ):
            self.refused("is read-only", call)
        kept = self.settings.overlay(3)
        self.refused("is read-only", kept.set, "Peer", "x")


class WrittenTests(Case):
    def test_written(self):
        """A computed row that takes a value hands it to whoever has it, checked and converted."""
        kept = self.settings.overlay(3)
        self.settings.set("Data", "7", 3)
        self.assertEqual((self.peers[3], self.settings.get("Data", 3)), (7, 7))
        kept.data = 8
        self.assertEqual((self.peers[3], kept.data), (8, 8))
        self.refused("Data", self.settings.set, "Data", "many", 3)
        self.assertEqual(self.peers[3], 8)

    def test_needs_index(self):
        """What belongs to a connection is not set without one."""
        self.refused("Data belongs to a connection", self.settings.set, "Data", "7")


class OverlayTests(Case):
    def test_server_value(self):
        """A connection has the value of the server, also one that is set later."""
        overlay = self.settings.overlay()
        self.assertEqual((overlay.entries, overlay.local_port), (0, 22))
        self.settings.entries = 5
        self.settings.algorithm_profile = "documented"
        self.assertEqual((overlay.entries, overlay.tcp_no_delay), (5, False))

    def test_dropped(self):
        """A connection that drops its own value has the server's again, and who watches is told."""
        overlay = self.settings.overlay()
        told = []
        overlay.watch("Entries", told.append)
        self.settings.entries = 5
        overlay.entries = 7
        overlay.drop("Entries")
        overlay.drop("Entries")
        self.assertEqual((overlay.entries, overlay.has_own("Entries"), told), (5, False, [5, 7, 5]))

    def test_own_value(self):
        """A value of its own stands over the server's and is seen by nobody else."""
        one, other = self.settings.overlay(1), self.settings.overlay(2)
        one.entries = "9"
        self.settings.entries = 5
        self.assertEqual((one.entries, other.entries, self.settings.entries), (9, 5, 5))

    def test_by_index(self):
        """The index of a connection reaches its values, in config() and in set and get."""
        overlay = self.settings.overlay(3)
        self.assertEqual(self.settings.config("Entries[3]=20"), "20")
        self.settings.set("Banner", "Hello", 3)
        self.assertEqual((overlay.entries, overlay.banner, self.settings.get("Entries", 3)), (20, "Hello", 20))
        self.assertEqual(self.settings.config("Entries"), "0")
        self.assertIs(self.settings.of(3), overlay)

    def test_unknown_connection(self):
        """An index that is no connection is the documented error 126."""
        for call in (lambda: self.settings.config("Entries[9]=1"), lambda: self.settings.config("Entries[9]")):
            self.refused("no connection 9", call, code=126)

    def test_ended_connection(self):
        """With its last reference the settings of a connection are gone."""
        self.settings.overlay(3)
        gc.collect()
        self.refused("no connection 3", self.settings.of, 3, code=126)

    def test_only_what_has_an_index(self):
        """A setting without index cannot differ between connections."""
        overlay = self.settings.overlay(3)
        self.refused("LocalPort is one for all", setattr, overlay, "local_port", 1)
        self.refused("did you mean entries", setattr, overlay, "entreis", 1)
        self.refused("^Entries: expected", setattr, overlay, "entries", -1)
        self.assertRaises(AttributeError, getattr, overlay, "entreis")

    def test_two_servers(self):
        """Two servers in one process have nothing in common."""
        other = Settings(TABLE, entries=5)
        mine, theirs = self.settings.overlay(1), other.overlay(1)
        self.settings.entries = 7
        self.assertEqual((mine.entries, theirs.entries), (7, 5))

    def test_repr(self):
        """The repr of a connection's settings shows its own values."""
        overlay = self.settings.overlay(3)
        overlay.entries = 4
        self.assertEqual(repr(overlay), "Overlay(3, entries=4)")


class WatchTests(Case):
    def test_server(self):
        """A watcher is called with each new value, and not when nothing changes."""
        seen = []
        end = self.settings.watch("Level", seen.append)
        self.settings.level = 2
        self.settings.level = "high"
        self.settings.local_port = 1
        self.settings.reset()
        self.assertEqual(seen, [Level.HIGH, Level.LOW])
        end()
        end()
        self.settings.level = 2
        self.assertEqual(len(seen), 2)

    def test_profile(self):
        """A default that changes with the profile counts as a change."""
        seen = []
        self.settings.watch("tcp_no_delay", seen.append)
        self.settings.algorithm_profile = "documented"
        self.assertEqual(seen, [False])

    def test_connection(self):
        """A connection is told of its own values, and of the server's while it has none of its own."""
        overlay, seen = self.settings.overlay(3), []
        end = overlay.watch("Entries", seen.append)
        self.settings.entries = 1
        overlay.entries = 2
        overlay.entries = 2
        self.settings.entries = 3
        self.assertEqual(seen, [1, 2])
        end()
        overlay.entries = 4
        self.assertEqual(seen, [1, 2])

    def test_connection_is_not_kept(self):
        """Watching does not keep a connection alive, unless the watcher does."""
        overlay = self.settings.overlay(3)
        overlay.watch("Entries", [].append)
        del overlay
        gc.collect()
        self.assertEqual(len(self.settings._watched), 0)
