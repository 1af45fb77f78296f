"""
The file of revoked keys: RevokedKeys, a text or a list that `ssh-keygen -k` has made.

Blocks; runs in a worker thread. A file that cannot be read, or not as a whole, revokes every key, as OpenSSH has it:
what it would have revoked is not known. Source: RevokedKeys in OpenSSH's sshd_config(5).
"""

import threading
from base64 import b64decode
from binascii import Error as NotBase64
from codecs import BOM_UTF8
from collections.abc import Callable

from conchsftp.auth.keys.krl import MAGIC, BadList, RevocationList, read_krl
from conchsftp.auth.keys.signatures import BadKey, canonical
from conchsftp.auth.keys.user_certificate import UserCertificate
from conchsftp.ssh.keys.openssh_certificate import is_certificate
from conchsftp.watched import WatchedFile
from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader


class RevokedKeys:
    """
    The file, as it is now. Several threads may use it at once.

    Args:
        path: where it is on this machine.
        complain: told, once each, what the operator should know.
    """

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        self.path = path
        self._file = WatchedFile(path)
        self._lock = threading.Lock()
        self._complain = complain
        self._said = ""
        self._list: RevocationList | None = None

    def refusal(self, key: bytes, certificate: UserCertificate | None = None) -> str:
        """
        Return what is revoked, for the log; empty if nothing is. Reads the file again if it has changed.

        Args:
            key: the blob of the key, the certified one if there is a certificate.
            certificate: a certificate that is shown for it; its CA may be revoked as well.
        """
        with self._lock:
            revoked = self._current()
        if revoked is None:
            return "the file of revoked keys cannot be read: every key is refused"
        if revoked.has_key(canonical(key)):
            return "the key is revoked"
        if certificate is None:
            return ""
        ca = canonical(certificate.ca.blob)
        if revoked.has_key(ca):
            return "the key of the CA is revoked"
        key_id = certificate.key_id.encode("utf-8", "surrogateescape")
        return "the certificate is revoked" if revoked.has_certificate(ca, certificate.serial, key_id) else ""

    def _current(self) -> RevocationList | None:
        try:
            content = self._file.read_if_changed()
            if content is not None:
                # Until this version is read nothing is known.
                self._list = None
                self._list = read_revoked(content)
        except OSError as problem:
            self._unreadable(f"cannot be read: {problem.strerror}")
            return None
        except BadList as problem:
            self._unreadable(str(problem))
        if self._list is not None:
            self._said = ""
        return self._list

    def _unreadable(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._complain(f"{self.path}: {text}; all keys are refused until it is right")


def read_revoked(content: bytes) -> RevocationList:
    """
    Read a file of revoked keys.

    Raises:
        BadList: a line of it is no public key, or the list is malformed.
    """
    if content.startswith(MAGIC):
        return read_krl(content)
    found = RevocationList()
    for number, line in enumerate(content.removeprefix(BOM_UTF8).splitlines(), 1):
        text = line.strip()
        if text and not text.startswith(b"#"):
            blob = _blob(text.split())
            if blob is None:
                raise BadList(f"line {number}: a public key expected, or a list made by `ssh-keygen -k`")
            found.keys.add(blob)
    return found


def _blob(words: list[bytes]) -> bytes | None:
    """Return the key of a line, which follows its type; that of a certificate is the key that it certifies."""
    for name, word in zip(words, words[1:], strict=False):
        try:
            blob = b64decode(word, validate=True)
            if Reader(blob).string() == name:
                return canonical(UserCertificate.parse(blob).key.blob if is_certificate(blob) else blob)
        except (NotBase64, Malformed, BadKey):
            continue
    return None
