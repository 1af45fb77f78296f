"""
The command line of `twistd sftpserver`.
"""

import gc
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.cred import strcred
from twisted.cred.checkers import FilePasswordDB
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from conchsftp import tap
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.settings.row import Index, Support
from conchsftp.settings.table import TABLE
from conchsftp.ssh.keys.host_keys import generate_ed25519

PROJECT = Path(__file__).parent.parent
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=")


class CommandLine(SynchronousTestCase):
    """A folder to serve, a host key and a users file."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.root = self.folder / "root"
        self.root.mkdir(parents=True)
        self.key = self.folder / "key"
        generate_ed25519(self.key)
        self.users = self.folder / "users.toml"
        self.users.write_text("[alice]\n")
        self.users.chmod(0o600)

    def parse(self, *arguments: object) -> tap.Options:
        """Parse arguments, after the folder and the key."""
        return self.parse_only("--root", self.root, "--host-key", self.key, *arguments)

    def parse_only(self, *arguments: object) -> tap.Options:
        """Parse arguments."""
        options = tap.Options()
        options.parseOptions([str(argument) for argument in arguments])
        return options

    def refusal(self, *arguments: object) -> str:
        """Return the one line with which arguments, after the folder and the key, are refused."""
        text = str(self.assertRaises(UsageError, self.parse, *arguments))
        self.assertNotIn("\n", text)
        return text


class OptionsTests(CommandLine):
    """What the options make of the server."""

    LOCAL = "tcp:2222:interface=127.0.0.1"

    def test_every_row(self) -> None:
        """Every setting with a value of the server's own, and an effect, is an option, unless it is a secret."""
        settable = (row for row in TABLE if row.index is not Index.POSITION and row.read is None)
        options = {f"--{row.option}" for row in settable if row.support is Support.FULL and not row.secret}
        shown = str(tap.Options()).replace("=", " ").split()
        # Whoever can list the processes of the machine can read the command line.
        self.assertFalse({f"--{row.option}" for row in TABLE if row.secret} & set(shown))
        self.assertLessEqual({*options, "--root", "--listen", "--users", "--host-key", "--set", "--auth"}, set(shown))

    def test_choices(self) -> None:
        """Where only a few values are possible, the help names them."""
        shown = " ".join(str(tap.Options()).split())
        for text in ("One of modern, compatible, documented.", "One of 0 (IPV4), 1 (IPV6), 2 (BOTH)."):
            self.assertIn(text, shown)

    def test_config_file(self) -> None:
        """Settings come from a file, then from options, then from --set."""
        config = self.folder / "sftp.conf"
        config.write_text(f"Listen={self.LOCAL}\nMaxChannels=2\nMaxHandles=2\nMaxStartups=2\n")
        options = self.parse("--config", config, "--max-handles", "3", "--max-startups=3", "--set", "MaxStartups=4")
        settings = options.server.settings
        self.assertEqual((settings.max_channels, settings.max_handles, settings.max_startups), (2, 3, 4))
        self.assertEqual(settings.listen, (self.LOCAL,))
        self.assertIn("once", self.refusal("--config", config, "--config", config))
        config.write_text("MaxChanels=2\n")
        self.assertIn("sftp.conf:1: unknown setting 'MaxChanels'; did you mean", self.refusal("--config", config))
        config.write_text("\nMaxChannels=0\n")
        self.assertIn("sftp.conf:2: MaxChannels", self.refusal("--config", config))

    def test_config_pipe(self) -> None:
        """The file may be a pipe, as a shell makes one of `<(command)`, which can be read once only."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, f"Listen={self.LOCAL}\nMaxChannels=2\n".encode())
        os.close(writing)
        settings = self.parse("--config", f"/dev/fd/{reading}").server.settings
        self.assertEqual((settings.listen, settings.max_channels), ((self.LOCAL,), 2))

    def test_settings(self) -> None:
        """A setting can be given as an option and as --set Name=Value, in any case; the latter counts."""
        options = self.parse(
            *("--listen", self.LOCAL, "--max-channels", "3", "--max-handles", "7"),
            *("--set", "maxhandles=9", "--set", "UserAuthBanner=a = b"),
        )
        settings = options.server.settings
        self.assertEqual((settings.max_channels, settings.max_handles), (3, 9))
        self.assertEqual(settings.user_auth_banner, "a = b")
        self.assertEqual(settings.root_directory, str(self.root))

    def test_secrets(self) -> None:
        """A secret is refused where everybody could read it, with a hint, and without repeating it."""
        for name in ("SSHCertStorePassword", "ssh-cert-store-password", "AltSSHCertStorePassword[0]"):
            error = self.assertRaises(UsageError, self.parse, "--set", f"{name}=hunter2")
            self.assertIn("--config FILE", str(error))
            self.assertNotIn("hunter2", str(error))
        file = self.folder / "secret.conf"
        file.write_text(f"Listen={self.LOCAL}\nSSHCertStorePassword=hunter2\n")
        self.assertTrue(self.parse("--config", file).server.settings.ssh_cert_store_password)

    def test_listen_adds_up(self) -> None:
        """--listen, --host-key and --host-certificate can be given several times."""
        second = self.folder / "second"
        generate_ed25519(second)
        certificates = "--host-certificate", "/a,b-cert.pub", "--host-certificate", "/c-cert.pub"
        settings = self.parse("--listen", self.LOCAL, *certificates).server.settings
        self.assertEqual(settings.host_certificate, ("/a,b-cert.pub", "/c-cert.pub"))
        options = self.parse("--listen", self.LOCAL, "--listen", "unix:/run/sftp", "--host-key", second)
        self.assertEqual(options.server.settings.listen, (self.LOCAL, "unix:/run/sftp"))
        self.assertEqual(len(options.server.factory.host_keys.keys), 2)

    def test_key_store(self) -> None:
        """A key store takes the place of --host-key; without either there is no server."""
        place = "--root", self.root, "--listen", self.LOCAL
        for named in (("--ssh-cert-store", self.key), ("--set", f"SSHCertStore={self.key}")):
            options = self.parse_only(*place, *named)
            self.assertEqual(len(options.server.factory.host_keys.keys), 1)
        more = "--set", "AltSSHCertCount=1", "--set", f"AltSSHCertStore[0]={self.key}"
        self.assertTrue(self.parse_only(*place, *more).server.keys.named)
        error = self.assertRaises(UsageError, self.parse_only, *place)
        self.assertIn("--host-key", str(error))

    def test_one_time_user(self) -> None:
        """Without a source of users there is a one-time user with another password each time."""
        passwords = set()
        for _ in range(2):
            options = self.parse("--listen", self.LOCAL)
            passwords.add(options.one_time_user[1])
        self.assertEqual(len(passwords), 2)
        self.assertGreaterEqual(min(map(len, passwords)), 20)

    def test_one_time_user_stays_here(self) -> None:
        """Without a source of users, an address that others can reach is refused."""
        for listen in ("tcp:2222", "tcp:2222:interface=0.0.0.0", r"tcp6:2222:interface=\:\:"):
            self.assertIn("--users or --auth is needed", self.refusal("--listen", self.LOCAL, "--listen", listen))
        self.assertIn("--users or --auth is needed", self.refusal())

    def test_no_place(self) -> None:
        """What is no place to listen at is called so, whoever may log in."""
        self.assertIn("foo:1: not an endpoint", self.refusal("--listen", "foo:1"))
        self.assertIn("not an endpoint", self.refusal("--users", self.users, "--listen", "tcp:x"))

    def test_users_twice(self) -> None:
        """A second users file would silently replace the first."""
        self.assertIn("given once", self.refusal("--users", self.users, "--users", self.users))

    def test_users(self) -> None:
        """With a users file every address is allowed, and there is no one-time user."""
        options = self.parse("--users", self.users, "--listen", "tcp:2222")
        self.assertIs(options.one_time_user, None)

    def test_auth(self) -> None:
        """Twisted's own --auth composes with the users file, or stands alone."""
        passwords = self.folder / "passwords"
        passwords.write_text("bob:secret\n")
        alone = self.parse("--auth", f"file:{passwords}", "--listen", "tcp:2222")
        self.assertIs(alone.one_time_user, None)
        self.assertIsInstance(alone["credCheckers"][0], FilePasswordDB)
        self.parse("--auth", f"file:{passwords}", "--users", self.users, "--listen", "tcp:2222")

    def test_users_with_roots(self) -> None:
        """With a users file the folder may be missing: users can have their own."""
        options = self.parse_only("--users", self.users, "--host-key", self.key, "--listen", self.LOCAL)
        self.assertEqual(options.server.settings.root_directory, "")


