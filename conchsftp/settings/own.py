"""
Rows of our own, which the component does not have. Rows only.
"""

from conchsftp.settings.auth_policy import AUTH_POLICY, AuthPolicy
from conchsftp.settings.client_quirks import CLIENT_QUIRKS, Overrides
from conchsftp.settings.hosts import Hosts
from conchsftp.settings.kinds import BOOL, ENDPOINTS, MASK, MODE, PATH, PATHS, SECONDS, TEXT, integer, one_of, some_of
from conchsftp.settings.penalties import ADDRESSES, NET_BLOCKS, PENALTIES, NetBlocks, PenaltyRules
from conchsftp.settings.row import Change, Index, Setting, declare

# No SHA-1: whoever can make two certificates with one hash has the CA sign the harmless one.
_CA_SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

ROWS = declare(
    Setting(
        name="AlgorithmProfile",
        kind=one_of("modern", "compatible", "documented"),
        default="modern",
        doc="""Which defaults hold, for algorithms and all other settings.
`modern`: only algorithms without known weakness. `compatible`: also some that older clients need. `documented`: the
lists and values that the component documents. What is set explicitly stays.""",
    ),
    Setting(
        name="Listen",
        kind=ENDPOINTS,
        default=(),
        change=Change.BEFORE_LISTENING,
        doc="""Where to listen, as Twisted's endpoint strings, such as `tcp:8022:interface=127.0.0.1`.
With `haproxy:` before it, behind a proxy that sends the PROXY header; see TrustedProxies. Empty: LocalHost and
LocalPort.""",
    ),
    Setting(
        name="TrustedProxies",
        kind=ADDRESSES,
        default=Hosts(("127.0.0.0/8", "::1")),
        doc="""Hosts whose PROXY headers are believed, at the ports of Listen that begin with `haproxy:`.
Others are cut off there before they are read, and named in the log: whoever is believed can pass for any client. The
default is this machine. Who comes through a local socket is always believed: its file says who may. For connections
after the change.""",
    ),
    Setting(
        name="HostCertificate",
        kind=PATHS,
        default=(),
        blank="none",
        doc="""Files of OpenSSH host certificates, as `ssh-keygen -s CA -h` writes them.
Each belongs to a host key of the server, or to one that a handler of Connected chooses: the public key tells. It is
offered besides the bare key while it is valid; clients that trust its CA then need not know the key. Read again when a
file changes, within half a minute. See host_keys.md.""",
    ),
    Setting(
        name="ReadOnly",
        kind=BOOL,
        default=False,
        doc="Whether every request that would change something is refused.",
    ),
    Setting(
        name="AllowPasswordChange",
        kind=BOOL,
        default=False,
        index=Index.CONNECTION,
        doc="""Whether users may change their passwords without being asked to.
A client sends the old password with the new one. Where the server asks for a new one, as for users whose entry says
`change_password`, this is always possible. Off, because a stolen password could lock out its owner.""",
    ),
    Setting(
        name="ClientQuirks",
        kind=CLIENT_QUIRKS,
        default=Overrides(),
        blank="what the table says",
        doc="""What single clients need, if the server's table of clients is wrong or does not know them.
`SSH-2.0-MyClient* symlinks=link-first packet=16384 versions=3`: a pattern of the client's SSH version string, and after
spaces what is to be different. In a pattern `*` stands for any text, also for spaces, and `?` for one character. The
first pattern that matches counts. What can be changed, and what the table says, is in client_quirks.md. Holds for
connections after the change.""",
    ),
    Setting(
        name="SetStatPolicy",
        kind=one_of("apply", "ignore-mode-and-owner", "ignore-all"),
        default="apply",
        index=Index.CONNECTION,
        doc="""What happens when a client sets the mode, the owner or the times of a file.
Many clients do so after each upload, and show a refusal as if the upload had failed. `apply`: it is done, or refused
with the reason. `ignore-mode-and-owner`: these two are not changed, and the client is told that they were; times are
set. `ignore-all`: nothing is changed but the size. The size is always set. What OPEN and MKDIR bring for a new file or
folder is applied all the same.""",
    ),
    Setting(
        name="TempFolder",
        kind=TEXT,
        default="",
        blank="none",
        doc="""The folder for temporary files that clients are told of when they ask, as they see it: `/tmp`, or `tmp`.
A relative path starts from the user's home. It has to be there. In it, `make-temp-folder` makes folders that only their
owner can enter. Empty: there is none, and neither `get-temp-folder` nor `make-temp-folder` is offered.""",
    ),
    Setting(
        name="Umask",
        kind=MASK,
        default=None,
        blank="that of the process",
        doc="Permission bits that new files and directories never have, in octal; empty: those of the process.",
    ),
    Setting(
        name="FileMode",
        kind=MODE,
        default=0o666,
        doc="""Permissions of a new file for which the client asks none, in octal; Umask takes from them.
For logins after the change.""",
    ),
    Setting(
        name="DirectoryMode",
        kind=MODE,
        default=0o777,
        doc="""Permissions of a new directory for which the client asks none, in octal; Umask takes from them.
For logins after the change.""",
    ),
    Setting(
        name="ForceModes",
        kind=BOOL,
        default=False,
        doc="""Whether FileMode and DirectoryMode hold for everything new, whatever a client asks.
They hold exactly: no umask takes from them. A client can still change them afterwards, unless SetStatPolicy forbids
that. For logins after the change.""",
    ),
    Setting(
        name="CrossDeviceRename",
        kind=one_of("fail", "copy"),
        default="fail",
        doc="""What becomes of a rename to another file system that is mounted below the folder.
`fail`: it is refused. `copy`: files and symbolic links are copied and then removed; directories are refused. For logins
after the change.""",
    ),
    Setting(
        name="SymlinkPolicy",
        kind=one_of("inside", "deny", "follow"),
        default="inside",
        doc="""What becomes of symbolic links.
`inside`: they are followed, and never lead out of the folder. `deny`: none is followed, and clients can make none.
`follow`: they are followed wherever they lead, so that the folder is no longer all that can be reached; clients can
neither make nor move any. A folder that a client moves takes the links in it along, and relative ones then lead
elsewhere. For logins after the change.""",
    ),
    Setting(
        name="AuthenticationMethods",
        kind=AUTH_POLICY,
        default=AuthPolicy(),
        doc="""What a user has to prove, written as OpenSSH's AuthenticationMethods.
`any`: one method of DefaultAuthMethods is enough. `publickey,password publickey,keyboard-interactive`: the methods of
one list, in its order; spaces separate the lists. `keyboard-interactive:totp` asks only for the user's
one-time code, `keyboard-interactive:password` only for the password. A method has to be in DefaultAuthMethods, too. A
user's own `methods` in the users file count instead. See factors.md. Holds for logins that begin after the change.""",
    ),
    Setting(
        name="PubkeyAuthOptions",
        kind=one_of("none", "touch-required", "verify-required"),
        default="none",
        doc="""What every security key (FIDO) must say for a login, whoever it belongs to.
`none`: that somebody touched it, unless the user's entry for this key says `no-touch-required`. `touch-required`: that
somebody touched it, without exception. `verify-required`: also that it knows who did, by a PIN or a finger.""",
    ),
    Setting(
        name="TrustedUserCAKeys",
        kind=PATH,
        default="",
        blank="none",
        doc="""A file of the keys of CAs whose certificates let in every user that this server knows.
One public key on each line, with the options of `authorized_keys` if need be. A certificate has to name the user, or
one of the `principals` that the users file has for them. Read again when it changes. See certificates.md.""",
    ),
    Setting(
        name="RevokedKeys",
        kind=PATH,
        default="",
        blank="none",
        doc="""A file of keys that let nobody in any more, whoever accepts them.
A text with one public key on each line, or a list that `ssh-keygen -k` has made, which may also name certificates. The
key of a CA stands for all of its certificates. While the file cannot be read, or not as a whole, every key is refused.
Read again when it changes.""",
    ),
    Setting(
        name="CASignatureAlgorithms",
        kind=some_of(*_CA_SIGNATURES),
        default=_CA_SIGNATURES,
        doc="Signatures with which a CA may sign the certificates of users.",
    ),
    Setting(
        name="GSSKeytab",
        kind=PATH,
        default="",
        blank="that of the system",
        change=Change.BEFORE_LISTENING,
        doc="""The keytab with the Kerberos keys of this server, for key exchanges and logins by GSSAPI.
Only asked for where SSHKeyExchangeAlgorithms or DefaultAuthMethods name some. Read again for each login. That of the
system is what libkrb5 says, usually /etc/krb5.keytab, which only root can read. See gssapi.md.""",
    ),
    Setting(
        name="GSSAcceptor",
        kind=TEXT,
        default="host",
        change=Change.BEFORE_LISTENING,
        doc="""Which keys of GSSKeytab count.
`host`: those of this service, whatever the name of the machine and the realm. `host@server.example.com`: those of one
machine. `host/server.example.com@EXAMPLE.COM`: one of them.""",
    ),
    Setting(
        name="TrustedX509Certificates",
        kind=PATH,
        default="",
        blank="none",
        doc="""A file of X.509 certificates in PEM: of CAs whose certificates let users in, or of single users.
Only with it are the algorithms `x509v3-…` of SSHPubKeyAuthSigAlgorithms offered. Whose certificate is which user's, the
users file says, or X509UserName. While the file cannot be read, or not as a whole, no such certificate lets in. Read
again when it changes. See x509.md.""",
    ),
    Setting(
        name="X509RevocationLists",
        kind=PATH,
        default="",
        blank="none",
        doc="""A file of lists of revoked X.509 certificates (CRLs), in PEM.
With it, every CA on the way from a user's certificate to a trusted one has to have a current list in it: without one,
and while the file cannot be read, its certificates are refused. Read again when it changes.""",
    ),
    Setting(
        name="X509UserName",
        kind=one_of("none", "common-name", "email", "upn"),
        default="none",
        doc="""Where in an X.509 certificate the user name stands, for users whose entry has no `x509`.
`none`: nowhere, so that only certificates let in whose names the users file lists. `common-name`: the CN of the
subject, if there is one only. `email`, `upn`: a whole email address or user principal name among the alternative names.
Whoever can have a trusted CA certify such a name is that user.""",
    ),
    Setting(
        name="LoginGraceTime",
        kind=SECONDS,
        default=120,
        doc="Seconds from accepting a connection to the end of its login, after which it is closed; 0: no limit.",
    ),
    Setting(
        name="MaxStartups",
        kind=integer(1, 100_000, unit="connections"),
        default=100,
        doc="""Connections at the same time that have not logged in.
When one more comes, one of these is closed, the first that came from the source that has the most of them: connections
that only wait cannot keep others from logging in.""",
    ),
    Setting(
        name="PerSourceMaxStartups",
        kind=integer(0, 100_000, unit="connections"),
        default=0,
        doc="""Connections of one source at the same time that have not logged in; 0: as many as MaxStartups allows.
More are closed at once. What a source is, PerSourceNetBlockSize says; who is in PerSourcePenaltyExemptList may have any
number.""",
    ),
    Setting(
        name="PerSourcePenalties",
        kind=PENALTIES,
        default=PenaltyRules(),
        doc="""Whether and for how long hosts are refused that guess passwords, or keep the server busy otherwise.
`authfail` (5 seconds) is added for each wrong password, answer or signed key; `noauth` (1) for a client that leaves
without having tried to log in; `grace-exceeded` (10) for one that takes longer than it may; `refuseconnection` (0) for
one that is refused in any case; `crash` (90) for one whose message the server failed at. Time takes away again what was
added. While more is left guesses take longer, up to eight times; when `min` (15) has come together, all connections of
that source are refused until nothing is left; `max` (600) is the most. `max-sources4` and `max-sources6` (16384) are
how many are remembered; when there are more, `overflow` and `overflow6` say what happens: `permissive` forgets those
that are free soonest, `deny-all` refuses everybody until one is. What is not named has its default. The words are those
of OpenSSH, which adds once for a connection what is added for each guess here.""",
    ),
    Setting(
        name="PerSourcePenaltyExemptList",
        kind=ADDRESSES,
        default=Hosts(()),
        doc="""Hosts that are never refused by PerSourcePenalties, and have no limit by PerSourceMaxStartups.
For networks whose users all come from one address, and for programs that watch the server.""",
    ),
    Setting(
        name="PerSourceNetBlockSize",
        kind=NET_BLOCKS,
        default=NetBlocks(),
        doc="""How many leading bits of an address are one source, for what is counted per source.
`32:64`: each address of IPv4, and each network of IPv6 as one household has it. Holds for what is counted from then
on.""",
    ),
    Setting(
        name="HandlerTimeLimit",
        kind=SECONDS,
        default=30,
        doc="""Seconds that one handler of an event may take; 0: no limit.
One that takes longer counts as failed: the operation does not happen, the login is refused.""",
    ),
    Setting(
        name="MaxBytesInFlight",
        # A request larger than the window could never be received whole: 256 KiB is the largest, and its packet a
        # little more. SSH's window may have a bit more (RFC 4254, 5.2), but there are clients that count with a sign.
        kind=integer(2**19, 2**31 - 1, unit="bytes"),
        default=2**21,
        doc="""Bytes of requests that a client may have unanswered in one session; the window of its channel.
More is faster over long distances and costs that much memory for each session that is behind.""",
    ),
    Setting(
        name="MaxChannels",
        kind=integer(1, 1000, unit="channels"),
        default=10,
        doc="Sessions at the same time in one connection; more are refused.",
    ),
    Setting(
        name="MaxHandles",
        kind=integer(1, 1_000_000, unit="handles"),
        default=1024,
        doc="""Files and directories open at the same time in one session; more are refused.
Each takes a kilobyte of memory and, on a disk, a descriptor: the system limits how many of these the server has. Open
directories take more memory: no more than 64 of them, or all that this allows if that is less.""",
    ),
    Setting(
        name="RekeyPackets",
        # RFC 4344, 3.1: new keys should be exchanged after 2**31 packets, and must be after 2**32.
        kind=integer(1, 2**31, unit="packets"),
        default=2**31,
        doc="Packets, in one direction, after which new keys are exchanged; see KeyRenegotiationThreshold.",
    ),
    Setting(
        name="RekeySeconds",
        kind=SECONDS,
        default=3600,
        doc="Seconds after which new keys are exchanged; 0: only after bytes and packets.",
    ),
    Setting(
        name="ModuliFile",
        kind=PATH,
        default="",
        change=Change.BEFORE_LISTENING,
        blank="the groups of RFC 3526",
        doc="""A file of groups for diffie-hellman-group-exchange, such as the /etc/ssh/moduli of OpenSSH.
Read when the server begins to listen. No file is read that is not named here: without one the groups of RFC 3526 serve,
which are as safe, and take a twentieth of the work. See key_exchange.md.""",
    ),
    Setting(
        name="FileThreads",
        kind=one_of("auto", "inline", "threads"),
        default="auto",
        doc="""Where calls to the file system run.
`auto`: at once while a mount answers quickly, in threads while it does not, or if it is a network file system.
`inline`: at once, always. `threads`: in threads, always.""",
    ),
)
