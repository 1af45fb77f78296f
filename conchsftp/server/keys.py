"""
The host keys of a server: those that it was given, and those that the settings SSHCert… and AltSSHCert… name.

Read when they are first needed, at each start, and, in a thread, when a setting changes while the server listens. Never
for a connection: what a handler chooses for one is in `chosen_keys.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.server.chosen_keys import ChosenKeys
from conchsftp.server.host_certificates import HostCertificates
from conchsftp.settings.certificate import ROWS
from conchsftp.settings.choices import CertStoreType
from conchsftp.settings.key_stores import Store
from conchsftp.ssh.algorithms.offer import no_gss, offered
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.ssh.keys.openssh_certificate import OpenSSHCertificate
from conchsftp.ssh.keys.stores import (
    called,
    choose,
    content,
    host_key,
    load_all,
    of_certificate,
    unusable,
    warn_of_store,
)

_CERT, _ALT = "SSHCert", "AltSSHCert"
# "This property must be set after all other certificate properties are set. When this property is set, a search is
# performed", as documented of SSHCertSubject.
_SEARCHED = ("SSHCertSubject", "SSHCertEncoded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One key as the settings name it; `place` is where an alternative one stands."""

    store: Store
    type: CertStoreType
    password: Secret
    subject: str
    encoded: Store = ""
    place: int | None = None

    def load(self) -> Certificate:
        """Read it; blocks. Raises ServerError."""
        encoded = load_all(Secret(self.encoded).to_bytes(), CertStoreType.AUTO, self.password) if self.encoded else []
        if not self.store:
            if not encoded:
                raise unusable("", f"{_ALT}Store[{self.place}] is empty")
            return choose(encoded, self.subject, f"{_CERT}Encoded")
        name = called(self.store, self.type)
        entries = load_all(content(self.store, self.type), self.type, self.password, name)
        return of_certificate(entries, encoded[0], name) if encoded else choose(entries, self.subject, name)


Loaded = tuple[list[tuple[Named, Certificate]], tuple[OpenSSHCertificate, ...]]


