"""
A public key as people compare it: the texts that OpenSSH shows, randomart, records for DNS, RFC 4716.

Blobs in, text out. Sources: OpenSSH's ssh-keygen, RFC 4255, RFC 4716, RFC 6594, RFC 7479; for randomart, what
`ssh-keygen -lv` prints.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from conchsftp.ssh.keys.public_blob import fingerprint
from conchsftp.wire.reader import Reader

_WIDTH, _HEIGHT = 17, 9
# How often the bishop has been on a square; the last two are where it began and ended.
_COINS = " .o+=*BOX@%&#/^SE"
_LINE = 70
_SSHFP_HASHES = {1: "sha1", 2: "sha256"}


@dataclass(frozen=True, slots=True)
class ShownType:
    """
    One row: a type of key.

    Attributes:
        name: as OpenSSH shows it.
        sshfp: its number in DNS.
        bits: its size, of its fields; a function of what follows the name in a blob.
    """

    name: str
    sshfp: int
    bits: Callable[[Reader], int]


def _modulus(fields: Reader) -> int:
    fields.mpint()
    return fields.mpint().bit_length()


def _curve(fields: Reader) -> int:
    return int(fields.string().removeprefix(b"nistp"))


SHOWN_TYPES = {
    "ssh-ed25519": ShownType("ED25519", 4, lambda fields: 256),
    "ssh-rsa": ShownType("RSA", 1, _modulus),
    "ssh-dss": ShownType("DSA", 2, lambda fields: fields.mpint().bit_length()),
    **dict.fromkeys(
        (f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521)),
        ShownType("ECDSA", 3, _curve),
    ),
}


class ShownKey:
    """
    A key to be shown.

    Args:
        blob: the bare key as SSH sends it.
        comment: what its file calls it.
        certified: whether a certificate of it is what is shown.
    Raises:
        ValueError: a type of which nothing is known.
    """

    def __init__(self, blob: bytes, comment: str = "", *, certified: bool = False) -> None:
        fields = Reader(blob)
        self.type = fields.string().decode("ascii", "replace")
        row = SHOWN_TYPES.get(self.type)
        if row is None:
            raise ValueError(f"keys of type {self.type[:64]!r} are not known here")
        self.blob = blob
        self.comment = comment
        self.bits = row.bits(fields)
        self.name = row.name + ("-CERT" if certified else "")
        self._sshfp = row.sshfp

    def fingerprint(self, hash: str = "SHA256") -> str:
        """Return `SHA256:` and Base64, or `MD5:` and hexadecimal, as OpenSSH does."""
        if hash == "MD5":
            return "MD5:" + hashlib.md5(self.blob, usedforsecurity=False).digest().hex(":")
        return fingerprint(self.blob)

    def line(self, hash: str = "SHA256") -> str:
        """Return what `ssh-keygen -l` prints, with `-E md5` for MD5."""
        return f"{self.bits} {self.fingerprint(hash)} {self.comment or 'no comment'} ({self.name})"

    def randomart(self) -> str:
        """Return the picture that `ssh-keygen -lv` prints."""
        return randomart(hashlib.sha256(self.blob).digest(), f"{self.name} {self.bits}", self.name, "SHA256")

    def sshfp(self, host: str) -> list[str]:
        """Return the records for DNS that `ssh-keygen -r HOST` prints."""
        return [
            f"{host} IN SSHFP {self._sshfp} {number} {hashlib.new(name, self.blob, usedforsecurity=False).hexdigest()}"
            for number, name in _SSHFP_HASHES.items()
        ]

    def public_line(self) -> str:
        """Return the key as it stands in a `.pub` file and in known_hosts."""
        return public_line(self.type, self.blob, self.comment)

    def rfc4716(self) -> str:
        """Return the key as RFC 4716 writes it."""
        encoded = b64encode(self.blob).decode("ascii")
        lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
        # "A line that is not the last of a header MUST end with a backslash": a comment never gets so long here.
        comment = [f'Comment: "{self.comment[: _LINE - 12]}"'] if self.comment else []
        begin, end = (f"---- {word} SSH2 PUBLIC KEY ----" for word in ("BEGIN", "END"))
        return "\n".join([begin, *comment, *lines, end])


def public_line(kind: str, blob: bytes, comment: str = "") -> str:
    """Return a key or a certificate as a line of OpenSSH's."""
    return " ".join([kind, b64encode(blob).decode("ascii"), *([comment] if comment else [])])


def randomart(digest: bytes, title: str, shorter: str, hash: str) -> str:
    """
    Return a picture of a hash: a bishop walks over a board, two bits for each step, and leaves coins.

    Args:
        title: above it; `shorter` where that is too long.
        hash: below it.
    """
    board = [[0] * _WIDTH for _ in range(_HEIGHT)]
    x, y = start = _WIDTH // 2, _HEIGHT // 2
    for byte in digest:
        for _ in range(4):
            x = min(max(x + (1 if byte & 1 else -1), 0), _WIDTH - 1)
            y = min(max(y + (1 if byte & 2 else -1), 0), _HEIGHT - 1)
            board[y][x] = min(board[y][x] + 1, len(_COINS) - 3)
            byte >>= 2
    board[start[1]][start[0]] = len(_COINS) - 2
    board[y][x] = len(_COINS) - 1
    title = f"[{title}]" if len(title) + 2 < _WIDTH else f"[{shorter}]"
    rows = ["|" + "".join(_COINS[coins] for coins in row) + "|" for row in board]
    return "\n".join([_border(title), *rows, _border(f"[{hash}]")])


def _border(text: str) -> str:
    left = (_WIDTH - len(text)) // 2
    return "+" + "-" * left + text + "-" * (_WIDTH - left - len(text)) + "+"
