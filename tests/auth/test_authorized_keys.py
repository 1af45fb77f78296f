"""
authorized_keys lines, as people and tools write them.
"""

from base64 import b64encode

from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.authorized_keys import AuthorizedKeys, read_keys
from tests.auth.support import RSA, Ed25519, SecurityKey

KEY, OTHER = Ed25519(), Ed25519()


def line(key: object = KEY, comment: str = " alice@laptop") -> bytes:
    blob: bytes = key.blob  # type: ignore[attr-defined]
    name = blob[4 : 4 + blob[3]].decode()
    return f"{name} {b64encode(blob).decode()}{comment}".encode()


class LineTests(SynchronousTestCase):
    def blobs(self, text: bytes) -> list[bytes]:
        found = read_keys(text)
        self.assertEqual(found.refused, [])
        return [key.blob for key in found.keys]

    def refusal(self, text: bytes) -> str:
        found = read_keys(text)
        self.assertEqual(found.keys, [])
        ((number, reason),) = found.refused
        self.assertEqual(number, 1)
        return reason

    def test_types(self) -> None:
        """A line is type, base64 and, if you like, a comment."""
        for key in (KEY, RSA(), SecurityKey()):
            for comment in ("", " a comment of words", "\ttab", ' "quoted'):
                self.assertEqual(self.blobs(line(key, comment)), [key.blob])

    def test_lines(self) -> None:
        """LF, CRLF and CR end lines; blank lines and comments do not count, not even as the last line."""
        for end in (b"\n", b"\r\n", b"\r"):
            text = end.join((b"# mine", b"", line(), b"   ", b"  " + line(OTHER) + b"  ", b"# the end"))
            self.assertEqual(self.blobs(text), [KEY.blob, OTHER.blob])

    def test_mark(self) -> None:
        """A byte order mark is not part of the first line."""
        self.assertEqual(self.blobs(b"\xef\xbb\xbf" + line()), [KEY.blob])

    def test_comment_in_any_encoding(self) -> None:
        """A comment need not be UTF-8."""
        self.assertEqual(self.blobs(line(comment=" ") + b"jos\xe9"), [KEY.blob])

    def test_unmet_options(self) -> None:
        """An option that we do not carry out refuses its key and is named; it need not be the first."""
        for option, name in (
            ('command="internal-sftp -R"', "command"),
            ('restrict,command="rm -rf /"', "command"),
            ("telepathy", "telepathy"),
            ('restrict,telepathy="a b,c\\"d"', "telepathy"),
        ):
            self.assertIn(f"{name!r}", self.refusal(option.encode() + b" " + line()))

    def test_broken_options(self) -> None:
        """Options that cannot be read refuse the key: half a restriction must not be none."""
        for options in (
            b'from="192.0.2.1',
            b"restrict,",
            b"restrict,,pty",
            b'from=192.0.2.1 x="y"',
            b'from="x"restrict',
        ):
            self.refusal(options + b" " + line())

    def test_broken_keys(self) -> None:
        """What is no key is refused with a reason."""
        for text, reason in (
            (b"ssh-ed25519", "missing"),
            (b"ssh-ed25519 AAA!", "base64"),
            (b"ssh-ed25519 AAAA", "malformed"),
            (b"ssh-future AAAA", "type"),
            (b"garbage", "type"),
            (b"restrict", "type"),
            (b"ssh-rsa " + line().split()[1], "the line says ssh-rsa"),
            (line(RSA(1024)), "1024"),
            (b"ssh-ed25519 " + b64encode(NS(b"ssh-ed25519") + NS(bytes(31))), "malformed"),
        ):
            self.assertIn(reason, self.refusal(text))

    def test_others_survive(self) -> None:
        """A line that cannot be used does not spoil the others, and its number is right."""
        found = read_keys(b"\n".join((line(), b"", b"garbage", line(OTHER))))
        self.assertEqual([key.blob for key in found.keys], [KEY.blob, OTHER.blob])
        self.assertEqual([number for number, _ in found.refused], [3])

    def test_places(self) -> None:
        """A key knows its line, and a note its own."""
        found = read_keys(b"\n".join((line(), b"", b'from="a.example" ' + line(OTHER), b"garbage")))
        self.assertEqual([key.line for key in found.keys], [1, 3])
        self.assertEqual([number for number, _ in found.complaints], [3, 4])
        self.assertIn("'a.example'", found.complaints[0][1])
        self.assertIn("not accepted", found.complaints[1][1])

    def test_find(self) -> None:
        """All lines of a key are found, in order; one that signs certificates is no key that lets in."""
        text = b"\n".join((b"restrict " + line(), line(OTHER), line(), b"cert-authority " + line()))
        keys = AuthorizedKeys(read_keys(text).keys)
        self.assertEqual([key.line for key in keys.find(KEY.blob)], [1, 3])
        self.assertEqual([key.line for key in keys.find_authority(KEY.blob)], [4])
        self.assertEqual((keys.find(b"x"), keys.find_authority(OTHER.blob)), ((), ()))
        self.assertTrue(keys)
        self.assertFalse(AuthorizedKeys())
        self.assertEqual(keys, AuthorizedKeys(read_keys(text).keys))

    def test_authorities(self) -> None:
        """In a file of certificate authorities each key is one, whether it says so or not."""
        keys = AuthorizedKeys(read_keys(line() + b"\ncert-authority " + line(OTHER), authorities=True).keys)
        self.assertEqual(keys.find(KEY.blob), ())
        self.assertEqual(len(keys.find_authority(KEY.blob) + keys.find_authority(OTHER.blob)), 2)

    def test_rfc4716(self) -> None:
        """A block as `ssh-keygen -e` writes it, with headers that go on after a backslash (RFC 4716, 3.3)."""
        body = b64encode(KEY.blob)
        block = b"\r\n".join(
            (
                b"---- BEGIN SSH2 PUBLIC KEY ----",
                b'Comment: "256-bit ED25519, converted by al\\',
                b'ice@laptop"',
                b"x-private: y",
                body[:40],
                body[40:],
                b"---- END SSH2 PUBLIC KEY ----",
            )
        )
        self.assertEqual(self.blobs(block), [KEY.blob])
        self.assertEqual(self.blobs(line(OTHER) + b"\n" + block + b"\n" + line()), [OTHER.blob, KEY.blob, KEY.blob])
        for broken in (block[:-10], block.replace(body[:4], b"!!!!")):
            self.refusal(broken)
