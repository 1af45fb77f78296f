"""
Sessions with tokens: security keys and hardware modules that speak PKCS#11.

Knows no SSH and no kinds of keys; what is done in a session is given as a function. Blocks, on a device that somebody
may unplug: never to be called on the reactor's thread for a connection. Needs the extra `conchsftp[pkcs11]`.
Source: PKCS#11 (OASIS), version 2.40.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from threading import RLock
from typing import Any, TypeVar
from weakref import WeakValueDictionary, finalize

from conchsftp.secret import Secret
from conchsftp.ssh.keys.token_uri import Wanted
from conchsftp.ssh.keys.unusable import Unusable

T = TypeVar("T")

_EXTRA = "tokens (PKCS#11) need the extra conchsftp[pkcs11]"
# A touch of a finger takes some seconds; whoever waits longer behind a token that hangs gives up.
_PATIENCE_SECONDS = 20.0
_INITIALIZED, _LOGIN_REQUIRED = 0x400, 0x04
# What is wrong with a PIN, by the name of the exception.
_PINS = {
    "PinIncorrect": "the token says that the PIN is wrong",
    "PinInvalid": "the token says that the PIN is wrong",
    "PinLenRange": "the token says that the PIN is too short or too long",
    "PinLocked": "the PIN is locked, after too many wrong ones",
    "PinExpired": "the PIN has expired",
    "UserPinNotInitialized": "no PIN was set on the token yet",
}
_GONE = {
    "DeviceError": "it reports an error",
    "DeviceRemoved": "it was removed",
    "TokenNotPresent": "it was removed",
    "TokenNotRecognised": "it is not recognised",
}


class Missing(Unusable):
    """Something is not on the token; a session that was open while the token was away may only not see it."""


class Library:
    """
    One module that was loaded: `pkcs11.lib`, or what stands in for it.

    Modules are initialized without a word about threads, so that there is one call at a time.
    """

    def __init__(self, path: str, load: Callable[[str], Any]) -> None:
        self.lock = RLock()
        self.sessions: WeakValueDictionary[tuple[str, bytes], Token] = WeakValueDictionary()
        """The open tokens. C_Logout in one session ends the login of all, so that there is one for each token."""
        self._path = path
        self._load = load
        self._process = os.getpid()
        self._loaded: Any = None

    @contextmanager
    def held(self) -> Iterator[Any]:
        """Lend the module to one thread. Raises Unusable: another does not give it back, or it cannot be loaded."""
        if not self.lock.acquire(timeout=_PATIENCE_SECONDS):
            raise Unusable("the token is busy, and does not answer")
        try:
            if self._loaded is None:
                try:
                    self._loaded = self._load(self._path)
                except (RuntimeError, OSError):
                    # What the loader says holds the path, and often more than one line.
                    raise Unusable("the library of the token cannot be loaded") from None
            elif self._process != os.getpid():
                # "each process must call C_Initialize itself": twistd becomes a daemon after it has read settings.
                self.renew()
            self._process = os.getpid()
            yield self._loaded
        finally:
            self.lock.release()

    def renew(self) -> None:
        """Begin anew with the module: some see a token that was plugged in later only then. Ends every session."""
        try:
            self._loaded.finalize()
        except RuntimeError:
            pass
        self._loaded.initialize()


_libraries: dict[str, Library] = {}
_refused: set[bytes] = set()
_salt = os.urandom(32)


class Token:
    """
    A token, and our session with it; made by `open_token`.

    Args:
        library: its module.
        label, serial: what it is found by again, when it was away.
        pin: its PIN.
    """

    def __init__(self, library: Library, label: str, serial: bytes, pin: Secret) -> None:
        self._library = library
        self._name = label, serial
        self._pin = pin
        self._session: Any = None
        self._process = 0
        self._end: Any = None

    def has_pin(self, pin: Secret) -> bool:
        """Return whether it was opened with a PIN: who does not know it gets no share of the session."""
        return self._pin == pin

    def use(self, work: Callable[[Any], T]) -> T:
        """
        Do something in the session; once more in a new one, if the token was away meanwhile.

        Args:
            work: called with a session of python-pkcs11; another object means that what the last one gave is gone.
                Raises Missing if what it looks for is not there.
        Raises:
            Unusable: it failed; the text says why, and has no PIN.
        """
        with self._library.held() as module:
            fresh = self._session is None or self._process != os.getpid()
            try:
                if fresh:
                    self._open(module)
                try:
                    return work(self._session)
                except (RuntimeError, Missing):
                    if fresh:
                        raise
                self._forget()
                self._open(module)
                return work(self._session)
            except Missing:
                self._forget()
                raise
            except RuntimeError as problem:
                self._forget()
                raise Unusable(_said(problem)) from None

    def _open(self, module: Any) -> None:
        mark = _mark(self._name, self._pin)
        if mark in _refused:
            raise Unusable("the token has refused this PIN; it is not tried again, for the token would lock itself")
        try:
            try:
                self._session = self._opened(module)
            except RuntimeError as problem:
                if type(problem).__name__ in _PINS:
                    raise
                # SoftHSM, for one, reports only errors once its token was away, until it begins anew.
                self._library.renew()
                self._session = self._opened(module)
        except RuntimeError as problem:
            if type(problem).__name__ in _PINS.keys() - {"PinLocked"}:
                _refused.add(mark)
            raise
        self._process = os.getpid()
        self._end = finalize(self, _close, self._library, self._session, self._process)

    def _opened(self, module: Any) -> Any:
        token = self._find(module)
        pin = str(self._pin.to_bytes(), "utf-8", "replace") or None
        if pin is None and token.flags & _LOGIN_REQUIRED:
            raise Unusable("the token needs its PIN as the password of the store")
        try:
            return token.open(user_pin=pin)
        except RuntimeError as problem:
            if type(problem).__name__ != "UserAlreadyLoggedIn":
                raise
            # Somebody else in this process has; the login is that of the process.
            return token.open()

    def _find(self, module: Any) -> Any:
        label, serial = self._name
        for again in (False, True):
            for token in _tokens(module):
                if (token.label, token.serial) == (label, serial):
                    return token
            if again or any(each is not self for each in self._library.sessions.values()):
                break
            self._library.renew()
        raise Unusable("the token is not there")

    def _forget(self) -> None:
        if self._end is not None:
            self._end()
        self._session = self._end = None


def open_token(wanted: Wanted, pin: Secret, load: Callable[[str], Any] | None = None) -> Token:
    """
    Return the token that is meant, with a session.

    Args:
        wanted: which.
        pin: its PIN; empty for that of the URI, or none.
        load: loads a module; that of python-pkcs11 by default.
    Raises:
        Unusable: there is no such token, there are several, or the PIN is wrong.
    """
    library = _libraries.setdefault(wanted.module, Library(wanted.module, load or _load))
    pin = pin or wanted.pin
    with library.held() as module:
        try:
            found = [each for each in _tokens(module) if _is(each, wanted)]
            if not found and not library.sessions:
                library.renew()
                found = [each for each in _tokens(module) if _is(each, wanted)]
        except RuntimeError as problem:
            raise Unusable(_said(problem)) from None
        if len(found) != 1:
            labels = ", ".join(sorted(each.label for each in found))
            raise Unusable(f"several tokens are there, name one: {labels}" if found else "there is no such token")
        name = found[0].label, found[0].serial
        token = library.sessions.get(name)
        if token is None:
            token = Token(library, *name, pin)
        elif not token.has_pin(pin):
            raise Unusable("the token is in use with another PIN")
        token.use(lambda session: None)
        library.sessions[name] = token
        return token


def _load(path: str) -> Any:
    try:
        # Here only: it is optional, and C.
        from pkcs11 import lib
    except ImportError:
        raise Unusable(_EXTRA) from None
    return lib(path)


def _tokens(module: Any) -> list[Any]:
    """Return every token that has been initialized."""
    return [each for each in module.get_tokens() if each.flags & _INITIALIZED]


def _is(token: Any, wanted: Wanted) -> bool:
    if wanted.slot is not None and token.slot.slot_id != wanted.slot:
        return False
    return all(_plain(getattr(token, name)) == value for name, value in wanted.token.items())


def _plain(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace").rstrip("\0 ")


def _mark(name: tuple[str, bytes], pin: Secret) -> bytes:
    """Return what a PIN is remembered by, which does not tell it."""
    label, serial = name
    return blake2b(b"\0".join((label.encode(), serial, pin.to_bytes())), key=_salt, digest_size=32).digest()


def _close(library: Library, session: Any, process: int) -> None:
    if process != os.getpid() or not library.lock.acquire(timeout=1):
        return
    try:
        session.close()
    except RuntimeError:
        # It is gone already, with the token.
        pass
    finally:
        library.lock.release()


def _said(problem: RuntimeError) -> str:
    name = type(problem).__name__
    return _PINS.get(name) or f"the token does not answer: {_GONE.get(name, name)}"
