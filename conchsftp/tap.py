"""
The command line of `twistd sftpserver`: options out of the settings table, and the service that they describe.

Each mistake is one line and an exit code, never a traceback. No setting is declared here: what is not in the table says
where keys and users are. `conchsftp DIR` takes the same options (`command.py`).
"""

import gc
import ipaddress
import re
import resource
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.strcred import AuthOptionMixin
from twisted.python import usage

from conchsftp.errors import ServerError
from conchsftp.server.config_file import ConfigFile
from conchsftp.server.ports import endpoint_strings
from conchsftp.server.service import SFTPServer
from conchsftp.settings.config import Statement, parse
from conchsftp.settings.table import TABLE

_ONE_TIME_USER = "guest"
_PASSWORD_BYTES = 10

# These add up, and are therefore methods: `--listen`, `--host-certificate`.
_LISTS = tuple(TABLE.find(name) for name in ("Listen", "HostCertificate"))
_ROWS = tuple(row for row in TABLE if row.has_option and row not in _LISTS)


class Options(usage.Options, AuthOptionMixin):
    """
    What was asked for, and the server that follows from it.

    Attributes:
        service: to be started; its child is `server`.
        server: the `SFTPServer`.
        one_time_user: a name and a password, made up where no source of users was named; else None.
    """

    supportedInterfaces = (ISSHPrivateKey, IUsernamePassword)
    synopsis = "--root DIR --host-key FILE [--users FILE] [--listen ENDPOINT] [--config FILE] [--set Name=Value] ..."
    longdesc = "Without --users or --auth, only a one-time user is let in, and only from this machine."
    optParameters = [
        *([row.option, None, None, row.help] for row in _ROWS),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.service = Startup()
        self.server: SFTPServer
        self.one_time_user: tuple[str, str] | None = None
        self["users"] = None
        self["listen"] = []
        self["host-certificate"] = []
        self["host-key"] = []
        self["set"] = []
        self["config"] = None

    def opt_config(self, file: str) -> None:
        """A file of settings: Name=value on each line, or TOML if it ends in .toml. Options come after it."""
        if self["config"] is not None:
            raise usage.UsageError("--config can be given once")
        try:
            # Read once: it may be a pipe.
            self["config"] = ConfigFile(file)
        except ServerError as problem:
            raise usage.UsageError(str(problem)) from None

    def opt_auth(self, description: str) -> None:
        """Who may log in: one more source of users, as KIND:ARGUMENT; --help-auth lists them. Can be repeated."""
        try:
            super().opt_auth(description)
        except usage.UsageError as problem:
            # Twisted calls whatever a source says about its argument unexpected.
            raise usage.UsageError(str(problem).removeprefix("Unexpected error: ")) from None

    def opt_users(self, file: str) -> None:
        """Who may log in: a users file in TOML."""
        if self["users"] is not None:
            raise usage.UsageError("--users can be given once: a user would be looked for in one file only")
        self["users"] = file

    opt_u = opt_users

    def opt_root(self, folder: str) -> None:
        """The folder to serve."""
        self["root-directory"] = folder

    def opt_listen(self, endpoint: str) -> None:
        """Where to listen, an endpoint string: tcp:2222:interface=127.0.0.1. Can be given several times."""
        self["listen"].append(endpoint)

    def opt_host_key(self, file: str) -> None:
        """A private host key, in OpenSSH or PEM format. Can be given several times."""
        self["host-key"].append(file)

    def opt_host_certificate(self, file: str) -> None:
        """An OpenSSH certificate of a host key, as ssh-keygen -s writes it. Can be given several times."""
        self["host-certificate"].append(file)

    def opt_set(self, statement: str) -> None:
        """A setting, as Name=Value or Name[index]=Value. Can be given several times."""
        self["set"].append(statement)

    def given(self) -> set[str]:
        """Return the settings that have a value, by attribute, wherever it was given."""
        said = {TABLE.find(read_statement(text).name).attribute for text in self["set"]}
        options = {row.attribute for row in _ROWS if self[row.option] is not None}
        in_file = self["config"].attributes if self["config"] is not None else ()
        return {*said, *options, *in_file, *(row.attribute for row in _LISTS if self[row.option])}

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the arguments; as a part of twistd's, a mistake ends the process with one line."""
        try:
            super().parseOptions(options)
        except usage.UsageError as problem:
            if self.parent is None:
                raise
            # twistd would print all of its own options first.
            raise SystemExit(f"twistd sftpserver: {problem}") from None

    def postOptions(self) -> None:
        """Build the server, once everything is known."""
        try:
            self._build()
        except ServerError as problem:
            raise usage.UsageError(str(problem)) from None

    def _build(self) -> None:
        statements = [read_statement(text) for text in self["set"]]
        settings: dict[str, Any] = {row.attribute: self[row.option] for row in _ROWS if self[row.option] is not None}
        settings |= {row.attribute: self[row.option] for row in _LISTS if self[row.option]}
        settings |= {TABLE.find(each.name).attribute: each.value for each in statements if each.index is None}
        checkers = self.get("credCheckers", [])
        if not self["users"] and not checkers:
            self.one_time_user = (_ONE_TIME_USER, secrets.token_hex(_PASSWORD_BYTES))
        self.server = SFTPServer(
            host_keys=self["host-key"],
            users=self["users"],
            checkers=checkers,
            one_time_user=self.one_time_user,
            failed=self.service.failed,
            config_file=self["config"],
            **settings,
        )
        for each in statements:
            if each.index is not None:
                self.server.settings.set(each.name, each.value, each.index)
        if not self.server.keys.named:
            raise ServerError(0, "a host key is needed: --host-key FILE (ssh-keygen -t ed25519 makes one)")
        self._check()
        self.server.setServiceParent(self.service)

    def _check(self) -> None:
        """Refuse what would start, and then serve nobody or serve too much."""
        root = self.server.settings.root_directory
        if not root and not self["users"]:
            raise ServerError(0, "a folder to serve is needed: --root DIR")
        self.server.check_root()
        self.server.check_places()
        if self.one_time_user is not None:
            for description in endpoint_strings(self.server.settings):
                if not on_loopback(description):
                    text = "--users or --auth is needed to listen on anything but loopback (:interface=127.0.0.1)"
                    raise ServerError(0, f"{description}: {text}")


class Startup(MultiService):
    """The service that twistd runs: the server, and what happens when it cannot listen."""

    def __init__(self) -> None:
        super().__init__()
        self._starting = False
        self._problem: ServerError | None = None

    def privilegedStartService(self) -> None:
        """Open the ports; raises ServerError if it is clear at once that one cannot be opened."""
        self._start(super().privilegedStartService)

    def startService(self) -> None:
        """Start the server; raises ServerError as `privilegedStartService` does."""
        self._start(super().startService)
        _take_descriptors()
        # What is loaded until now stays. A garbage collection that walks all of it takes a tenth of a second, in which
        # nobody is served, and finds nothing.
        gc.freeze()

    def _start(self, start: Callable[[], None]) -> None:
        self._starting = True
        try:
            start()
        finally:
            self._starting = False
        if self._problem is not None:
            raise self._problem

    def failed(self, problem: ServerError) -> None:
        """Take note that the server cannot listen; once the reactor runs, end the process."""
        if self._starting:
            self._problem = problem
        else:
            _say(problem)
            # The reactor stops in good order, and the exit code tells.
            signal.raise_signal(signal.SIGTERM)


def _take_descriptors() -> None:
    """Allow as many open files as the system lets us: the usual limit of 1,024 is that of one session's handles."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):
        # Some systems have another limit below the one that they tell.
        pass


def makeService(options: Options) -> IService:
    """Return the service for twistd."""
    sys.excepthook = _excepthook
    if options.one_time_user is not None:
        name, password = options.one_time_user
        print(f"Neither --users nor --auth: only {name} may log in, password {password}", flush=True)
    return options.service


def on_loopback(description: str) -> bool:
    """Return whether an endpoint string can be reached from this machine only; False where that is not certain."""
    kind, *arguments = (re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\):", description))
    if kind == "unix":
        return True
    # Of several the last counts, as it does for Twisted.
    host = next((part.partition("=")[2] for part in reversed(arguments) if part.startswith("interface=")), "")
    try:
        return kind in ("tcp", "tcp4", "tcp6") and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_statement(text: str) -> Statement:
    """Read what stands behind `--set`. Raises ServerError: it is no Name=Value, or a secret that others could see."""
    statement = parse(text)
    if statement.value is None:
        raise ServerError(0, f"--set {statement.name}: Name=Value expected")
    if TABLE.find(statement.name).secret and statement.value:
        text = "is a secret, and everybody on this machine can read the command line of a process; use --config FILE"
        raise ServerError(0, f"--set {statement.name}: {text}")
    return statement


def _excepthook(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """Show what ends the process: a mistake of the operator in one line, a bug with its traceback."""
    if isinstance(problem, ServerError):
        _say(problem)
    else:
        sys.__excepthook__(kind, problem, trace)


def _say(problem: ServerError) -> None:
    # twistd has replaced sys.stderr by its log.
    print(f"twistd sftpserver: {problem}", file=sys.__stderr__, flush=True)
