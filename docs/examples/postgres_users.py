"""Users, their passwords and keys in PostgreSQL: `PGDATABASE=sftp twistd -ny postgres_users.py`."""

import psycopg
from twisted.application.service import Application
from twisted.conch.error import ValidPublicKey
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.enterprise.adbapi import Connection, ConnectionPool
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from conchsftp import SFTPServer
from conchsftp.auth.keys.authorized_keys import AuthorizedKeys, read_keys
from conchsftp.auth.sources.key_judge import refusal
from conchsftp.auth.users.hashes import matches
from conchsftp.auth.users.user import User, UserId
from conchsftp.secret import Secret

QUERY = """
    SELECT password, root, home, ARRAY(SELECT line FROM keys WHERE user_name = name ORDER BY line)
    FROM users WHERE name = %s AND enabled
"""


class Fresh(Connection):
    """A connection of the pool; nothing is left to undo when the database has closed it."""

    def rollback(self):
        if not self._connection.closed:
            super().rollback()


# Where the database is, and as whom, libpq's variables say: PGHOST, PGDATABASE, PGUSER, PGPASSFILE.
pool = ConnectionPool("psycopg", "connect_timeout=3 options='-c statement_timeout=3000'", autocommit=True, cp_max=8)
pool.connectionFactory = Fresh


class PostgresUsers:
    """A checker whose users are rows. The pool's threads do all that blocks."""

    credentialInterfaces = (IUsernamePassword, ISSHPrivateKey)
    log = Logger()

    def requestAvatarId(self, credentials):
        by = self.by_password if IUsernamePassword.providedBy(credentials) else self.by_key
        return Deferred.fromCoroutine(self.judge(by, credentials))

    async def judge(self, by, credentials):
        try:
            right, user = await pool.runWithConnection(by, credentials)
        except psycopg.Error as problem:
            self.log.error("users cannot be looked up: {problem}", problem=problem)
            raise UnauthorizedLogin("the database does not answer") from None
        if not right:
            raise UnauthorizedLogin("wrong, or nobody")
        if ISSHPrivateKey.providedBy(credentials) and not credentials.signature:
            # The client only asks whether the key would do; it has signed with the next one that comes.
            raise ValidPublicKey
        return UserId(user)  # tells the server of root and home

    def by_password(self, connection, credentials):
        user, _ = find(connection, credentials)
        # The same work for nobody as for a wrong password.
        return matches(credentials.password, user and user.password), user

    def by_key(self, connection, credentials):
        user, lines = find(connection, credentials)
        keys = AuthorizedKeys(read_keys("\n".join(lines).encode()).keys)
        # What stands before a key, such as from=, holds as it does in a file.
        return not refusal(credentials, [keys] if user else []), user


def find(connection, credentials):
    """Return a user and their lines of authorized_keys; where the connection has been closed, over a new one."""
    try:
        row = connection.execute(QUERY, (credentials.user_name,)).fetchone()
    except psycopg.OperationalError:
        if not connection.closed:
            raise
        connection.reconnect()
        row = connection.execute(QUERY, (credentials.user_name,)).fetchone()
    if row is None:
        return None, ()
    password, root, home, lines = row
    secret = Secret(password) if password is not None else None
    return User(name=credentials.user_name, password=secret, root=root, home=home), lines


application = Application("users in PostgreSQL")
server = SFTPServer(
    listen=["tcp:2222:interface=127.0.0.1"],
    root_directory="files",
    host_keys=["host_key"],
    checkers=[PostgresUsers()],
)
server.setServiceParent(application)