class MistakesTests(CommandLine):
    """Every mistake of the operator is one line."""

    def test_settings(self) -> None:
        """An unknown setting, a value of the wrong kind and a statement without a value are named."""
        self.assertIn("unknown setting 'MaxChanels'; did you mean MaxChannels?", self.refusal("--set", "MaxChanels=3"))
        self.assertIn("MaxChannels", self.refusal("--set", "MaxChannels=many"))
        self.assertIn("MaxChannels", self.refusal("--max-channels", "many"))
        self.assertIn("Name=Value expected", self.refusal("--set", "MaxChannels"))
        self.assertIn("takes no index", self.refusal("--set", "MaxChannels[0]=3", "--listen", OptionsTests.LOCAL))

    def test_unknown_option(self) -> None:
        """An unknown option is named."""
        self.assertIn("--rot", self.refusal("--rot", "x"))

    def test_folder(self) -> None:
        """A missing folder is named, and so is one that is not given."""
        self.assertIn("no such folder", self.refusal("--root", self.folder / "absent"))
        self.assertIn("no such folder", self.refusal("--root", self.key))
        problem = self.assertRaises(UsageError, self.parse_only, "--host-key", self.key)
        self.assertIn("--root DIR", str(problem))

    def test_keys(self) -> None:
        """A key that is missing, or is none, is named; without any there is no server."""
        self.assertIn("absent", self.refusal("--host-key", self.folder / "absent"))
        self.assertIn("users.toml", self.refusal("--host-key", self.users))
        problem = self.assertRaises(UsageError, self.parse_only, "--root", self.root)
        self.assertIn("--host-key FILE", str(problem))

    def test_users_file(self) -> None:
        """A users file that is missing or wrong is named, with the line."""
        self.assertIn("absent", self.refusal("--users", self.folder / "absent"))
        self.users.write_text("[alice]\npasword = 'x'\n")
        self.assertIn("line 2", self.refusal("--users", self.users))

    def test_sources(self) -> None:
        """A source of users that cannot be used says so in its own words; an unknown one is named."""
        missing = self.refusal("--auth", f"htpasswd:{self.folder / 'absent'}")
        self.assertEqual(missing, f"{(self.folder / 'absent').absolute()}: cannot be read: No such file or directory")
        self.assertIn(
            "%u, the user name, is missing", self.refusal("--auth", f"authorized-keys:{self.folder.absolute()}")
        )
        self.assertIn("a path with %u for the user name expected", self.refusal("--auth", "authorized-keys"))
        self.assertIn("recognized: nonsense", self.refusal("--auth", "nonsense:x"))

    def test_within_twistd(self) -> None:
        """As a part of twistd's options a mistake ends the process at once, before twistd prints all of its own."""
        options = tap.Options()
        options.parent = {}
        problem = self.assertRaises(SystemExit, options.parseOptions, ["--root", str(self.folder / "absent")])
        self.assertTrue(str(problem.code).startswith("twistd sftpserver: "))


