"""
Rows of the documented chapter "SSHServer", and what it documents as properties of SSH. Rows only.

An empty list of algorithms stands for the list of the AlgorithmProfile, which the registry in ssh/algorithms knows;
which names exist is checked by the validators of the store.
"""

from importlib.metadata import PackageNotFoundError, version

from conchsftp.log import Detail
from conchsftp.settings.choices import StrictKeyExchange
from conchsftp.settings.kinds import (
    BOOL,
    NAMES,
    PATTERNS,
    SECONDS,
    TEXT,
    Patterns,
    integer,
    matching,
    numbered,
    some_of,
)
from conchsftp.settings.prompts import MOST_PROMPTS, PROMPTS
from conchsftp.settings.row import Change, Index, Setting, declare, of_connection

try:
    VERSION = version("conchsftp")
except PackageNotFoundError:
    # Run from a source tree that is not installed.
    VERSION = "source"

_PROFILE = "Empty: the list of the AlgorithmProfile. The names are in algorithms.md; the order of the client decides."
_LIST = "the list of the profile"
_SAFE = "Only algorithms without known weakness are offered, the fastest first."


def _names(*lines: str) -> tuple[str, ...]:
    """Return the names on several lines, separated by spaces."""
    return tuple(" ".join(lines).split())


ROWS = declare(
    Setting(
        name="DefaultAuthMethods",
        kind=some_of("none", "password", "publickey", "keyboard-interactive", "gssapi-with-mic", "gssapi-keyex"),
        default=("password", "publickey"),
        doc="""Ways to log in that a client is told of, and may try.
Where `password` is one, so is `keyboard-interactive`: some clients know only that way of asking for one. A client is
never told of `none`, but a handler of SSHUserAuthRequest is told when one tries it. Only where `none` is named here can
that handler let somebody in without any proof. `gssapi-with-mic` is a ticket of Kerberos, and `gssapi-keyex` one that
the keys were exchanged with; see gssapi.md.""",
    ),
    Setting(
        name="KeyboardInteractiveMessage",
        kind=TEXT,
        default="",
        doc="Text that is shown above the prompts of keyboard-interactive.",
    ),
    Setting(
        name="KeyboardInteractivePromptCount",
        kind=integer(0, MOST_PROMPTS, unit="prompts"),
        default=0,
        doc="""How many questions keyboard-interactive asks.
KeyboardInteractivePromptPrompt and KeyboardInteractivePromptEcho say which. 0: one, `Password: `, and the answer is
judged as a password is. To others the answers go to a handler of SSHUserAuthRequest.""",
    ),
    Setting(
        name="KeyboardInteractivePromptPrompt",
        kind=TEXT,
        default="",
        index=Index.POSITION,
        count="KeyboardInteractivePromptCount",
        doc="Text of one prompt; an empty one is shown as `: `, because no prompt may be empty.",
    ),
    Setting(
        name="KeyboardInteractivePromptEcho",
        kind=BOOL,
        default=False,
        index=Index.POSITION,
        count="KeyboardInteractivePromptCount",
        doc="Whether the answer to one prompt is shown while it is typed.",
    ),
    Setting(
        name="KeyboardInteractivePrompts",
        kind=PROMPTS,
        default=(),
        index=Index.CONNECTION,
        doc="""The prompts of keyboard-interactive, all of them, instead of KeyboardInteractivePromptPrompt.
For one connection, set it in the handler of SSHUserAuthRequest, at the latest while the method `none` is tried:
`server.keyboard_interactive_prompts[event.connection_id] = [("Code: ", False)]`.""",
    ),
    Setting(
        name="FireAuthRequestAfterSig",
        kind=BOOL,
        default=False,
        doc="""Whether SSHUserAuthRequest fires once more when a signature of a public key has been verified.
`auth_method` is `sigstatus` then, and `auth_param` `1`, or `0` if the signature was wrong, which is always refused.""",
    ),
    Setting(
        name="MaxAuthAttempts",
        kind=integer(1, 1000, unit="attempts"),
        default=6,
        doc="Refused attempts to log in after which the connection is closed.",
    ),
    Setting(
        name="UserAuthBanner",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        doc="Text that a client shows before login; empty: none. At the latest, set it while the login is decided.",
    ),
    Setting(
        name="SSHPubKeyAuthSigAlgorithms",
        kind=NAMES,
        default=(),
        blank=_LIST,
        documented=_names(
            "ssh-rsa rsa-sha2-256 rsa-sha2-512 x509v3-sign-rsa ssh-dss x509v3-sign-dss",
            "ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 ssh-ed25519",
        ),
        why="A signature with SHA-1 or DSA no longer proves who made it.",
        doc=f"Signatures that a client may log in with.\n{_PROFILE}",
    ),
    Setting(
        name="SSHPublicKeyAlgorithms",
        kind=NAMES,
        default=(),
        blank=_LIST,
        documented=_names(
            "ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521",
            "rsa-sha2-256 rsa-sha2-512 ssh-rsa ssh-dss x509v3-sign-rsa x509v3-sign-dss",
        ),
        why=_SAFE,
        doc=f"Signatures with which the server proves its host key.\nOnly those that its keys can make. {_PROFILE}",
    ),
    Setting(
        name="SSHKeyExchangeAlgorithms",
        kind=NAMES,
        default=(),
        blank=_LIST,
        documented=_names(
            "curve25519-sha256 curve25519-sha256@libssh.org diffie-hellman-group-exchange-sha256",
            "diffie-hellman-group14-sha256 diffie-hellman-group16-sha512 diffie-hellman-group18-sha512",
            "ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521 diffie-hellman-group-exchange-sha1",
            "diffie-hellman-group14-sha1 diffie-hellman-group1-sha1 gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==",
            "gss-group16-sha512-toWM5Slw5Ew8Mqkay+al2g== gss-nistp256-sha256-toWM5Slw5Ew8Mqkay+al2g==",
            "gss-curve25519-sha256-toWM5Slw5Ew8Mqkay+al2g== gss-group14-sha1-toWM5Slw5Ew8Mqkay+al2g==",
            "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==",
        ),
        why=_SAFE,
        doc=f"Key exchanges.\n{_PROFILE}",
    ),
    Setting(
        name="SSHEncryptionAlgorithms",
        kind=NAMES,
        default=(),
        blank=_LIST,
        documented=_names(
            "aes256-ctr aes192-ctr aes128-ctr 3des-ctr arcfour256 arcfour128 arcfour",
            "aes256-gcm@openssh.com aes128-gcm@openssh.com chacha20-poly1305@openssh.com",
        ),
        why=_SAFE,
        doc=f"Ciphers, for both directions.\n{_PROFILE}",
    ),
    Setting(
        name="SSHMacAlgorithms",
        kind=NAMES,
        default=(),
        blank=_LIST,
        documented=_names(
            "hmac-sha2-256 hmac-sha2-512 hmac-sha1 hmac-md5 hmac-ripemd160 hmac-sha1-96 hmac-md5-96",
            "hmac-sha2-256-96 hmac-sha2-512-96 hmac-ripemd160-96",
            "hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com",
            "umac-64@openssh.com umac-64-etm@openssh.com umac-128@openssh.com umac-128-etm@openssh.com",
        ),
        why=_SAFE,
        doc=f"Codes that protect packets of ciphers without one of their own, for both directions.\n{_PROFILE}",
    ),
    Setting(
        name="SSHCompressionAlgorithms",
        kind=NAMES,
        default=(),
        blank=_LIST,
        documented=("none", "zlib"),
        why="Nothing is decompressed before login: only `none` and `zlib@openssh.com`, which waits for it.",
        doc=f"Compressions, for both directions.\n{_PROFILE}",
    ),
    Setting(
        name="UseStrictKeyExchange",
        kind=numbered(StrictKeyExchange),
        default=StrictKeyExchange.ALLOWED,
        doc="""What is asked of a client against the Terrapin attack.
0: nothing. 1: used with clients that can. 2: clients that cannot may use only algorithms that the attack does not
touch. 3: clients that cannot are refused.""",
    ),
    Setting(
        name="KeyRenegotiationThreshold",
        # "It is RECOMMENDED that the keys be changed after each gigabyte of transmitted data" (RFC 4253, 9).
        # 2**36 bytes are 2**32 blocks of AES, after which one key has done enough (RFC 4344, 3.2).
        kind=integer(1, 2**36, unit="bytes"),
        default=2**30,
        doc="""Bytes, in one direction, after which new keys are exchanged; see RekeyPackets and RekeySeconds.
At the latest after 512 MiB with arcfour and ciphers whose blocks have 64 bits, and after 32 GiB with all others.""",
    ),
    Setting(
        name="ClientSSHVersionString",
        kind=TEXT,
        default="",
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_connection("client_version"),
        doc="The version string of the client; empty until it has come.",
    ),
    Setting(
        name="NegotiatedStrictKex",
        kind=BOOL,
        default=False,
        index=Index.CONNECTION,
        change=Change.NEVER,
        read=of_connection("strict"),
        doc="Whether strict key exchange was negotiated.",
    ),
    Setting(
        name="LogLevel",
        kind=numbered(Detail),
        default=Detail.INFO,
        doc="""How much is logged, in Twisted's log and by Log events.
0 (NONE): nothing but mistakes of the server or its program, in Twisted's log. 1 (INFO): connections, logins, refusals,
uploads and what went wrong. 2 (VERBOSE): also downloads, each request and how it ended, and the steps of SSH. 3
(DEBUG): also name and size of each packet; never what is in them.""",
    ),
    Setting(
        name="SSHVersionPattern",
        kind=PATTERNS,
        default=Patterns("*SSH-1.99-*,*SSH-2.0-*"),
        doc="Patterns of the version strings of clients that may connect.",
    ),
    Setting(
        name="ServerSSHVersionString",
        # "consisting of printable US-ASCII characters, with the exception of whitespace characters and the minus sign",
        # then a space and comments, 255 characters with CR LF (RFC 4253, 4.2).
        kind=matching(
            r"(?=.{9,253}\Z)SSH-2\.0-[!-,.-~]+( [ -~]*)?",
            "`SSH-2.0-` and a name of printable ASCII without spaces and `-`; then, after a space, any printable ASCII",
        ),
        default=f"SSH-2.0-conchsftp_{VERSION}",
        documented="SSH-2.0-IPWorks SSH Daemon 2024",
        restored=False,
        why="Clients choose work-arounds by the name of the product; AlgorithmProfile does not change it.",
        doc="The line with which the server greets clients.",
    ),
    Setting(
        name="SSHKeepAliveInterval",
        kind=SECONDS,
        default=0,
        doc="Seconds of silence on a connection after which the client is asked whether it is there; 0: never.",
    ),
    Setting(
        name="SSHKeepAliveCountMax",
        kind=integer(1, 1000, unit="questions"),
        default=5,
        doc="Such questions without an answer after which the connection is closed.",
    ),
)
