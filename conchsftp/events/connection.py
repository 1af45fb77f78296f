"""
The documented events of a connection: how it comes, logs in and goes.

Records only; who fires them is told in the design.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from conchsftp.events.kinds import Event, event
from conchsftp.settings.choices import CertStoreType
from conchsftp.settings.prompts import Prompt

# Documented: the number of "software caused connection abort".
_ABORTED = 10053


@event(writable="accept")
class ConnectionRequest(Event):
    """
    A client asks for a connection; nothing has been sent or received yet.

    The first event of a connection. It waits for handlers that wait, as long as HandlerTimeLimit allows; one that fails
    or takes longer refuses. A connection above MaxConnections is closed without it.

    Attributes:
        address: of the client.
        port: of the client; 0 if it came another way than TCP.
        accept: False closes the connection without a word. Preset by AllowedClients and BlockedClients; True lets in
            also whom these would refuse.
    """

    address: str
    port: int
    accept: bool = True

    def refuse(self, problem: Exception) -> None:
        """Close the connection."""
        self.accept = False


@event(writable="cert_store_type cert_store cert_password cert_subject")
class Connected(Event):
    """
    A connection is there, or failed; keys have not been exchanged.

    A handler may choose the host key of this connection: what it sets is what SSHCertStore and its like are for the
    server. A key that cannot be loaded refuses the connection.

    Attributes:
        connection_id: the connection.
        status_code: 0; else the documented number of the error.
        description: `OK`; else what went wrong.
        cert_store_type: what `cert_store` is; 99 finds out by itself.
        cert_store: the path of a file with the host key, or its content; empty: the keys of the server.
        cert_password: the password of `cert_store`, if it has one.
        cert_subject: which key of `cert_store` is meant, without that of SSHCertStore; empty or `*`: the first.
    """

    connection_id: int
    status_code: int = 0
    description: str = "OK"
    cert_store_type: int = CertStoreType.AUTO
    cert_store: str | bytes = field(default="", repr=False)
    cert_password: str = field(default="", repr=False)
    cert_subject: str = ""

    def refuse(self, problem: Exception) -> None:
        """Turn the connection into a failed one, which is closed."""
        self.status_code, self.description = _ABORTED, "refused"


@event()
class Disconnected(Event):
    """
    A connection has ended. Fires once for each that was connected, after everything else of it.

    Attributes:
        connection_id: the connection.
        status_code: 0 if it ended in order: by the client, or because the application asked for it. 10053: the server
            has ended it, for what the client did or did not do; 1300: for too many failed logins; 10060: for its
            silence. 10054: it broke, or the client ended it because of an error. Or the documented number of what the
            system says; or what a handler of Connected has set.
        description: `OK`, or what went wrong: the text of the DISCONNECT, which limit of time was over, what the system
            says.
    """

    connection_id: int
    status_code: int = 0
    description: str = "OK"


@event()
class Error(Event):
    """
    Something went wrong that is more than the answer to a request.

    It tells of what the log has as a warning or worse, at any LogLevel: a client broke the protocol (10053) or failed
    to log in too often (1300), a disk could not do what was asked (2002; once a session for each kind of error), a
    handler or another part of the program failed (0), a port could not be opened (its number). And of requests to
    forward connections, which are always refused (1201; once a connection). What a client may not do, or names wrongly,
    is no error. Problems with the handlers of this event and of Log are in Twisted's log only. Nobody waits for
    handlers that wait, and where they are behind events are dropped, as of Log.

    Attributes:
        connection_id: the connection; 0 if it is about none.
        error_code: the documented number of the error; 0 where there is none.
        description: what went wrong, for the operator.
    """

    connection_id: int
    error_code: int
    description: str


@event()
class Log(Event):
    """
    One line of the log. LogLevel says how much there is.

    A line that a handler of this event causes goes to Twisted's log alone. Nobody waits for handlers that wait. They
    may have 1,000 events of a connection to do, and 10,000 in all: what comes then is dropped until they have done all
    of that, and the log says how many were. So clients that cause many lines can keep others from such a handler. Who
    has to know what clients do listens to the events of files: requests wait for these, and none is dropped.

    Attributes:
        connection_id: the connection that it is about; 0 if none.
        log_level: which LogLevel is needed to see it: 1 (info), 2 (verbose) or 3 (debug).
        message: the text, as in Twisted's log: `[3 alice@192.0.2.7] disconnected, reason 11: ''`.
        log_type: reserved.
    """

    connection_id: int
    log_level: int
    message: str
    log_type: str = ""


@event()
class SSHStatus(Event):
    """
    A step of a connection, for information only: greeting, key exchange, login, end.

    Fires after Connected and before Disconnected. Nobody waits for handlers that wait, and where they are behind events
    are dropped, as of Log.

    Attributes:
        connection_id: the connection.
        message: the text.
    """

    connection_id: int
    message: str


@event(writable="accept partial_success available_methods home_dir prompts new_password_prompt")
class SSHUserAuthRequest(Event):
    """
    A client wants to log in; fires for each attempt, before it is answered.

    A public key fires twice: when the client asks whether it would do, and again when it has been proved. Answers of
    `keyboard-interactive` fire one by one, as `keyboard-interactive-1` and so on, and then once more without any; all
    of these have to be accepted.

    Attributes:
        connection_id: the connection.
        user: the name that the client gives.
        service: what it wants to use after login.
        auth_method: `none`, `password`, `publickey`, `keyboard-interactive-1` and so on, `keyboard-interactive`,
            `gssapi-with-mic`, `gssapi-keyex`; with FireAuthRequestAfterSig also `sigstatus`; `password-change`, if a
            new password comes with the old one.
        auth_param: the password or answer; the public key as bytes; the principal of a ticket, with its realm; for
            `sigstatus`, `1` or `0`.
        accept: True lets the client in, False does not; None, if nobody decides, does not either. Preset by the
            configured checkers. Anything that is neither of the three is a mistake, and refuses.
        partial_success: True: this is one of several proofs, and it was right; it counts for more than `accept`.
        available_methods: comma-separated methods that the client may try next; empty: those of before, at first
            DefaultAuthMethods.
        home_dir: the virtual path where the session begins; empty: the usual one.
        key_algorithm: the signature algorithm of a public key.
        certificate: what the client showed in place of its key, a
            `conchsftp.auth.keys.user_certificate.UserCertificate`, or for X.509, where it leads to one that is trusted,
            a `conchsftp.auth.keys.x509_certificate.X509UserCertificate`; `auth_param` is its bytes then. None without
            one. It is not forged, not expired and not revoked; who may log in with it is still open. Its `serial`,
            `key_id`, `principals`, `ca_fingerprint`, `valid_after` and `valid_before` say what it is about;
            `trusted_by` is empty unless TrustedUserCAKeys names its CA. With X.509 these are `serial`, `subject`,
            `issuer`, `names`, `valid_after` and `valid_before`.
        offered: True: the client only asks whether the key would do. It has proved nothing, whatever is accepted.
        touched: True: the key is one of a security key (FIDO), and somebody touched it for this login. A proof without
            touch comes only here where a checker knows that this key need not be touched.
        verified: True: the security key also knows who that was, by a PIN or a finger.
        proven: the methods that were a partial success on this connection, for this user.
        prompts: questions for the user, such as `[("Code: ", False)]`: each a text, and whether the answer is shown
            while it is typed. Set for `keyboard-interactive-1` and so on, they are asked at once, in one more round;
            the answers fire as the next numbers. Set for any other method, they are what `keyboard-interactive` asks
            this user from now on, as KeyboardInteractivePrompts of the connection.
        new_password: for `password-change`, the new one; `auth_param` is the old one. To accept is to say that it was
            changed: by a checker, where `accept` is preset, or else by the handler.
        new_password_prompt: for a password: instead of being let in or refused, the client is asked for a new one, with
            this text, as long as `accept` stays None. For `password-change`, the new one will not do, for this reason.
    """

    connection_id: int
    user: str
    service: str
    auth_method: str
    auth_param: str | bytes = field(default="", repr=False)
    accept: bool | None = None
    partial_success: bool = False
    available_methods: str = ""
    home_dir: str = ""
    key_algorithm: str = ""
    certificate: Any = None
    offered: bool = False
    touched: bool = False
    verified: bool = False
    proven: tuple[str, ...] = ()
    prompts: Sequence[Prompt | str | tuple[str, bool]] | str = ()
    new_password: str = field(default="", repr=False)
    new_password_prompt: str = ""

    def refuse(self, problem: Exception) -> None:
        """Refuse the login."""
        self.accept, self.partial_success, self.prompts = False, False, ()