class StartupTests(SynchronousTestCase):
    """The service of twistd."""

    def test_collections_are_short(self) -> None:
        """What is there when the server starts is left out of garbage collections, each of which holds up everybody."""
        startup = tap.Startup()
        self.addCleanup(gc.unfreeze)
        startup.startService()
        self.assertGreater(gc.get_freeze_count(), 10_000)
        self.successResultOf(startup.stopService())


class LoopbackTests(SynchronousTestCase):
    """Which endpoint strings only this machine can reach."""

    def test_loopback(self) -> None:
        """Addresses that loop back, in either version of IP, and sockets in the file system."""
        for description in (
            "tcp:2222:interface=127.0.0.1",
            "tcp:port=2222:backlog=5:interface=127.8.9.10",
            r"tcp6:2222:interface=\:\:1",
            "unix:/run/sftp",
        ):
            self.assertTrue(tap.on_loopback(description), description)

    def test_others(self) -> None:
        """Everything else, and what is not understood."""
        for description in (
            "tcp:2222",
            "tcp:2222:interface=",
            "tcp:2222:interface=192.0.2.1",
            "tcp:2222:interface=example.org",
            "tcp:2222:interface=127.0.0.1:interface=0.0.0.0",
            r"tcp6:2222:interface=\:\:",
            "haproxy:tcp:2222:interface=127.0.0.1",
            "systemd:domain=INET:index=0",
            "",
        ):
            self.assertFalse(tap.on_loopback(description), description)