class ServerKeys:
    """
    The host keys of one server.

    Args:
        given: keys, or the paths of keys or of one, that come before those of the settings.
        settings: those of the server.
        workers: where files are read while the server listens.
        clock: the reactor.

    Attributes:
        log: that of the server.
    Raises:
        ServerError: a given key cannot be used (1301).
    """

    log: Logger = Logger()

    def __init__(self, given: HostKeys | str | Sequence[str], *, settings: Any, workers: Any, clock: Any) -> None:
        self._settings = settings
        paths = (given,) if isinstance(given, (str, PathLike)) else given
        self._given = paths if isinstance(paths, HostKeys) else HostKeys.load(*paths)
        self._workers = workers
        self._clock = clock
        self._loaded: HostKeys | None = None
        # The same without what HostCertificate names.
        self._bare = HostKeys(())
        self._certificate: Certificate | None = None
        self._told: dict[tuple[str, int | None], tuple[Any, Any]] = {}
        self._telling = False
        self._listening = False
        self._later: IDelayedCall | None = None
        # What was being read when this was another number is not asked for any more.
        self._wish = 0
        self._without_gss: Callable[[], str] = no_gss
        self.certificates = HostCertificates(settings, workers, clock, self._certified)
        self.chosen = ChosenKeys(settings, workers, lambda: self.certificates.current)
        """Those that handlers choose for connections."""
        settings.watch("HostCertificate", self._changed)
        for row in ROWS:
            if row.read is None:
                settings.watch(row.name, self._searched if row.name in _SEARCHED else self._changed)

    @property
    def named(self) -> bool:
        """Whether there is any key, as far as that can be said without reading one."""
        return bool(self._given.keys or self._names())

    @property
    def current(self) -> HostKeys:
        """The keys for new connections. Raises ServerError if they have to be read and cannot."""
        if self._loaded is None:
            self._install(self._load_all(self._names()))
        assert self._loaded is not None
        return self._loaded

    @property
    def certificate(self) -> Certificate:
        """
        What the settings SSHCert… tell of: their key, else the first one; an empty one if there is none.

        Raises:
            ServerError: it has to be read and cannot (1301).
        """
        if self._certificate is None:
            first = [each for each in self._names() if each.place is None]
            self._tell(_load(first))
            if self._certificate is None:
                return _bare(self._given.keys[0]) if self._given.keys else Certificate()
        return self._certificate

    def start(self, without_gss: Callable[[], str] = no_gss) -> None:
        """
        The server begins to listen: read every key anew.

        Args:
            without_gss: returns why no context of GSSAPI can stand for a key; see `offered`.
        Raises:
            ServerError: one cannot be read, or nothing is left to offer.
        """
        self._without_gss = without_gss
        self._wish += 1
        self._loaded = None
        keys = self.current
        wanted = {row.name for row in offered(self._settings, keys.algorithms(), self._without_gss).host_keys}
        for key in keys.keys:
            if wanted.isdisjoint(key.algorithms):
                # Whoever gave it expects clients to be shown it. ECDSA is the kind that this happens to.
                text = "host key {fingerprint} ({kind}) is not offered: SSHPublicKeyAlgorithms has nothing for it"
                self.log.warn(text, fingerprint=key.fingerprint(), kind=key.type)
        self._listening = True
        self.certificates.log = self.log
        self.certificates.start()

    def stop(self) -> None:
        """The server listens no longer."""
        self._wish += 1
        self._listening = False
        self.certificates.stop()
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def _names(self) -> list[Named]:
        """Return what the settings name, as it was asked for."""
        settings, found = self._settings, []
        store, encoded = settings.ssh_cert_store, self._asked("SSHCertEncoded")
        if store or encoded:
            subject = self._asked("SSHCertSubject")
            password, kind = settings.ssh_cert_store_password, settings.ssh_cert_store_type
            found.append(Named(store=store, type=kind, password=password, subject=subject, encoded=encoded))
        columns = (settings.alt_ssh_cert_store, settings.alt_ssh_cert_store_type, settings.alt_ssh_cert_store_password)
        for place, (store, kind, password) in enumerate(zip(*columns, strict=True)):
            subject = self._asked("AltSSHCertSubject", place)
            found.append(Named(store=store, type=kind, password=password, subject=subject, place=place))
        return found

    def _load_all(self, names: Sequence[Named]) -> Loaded:
        """Read keys and their certificates; blocks."""
        for each in names:
            warn_of_store(each.store, each.type)
        return _load(names), self.certificates.load()

    def _certified(self) -> None:
        """Other certificates count from now on."""
        if self._loaded is not None:
            self._loaded = self._bare.certified(self.certificates.current)

    def _install(self, everything: Loaded) -> None:
        """Use what was loaded from now on."""
        loaded, certificates = everything
        self._loaded = None
        self.certificates.take(certificates)
        self._bare = self._keys_of(loaded)
        self._loaded = found = self._bare.certified(self.certificates.current)
        self.certificates.tell_strangers([key.blob for key in found.keys])
        for key in found.keys:
            if not any(found.for_algorithm(name) is key for name in key.algorithms):
                # This is how a key is replaced: clients learn the next one while the old one is used.
                text = "host key {fingerprint} ({kind}) is only announced: another of its kind comes first"
                self.log.info(text, fingerprint=key.fingerprint(), kind=key.type)
        self._certificate = None
        self._tell(loaded)

    def _keys_of(self, loaded: "list[tuple[Named, Certificate]]") -> HostKeys:
        """Return the given keys and those that were loaded. Raises ServerError: one has no private part."""
        keys = (host_key(certificate, called(named.store, named.type)) for named, certificate in loaded)
        return HostKeys((*self._given.keys, *keys))

    def _tell(self, loaded: "list[tuple[Named, Certificate]]") -> None:
        """Let the settings say what was found: "the property is set to the full subject of the certificate"."""
        for named, certificate in loaded:
            if named.place is None:
                self._certificate = certificate
                self._say("SSHCertEncoded", None, named.encoded, certificate.encoded)
                self._say("SSHCertSubject", None, named.subject, certificate.subject)
            else:
                self._say("AltSSHCertSubject", named.place, named.subject, certificate.subject)

    def _say(self, name: str, place: int | None, asked: Any, found: str) -> None:
        self._telling = True
        try:
            self._settings.set(name, found, place)
        finally:
            self._telling = False
        self._told[name, place] = asked, found

    def _asked(self, name: str, place: int | None = None) -> Any:
        """Return what was asked for, if the setting is what we have made of it."""
        value = self._settings.get(name, place)
        asked, found = self._told.get((name, place), (value, value))
        return asked if value == found else value

    def _changed(self, value: object) -> None:
        if self._telling:
            return
        self._wish += 1
        if not self._listening:
            self._loaded = self._certificate = None
        elif self._later is None:
            # Several settings make one key: the last one counts.
            self._later = self._clock.callLater(0, self._reload)

    def _searched(self, value: object) -> None:
        self._changed(value)
        if not self._telling and not self._listening and self._settings.ssh_cert_store:
            try:
                self._tell(_load([each for each in self._names() if each.place is None]))
            except ServerError as problem:
                # Something else may still be about to be set; if not, the start of the server will fail.
                self.log.debug("{text}", text=problem.text)

    def _reload(self) -> None:
        self._later = None
        loading = self._workers.run(self._load_all, self._names())
        loading.addCallback(self._replace, self._wish).addErrback(self._not_loaded, self._wish)

    def _replace(self, loaded: Loaded, wish: int) -> None:
        if wish != self._wish:
            return
        keys, certificates = loaded
        found = self._keys_of(keys).certified(certificates)
        offered(self._settings, found.algorithms(), self._without_gss)
        self._install(loaded)
        self.certificates.start()
        for key in self.current.keys:
            self.log.info("host key {fingerprint} ({kind})", fingerprint=key.fingerprint(), kind=key.type)

    def _not_loaded(self, failure: Failure, wish: int) -> None:
        problem = failure.value
        if wish != self._wish:
            return
        if isinstance(problem, ServerError):
            self.log.error("{text}; the host keys stay as they were", text=problem.text, error_code=problem.code)
        else:
            self.log.failure("the host keys stay as they were", failure)


def _load(names: Sequence[Named]) -> list[tuple[Named, Certificate]]:
    return [(each, each.load()) for each in names]


def _bare(key: HostKey) -> Certificate:
    return Certificate(public=key.private.public_key(), private=key.private)
