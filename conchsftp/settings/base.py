"""
Rows of the documented chapter "Base": what its runtime is asked for, most of which Twisted settles. Rows only.
"""

from conchsftp.settings.code_pages import CODE_PAGE
from conchsftp.settings.kinds import BOOL, TEXT, integer
from conchsftp.settings.row import Change, Setting, Support, declare

ROWS = declare(
    Setting(
        name="BuildInfo",
        kind=TEXT,
        default="",
        change=Change.NEVER,
        read=lambda server, index: server.versions,
        doc="The versions of this package, of Twisted, of the cryptography and of Python.",
    ),
    Setting(
        name="LicenseInfo",
        kind=TEXT,
        default="",
        change=Change.NEVER,
        read=lambda server, index: "MIT",
        doc="The licence of this package; nobody needs a key.",
    ),
    Setting(
        name="CodePage",
        kind=CODE_PAGE,
        default=65001,
        doc="""The code page in which clients of version 3 write names; 65001 is UTF-8.
A name that it has no characters for is sent in UTF-8, and cannot be asked for. Code pages without ASCII, such as EBCDIC
(037), and those that shift between sets of characters are refused: paths are made of `/` and `.`. Versions 4 to 6 of
the protocol always use UTF-8. Holds for sessions that begin after the change.""",
    ),
    Setting(
        name="ProcessIdleEvents",
        kind=BOOL,
        default=True,
        support=Support.ACCEPTED,
        why="The reactor always does.",
        doc="Whether events are processed while the program is idle.",
    ),
    Setting(
        name="SelectWaitMillis",
        kind=integer(0, 60_000, unit="milliseconds"),
        default=20,
        doc="Milliseconds that do_events() waits at most, in a program whose reactor does not run.",
    ),
    Setting(
        name="MaskSensitiveData",
        kind=BOOL,
        default=True,
        doc="""Whether passwords are masked in Log events.
They are in those of LogLevel 3 alone, and nowhere else: Twisted's log never has them, not even if this is False. For
passwords and answers that come after the change.""",
    ),
    Setting(
        name="UseFIPSCompliantAPI",
        kind=BOOL,
        default=False,
        doc="""Whether SSH uses only cryptography that is approved by FIPS 140-3.
True is refused unless OpenSSL's FIPS provider is active in what computes here, the package `cryptography` and Python's
hashlib; the packages that pip brings have none. Then what algorithms.md calls approved is offered and nothing else,
whatever the lists name; AlgorithmProfile `modern`, of which no key exchange is approved, counts as `compatible`.
Passwords in a users file are hashed by bcrypt, which is not approved: use keys.""",
    ),
    Setting(
        name="UseInternalSecurityAPI",
        kind=BOOL,
        default=False,
        documented=True,
        restored=False,
        support=Support.REFUSED,
        why="There is only one implementation, that of OpenSSL.",
        doc="Whether an implementation of cryptography of its own is used.",
    ),
    Setting(
        name="UseIOCP",
        kind=BOOL,
        default=False,
        support=Support.REFUSED,
        why="Twisted's reactor is chosen when the program starts; twistd --reactor does.",
        doc="Whether the I/O completion ports of Windows are used.",
    ),
    Setting(
        name="UseWindowsMessages",
        kind=BOOL,
        default=False,
        documented=True,
        restored=False,
        support=Support.REFUSED,
        why="There are no window messages without windows.",
        doc="Whether network events arrive as messages of Windows.",
    ),
)
