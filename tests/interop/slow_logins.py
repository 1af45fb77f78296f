"""
A server at which some logins are never answered, for `twistd -ny`: those of `slow`.

Listens a second time, at PROXIED_AT of the environment, for clients that come through a proxy. SIGUSR1 has it drop what
nobody refers to any more, and say how many objects are left.
"""

import gc
import os
import signal
from typing import Any

from twisted.application.service import Application
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp import SFTPServer


@implementer(ICredentialsChecker)
class Slow:
    """Has no user, and never says so to one of them."""

    credentialInterfaces = (IUsernamePassword,)

    def requestAvatarId(self, credentials: Any) -> Any:
        if credentials.username == b"slow":
            return Deferred()
        raise UnauthorizedLogin("nobody")


def count(*_: object) -> None:
    """Say how many objects there are."""
    gc.collect()
    print(f"{len(gc.get_objects())} objects are left", flush=True)


signal.signal(signal.SIGUSR1, count)
application = Application("slow")
proxied = os.environ["PROXIED_AT"]
server = SFTPServer(
    root_directory=os.environ["SERVED_ROOT"],
    listen=[os.environ["SERVED_AT"], f"haproxy:tcp:{proxied}:interface=127.0.0.1"],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
    checkers=[Slow()],
    max_startups=1000,
    # Three guesses within a minute are too many: a machine that is busy takes longer than the default forgives.
    per_source_penalties="authfail:60s min:130s",
    # Those that come directly; what comes through the proxy counts by its own address.
    per_source_penalty_exempt_list="127.0.0.1",
)
server.setServiceParent(application)
