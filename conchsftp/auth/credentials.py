"""
What a client shows to be let in, as Twisted's checkers know it.

Seven kinds: an offered key, a proven key, one that nobody touched, a password, answers to questions, a ticket, nothing
at all. They carry the attempt they belong to, so that a checker can see address and algorithm. A credential decides
nothing. A checker written for Conch needs no change: an offer comes without signature (it answers with
`ValidPublicKey`), a proof with one that it may verify once more.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from hmac import compare_digest

from twisted.cred.credentials import ICredentials, ISSHPrivateKey, IUsernamePassword
from twisted.internet.interfaces import IAddress
from zope.interface import Attribute, implementer, implementer_only

from conchsftp.auth.keys.signatures import PublicKey, Signed, canonical
from conchsftp.auth.keys.user_certificate import UserCertificate
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.auth.progress import AuthAttempt
from conchsftp.secret import Secret
from conchsftp.settings.prompts import Prompt

PASSWORD_FACTS: frozenset[Hashable] = frozenset(("password",))
"""What a password proves, whichever way it comes."""


class IUntouchedKey(ICredentials):
    """
    A proven security key that nobody touched; otherwise what `ISSHPrivateKey` is.

    For checkers that know of a key whether it need not be touched. Others are never asked about such a proof, and
    handlers only when a checker has accepted it.
    """


class IAnswers(ICredentials):
    """Answers to the prompts of keyboard-interactive, where these are not the usual question for the password."""

    user_name = Attribute("The user name as text.")
    prompts = Attribute("What was asked: a tuple of `Prompt`.")
    answers = Attribute("What was answered: a `Secret` for each.")


class IGSSAPICredentials(ICredentials):
    """Who somebody is, as Kerberos vouches for it: a principal, which need not have the name of the user."""

    user_name = Attribute("The user name as text.")
    principal = Attribute("The principal with its realm, such as `alice@EXAMPLE.COM`.")
    realm = Attribute("The realm of our own key, which issued the ticket: `EXAMPLE.COM`.")


@dataclass(slots=True, kw_only=True)
class Credentials:
    """
    What they have in common.

    Attributes:
        attempt: the request they came with.
    """

    attempt: AuthAttempt

    @property
    def username(self) -> bytes:
        """The user name as checkers of Twisted expect it."""
        return self.attempt.user

    @property
    def user_name(self) -> str:
        """The user name as text."""
        return self.attempt.user_name

    @property
    def address(self) -> IAddress:
        """Where the client is."""
        return self.attempt.address

    @property
    def token(self) -> str | bytes:
        """What handlers of SSHUserAuthRequest are told."""
        return ""

    @property
    def detail(self) -> str:
        """What the log says of them besides the method."""
        return ""

    @property
    def facts(self) -> frozenset[Hashable]:
        """What they prove, if they are good; empty while that is not known. Who proves the same is one factor."""
        return frozenset()


@implementer(ICredentials)
@dataclass(slots=True, kw_only=True)
class Nothing(Credentials):
    """No credentials, as the method `none` has them. There is no checker for these."""


@dataclass(slots=True, kw_only=True)
class KeyCredentials(Credentials):
    """
    What the two kinds of keys have in common.

    Attributes:
        key: the key; if there is a certificate, the one that it certifies.
        algorithm: how the client signs, or what that is called where a certificate stands for the key.
        certificate: what the client showed in place of the key. It may be worth something: whether its CA is trusted
            for this user is for checkers to say. That of X.509 leads to one that is trusted, whoever's it is.
    """

    key: PublicKey = field(repr=False)
    algorithm: str
    certificate: UserCertificate | X509UserCertificate | None = None

    @property
    def algName(self) -> bytes:
        """The signature algorithm, as checkers of Conch expect it."""
        return self.algorithm.encode("ascii")

    @property
    def blob(self) -> bytes:
        """The bytes of the key, or of the certificate in its place: whoever does not know those finds nothing."""
        return self.key.blob if self.certificate is None else self.certificate.blob

    @property
    def token(self) -> bytes:
        """The same."""
        return self.blob

    @property
    def facts(self) -> frozenset[Hashable]:
        """The key itself: a certificate and the key that it certifies are one factor, and so is a key written twice."""
        return frozenset((("key", canonical(self.key.blob)),))


@implementer(ISSHPrivateKey)
@dataclass(slots=True, kw_only=True)
class KeyOffer(KeyCredentials):
    """A key that a client would sign with. It proves nothing."""

    @property
    def signature(self) -> None:
        """None: what makes it an offer to checkers of Conch."""
        return None

    @property
    def sigData(self) -> None:
        """None, too."""
        return None


@implementer(ISSHPrivateKey)
@dataclass(slots=True, kw_only=True)
class KeyProof(KeyCredentials):
    """
    A key whose private half the client has. Only made after the signature was verified; whose key it is, is still open.

    Attributes:
        signed: the signature and what it covers.
    """

    signed: Signed = field(repr=False)

    @property
    def signature(self) -> bytes:
        """The signature with its name, as checkers of Conch verify it."""
        return self.signed.signature

    @property
    def sigData(self) -> bytes:
        """What the signature covers."""
        return self.signed.message


@implementer_only(IUntouchedKey)
@dataclass(slots=True, kw_only=True)
class UntouchedProof(KeyProof):
    """The proof of a security key that nobody touched: whoever controls the user's computer could have made it."""


