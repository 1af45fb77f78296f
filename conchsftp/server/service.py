"""
The server as a Twisted service: settings, events, who may log in and what they see, and the ports.

Puts the floors together and does nothing of theirs. Only here and in `tap.py` is the global reactor named, as a
default.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from stat import S_ISDIR
from typing import Any

from twisted.application.service import MultiService
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from conchsftp.auth.policies import Policies
from conchsftp.auth.realm import SFTPRealm
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ErrorCode, ServerError, code_of, path_error
from conchsftp.events.hub import EventHub, On
from conchsftp.events.waiting import limited
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.avatar_maker import AvatarMaker
from conchsftp.server.config_file import ConfigFile, first_settings
from conchsftp.server.control import Control
from conchsftp.server.factory import SFTPFactory
from conchsftp.server.keys import ServerKeys
from conchsftp.server.logins import Logins
from conchsftp.server.ports import endpoints
from conchsftp.server.properties import Properties
from conchsftp.server.sockets import direct
from conchsftp.ssh.algorithms import approved
from conchsftp.ssh.algorithms import offer as algorithms
from conchsftp.ssh.keys import stores
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.workers import Rule, Workers

_VALIDATORS = algorithms.VALIDATORS | approved.VALIDATORS | stores.VALIDATORS
_RULES = {"auto": Rule.AUTOMATIC, "inline": Rule.INLINE, "threads": Rule.THREADS}


class SFTPServer(Properties, Control, MultiService):
    """
    An SFTP server.

    Every setting can be given by keyword (`root_directory="/srv"`, `listen=["tcp:2222"]`), see docs/settings.md.

    Args:
        host_keys: paths of private keys, or one, or a `HostKeys`; the settings SSHCert… name others, see
            docs/host_keys.md.
        users: the path of a users file.
        checkers: more credential checkers of twisted.cred.
        one_time_user: a name and a password that may log in besides.
        policies: called with a user name, says what that user has to prove: the text of a policy, see
            docs/factors.md, or None, for what the users file says, or AuthenticationMethods. May return a Deferred or
            a coroutine of it. It is asked about names of nobody, too.
        avatar_class: makes the avatar of a login: a subclass of `SFTPAvatar`.
        realm: makes the avatars instead.
        portal: asked about logins instead; `checkers`, `one_time_user` and `realm` are not used, and of `users` only
            what the file asks of its users: `methods`, `totp`. As it is
            with these, handlers of SSHUserAuthRequest have the last word, and are enough where there is nothing else.
        reactor: the global one by default.
        failed: called with a `ServerError` when the service was started and cannot listen; logs it by default.
        config_file: the path of a file with values of settings, or such a file that has been read.
        settings: values of settings; they come after those of the file.
    Raises:
        ServerError: a setting, key or users file that cannot be used.
    """

    workers: Workers
    events: EventHub
    users: UsersFile | None
    keys: ServerKeys
    factory: SFTPFactory
    on: On
    add_listener: Callable[[object], None]
    _ports: Sequence[IListeningPort] = ()
    _was_started = False
    _turn: object = None
    """One for each time that ports are opened, until they are to be closed."""
    _closing: "tuple[Deferred[Any], ...]" = ()

    def __init__(
        self,
        *,
        host_keys: HostKeys | str | Sequence[str] = (),
        users: str | None = None,
        checkers: Iterable[ICredentialsChecker] = (),
        one_time_user: tuple[str, str] | None = None,
        policies: Policies | None = None,
        avatar_class: Callable[..., Any] = SFTPAvatar,
        realm: IRealm | None = None,
        portal: Portal | None = None,
        reactor: Any = None,
        failed: Callable[[ServerError], None] | None = None,
        config_file: str | ConfigFile | None = None,
        **settings: object,
    ) -> None:
        super().__init__()
        reactor = reactor or _the_reactor()
        self.settings = first_settings(config_file, settings, validators=_VALIDATORS, owner=self)
        self.workers = Workers(reactor, reactor.getThreadPool(), rule=_RULES[self.settings.file_threads])
        self.events = self._hub(reactor)
        self.users = UsersFile(users) if users is not None else None
        self._reactor, self._accounts = reactor, Accounts(self.workers)
        self._avatars = self._maker_of(avatar_class)
        self._log_to: list[Any] = [self.workers, self._accounts, self._avatars]
        self._failed = failed or self._log_failure
        self.on, self.add_listener = self.events.on, self.events.add_listener
        self.keys = ServerKeys(host_keys, settings=self.settings, workers=self.workers, clock=reactor)
        logins = Logins(self.settings, self.workers, users=self.users, one_time_user=one_time_user, checkers=checkers)
        self.factory = SFTPFactory(
            settings=self.settings,
            keys=self.keys,
            portal=portal or logins.portal(realm or self._realm()),
            clock=reactor,
            workers=self.workers,
            events=self.events,
            policies=logins.policies(policies),
            barred=None if portal else logins.barred,
        )
        self._share_log(self.keys, *logins.log_to)

    def _share_log(self, *others: Any) -> None:
        for each in (*self._log_to, *others):
            each.log = self._log

    def _realm(self) -> IRealm:
        realm = SFTPRealm(self.make_avatar)
        self._log_to.append(realm)
        return realm

    def _hub(self, clock: Any) -> EventHub:
        hub = EventHub(clock=clock, handler_seconds=self.settings.handler_time_limit, threads=self.workers.run)
        hub.adopt(self)
        self.settings.watch("HandlerTimeLimit", lambda seconds: setattr(hub, "handler_seconds", seconds))
        return hub

    def _maker_of(self, avatar_class: Callable[..., Any]) -> AvatarMaker:
        return AvatarMaker(
            avatar_class,
            users=self.users,
            settings=self.settings,
            events=self.events,
            workers=self.workers,
            accounts=self._accounts,
        )

    def make_avatar(self, user_name: str) -> Any:
        """
        Make the avatar of a login.

        Args:
            user_name: a `UserName` if a users file vouched for them.
        Returns:
            The avatar, or a Deferred or coroutine of it; here, a coroutine.
        Raises:
            UnauthorizedLogin: there is no folder for this user.
        """
        return self._avatars.make(user_name)

    @property
    def _log(self) -> Logger:
        return self.factory.log.own

    @property
    def addresses(self) -> list[Any]:
        """What was bound: an address of Twisted for each port."""
        return [port.getHost() for port in self._ports]

    def check_places(self) -> None:
        """
        See whether the places to listen at can be understood; nothing is opened.

        Raises:
            ServerError: one is no endpoint.
        """
        endpoints(self.settings, self._reactor)

    def check_root(self) -> None:
        """
        See whether RootDirectory, if there is one, is a folder.

        Raises:
            ServerError: 2001 it is not, 2002 the disk fails.
        """
        root = self.settings.root_directory
        try:
            is_folder = not root or S_ISDIR(os.stat(root).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_folder = False
        except OSError as problem:
            raise path_error(root, problem) from None
        if not is_folder:
            raise ServerError(ErrorCode.PATH_INVALID, f"{root}: no such folder")

    @inlineCallbacks
    def start_listening(self) -> Any:
        """
        Open the ports.

        Returns:
            A Deferred that fires when all of them are open. If one cannot be opened, none stays open, and it fails with
            ServerError: 104 already listening, 1301 no host key, 2001 RootDirectory is no folder, 0 ModuliFile is of no
            use, or the documented number of what the system answered (see docs/errors.md). CancelledError: they were to
            be closed meanwhile.
        """
        if self._turn is not None:
            raise ServerError(ErrorCode.ALREADY_LISTENING)
        self.check_root()
        # What can never be offered is found now, and not by the first client.
        self.factory.gss.start()
        self.keys.start(self.factory.gss.reason)
        self.factory.load_groups()
        self.factory.trust.start()
        self._tell_algorithms()
        self.factory.tell_dead_ends()
        self.settings.freeze()
        self._turn = turn = object()
        try:
            # The system still calls an address in use at which a port is just being closed.
            yield gatherResults(self._closing)
            for description, endpoint in endpoints(self.settings, self._reactor):
                yield self._open(description, endpoint, turn)
            self._show_places()
        except Exception:
            if self._turn is turn:
                yield self.stop_listening()
            raise

    def _tell_algorithms(self) -> None:
        """Say in the log, once, what the settings list in vain, and what they offer that is weak."""
        for reason, names in algorithms.left_out(self.settings, without_gss=self.factory.gss.reason).items():
            self._log.info("{reason}, not offered: {names}", reason=reason, names=", ".join(names))
        for setting, told in algorithms.weak(self.settings, self.keys.current.algorithms()).items():
            self._log.warn("{setting} offers what is weak: {told}", setting=setting, told=told)

    @inlineCallbacks
    def _open(self, description: str, endpoint: Any, turn: object) -> Any:
        """Open one port, unless all are to be closed by now."""
        if self._turn is not turn:
            raise CancelledError
        try:
            port = yield endpoint.listen(self.factory)
        except (CannotListenError, OverflowError) as problem:
            raise _cannot_listen(description, problem) from None
        if self._turn is not turn:
            yield _closed(port)
            raise CancelledError
        self._ports = (*self._ports, direct(port))

    def _show_places(self) -> None:
        """Let LocalHost and LocalPort tell what was bound."""
        first = next((each for each in self.addresses if getattr(each, "type", "") == "TCP"), None)
        if first is not None:
            self.settings.show(local_host=first.host, local_port=first.port)

    def listen_or_stop(self, wanted: bool) -> None:
        """Do what setting `listening` asks for; it may be so already."""
        if wanted:
            self._start()
        else:
            self.stop_listening().addErrback(lambda failure: self._log.failure("cannot close a port", failure))

    def stop_listening(self) -> "Deferred[None]":
        """Close the ports; sessions go on. Returns a Deferred that fires when they are closed."""
        ports, self._ports, self._turn = self._ports, (), None
        self.settings.thaw()
        self.keys.stop()
        closing = gatherResults([*self._closing, *(_closed(port) for port in ports)])
        self._closing = (closing,)
        closed: Deferred[None] = Deferred()
        closing.addCallback(lambda _: None).chainDeferred(closed)
        return closed

    def shutdown(self) -> "Deferred[None]":
        """
        Close the ports and end every session.

        Returns:
            A Deferred that fires when all are gone, what they had open is closed, their avatars are logged out, and
            handlers have done what they were at, such as those of TransferFinished and Disconnected. From when the
            last connection is gone, all of this may take no longer than HandlerTimeLimit.
        """
        gone = [transport.gone() for transport in self.factory.connections]
        for transport in self.factory.connections:
            transport.loseConnection()
        ending = DeferredList([self.stop_listening(), *gone])
        # Connections that had much open may still be closing it.
        ending.addCallback(lambda _: self.factory.turns.drain())
        return ending.addCallback(lambda _: self._left()).addCallback(lambda _: None)

    def _left(self) -> "Deferred[Any]":
        """Return what fires when handlers have done, and the avatars have gone, if the realm can tell."""
        left = getattr(self.factory.portal.realm, "left", None)
        leaving: Deferred[Any] = DeferredList([self.events.pending.over(), *([left()] if left is not None else [])])
        seconds = self.settings.handler_time_limit
        return limited(leaving, seconds, self._reactor).addErrback(lambda _: None) if seconds else leaving

    def privilegedStartService(self) -> None:
        """Open the ports while the process may still open those below 1024: before twistd's `--uid` takes effect."""
        super().privilegedStartService()
        self._was_started = True
        self._start()

    def startService(self) -> None:
        """Open the ports, as part of an application, unless that has been done."""
        super().startService()
        if not self._was_started:
            self._start()
        self._was_started = False

    def _start(self) -> None:
        """Open the ports, unless that has been done, or is being done."""
        if self._turn is None:
            self.start_listening().addErrback(self._not_started)

    def stopService(self) -> "Deferred[None]":
        """Close everything and wait for it."""
        stopping = DeferredList([self.shutdown(), super().stopService()])
        return stopping.addCallback(lambda _: None)

    def _not_started(self, failure: Any) -> None:
        problem = failure.value
        if isinstance(problem, CancelledError):
            return
        if not isinstance(problem, ServerError):
            self._log.failure("cannot listen", failure)
            problem = ServerError(0, f"cannot listen: {problem}")
        self.factory.log.report(problem)
        self._failed(problem)

    def _log_failure(self, problem: ServerError) -> None:
        self._log.critical("{text}", text=problem.text, reported=True)


def _the_reactor() -> Any:
    from twisted.internet import reactor  # the default, and the only place that names it

    return reactor


def _closed(port: IListeningPort) -> "Deferred[Any]":
    return maybeDeferred(port.stopListening)


def _cannot_listen(description: str, problem: Exception) -> ServerError:
    # An OverflowError is what a port above 65535 leads to.
    reason = getattr(problem, "socketError", problem)
    text = getattr(reason, "strerror", None) or reason
    return ServerError(code_of(reason), f"cannot listen on {description}: {text}")
