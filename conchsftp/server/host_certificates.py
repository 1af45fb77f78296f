"""
OpenSSH's certificates of host keys: which the settings name, and which of them are worth anything now.

A file is looked at again every half a minute, in a thread, so that a CA can renew certificates without a word to the
server. Which key a certificate belongs to is for the keys to find out; whether the CA is trusted, for the clients.
Source: OpenSSH's PROTOCOL.certkeys.
"""

import binascii
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from conchsftp.auth.keys.signatures import BadKey, BadSignature, PublicKey
from conchsftp.errors import ErrorCode, ServerError
from conchsftp.log import printable
from conchsftp.ssh.keys.openssh_certificate import HOST, OpenSSHCertificate, untimely
from conchsftp.ssh.keys.public_blob import fingerprint
from conchsftp.watched import WatchedFile
from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader

# Certificates of a day are renewed hours before their end.
_LOOK_SECONDS = 30.0
# A line of ssh-keygen has some hundred bytes; one with 256 names of the longest, 70,000.
_MOST_BYTES = 1 << 20
_MOST_TOLD = 300


class HostCertificates:
    """
    The certificates of one server.

    Args:
        settings: those of the server.
        workers: where files are read.
        clock: the reactor.
        changed: called when others count from now on.

    Attributes:
        log: that of the server.
        current: those that are good now, in the order of the setting.
        now: the wall clock, in seconds since 1970.
    """

    log: Logger = Logger()

    def __init__(self, settings: Any, workers: Any, clock: Any, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._workers = workers
        self._clock = clock
        self._changed = changed
        self._files: tuple[_CertificateFile, ...] = ()
        self._read: tuple[OpenSSHCertificate, ...] = ()
        self._told: set[tuple[bytes, str]] = set()
        self._complaint = ""
        self._later: IDelayedCall | None = None
        self._running = False
        self.current: tuple[OpenSSHCertificate, ...] = ()
        self.now = time.time

    def load(self) -> tuple[OpenSSHCertificate, ...]:
        """
        Read what the setting names; blocks, also in another thread. `take` has it count.

        Raises:
            ServerError: a file cannot be read, or has something else than certificates of hosts (1301).
        """
        paths = self._settings.host_certificate
        if tuple(each.path for each in self._files) != paths:
            self._files = tuple(map(_CertificateFile, paths))
        return tuple(found for file in self._files for found in file.read())

    def take(self, read: tuple[OpenSSHCertificate, ...]) -> None:
        """Use what was read, as far as it is good now, and say in the log what that is."""
        self._read, self._complaint = read, ""
        self._judge()

    def start(self) -> None:
        """Look at the files now and then, if there are any."""
        self._running = True
        if self._later is None and self._settings.host_certificate:
            self._later = self._clock.callLater(_LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        self._running = False
        if self._later is not None:
            self._later.cancel()
        self._later = None

    def tell_strangers(self, keys: Sequence[bytes]) -> None:
        """Say in the log which certificates belong to none of these keys."""
        for each in self.current:
            if each.key not in keys:
                # Sites that choose keys for connections have certificates of those, too.
                text = "it belongs to no host key of the server"
                self._tell(each, text, "host certificate {name}: {text}, only to one that a handler may choose")

    def _judge(self) -> None:
        before, self.current = self.current, tuple(each for each in self._read if not self._problem(each))
        for each in self._read:
            problem = self._problem(each)
            if problem:
                self._tell(each, problem, "host certificate {name} is not offered: {text}")
            else:
                self._tell(each, _described(each), "host certificate {name}: {text}", self.log.info)
        if self.current != before:
            self._changed()

    def _problem(self, certificate: OpenSSHCertificate) -> str:
        return untimely(certificate.valid_after, certificate.valid_before, self.now())

    def _tell(self, about: OpenSSHCertificate, text: str, line: str, say: Callable[..., None] | None = None) -> None:
        """Say something of a certificate, once."""
        if (about.blob, text) not in self._told:
            self._told = {told for told in self._told if any(told[0] == each.blob for each in self._read)}
            self._told.add((about.blob, text))
            name = f"{fingerprint(about.key)} ({printable(about.key_id[:_MOST_TOLD])})"
            (say or self.log.warn)(line, name=name, text=text)

    def _look(self) -> None:
        self._later = None
        looking = self._workers.run(self.load)
        looking.addCallback(self._looked).addErrback(self._not_read).addCallback(self._look_again)

    def _look_again(self, _: None) -> None:
        if self._running:
            self.start()

    def _looked(self, read: tuple[OpenSSHCertificate, ...]) -> None:
        if self._running:
            self.take(read)

    def _not_read(self, failure: Failure) -> None:
        problem = failure.value
        if not isinstance(problem, ServerError):
            self.log.failure("the host certificates stay as they were", failure)
        elif self._running:
            if problem.text != self._complaint:
                self._complaint = problem.text
                text = "{text}; the host certificates stay as they were"
                self.log.error(text, text=problem.text, error_code=problem.code)
            # Time goes on for those that were read before.
            self._judge()


class _CertificateFile:
    """One file, and what was in it when it was read last."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = WatchedFile(path)
        self._found: tuple[OpenSSHCertificate, ...] = ()

    def read(self) -> tuple[OpenSSHCertificate, ...]:
        """Return the certificates in it; raises ServerError."""
        try:
            data = self._file.read_if_changed()
            if data is not None:
                self._found = ()
                self._found = _parsed(data)
            if not self._found:
                raise ValueError("there is no certificate in it")
        except OSError as problem:
            raise _unusable(self.path, str(problem.strerror)) from None
        except ValueError as problem:
            raise _unusable(self.path, str(problem)) from None
        return self._found


def parse_host_certificate(blob: bytes) -> OpenSSHCertificate:
    """
    Read a certificate and check what does not depend on the time.

    Raises:
        ValueError: it is none of a host, or its CA has not signed it; the text says what is wrong.
    """
    try:
        found = OpenSSHCertificate.parse(blob)
        if found.kind != HOST:
            raise ValueError("a certificate of a user; `ssh-keygen -h` makes those of hosts")
        if found.critical:
            # None is defined, and clients refuse a certificate with one that they do not know.
            raise ValueError(f"the critical option {next(iter(found.critical))[:64]!r}, which no client accepts")
        PublicKey(found.key)
        PublicKey(found.ca).verify(
            Reader(found.signature).string().decode("ascii", "replace"), found.signature, found.signed
        )
    except Malformed as problem:
        raise ValueError(f"malformed certificate: {problem.text}") from None
    except BadKey as problem:
        raise ValueError(f"certificate: {problem}") from None
    except BadSignature as problem:
        raise ValueError(f"signature of the CA: {problem}") from None
    return found


def _parsed(data: bytes) -> tuple[OpenSSHCertificate, ...]:
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
    lines = (line.split() for line in data.splitlines())
    return tuple(parse_host_certificate(_decoded(line)) for line in lines if line and not line[0].startswith(b"#"))


def _decoded(line: Sequence[bytes]) -> bytes:
    try:
        return b64decode(line[1], validate=True)
    except (binascii.Error, IndexError):
        raise ValueError("a line is no certificate as `ssh-keygen -s` writes it") from None


def _described(certificate: OpenSSHCertificate) -> str:
    names = printable(", ".join(certificate.principals)[:_MOST_TOLD]) or "any host"
    until = "for ever"
    if certificate.valid_before is not None:
        try:
            until = f"until {datetime.fromtimestamp(certificate.valid_before).astimezone():%Y-%m-%d %H:%M %z}"
        except (ValueError, OverflowError, OSError):
            until = f"until {certificate.valid_before} seconds after 1970"
    return f"for {names}, {until}, CA {fingerprint(certificate.ca)}"


def _unusable(path: str, text: str) -> ServerError:
    return ServerError(ErrorCode.NO_HOST_KEY, f"host certificate {path}: {text}")
