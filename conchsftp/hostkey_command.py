"""
The command `conchsftp hostkey`: make, convert and show host keys.

Overwrites no file. Passwords are asked for or read from a file, never taken from the command line, which everybody on
the machine can read. What can be read is known to `ssh/keys/stores.py`.
"""

import argparse
import getpass
import platform
import sys
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.python import usage

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.log import printable
from conchsftp.secret import Secret
from conchsftp.settings.choices import CertStoreType
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.openssh_certificate import HOST, OpenSSHCertificate
from conchsftp.ssh.keys.public_blob import public_blob
from conchsftp.ssh.keys.shown import ShownKey
from conchsftp.ssh.keys.stores import called, choose, content, load_all, unusable
from conchsftp.ssh.keys.written import WRITTEN, write_new
from conchsftp.wire.kinds import Malformed

_CURVES: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
_PRIVATE_MODE, _PUBLIC_MODE = 0o600, 0o644


def hostkey_command(arguments: Sequence[str]) -> int:
    """
    Run the command; return its exit code.

    Raises:
        ServerError: a key cannot be read or written.
        UsageError: that is not how it is called, or two passwords were not the same.
    """
    given = _parser().parse_args(list(arguments))
    run: Callable[[argparse.Namespace], None] = given.run
    run(given)
    return 0


def _make(given: argparse.Namespace) -> None:
    make, default, allowed = _TYPES[given.type]
    bits = given.bits if given.bits is not None else default
    if bits not in allowed:
        raise usage.UsageError(f"hostkey make: {given.type} has keys of {_told(allowed)} bits, not {bits}")
    public = Path(f"{given.file}.pub")
    if public.exists():
        raise ServerError(ErrorCode.NO_HOST_KEY, f"{public}: the file exists already, nothing was written")
    password = _new_password(given, wanted=given.password)
    private = make(bits)
    shown = ShownKey(public_blob(private.public_key()), given.comment)
    found = Certificate(public=private.public_key(), private=private)
    write_new(given.file, WRITTEN["openssh"].write(found, shown, password), _PRIVATE_MODE)
    write_new(public, WRITTEN["public"].write(found, shown, password), _PUBLIC_MODE)
    print(shown.line())
    print(shown.randomart())
    print(f"{given.file}: the private key; {public}: the public one", file=sys.stderr)


def _convert(given: argparse.Namespace) -> None:
    row = WRITTEN[given.to]
    if given.target == "-" and row.private:
        raise usage.UsageError(f"hostkey convert: a private key is not printed; name a file for --to {given.to}")
    found = _read(given.source, given)
    name = called(given.source, CertStoreType.AUTO)
    if row.private and not found.private_key_available:
        raise unusable(name, "it has no private key")
    if row.private and not found.private_key:
        raise unusable(name, "the private key cannot leave its token; --to public or rfc4716 converts the public one")
    password = _new_password(given, wanted=given.password) if row.private else b""
    try:
        shown = ShownKey(public_blob(found.public), given.comment or _comment(given.source, found))
        data = row.write(found, shown, password)
    except ValueError as problem:
        raise unusable(name, str(problem)) from None
    if given.target == "-":
        sys.stdout.write(data.decode("utf-8"))
        return
    write_new(given.target, data, _PRIVATE_MODE if row.private else _PUBLIC_MODE)
    print(shown.line(), file=sys.stderr)


def _show(given: argparse.Namespace) -> None:
    for number, path in enumerate(given.files):
        if number:
            print()
        certificate = _openssh_certificate(path)
        if certificate is not None:
            found, comment = certificate
            shown = ShownKey(found.key, comment, certified=True)
            lines = _certificate_lines(found)
        else:
            read = _read(path, given)
            try:
                shown = ShownKey(public_blob(read.public), _comment(path, read))
            except ValueError as problem:
                raise unusable(called(path, CertStoreType.AUTO), str(problem)) from None
            lines = _facts(read)
        print(shown.line(), shown.line("MD5"), shown.randomart(), *lines, sep="\n")
        if given.sshfp:
            print(*shown.sshfp(given.sshfp), sep="\n")


def _facts(found: Certificate) -> list[str]:
    """Return the documented facts, in lines."""
    facts = {
        "type": f"{found.public_key_algorithm}, {found.public_key_length} bits",
        "private key": "yes" if found.private_key_available else "no",
        "fingerprint MD5": found.fingerprint,
        "fingerprint SHA1": found.fingerprint_sha1,
        "fingerprint SHA256": found.fingerprint_sha256,
        "subject": printable(found.subject) if found.x509 is not None else "",
        "issuer": printable(found.issuer),
        "serial number": found.serial_number,
        "valid from": found.effective_date,
        "valid until": found.expiration_date,
        "thumbprint SHA256": found.thumbprint_sha256,
    }
    return _aligned(facts)


