"""
The host keys that handlers of `Connected` choose for one connection.

Kept by content, so that a key is made once for thousands of connections: what names a file costs a thread each time,
which looks whether the content is still the same. Knows no transport.
"""

import os
from collections.abc import Callable, Hashable, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.ssh.keys.openssh_certificate import OpenSSHCertificate
from conchsftp.ssh.keys.stores import called, choose, content, host_key, in_file, load_all, warn_of_store
from conchsftp.workers import FewThreads

# A hosting service with more names than this reads some of them again.
_MOST_KEPT = 256
# Hashing the password of a key takes a whole core for a moment.
_AT_A_TIME = 2


class ChosenKeys:
    """
    Loads keys for connections, and keeps the last ones that were asked for.

    Args:
        settings: those of the server: a subject without a store is one of SSHCertStore.
        workers: where files are read and passwords hashed.
        certificates: returns the OpenSSH certificates that are good now; a key has the one of it.
    """

    def __init__(
        self, settings: Any, workers: Any, certificates: Callable[[], Sequence[OpenSSHCertificate]] = tuple
    ) -> None:
        self._settings = settings
        self._certificates = certificates
        self._threads = FewThreads(workers, _AT_A_TIME)
        self._kept: dict[Hashable, HostKeys] = {}
        self._lock = Lock()
        # What is kept tells nothing of contents and passwords, also not by guessing.
        self._salt = os.urandom(32)

    def find(self, event: Any) -> "HostKeys | Deferred[HostKeys] | None":
        """
        Return what a handler has chosen.

        Args:
            event: `cert_store`, `cert_store_type`, `cert_password` and `cert_subject`.
        Returns:
            None if it chose nothing; a Deferred if something has to be read, which fails with ServerError if it cannot.
        Raises:
            ServerError: as the Deferred, where that is known at once.
        """
        asked: tuple[Any, ...] = event.cert_store, event.cert_store_type, event.cert_password
        if not event.cert_store:
            if not event.cert_subject:
                return None
            settings = self._settings
            asked = settings.ssh_cert_store, settings.ssh_cert_store_type, settings.ssh_cert_store_password
            if not asked[0]:
                raise ServerError(0, "Connected: a cert_subject without a cert_store, and SSHCertStore is empty")
        store, kind, password = asked
        if not in_file(store, kind):
            kept = self._look(self._mark(content(store, kind), kind, password, event.cert_subject))
            if kept is not None:
                return kept
        return self._threads.run(self._load, store, kind, password, event.cert_subject)

    def _load(self, store: Any, kind: int, password: Any, subject: str) -> HostKeys:
        data, name = content(store, kind), called(store, kind)
        mark = self._mark(data, kind, password, subject)
        keys = self._look(mark)
        if keys is None:
            found = host_key(choose(load_all(data, kind, password, name), subject, name), name)
            warn_of_store(store, kind)
            keys = HostKeys([found]).certified(self._certificates())
            with self._lock:
                self._kept[mark] = keys
                while len(self._kept) > _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
        return keys

    def _look(self, mark: Hashable) -> HostKeys | None:
        """Return what is kept, which is then the last to be forgotten."""
        with self._lock:
            keys = self._kept.pop(mark, None)
            if keys is not None and any(getattr(key.private, "lost", False) for key in keys.keys):
                # The token has another key now, under the same name.
                keys = None
            if keys is not None:
                self._kept[mark] = keys
        return keys

    def _mark(self, data: bytes, kind: int, password: Any, subject: str) -> Hashable:
        hashes = (
            blake2b(each, key=self._salt, digest_size=32).digest() for each in (data, Secret(password).to_bytes())
        )
        return (*hashes, int(kind), subject, *(each.blob for each in self._certificates()))
