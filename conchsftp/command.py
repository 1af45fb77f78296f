"""
The command `conchsftp`: serve a folder until Ctrl-C, or look after a users file.

Adds to `tap.py` what a person at a terminal wants: the folder and the host key are made, and what a client needs is
printed. `twistd sftpserver` is for everything that should run unattended.
"""

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python import usage

from conchsftp.algorithms_command import algorithms_command
from conchsftp.auth.users.users_edit import expire_password, set_password
from conchsftp.errors import ServerError
from conchsftp.hostkey_command import hostkey_command
from conchsftp.ssh.keys.host_keys import generate_ed25519
from conchsftp.tap import Options
from conchsftp.totp_command import totp_command
from conchsftp.users_command import users_command

_USAGE = """\
Usage: conchsftp DIR [options]           serve a folder; conchsftp DIR --help lists the options
       conchsftp passwd FILE USER        set a password in a users file; asked for, or one line of standard input
       conchsftp passwd --expire FILE USER   have the user change it at the next login
       conchsftp totp [FILE] USER        give a user one-time codes, and show the QR code for an app; asks for a code
                                         before it writes. FILE: users.toml, or --users FILE. --issuer NAME: what the
                                         app shows; --no-confirm: write at once; --remove: take the codes away
       conchsftp users check FILE        say what is wrong in a users file, and what is hardly meant; exit code 0:
                                         nothing, 1: no server would read it, 2: warnings only
       conchsftp users list FILE         show the users of a file, and how they log in
       conchsftp hostkey make FILE       make a host key and FILE.pub. --type ed25519, ecdsa or rsa; --bits N;
                                         --comment TEXT; --password: ask for one, --password-file FILE: read it
       conchsftp hostkey convert FROM TO write a key of any store in another format: --to openssh, pem, pkcs12, public
                                         or rfc4716; TO may be - for the last two. --from-password FILE; --subject TEXT;
                                         --password, --password-file FILE: encrypt the new one
       conchsftp hostkey show FILE...    show keys and certificates: fingerprints, randomart, facts. --sshfp HOST: also
                                         records for DNS; --password-file FILE, --subject TEXT
       conchsftp algorithms              show all algorithms: which profile offers them, whether they can be used here,
                                         what is wrong with weak ones. --kind KIND: only key-exchange, cipher, mac, ...
                                         --profile PROFILE, --config FILE, --set Name=Value: what a server with these
                                         settings offers; exit code 0: nothing against it, 1: no server would start,
                                         2: something is weak, or is listed and cannot be used here
"""
_HERE = "127.0.0.1"
_PORT = 2222
# Who names a host key by one of these needs no other.
_KEY_SETTINGS = {"ssh_cert_store", "ssh_cert_encoded", "alt_ssh_cert_count"}
_HOST_KEY = "~/.conchsftp/ssh_host_ed25519_key"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a mistake ends it with one line and exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _dispatch(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads has seen enough (`| head`): what is still buffered goes nowhere, and nobody complains at the end.
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ServerError, usage.UsageError) as problem:
        raise SystemExit(f"conchsftp: {problem}") from None
    except (KeyboardInterrupt, EOFError):
        raise SystemExit("conchsftp: interrupted") from None
    if code:
        raise SystemExit(code)


def _dispatch(given: list[str]) -> int:
    """Do what the arguments say; return the exit code."""
    if not given:
        raise SystemExit(_USAGE.rstrip())
    if given[0] in ("-h", "--help"):
        print(_USAGE, end="")
    elif given[0] == "--version":
        print(f"conchsftp {version('conchsftp')}")
    elif given[0] in _COMMANDS and {"-h", "--help"} & set(given[1:]):
        print(_USAGE, end="")
    elif given[0] in _COMMANDS:
        return _COMMANDS[given[0]](given[1:])
    else:
        _serve(given)
    return 0


