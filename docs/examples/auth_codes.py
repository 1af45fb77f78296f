"""One-time codes whose secrets are in a database, beside the passwords of a users file: `twistd -ny auth_codes.py`."""

import sqlite3

from twisted.application.service import Application

from conchsftp import SFTPServer
from conchsftp.auth.sources.totp_checker import TOTPChecker

WITH_CODE = "publickey,keyboard-interactive:totp password,keyboard-interactive:totp keyboard-interactive"

database = sqlite3.connect("codes.db", check_same_thread=False)
database.execute("create table if not exists codes (name text primary key, secret text not null)")


def secret_of(user_name):
    """The secret of a user in base32, None without one; a slow database answers by a Deferred."""
    row = database.execute("select secret from codes where name = ?", (user_name,)).fetchone()
    return row and row[0]


def policy_of(user_name):
    """Who has a secret needs a code, whatever they begin with."""
    return WITH_CODE if secret_of(user_name) else None


application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    checkers=[TOTPChecker(secret_of)],
    policies=policy_of,
)
server.setServiceParent(application)
