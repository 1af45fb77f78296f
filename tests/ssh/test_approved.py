"""UseFIPSCompliantAPI: when it can be had, and what is offered then."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.algorithms import approved
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.algorithms.offer import CHAPTERS, left_out, offered
from conchsftp.ssh.algorithms.protection import CIPHERS
from conchsftp.ssh.algorithms.registry import Profile
from conchsftp.ssh.algorithms.signatures import HOST_KEYS

# Parts of names of what no provider of FIPS has, or nobody approves any more.
_OTHERS = "md5 sha1 sha-1 25519 chacha arcfour 3des blowfish cast seed umac ripemd gss mlkem exchange dss ssh-rsa"


def settings(**values: Any) -> Any:
    """Return settings with approved algorithms only, as on a machine where that is possible."""
    return Settings(TABLE, use_fips_compliant_api=True, **values)


class RefusalTests(SynchronousTestCase):
    """The setting itself."""

    def test_refused(self) -> None:
        """Where one of the two libraries has no FIPS provider, True is refused, and the text says which and why."""
        chosen = Settings(TABLE, validators=approved.VALIDATORS)
        for in_cryptography, in_hashlib, named in (
            (False, False, ("cryptography", "hashlib")),
            (True, False, ("hashlib",)),
            (False, True, ("cryptography",)),
        ):
            self.patch(approved.backend, "_fips_enabled", in_cryptography)
            self.patch(approved, "hashlib_fips", lambda value=in_hashlib: int(value))
            error = self.assertRaises(ServerError, setattr, chosen, "use_fips_compliant_api", True)
            self.assertRegex(
                str(error), r"\AUseFIPSCompliantAPI: OpenSSL's FIPS provider has to be active, and is not in "
            )
            self.assertEqual(tuple(name for name in ("cryptography", "hashlib") if f"{name} (" in str(error)), named)
            self.assertFalse(chosen.use_fips_compliant_api)
            chosen.use_fips_compliant_api = False

    def test_taken(self) -> None:
        """Where both have it, True is taken."""
        self.patch(approved.backend, "_fips_enabled", True)
        self.patch(approved, "hashlib_fips", lambda: 1)
        chosen = Settings(TABLE, validators=approved.VALIDATORS, use_fips_compliant_api=True)
        self.assertTrue(chosen.use_fips_compliant_api)

    def test_cannot_be_asked(self) -> None:
        """A version of cryptography that has no such thing is one without it."""
        self.patch(approved, "backend", type("Later", (), {"openssl_version_text": lambda self: "OpenSSL 9"})())
        self.patch(approved, "hashlib_fips", lambda: 1)
        self.assertIn("cryptography (OpenSSL 9)", str(approved.without_fips()))


class OfferTests(SynchronousTestCase):
    """What is offered."""

    def test_rows(self) -> None:
        """Nothing is called approved that is old, or that no provider has."""
        for chapter in CHAPTERS:
            names = [row.name for row in chapter if row.fips]
            self.assertTrue(names)
            self.assertEqual([name for name in names if any(part in name for part in _OTHERS.split())], [])

    def test_profiles(self) -> None:
        """Every profile offers approved algorithms only, of each kind at least one; the log says what is left out."""
        for profile in ("modern", "compatible", "documented"):
            chosen = settings(algorithm_profile=profile)
            offer = offered(chosen, HOST_KEYS.rows)
            for rows in (offer.key_exchanges, offer.host_keys, offer.ciphers, offer.macs, offer.compressions):
                self.assertTrue(rows)
                self.assertEqual([row.name for row in rows if not row.fips], [])
            listed = KEY_EXCHANGES.names("compatible" if profile == Profile.MODERN else profile)
            kept = [name for name in listed if KEY_EXCHANGES[name].fips]
            self.assertEqual([row.name for row in offer.key_exchanges], kept)
            reason = "SSHKeyExchangeAlgorithms: not approved, as UseFIPSCompliantAPI wants"
            self.assertEqual(sorted(left_out(chosen)[reason]), sorted(set(listed) - set(kept)))

    def test_lists(self) -> None:
        """A list keeps its order, and loses what is not approved; if that is all, it is an error that says so."""
        chosen = settings(ssh_encryption_algorithms="chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr")
        self.assertEqual([row.name for row in CIPHERS.offered(chosen)], ["aes256-ctr", "aes128-ctr"])
        chosen.ssh_encryption_algorithms = "chacha20-poly1305@openssh.com"
        error = self.assertRaises(ServerError, CIPHERS.offered, chosen)
        self.assertIn("no cipher is left: chacha20-poly1305@openssh.com: not approved", str(error))
        chosen.use_fips_compliant_api = False
        self.assertEqual(len(CIPHERS.offered(chosen)), 1)
