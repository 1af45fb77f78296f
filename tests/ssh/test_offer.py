"""What a server offers by its profile, and what is said of it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.algorithms.offer import CHAPTERS, VALIDATORS, left_out, weak
from conchsftp.ssh.algorithms.registry import Profile
from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from tests import documented

# Name → default.
_DEFAULTS = {
    line.split()[0]: line.split(None, 3)[3]
    for line in (documented.PROPERTIES + documented.SETTINGS).splitlines()
    if "Algorithms" in line
}


def settings(**values: Any) -> Any:
    """Return settings with these values."""
    return Settings(TABLE, validators=VALIDATORS, **values)


class DocumentedTests(SynchronousTestCase):
    """The profile `documented`."""

    def test_order(self) -> None:
        """It offers the documented defaults in their order, without those that cannot be used here, and says which."""
        chosen = settings(algorithm_profile="documented", trusted_x509_certificates="/cas.pem")
        for chapter in CHAPTERS:
            listed = _DEFAULTS[chapter.setting.name].split(",")
            usable = [name for name in listed if chapter.reason(name) is None]
            self.assertEqual([row.name for row in chapter.offered(chosen)], usable)
            absent = [name for names in left_out(chosen, [chapter]).values() for name in names]
            self.assertEqual(sorted(absent), sorted(set(listed) - set(usable)))


class WeakTests(SynchronousTestCase):
    """What is told of weak names."""

    def test_profiles(self) -> None:
        """`modern` and `compatible` offer nothing that there is something to say against; `documented` does."""
        for profile in (Profile.MODERN, Profile.COMPATIBLE):
            self.assertEqual(weak(settings(algorithm_profile=profile)), {})
            for chapter in CHAPTERS:
                self.assertEqual([row.name for row in chapter if row.profile is profile and row.remark], [])
        told = weak(settings(algorithm_profile="documented"))
        text = told["SSHKeyExchangeAlgorithms (of AlgorithmProfile=documented)"]
        self.assertIn("diffie-hellman-group1-sha1", text)
        self.assertNotIn("curve25519", text)

    def test_named(self) -> None:
        """One text for each setting: the names, and what is wrong with them, once for all that share it."""
        chosen = settings(ssh_compression_algorithms="zlib,none", ssh_pub_key_auth_sig_algorithms="ssh-rsa,ssh-ed25519")
        self.assertEqual(
            weak(chosen),
            {
                "SSHCompressionAlgorithms": "zlib: decompresses what strangers send, before any login",
                "SSHPubKeyAuthSigAlgorithms": "ssh-rsa: RSA with SHA-1, which no longer proves who signed",
            },
        )
        both = settings(ssh_pub_key_auth_sig_algorithms="ssh-rsa,ssh-dss")
        self.assertEqual(weak(both)["SSHPubKeyAuthSigAlgorithms"].count(";"), 1)

    def test_host_keys(self) -> None:
        """Of host key algorithms only those count that a key can sign with."""
        chosen = settings(algorithm_profile="documented")
        setting = f"{HOST_KEYS.setting.name} (of AlgorithmProfile=documented)"
        self.assertIn("ssh-rsa", weak(chosen)[setting])
        self.assertNotIn(setting, weak(chosen, ["ssh-ed25519", "rsa-sha2-256"]))
        self.assertIn("ssh-rsa", weak(chosen, ["ssh-ed25519", "ssh-rsa"])[setting])