class PluginTests(CommandLine):
    """What Twisted finds of ours."""

    def test_service_maker(self) -> None:
        """twistd has the command, and its module is this one."""
        (maker,) = (plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname == "sftpserver")
        self.assertIs(maker.options, tap.Options)
        self.assertIs(maker.makeService, tap.makeService)

    def test_no_reactor(self) -> None:
        """Reading the plugins installs no reactor: `twistd --reactor=asyncio`, of any program, still can."""
        program = "import sys, twisted.plugins.conchsftp_plugin as p; print(p.__file__, 'conchsftp' in sys.modules)"
        program += "; assert 'twisted.internet.reactor' not in sys.modules"
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_checker_interfaces(self) -> None:
        """The plugin tells of the credentials that its checker looks at; those of our own nobody else would know."""
        (plugin,) = (each for each in getPlugins(strcred.ICheckerFactory) if each.authType == "sftp-users")
        self.assertLessEqual(set(plugin.credentialInterfaces), set(UsersFileChecker.credentialInterfaces))

    def test_checker(self) -> None:
        """--auth sftp-users:FILE gives any server our users file."""
        self.assertIsInstance(strcred.makeChecker(f"sftp-users:{self.users}"), UsersFileChecker)
        self.assertRaises(strcred.InvalidAuthArgumentString, strcred.makeChecker, "sftp-users")


class DescriptorTests(SynchronousTestCase):
    """How many files may be open."""

    def test_as_many_as_there_may_be(self) -> None:
        """A server that has started has all descriptors that the system grants it, not the usual few."""
        before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (before, most))
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
        self.patch(gc, "freeze", lambda: None)
        tap.Startup().startService()
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (most, most))


class ProcessTests(CommandLine):
    """twistd itself, in a process: only there it shows how it ends."""

    def run_twistd(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            [*TWISTD, "sftpserver", *(str(argument) for argument in arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_busy_port(self) -> None:
        """A port that is taken ends twistd with a code and one line that names it."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            ended = self.run_twistd("--root", "root", "--host-key", "key", "--listen", listen)
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stderr, rf"\Atwistd sftpserver: .*{listen}.*in use\n\Z")
        self.assertNotIn("Traceback", ended.stdout)

    def test_mistake(self) -> None:
        """So does a mistake in the options, without twistd's own options being listed."""
        ended = self.run_twistd("--root", "absent", "--host-key", "key")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertEqual(ended.stderr, "twistd sftpserver: absent: no such folder\n")
