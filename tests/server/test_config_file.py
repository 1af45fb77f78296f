"""
Settings out of a file.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.server import config_file
from conchsftp.server.config_file import ConfigFile, first
from conchsftp.settings.kinds import TEXT, integer
from conchsftp.settings.row import Index, Setting, declare
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE, Table

KEYS = declare(
    Setting(name="KeyCount", kind=integer(0, 9), default=0, doc="How many."),
    Setting(name="KeyFile", kind=TEXT, default="", index=Index.POSITION, count="KeyCount", doc="Each."),
    Setting(name="KeyPin", kind=integer(0, 9), default=0, doc="A number."),
    Setting(name="KeyPassword", kind=TEXT, default="", secret=True, doc="What nobody may see."),
)
# The server's own table, and what no row of it has at this time.
WIDER = Table({**TABLE.chapters, "Keys": KEYS})


class FileCase(SynchronousTestCase):
    """A file, and settings."""

    def setUp(self) -> None:
        self.patch(config_file, "TABLE", WIDER)
        self.settings = Settings(WIDER)

    def path(self, text: str | bytes, name: str = "sftp.conf") -> str:
        """Return the path of a new file."""
        folder = self.mktemp()
        os.makedirs(folder)
        with open(f"{folder}/{name}", "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return f"{folder}/{name}"

    def read(self, text: str, name: str = "sftp.conf") -> Settings:
        """Return settings with what a file says."""
        ConfigFile(self.path(text, name)).apply(self.settings)
        return self.settings

    def refused(self, text: str | bytes, name: str = "sftp.conf") -> str:
        """Return why a file is refused, from the line on."""
        path = self.path(text, name)

        def load() -> None:
            ConfigFile(path).apply(self.settings)

        said = str(self.assertRaises(ServerError, load))
        self.assertTrue(said.startswith(path), said)
        self.assertNotIn("\n", said)
        self.assertNotIn("sesame", said)
        return said.removeprefix(path)


class StatementsTests(FileCase):
    """A file of statements."""

    def test_statements(self) -> None:
        """Each line is a statement of config(), in any spelling of the name; `#` begins a comment line only."""
        settings = self.read(
            "\ufeff# the server\r\n\r\nRootDirectory = /srv/my #1\r\n  # here\nmaxconnections=7\n"
            "dir-list-buffer-size=9\nread_only=yes\nUserAuthBanner=a = b"
        )
        self.assertEqual(settings.root_directory, "/srv/my #1")
        self.assertEqual((settings.max_connections, settings.dir_list_buffer_size), (7, 9))
        self.assertEqual((settings.read_only, settings.user_auth_banner), (True, "a = b"))

    def test_positions(self) -> None:
        """Elements of lists are set by their place."""
        settings = self.read("KeyCount=2\nKeyFile[1]=/etc/key\nKeyPassword=sesame\n")
        self.assertEqual(settings.get("KeyFile"), ("", "/etc/key"))
        self.assertEqual(settings.get("KeyPassword"), Secret("sesame"))

    def test_last_counts(self) -> None:
        """What stands further down counts."""
        self.assertEqual(self.read("MaxChannels=2\nMaxChannels=3").max_channels, 3)

    def test_mistakes(self) -> None:
        """A mistake is told with its line, an unknown name with the nearest."""
        for text, line, what in (
            ("\n# x\nRootDirectry=/srv", 3, "did you mean RootDirectory?"),
            ("root_directry=/srv", 1, "did you mean root_directory?"),
            ("MaxChannels=many", 1, "whole number"),
            ("MaxChannels[0]=1", 1, "takes no index"),
            ("KeyFile[0]=x", 1, "KeyCount is 0, raise it first"),
            ("UserAuthBanner[3]=x", 1, "no connection 3"),
            ("BuildInfo=mine", 1, "read-only"),
            ("Listening=True", 1, "once there is a server"),
            ("open sesame", 1, "expected Name=value"),
            ("Max Channels=3", 1, "expected Name=value"),
        ):
            said = self.refused(text)
            self.assertTrue(said.startswith(f":{line}: "), said)
            self.assertIn(what, said)

    def test_secrets(self) -> None:
        """A value that is refused is not repeated if it may be a password."""
        for text in ("KeyPasword=sesame", "KeyPassword[1]=sesame", "sesame"):
            self.assertIn(":1: ", self.refused(text))
        self.assertIn(":1: ", self.refused("config = [\n'KeyPasword=sesame']", "a.toml"))
        self.assertIn(":1: ", self.refused("key_password = ['sesame']", "a.toml"))

    def test_unreadable(self) -> None:
        """A file that cannot be read is told by its path."""
        error = self.assertRaises(ServerError, ConfigFile, "none/sftp.conf")
        self.assertEqual((error.code, str(error)), (2001, "none/sftp.conf: No such file or directory"))
        self.assertIn("UTF-8", self.refused(b"RootDirectory=\xff"))


class TomlTests(FileCase):
    """A file in TOML."""

    def test_values(self) -> None:
        """A key is a setting in any spelling, a value what TOML has for it."""
        settings = self.read(
            """
