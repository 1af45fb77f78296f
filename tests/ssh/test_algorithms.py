"""Tests of `conchsftp.ssh.algorithms`, and that docs/algorithms.md says what it says."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.signatures import KEY_TYPES
from conchsftp.errors import ServerError
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.algorithms.exchanges import KEY_EXCHANGES
from conchsftp.ssh.algorithms.offer import CHAPTERS, VALIDATORS, left_out, offered, user_signatures
from conchsftp.ssh.algorithms.protection import CIPHERS, COMPRESSIONS, MACS
from conchsftp.ssh.algorithms.registry import Chapter, MacRow, Profile
from conchsftp.ssh.algorithms.signatures import HOST_KEYS, USER_SIGNATURES, certified
from conchsftp.ssh.algorithms.x509_blobs import X509_FORMS
from conchsftp.ssh.kex.groups import Groups
from conchsftp.ssh.packets.ciphers import PacketCipher

try:
    from ssh_audit.ssh2_kexdb import SSH2_KexDB
except ImportError:
    SSH2_KexDB = None

ROOT = Path(__file__).parents[2]
NOT_QUANTUM_SAFE = "does not provide protection against post-quantum attacks"
ALL_KEYS = tuple(HOST_KEYS.rows)


def settings(**values: Any) -> Any:
    """Return settings with these values."""
    return Settings(TABLE, validators=VALIDATORS, **values)


def plain(**values: Any) -> Any:
    """Return what the registry reads of settings, with values that nobody has judged."""
    return SimpleNamespace(use_fips_compliant_api=False, **values)


def names(rows: Any) -> list[str]:
    """Return the names of rows."""
    return [row.name for row in rows]


class TableTests(SynchronousTestCase):
    """The rows."""

    def test_documented_names(self) -> None:
        """Every algorithm that the component lists as supported may stand in its setting."""
        documented = {
            "SSHEncryptionAlgorithms": "aes256-cbc aes192-cbc aes128-cbc 3des-ctr 3des-cbc cast128-cbc blowfish-cbc "
            "arcfour arcfour128 arcfour256 aes256-ctr aes192-ctr aes128-ctr aes256-gcm@openssh.com "
            "aes128-gcm@openssh.com chacha20-poly1305@openssh.com",
            "SSHMacAlgorithms": "hmac-sha2-256-96-etm@openssh.com hmac-sha2-512-96-etm@openssh.com",
            "SSHCompressionAlgorithms": "none zlib zlib@openssh.com",
        }
        for chapter in CHAPTERS:
            listed = documented.get(chapter.setting.name, "").split()
            for name in (*listed, *chapter.names(Profile.DOCUMENTED)):
                chapter.reason(name)

    def test_one_chapter_per_setting(self) -> None:
        """Each setting that lists algorithms is judged by one chapter, and by no other."""
        lists = {row.name for row in TABLE if row.name.startswith("SSH") and "Algorithms" in row.name}
        self.assertEqual(set(VALIDATORS), lists)
        self.assertEqual(len(VALIDATORS), len(CHAPTERS))

    def test_names_are_unique(self) -> None:
        """No name stands twice in a chapter, and every one is fit for the wire (RFC 4251, 6)."""
        for chapter in CHAPTERS:
            self.assertEqual(len(set(chapter.rows) | set(chapter.unbuilt)), len(chapter.rows) + len(chapter.unbuilt))
            for name in chapter.rows:
                self.assertRegex(name, r"\A[!-+.-~-]{1,64}\Z")

    def test_every_cipher_can_be_built(self) -> None:
        """A cipher makes packet protection of keys of its lengths, with a MAC or without."""
        mac = MACS["hmac-sha2-256"].build(bytes(32))
        for row in CIPHERS:
            self.assertIsInstance(row.build(bytes(row.key), bytes(row.iv), None if row.aead else mac), PacketCipher)

    def test_every_mac_can_be_built(self) -> None:
        """A MAC has the length of tag and the arrangement that its row and name say."""
        for row in MACS:
            mac = row.build(bytes(row.key))
            self.assertEqual(len(mac.tag(0, b"packet")), mac.size)
            self.assertEqual((mac.etm, row.etm), ("-etm@" in row.name, "-etm@" in row.name))

    def test_every_key_exchange_can_be_built(self) -> None:
        """A key exchange begins with a message, and its hash is the one in its name."""
        for row in KEY_EXCHANGES:
            self.assertTrue(row.build(Groups()).expects, row.name)
            # RFC 5656, 6.2.1 chooses the hash of NIST's curves by their size.
            by_curve = {"nistp256": "sha256", "nistp384": "sha384", "nistp521": "sha512"}
            last = row.name.removesuffix("-toWM5Slw5Ew8Mqkay+al2g==").partition("@")[0].rpartition("-")[2]
            self.assertEqual(row.hash(b"").name, by_curve.get(last, last), row.name)

    def test_every_compression_can_be_built(self) -> None:
        """What a compressor makes the decompressor reads; `none` has neither."""
        for row in COMPRESSIONS:
            compress, decompress = row.build_compressor(), row.build_decompressor()
            if row.name == "none":
                self.assertEqual((compress, decompress), (None, None))
            else:
                assert compress is not None and decompress is not None
                self.assertEqual(decompress(memoryview(compress(memoryview(b"payload")))), b"payload")
                self.assertIsNot(row.build_compressor(), compress)

    def test_compression_before_login(self) -> None:
        """Nothing is inflated for strangers unless somebody asks for it."""
        for profile in (Profile.MODERN, Profile.COMPATIBLE):
            for name in COMPRESSIONS.names(profile):
                self.assertTrue(COMPRESSIONS[name].delayed or name == "none", name)

    def test_all_can_be_used_here(self) -> None:
        """With the libraries that we ask for, everything of `modern` and `compatible` works."""
        for chapter in CHAPTERS:
            rows = [row for row in chapter if row.profile in (Profile.MODERN, Profile.COMPATIBLE)]
            self.assertEqual({row.name: row.available() for row in rows}, {row.name: None for row in rows})


class ProfileTests(SynchronousTestCase):
    """What is offered without a list."""

    def test_ssh_audit(self) -> None:
        """`modern` has no failure or warning of ssh-audit, except that curve25519 is not quantum-safe."""
        if SSH2_KexDB is None:
            self.skipTest("ssh-audit is not installed")
        known = SSH2_KexDB.get_db()
        for kind, chapter in (("kex", KEY_EXCHANGES), ("key", HOST_KEYS), ("enc", CIPHERS), ("mac", MACS)):
            for name in chapter.names(Profile.MODERN):
                failures_and_warnings = [text for texts in known[kind][name][1:3] for text in texts]
                tolerated = [NOT_QUANTUM_SAFE] if name.startswith("curve25519-sha256") else []
                self.assertEqual(failures_and_warnings, tolerated, name)

    def test_modern(self) -> None:
        """The default: AES-GCM first, no encrypt-and-MAC, nothing weak, in every kind at least one."""
        offer = offered(settings(), ALL_KEYS)
        self.assertEqual(names(offer.key_exchanges)[0], "mlkem768x25519-sha256")
        self.assertEqual(
            names(offer.ciphers),
            ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"],
        )
        self.assertTrue(all(row.etm for row in offer.macs))
        plain = ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]
        self.assertEqual(names(offer.host_keys), plain + list(map(certified, plain)))
        self.assertEqual(names(offer.compressions), ["none", "zlib@openssh.com"])
        for rows in (offer.key_exchanges, offer.host_keys, offer.ciphers, offer.macs, offer.compressions):
            self.assertTrue(rows)

    def test_compatible(self) -> None:
        """`compatible` offers more, and still nothing with SHA-1."""
        modern, more = (offered(settings(algorithm_profile=each), ALL_KEYS) for each in ("modern", "compatible"))
        for kind in ("key_exchanges", "host_keys", "ciphers", "macs"):
            rows = getattr(more, kind)
            self.assertTrue(set(getattr(modern, kind)) < set(rows))
            self.assertFalse([row.name for row in rows if "sha1" in row.name or row.name == "ssh-rsa"])
        wanted = {"aes128-ctr", "hmac-sha2-256", "diffie-hellman-group14-sha256", "curve25519-sha256"}
        self.assertTrue(wanted <= set(names((*more.ciphers, *more.macs, *more.key_exchanges))))

    def test_documented(self) -> None:
        """`documented` offers the component's lists in its order, as far as they are built."""
        offer = offered(settings(algorithm_profile="documented"), ALL_KEYS)
        self.assertEqual(names(offer.ciphers), list(CIPHERS.names(Profile.DOCUMENTED)))
        self.assertNotIn("mlkem768x25519-sha256", names(offer.key_exchanges))
        # Also where the settings leave the list to the registry.
        for chapter in CHAPTERS:
            self.assertEqual(chapter.names(Profile.DOCUMENTED), chapter.setting.documented)

    def test_user_signatures(self) -> None:
        """
        Keys of users, security keys included, may sign with anything but SHA-1, DSA and what a browser makes; X.509
        certificates stand for them only where some are trusted.
        """
        named = {"ssh-rsa", "ssh-dss", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"}
        for profile in ("modern", "compatible"):
            default = user_signatures(settings(algorithm_profile=profile))
            certified = {name for name in X509_FORMS if X509_FORMS[name].signs_as not in named}
            bare = tuple(name for name in USER_SIGNATURES.rows if name not in named | set(X509_FORMS))
            self.assertEqual(default, bare)
            trusting = settings(algorithm_profile=profile, trusted_x509_certificates="/cas.pem")
            self.assertEqual(set(user_signatures(trusting)), {*bare, *certified})
        chosen = settings(ssh_pub_key_auth_sig_algorithms=",".join(sorted(named)))
        self.assertEqual(set(user_signatures(chosen)), named)
        documented = user_signatures(settings(algorithm_profile="documented"))
        self.assertEqual(set(documented) & named, {"ssh-rsa", "ssh-dss"})
        self.assertFalse(set(documented) & set(X509_FORMS))
        trusting = settings(algorithm_profile="documented", trusted_x509_certificates="/cas.pem")
        self.assertEqual(set(user_signatures(trusting)) - set(documented), {"x509v3-sign-rsa", "x509v3-sign-dss"})

    def test_x509_needs_trust(self) -> None:
        """Who names an X.509 algorithm for users without trusting a certificate is told that it is not offered."""
        chosen = settings(ssh_pub_key_auth_sig_algorithms="ssh-ed25519,x509v3-ssh-rsa")
        self.assertEqual(user_signatures(chosen), ("ssh-ed25519",))
        reason = "SSHPubKeyAuthSigAlgorithms: needs TrustedX509Certificates"
        self.assertEqual(left_out(chosen), {reason: ["x509v3-ssh-rsa"]})
        self.assertNotIn(reason, left_out(settings()))

    def test_user_signatures_are_checked(self) -> None:
        """What is offered to the keys of users is what can be checked, no more and no less."""
        checked = {name for row in KEY_TYPES.values() for name in row.algorithms}
        self.assertEqual(set(USER_SIGNATURES.rows), checked | set(X509_FORMS))
        self.assertLessEqual({form.signs_as for form in X509_FORMS.values()}, checked)
        self.assertEqual(set(user_signatures(settings())) & {"ssh-rsa", "ssh-dss"}, set())
        chosen = settings(ssh_pub_key_auth_sig_algorithms="rsa-sha2-512,ssh-ed25519")
        self.assertEqual(user_signatures(chosen), ("rsa-sha2-512", "ssh-ed25519"))


class ListTests(SynchronousTestCase):
    """What is offered by a list."""

    def test_order(self) -> None:
        """A list is offered in its own order, whatever the profile would offer."""
        wanted = "aes256-ctr,chacha20-poly1305@openssh.com,aes128-gcm@openssh.com"
        self.assertEqual(",".join(names(CIPHERS.offered(settings(ssh_encryption_algorithms=wanted)))), wanted)

    def test_repeated(self) -> None:
        """A name that stands twice is offered once."""
        twice = plain(ssh_encryption_algorithms=["aes128-ctr"] * 2, algorithm_profile="modern")
        self.assertEqual(names(CIPHERS.offered(twice)), ["aes128-ctr"])

    def test_unknown(self) -> None:
        """An unknown name is an error that names the setting and the nearest algorithm."""
        wrong = plain(ssh_encryption_algorithms=("aes128-gcm",), algorithm_profile="modern")
        error = self.assertRaises(ServerError, CIPHERS.offered, wrong)
        self.assertEqual(
            str(error),
            "SSHEncryptionAlgorithms: unknown cipher 'aes128-gcm'; did you mean aes128-gcm@openssh.com?",
        )

    def test_unknown_in_settings(self) -> None:
        """The settings refuse the name when it is set, with the same text."""
        error = self.assertRaises(ServerError, settings, ssh_mac_algorithms="hmac-sha2-255")
        self.assertIn("unknown MAC 'hmac-sha2-255'; did you mean hmac-sha2-256?", str(error))

    def test_unbuilt(self) -> None:
        """A documented algorithm that is not built is accepted, left out and reported."""
        rows = [row for row in CIPHERS if row.name != "arcfour"]
        chapter = Chapter("cipher", "SSHEncryptionAlgorithms", rows, unbuilt="twofish-cbc")
        wanted = plain(ssh_encryption_algorithms=("arcfour", "twofish-cbc", "aes128-ctr"))
        self.assertEqual(names(chapter.offered(wanted)), ["aes128-ctr"])
        for name in ("arcfour", "twofish-cbc"):
            self.assertEqual(chapter.reason(name), "not built into this server")
        self.assertEqual(left_out(settings()), {})

    def test_unavailable(self) -> None:
        """An algorithm that this machine cannot do is accepted, left out and reported with the reason."""
        build = MACS["hmac-sha2-256"].build
        absent = MacRow("hmac-md5", Profile.MODERN, key=16, build=build, available=lambda: "no MD5")
        chapter = Chapter("MAC", "SSHMacAlgorithms", [absent, *(row for row in MACS if row.name != absent.name)])
        self.assertEqual(chapter.reason("hmac-md5"), "no MD5")
        default = plain(ssh_mac_algorithms=(), algorithm_profile="modern")
        self.assertEqual(chapter.offered(default), MACS.offered(default))

    def test_nothing_left(self) -> None:
        """A list of which nothing could be offered is an error that says why."""
        rows = [row for row in CIPHERS if row.name not in ("arcfour", "3des-ctr")]
        chapter = Chapter("cipher", "SSHEncryptionAlgorithms", rows)
        error = self.assertRaises(ValueError, chapter.check, ("arcfour", "3des-ctr"))
        self.assertIn("no cipher is left: arcfour: not built into this server", str(error))

    def test_host_keys(self) -> None:
        """Of the host key algorithms those are offered that a key signs with, in the order of the list."""
        offer = offered(settings(), ["rsa-sha2-256", "ssh-ed25519"])
        self.assertEqual(names(offer.host_keys), ["ssh-ed25519", "rsa-sha2-256"])

    def test_no_host_key(self) -> None:
        """Without a fitting host key nothing can be offered, and the error says what is needed and what there is."""
        ecdsa = "there is ecdsa-sha2-nistp256, which AlgorithmProfile=compatible offers"
        for have, told in (((), "there is nothing"), (("ecdsa-sha2-nistp256",), ecdsa)):
            error = self.assertRaises(ServerError, offered, settings(), have)
            self.assertEqual(error.code, 1301)
            self.assertIn("a host key for ssh-ed25519", str(error))
            self.assertIn(told, str(error))

    def test_no_named_host_key(self) -> None:
        """Another profile is not recommended where it changes nothing: a list was named, or approved is what counts."""
        named = settings(ssh_public_key_algorithms="rsa-sha2-512")
        for given in (named, settings(use_fips_compliant_api=True)):
            error = self.assertRaises(ServerError, offered, given, ["ssh-ed25519"])
            self.assertTrue(str(error).endswith("there is ssh-ed25519"), str(error))

    def test_strict(self) -> None:
        """Strict key exchange is offered unless it is switched off."""
        for value in (0, 1, 2, 3):
            self.assertEqual(offered(settings(use_strict_key_exchange=value), ALL_KEYS).strict, value > 0)


class DocumentTests(SynchronousTestCase):
    """docs/algorithms.md."""

    def test_up_to_date(self) -> None:
        """The page says what the registry says; if not, run docs/generate_algorithms.py."""
        generator = runpy.run_path(str(ROOT / "docs" / "generate_algorithms.py"))
        page = (ROOT / generator["PAGE"]).read_text(encoding="utf-8")
        self.assertEqual(page, generator["algorithms_page"]())
        for chapter in CHAPTERS:
            for name in chapter.rows:
                self.assertIn(f"| `{name}` |", page)