@implementer(IUsernamePassword)
@dataclass(slots=True, kw_only=True)
class Password(Credentials):
    """
    A password. Never shown.

    Attributes:
        secret: what the client sent.
    """

    secret: Secret

    @property
    def password(self) -> bytes:
        """The password as checkers of Twisted expect it."""
        return self.secret.to_bytes()

    @property
    def token(self) -> str:
        """The password as text; what is not UTF-8 in it cannot be anybody's password."""
        return plain(self.secret)

    @property
    def facts(self) -> frozenset[Hashable]:
        """The password: whichever way it came."""
        return PASSWORD_FACTS

    def checkPassword(self, password: bytes | str) -> bool:
        """Return whether this is the password; takes the same time wherever they differ."""
        return compare_digest(self.secret.to_bytes(), Secret(password).to_bytes())


@implementer(IAnswers)
@dataclass(slots=True, kw_only=True)
class Answers(Credentials):
    """
    Answers to questions. Never shown.

    Attributes:
        prompts: what was asked.
        answers: what the client sent, in the same order.
    """

    prompts: tuple[Prompt, ...]
    answers: tuple[Secret, ...]

    @property
    def facts(self) -> frozenset[Hashable]:
        """The answers to these questions: whoever asks the same again learns nothing new."""
        return answers_facts(self.prompts)


@implementer(IGSSAPICredentials)
@dataclass(slots=True, kw_only=True)
class GSSPrincipal(Credentials):
    """
    A principal that has logged in with a ticket. Whose it is, is still open.

    Attributes:
        principal: with its realm.
        realm: that of our own key.
    """

    principal: str
    realm: str

    @property
    def token(self) -> str:
        """The principal."""
        return self.principal

    @property
    def detail(self) -> str:
        """The same."""
        return f" ({self.principal})"

    @property
    def facts(self) -> frozenset[Hashable]:
        """The principal, whichever method has shown it."""
        return frozenset((("principal", self.principal),))


def answers_facts(prompts: tuple[Prompt, ...]) -> frozenset[Hashable]:
    """Return what the answers to questions prove: they have been answered."""
    return frozenset((("answers", prompts),))


def plain(secret: Secret) -> str:
    """Return a secret as text; bytes that are not UTF-8 become lone surrogates, which no text has that was typed."""
    return secret.to_bytes().decode("utf-8", "surrogateescape")
