"""
A server at which some logins are never answered, for `twistd -ny`: those of `slow`.

Listens a second time, where the environment says so with PROXIED_AT, for clients that come through a proxy.
"""

import os
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


application = Application("slow")
proxied = os.environ["PROXIED_AT"]
server = SFTPServer(
    root_directory=os.environ["SERVED_ROOT"],
    listen=[os.environ["SERVED_AT"], f"haproxy:tcp:{proxied}:interface=127.0.0.1"],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
    checkers=[Slow()],
    max_startups=1000,
    # Those that come directly; what comes through the proxy counts by its own address.
    per_source_penalty_exempt_list="127.0.0.1",
)
server.setServiceParent(application)