def _certificate_lines(found: OpenSSHCertificate) -> list[str]:
    ca = ShownKey(found.ca)
    until = "for ever" if found.valid_before is None else f"to {_date(found.valid_before)}"
    facts = {
        "certificate": f"{found.type}, for {'a host' if found.kind == HOST else 'a user'}",
        "key ID": repr(found.key_id),
        "serial": str(found.serial),
        "CA": f"{ca.name} {ca.fingerprint()}",
        "valid": until if not found.valid_after else f"from {_date(found.valid_after)} {until}",
        "principals": printable(", ".join(found.principals)) or "any",
        "critical options": printable(", ".join(found.critical)) or "none",
        "extensions": printable(", ".join(found.extensions)) or "none",
    }
    return _aligned(facts)


def _aligned(facts: dict[str, str]) -> list[str]:
    return [f"  {name:<19} {value}" for name, value in facts.items() if value]


def _date(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds):%Y-%m-%dT%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} seconds after 1970"


def _read(path: str, given: argparse.Namespace) -> Certificate:
    """Read a key of any kind of store, and ask for its password if it needs one."""
    data, name = content(Path(path), CertStoreType.AUTO), called(path, CertStoreType.AUTO)
    password = _file_password(given.password_file) if given.command == "show" else _file_password(given.from_password)
    try:
        return choose(load_all(data, CertStoreType.AUTO, password, name), given.subject, name)
    except ServerError as problem:
        if password or "password" not in problem.text or not sys.stdin.isatty():
            raise
    password = Secret(getpass.getpass(f"Password of {path}: "))
    return choose(load_all(data, CertStoreType.AUTO, password, name), given.subject, name)


def _openssh_certificate(path: str) -> tuple[OpenSSHCertificate, str] | None:
    """Return the certificate in a file of OpenSSH's and its comment; None if it is none."""
    try:
        kind, encoded, *comment = Path(path).read_text("utf-8", "replace").split(None, 2)
        return OpenSSHCertificate.parse(b64decode(encoded, validate=True)), "".join(comment).strip()
    except (OSError, ValueError, Malformed):
        return None


def _comment(path: str, found: Certificate) -> str:
    """Return what a key is called: by its file, or by the public one beside it, where ssh-keygen looks, too."""
    if found.comment:
        return printable(found.comment)
    try:
        line = Path(f"{path}.pub").read_text("utf-8", "replace").splitlines()[0]
        kind, encoded, comment = line.split(None, 2)
        return printable(comment.strip()) if b64decode(encoded) == found.blob else ""
    except (OSError, ValueError, IndexError):
        return ""


def _file_password(path: str | None) -> Secret:
    """Return the first line of a file, or of standard input if that is what it is called."""
    if path is None:
        return Secret("")
    if path == "-":
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    try:
        with open(path, encoding="utf-8") as file:
            return Secret(file.readline().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as problem:
        raise ServerError(0, f"{path}: {getattr(problem, 'strerror', None) or 'not a text'}") from None


def _new_password(given: argparse.Namespace, *, wanted: bool) -> bytes:
    """Return what a new file is to be encrypted with; empty: it is not."""
    if given.password_file is not None:
        password = _file_password(given.password_file)
    elif not wanted:
        return b""
    elif not sys.stdin.isatty():
        password = Secret(sys.stdin.readline().rstrip("\r\n"))
    else:
        password = Secret(getpass.getpass("New password: "))
        if Secret(getpass.getpass("Once more: ")) != password:
            raise usage.UsageError("the two are not the same; nothing was written")
    if not password:
        raise usage.UsageError("the password is empty; nothing was written")
    return password.to_bytes()


def _told(allowed: Sequence[int]) -> str:
    return f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))


_TYPES: dict[str, tuple[Callable[[int], Any], int, Sequence[int]]] = {
    "ed25519": (lambda bits: ed25519.Ed25519PrivateKey.generate(), 256, (256,)),
    "ecdsa": (lambda bits: ec.generate_private_key(_CURVES[bits]), 256, tuple(_CURVES)),
    "rsa": (lambda bits: rsa.generate_private_key(65537, bits), 3072, range(2048, 16385)),
}
"""What can be made: how, bits without --bits, bits that there are."""


class _Parser(argparse.ArgumentParser):
    """Mistakes end the command as all of its others do."""

    def error(self, message: str) -> NoReturn:
        raise usage.UsageError(f"hostkey: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="conchsftp hostkey", add_help=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="make|convert|show")
    make = commands.add_parser("make", add_help=False)
    make.add_argument("file")
    make.add_argument("--type", choices=_TYPES, default="ed25519")
    make.add_argument("--bits", type=int)
    make.add_argument("--comment", default=platform.node())
    make.set_defaults(run=_make)
    convert = commands.add_parser("convert", add_help=False)
    convert.add_argument("source")
    convert.add_argument("target")
    convert.add_argument("--to", choices=WRITTEN, default="openssh")
    convert.add_argument("--comment", default="")
    convert.add_argument("--from-password", metavar="FILE")
    convert.set_defaults(run=_convert)
    show = commands.add_parser("show", add_help=False)
    show.add_argument("files", nargs="+")
    show.add_argument("--sshfp", metavar="HOST")
    show.set_defaults(run=_show)
    for each in (make, convert):
        each.add_argument("--password", action="store_true")
    for each in (make, convert, show):
        each.add_argument("--password-file")
    for each in (convert, show):
        each.add_argument("--subject", default="")
    return parser