# the server
root_directory = "/srv/sftp"   # what clients see
listen = ["tcp:2222", "unix:/run/sftp,1"]
MaxConnections = 7
login-grace-time = 1.5
read_only = true
file_mode = 0o640
umask = "027"
"KeyCount" = 2
"KeyFile[1]" = "/etc/key"
ssh_version_pattern = ["*A*", "*B*"]
""",
            "sftp.toml",
        )
        self.assertEqual(settings.root_directory, "/srv/sftp")
        self.assertEqual((settings.max_connections, settings.login_grace_time, settings.read_only), (7, 1.5, True))
        self.assertEqual((settings.file_mode, settings.umask), (0o640, 0o27))
        self.assertEqual(settings.listen, ("tcp:2222", r"unix:/run/sftp\,1"))
        self.assertEqual(settings.get("KeyFile"), ("", "/etc/key"))
        self.assertTrue(settings.ssh_version_pattern.matches("xBx"))

    def test_lists(self) -> None:
        """A list of settings is a list; `config` is a list of statements."""
        settings = self.read('key_count = 2\nkey_file = ["a", "b"]\nconfig = ["MaxChannels=3", "KeyPin=4"]\n', "a.toml")
        self.assertEqual((settings.get("KeyFile"), settings.max_channels), (("a", "b"), 3))
        self.assertEqual(self.read('config = "MaxChannels=4"', "a.toml").max_channels, 4)

    def test_mistakes(self) -> None:
        """A mistake is told with its line."""
        for text, line, what in (
            ("\n\nroot_directry = '/srv'", 3, "did you mean root_directory?"),
            ("max_channels = 2\nmax_handles = 'many'\n", 2, "whole number"),
            ("root_directory = /srv\n", 1, "not TOML"),
            ("max_channels = 2\nroot_directory = '''\n\n", 4, "not TOML"),
            ("max_channels = 2\n[sftp]\nmax_handles = 2", 2, "no table"),
            ("max_channels.x = 2", 1, "no table"),
            ("max_channels = {x = 2}", 1, "no table"),
            ("file_mode = 644", 1, "octal"),
            ("umask = 22", 1, "octal"),
            ("config = 3", 1, "list of texts"),
            ("config = ['MaxChannels']", 1, "expected Name=value"),
            ("'max channels' = 2", 1, "expected Name=value"),
            ("key_file = ['a']", 1, "KeyCount is 0, raise it first"),
            ("read_only = 1979-05-27", 1, "expected `True`"),
        ):
            said = self.refused(text, "a.toml")
            self.assertTrue(said.startswith(f":{line}: "), said)
            self.assertIn(what, said)


class ExamplesTests(SynchronousTestCase):
    """The files that the documents show."""

    def test_same(self) -> None:
        """They are good ones, and say the same."""
        examples = Path(__file__).parents[2] / "docs" / "examples"
        read = []
        for name in ("sftp.conf", "sftp.toml"):
            settings = Settings(TABLE)
            ConfigFile(str(examples / name)).apply(settings)
            read.append({row.name: settings.text(row.name) for row in TABLE if row.read is None and not row.count})
        self.assertEqual(read[0], read[1])
        self.assertEqual((read[0]["FileMode"], read[0]["Umask"]), ("0664", "002"))


class FirstTests(FileCase):
    """Values for a server that is being made."""

    def test_computed(self) -> None:
        """What needs a server cannot be set before there is one."""
        for name, value in (("Listening", True), ("sftp_connection_timeout", 5)):
            error = self.assertRaises(ServerError, first, self.settings, name, value)
            self.assertIn("once there is a server", str(error))

    def test_attributes(self) -> None:
        """A file tells which settings it has a value for."""
        file = ConfigFile(self.path("MaxChannels=3\nKeyPassword=sesame\n"))
        self.assertEqual(file.attributes, {"max_channels", "key_password"})
        self.assertNotIn("sesame", repr(file.entries))