class _Folder(Options):
    """The options of twistd's command behind the folder, with defaults for a first try."""

    synopsis = "DIR [options]"

    def parseArgs(self, folder: str) -> None:  # type: ignore[override]
        self["root-directory"] = folder

    def postOptions(self) -> None:
        try:
            if not self["host-key"] and not self.given() & _KEY_SETTINGS:
                self["host-key"] = [os.path.expanduser(_HOST_KEY)]
            self._stay_here()
            # Only the last name: a mistyped path is a mistake, not an empty server.
            Path(self["root-directory"]).mkdir(exist_ok=True)
            for path in map(Path, self["host-key"]):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not path.exists():
                    generate_ed25519(path)
        except FileExistsError:
            raise usage.UsageError(f"{self['root-directory']}: not a folder") from None
        except OSError as problem:
            raise usage.UsageError(f"{problem.filename}: {problem.strerror}") from None
        except ServerError as problem:
            raise usage.UsageError(str(problem)) from None
        super().postOptions()

    def _stay_here(self) -> None:
        """Listen at this machine only, unless it was said where; a port may be said alone."""
        said = self.given()
        if not said & {"listen", "local_host"}:
            if "local_port" in said:
                self["local-host"] = _HERE
            else:
                self["listen"] = [f"tcp:{_PORT}:interface={_HERE}"]


def _serve(arguments: Sequence[str]) -> None:
    options = _Folder()
    # getopt wants the folder last; a person writes it first.
    last = 0 if arguments[0].startswith("-") else 1
    options.parseOptions([*arguments[last:], *arguments[:last]])
    wanted = LogLevelFilterPredicate(LogLevel.info)
    # How much our server has to say is up to its own setting LogLevel.
    wanted.setLogLevelForNamespace("conchsftp", LogLevel.debug)
    shown = FilteringLogObserver(textFileLogObserver(sys.stderr), [wanted])
    globalLogBeginner.beginLoggingTo([shown], redirectStandardIO=False)
    react(_run, [options])


async def _run(reactor: Any, options: Options) -> None:
    reactor.addSystemEventTrigger("before", "shutdown", options.server.stopService)
    try:
        await options.server.start_listening()
    except ServerError as problem:
        raise SystemExit(f"conchsftp: {problem}") from None
    print(_welcome(options), flush=True)
    await Deferred()  # until Ctrl-C


def _welcome(options: Options) -> str:
    """Return what a client needs to know."""
    user, password = options.one_time_user or ("USER", "")
    lines = [f"Serving {os.path.abspath(options.server.settings.root_directory)}, until Ctrl-C."]
    for address in options.server.addresses:
        host = getattr(address, "host", None)
        if host is not None:
            shown = f"[{host}]" if ":" in host else host
            lines.append(f"  URL       sftp://{user}@{shown}:{address.port}")
    if password:
        lines += [f"  user      {user}", f"  password  {password} (until this server ends)"]
    for key in options.server.factory.host_keys.keys:
        lines.append(f"  host key  {key.fingerprint()} ({key.type})")
    return "\n".join(lines)


def _passwd(arguments: Sequence[str]) -> int:
    expires = "--expire" in arguments
    named = [each for each in arguments if each != "--expire"]
    if len(named) != 2:
        raise usage.UsageError("passwd [--expire] FILE USER expected")
    file, user = named
    if expires:
        expire_password(file, user)
        print(f"{file}: {user} has to change the password at the next login", file=sys.stderr)
        return 0
    set_password(file, user, _ask(user))
    print(f"{file}: the password of {user} is set", file=sys.stderr)
    return 0


def _ask(user: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"New password of {user}: ")
    if getpass.getpass("Once more: ") != password:
        raise usage.UsageError("the two are not the same")
    return password


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "algorithms": algorithms_command,
    "hostkey": hostkey_command,
    "passwd": _passwd,
    "totp": totp_command,
    "users": users_command,
}
"""What is no folder to serve; each returns the exit code."""

if __name__ == "__main__":
    main()
