"""
The options of authorized_keys, and who is let in by a key that has some.
"""

import os
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.key_options import OPTIONS, BadOption, KeyOptions, is_sftp, read_options, read_time
from conchsftp.auth.keys.source_patterns import SourcePatterns
from conchsftp.auth.keys.user_certificate import CRITICAL_OPTIONS, EXTENSIONS

NEW_YEAR_2030 = 1893456000.0


def options(text: str) -> KeyOptions:
    """Read options before a key that is just the word `key`."""
    found, rest = read_options(f"{text} key", lambda rest: rest == "key")
    assert rest == "key"
    return found


class TableTests(SynchronousTestCase):
    def test_rows(self) -> None:
        """Every row says what is done, names a field that there is, and is found by its name in small letters."""
        for name, row in OPTIONS.items():
            self.assertEqual(name, row.name.lower())
            self.assertTrue(row.done)
            self.assertTrue(not row.field or hasattr(KeyOptions(), row.field), name)

    def test_nothing_to_do(self) -> None:
        """What this server never does is met, in any case and number, whether it forbids or allows."""
        for name, row in OPTIONS.items():
            if not row.field and row.read is not _sftp():
                text = f'{name}="x"' if row.read else name
                for spelling in (text, text.upper(), f"{text},{text}"):
                    self.assertEqual(options(spelling), KeyOptions(), spelling)

    def test_twice(self) -> None:
        """What would have to be guessed if it stood there twice refuses the key."""
        for text in ('from="1.2.3.4"', 'principals="a"', 'command="internal-sftp"'):
            self.assertRaises(BadOption, options, f"{text},{text}")

    def test_values(self) -> None:
        """An option with a value needs one, and one without has none."""
        for text in ("from", "expiry-time", "command", "principals", 'restrict="x"', 'cert-authority="x"'):
            self.assertRaises(BadOption, options, text)

    def test_flags(self) -> None:
        """What is kept for whoever judges the key."""
        found = options('cert-authority,principals="a,b",no-touch-required,verify-required,from="::1"')
        self.assertEqual(found.principals, {"a", "b"})
        self.assertTrue(found.cert_authority and found.no_touch_required and found.verify_required)
        self.assertIsNotNone(found.sources)
        self.assertRaises(BadOption, options, 'principals=""')

    def test_quotes(self) -> None:
        """In a value, a quote is written with a backslash; commas and spaces are part of it."""
        self.assertEqual(options('principals="a \\"b\\",c"').principals, {'a "b"', "c"})


def _sftp() -> Any:
    return OPTIONS["command"].read


class CommandTests(SynchronousTestCase):
    def test_sftp(self) -> None:
        """OpenSSH's two SFTP servers are what we are; any other program, and any restriction of them, is not."""
        for good in (
            "internal-sftp",
            " internal-sftp ",
            "internal-sftp -e",
            "internal-sftp -f AUTH -l INFO",
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/sftp-server -l VERBOSE",
        ):
            self.assertTrue(is_sftp(good), good)
            self.assertEqual(options(f'command="{good}"'), KeyOptions())
        for bad in (
            "",
            "internal-sftp -R",
            "internal-sftp -d /in",
            "internal-sftp -u 077",
            "internal-sftp -P remove",
            "internal-sftpx",
            "sftp-server",
            "/bin/sh -c sftp-server",
            "/bin/evil;/usr/lib/sftp-server",
            "/usr/lib/sftp-server; rm",
            "/usr/lib/sftp-server\nrm",
            "rm -rf /",
        ):
            self.assertFalse(is_sftp(bad), bad)


class TimeTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = os.environ.get("TZ")
        os.environ["TZ"] = "XYZ-2"
        time.tzset()

        def back() -> None:
            os.environ.pop("TZ")
            if before is not None:
                os.environ["TZ"] = before
            time.tzset()

        self.addCleanup(back)

    def test_forms(self) -> None:
        """A day, a minute or a second; with Z in UTC, without in the time of this machine."""
        for text, seconds in (
            ("20300101Z", 0),
            ("20300101z", 0),
            ("203001010001Z", 60),
            ("20300101000102Z", 62),
            ("20300101", -7200),
            ("203001010200", 0),
            ("20300101020003", 3),
        ):
            self.assertEqual(read_time(text), NEW_YEAR_2030 + seconds, text)

    def test_no_time(self) -> None:
        """What is no such day, or written otherwise, refuses the key."""
        for text in ("", "2030", "20301301Z", "20300230Z", "20300101 Z", "2030010112Z", "203001012460Z", "٢٠٣٠٠١٠١"):
            self.assertRaises(ValueError, read_time, text)
            self.assertRaises(BadOption, options, f'expiry-time="{text}"')

    def test_earliest(self) -> None:
        """Of several times the earliest counts, as in OpenSSH."""
        for text in (
            'expiry-time="20300101Z",expiry-time="20310101Z"',
            'expiry-time="20310101Z",expiry-time="20300101Z"',
        ):
            self.assertEqual(options(text).expires, NEW_YEAR_2030)

    def test_expired(self) -> None:
        """A key is good until its time, and no longer."""
        found = options('expiry-time="20300101Z"')
        self.assertEqual(found.refusal("192.0.2.1", NEW_YEAR_2030 - 1), "")
        for now in (NEW_YEAR_2030, NEW_YEAR_2030 + 1):
            self.assertIn("expired", found.refusal("192.0.2.1", now))


class SourceTests(SynchronousTestCase):
    def test_patterns(self) -> None:
        """Addresses, networks and wildcards let in; what is excluded counts more, wherever it stands."""
        for text, inside, outside in (
            ("192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.2", "::1"]),
            ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255"], ["192.0.3.0"]),
            ("192.0.2.*", ["192.0.2.1", "192.0.2.200"], ["192.0.20.1", "192.1.2.1"]),
            ("192.0.2.?", ["192.0.2.1"], ["192.0.2.10"]),
            ("*", ["192.0.2.1", "2001:db8::1"], []),
            ("2001:DB8::/32", ["2001:db8:1::1", "2001:db8::1%eth0"], ["2001:db9::1"]),
            ("2001:DB8::*", ["2001:db8::1"], ["2001:db9::1"]),
            ("!192.0.2.1,192.0.2.0/24", ["192.0.2.2"], ["192.0.2.1"]),
            ("192.0.2.0/24,!192.0.2.1", ["192.0.2.2"], ["192.0.2.1"]),
            ("*,!192.0.2.*", ["198.51.100.1"], ["192.0.2.1"]),
            ("10.0.0.0/8, 192.0.2.1", ["10.1.2.3", "192.0.2.1"], ["11.0.0.1"]),
            ("!192.0.2.1", [], ["192.0.2.1", "192.0.2.2"]),
            ("host.example,192.0.2.1", ["192.0.2.1"], ["192.0.2.2"]),
            ("*.example", [], ["192.0.2.1"]),
        ):
            patterns = SourcePatterns.parse(text)
            for address in inside:
                self.assertTrue(patterns.allow(address), (text, address))
            for address in outside:
                self.assertFalse(patterns.allow(address), (text, address))

    def test_no_address(self) -> None:
        """Whoever has no address, as over a socket of this machine, comes from nowhere that could be allowed."""
        self.assertFalse(SourcePatterns.parse("*").allow("/run/socket"))
        self.assertTrue(options('from="*"').refusal(None, 0.0))
        self.assertFalse(options("restrict").refusal(None, 0.0))

    def test_names(self) -> None:
        """A host name matches nobody and is reported; one that is to be excluded cannot be, and refuses the key."""
        self.assertEqual(SourcePatterns.parse("a.example,*.b.example,192.0.2.1").names, ("a.example", "*.b.example"))
        for text in ("*,!a.example", "", "192.0.2.1,,192.0.2.2", "!", "192.0.2.1/24", "192.0.2.0/33", "a.example/8"):
            self.assertRaises(ValueError, SourcePatterns.parse, text)
            self.assertRaises(BadOption, options, f'from="{text}"')


class DocumentTests(SynchronousTestCase):
    def test_documented(self) -> None:
        """docs/certificates.md says of each option, of keys and of certificates, what its row says."""
        page = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
        lines = [line for line in page.splitlines() if line.startswith("| `")]
        for table in (OPTIONS, CRITICAL_OPTIONS, EXTENSIONS):
            for name, row in table.items():
                told = [each.split("|", 2)[2] for each in lines if f"`{name}`" in each.split("|")[1]]
                self.assertIn(f" {row.done} |", told, name)
