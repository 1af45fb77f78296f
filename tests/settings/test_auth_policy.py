"""
The setting AuthenticationMethods: how it is written, what it refuses, and what is missing after some proofs.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.auth_policy import AUTH_POLICY, FACTORS, AuthPolicy, Factor
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE

KEY, PASSWORD, ASKED, BY_ASKING, CODE, TICKET, EXCHANGED = FACTORS
# Other ways to prove the same.
SAME = {BY_ASKING: PASSWORD, EXCHANGED: TICKET}


def _possible(factors: list[Factor]) -> bool:
    """Whether nothing stands twice that counts once; a second key is another one."""
    others = [SAME.get(factor, factor) for factor in factors if factor != KEY]
    return len(set(others)) == len(others)


LISTS = st.lists(st.sampled_from(FACTORS), min_size=1, max_size=4).filter(_possible).map(tuple)
POLICIES = st.lists(LISTS, max_size=4, unique=True).map(lambda lists: AuthPolicy(tuple(lists)))
PROOFS = st.lists(st.sampled_from(FACTORS), max_size=6)


class WrittenTests(SynchronousTestCase):
    """Text and policies."""

    def test_lists(self) -> None:
        """Spaces separate lists, commas the methods of one; case, and more spaces, do not matter."""
        expected = AuthPolicy(((KEY, PASSWORD), (KEY, CODE), (ASKED,)))
        for text in (
            "publickey,password publickey,keyboard-interactive:totp keyboard-interactive",
            " PublicKey,Password  publickey,keyboard-interactive:TOTP\tkeyboard-interactive\n",
            "publickey,password publickey,password publickey,keyboard-interactive:totp keyboard-interactive",
        ):
            self.assertEqual(AuthPolicy.parse(text), expected)

    def test_any(self) -> None:
        """`any` is written alone, and is what counts where nothing is set."""
        self.assertEqual(AuthPolicy.parse(" any "), AuthPolicy())
        self.assertEqual(str(AuthPolicy()), "any")
        self.assertEqual(Settings(TABLE).authentication_methods, AuthPolicy())

    @given(POLICIES)
    def test_round(self, policy: AuthPolicy) -> None:
        """What a policy is written as means the same policy."""
        self.assertEqual(AuthPolicy.parse(str(policy)), policy)

    def test_mistakes(self) -> None:
        """What is refused, and in which words."""
        for text, words in (
            ("", "expected lists of methods"),
            ("any publickey", "expected lists of methods"),
            ("publickey, password", "a method is missing beside a comma; there are no spaces around commas"),
            ("publickey ,password", "a method is missing beside a comma"),
            ("pubkey", "unknown method 'pubkey'; did you mean publickey?"),
            ("publickey,any", "unknown method 'any'; known are publickey, password, keyboard-interactive, "),
            ("none", "unknown method 'none'"),
            ("hostbased", "unknown method 'hostbased'"),
            ("password:totp", "unknown method 'password:totp'"),
            ("keyboard-interactive:pam", "unknown method 'keyboard-interactive:pam'"),
            ("keyboard-interactive:", "unknown method 'keyboard-interactive:'"),
            ("password,password", "nobody can complete 'password,password': password counts once"),
            ("password,keyboard-interactive:password", "password counts once"),
            ("publickey keyboard-interactive:totp,publickey,keyboard-interactive:totp", "totp counts once"),
            ("keyboard-interactive,keyboard-interactive", "keyboard-interactive counts once"),
        ):
            with self.assertRaises(ValueError) as caught:
                AuthPolicy.parse(text)
            self.assertIn(words, str(caught.exception), text)

    def test_keys(self) -> None:
        """Two keys are two proofs."""
        self.assertEqual(AuthPolicy.parse("publickey,publickey").lists, ((KEY, KEY),))

    def test_setting(self) -> None:
        """The setting takes the text, a list of texts or a policy, gives the text back, and names what is wrong."""
        settings = Settings(TABLE)
        text = "publickey,password keyboard-interactive"
        for value in (text, text.split(), AuthPolicy.parse(text)):
            settings.set("AuthenticationMethods", value)
            self.assertEqual(settings.authentication_methods, AuthPolicy.parse(text))
            self.assertEqual(settings.text("AuthenticationMethods"), text)
            settings.set("AuthenticationMethods", "any")
        for wrong in ("publickey,passwort", 3, b"any", ["publickey", 3], ["publickey password"], []):
            with self.assertRaises(ServerError):
                settings.set("AuthenticationMethods", wrong)
        self.assertEqual(AUTH_POLICY.convert("any"), AuthPolicy())


class MissingTests(SynchronousTestCase):
    """What is missing after some proofs."""

    def test_any(self) -> None:
        """One proof, whichever; without a proof nobody is let in."""
        self.assertFalse(AuthPolicy().complete([]))
        self.assertTrue(all(AuthPolicy().complete([factor]) for factor in FACTORS))
        self.assertEqual(AuthPolicy().next([]), ())

    def test_order(self) -> None:
        """A list is completed in its order; what comes too early does not count."""
        policy = AuthPolicy.parse("publickey,password")
        self.assertEqual(policy.next([]), (KEY,))
        self.assertEqual(policy.next([PASSWORD]), (KEY,))
        self.assertEqual(policy.next([KEY]), (PASSWORD,))
        self.assertEqual(policy.next([PASSWORD, KEY]), (PASSWORD,))
        self.assertTrue(policy.complete([KEY, PASSWORD]))

    def test_two_keys(self) -> None:
        """One key is not two."""
        policy = AuthPolicy.parse("publickey,publickey")
        self.assertFalse(policy.complete([KEY]))
        self.assertTrue(policy.complete([KEY, KEY]))

    def test_nearest_first(self) -> None:
        """The list of which least is missing comes first; a user is asked the least then."""
        policy = AuthPolicy.parse("keyboard-interactive publickey,keyboard-interactive:totp,password")
        self.assertEqual(policy.next([]), (ASKED, KEY))
        self.assertEqual(policy.next([KEY]), (ASKED, CODE))
        self.assertEqual(policy.next([KEY, CODE]), (ASKED, PASSWORD))
        policy = AuthPolicy.parse("password,keyboard-interactive,publickey publickey,keyboard-interactive:totp")
        self.assertEqual(policy.next([KEY]), (CODE, PASSWORD))

    def test_what_was_asked(self) -> None:
        """The code alone is not all that keyboard-interactive asks, nor a password the answer to a question."""
        for policy, proved in (
            ("keyboard-interactive", CODE),
            ("keyboard-interactive:totp", ASKED),
            ("keyboard-interactive:password", PASSWORD),
            ("password", BY_ASKING),
        ):
            self.assertFalse(AuthPolicy.parse(policy).complete([proved]))

    @given(POLICIES, PROOFS)
    def test_complete(self, policy: AuthPolicy, proved: list[Factor]) -> None:
        """Complete is what holds a whole list in its order; as long as it is not, something is missing, and helps."""

        def holds(each: tuple[Factor, ...]) -> bool:
            remaining = iter(proved)
            return all(factor in remaining for factor in each)

        complete = any(map(holds, policy.lists)) if policy.lists else bool(proved)
        self.assertEqual(policy.complete(proved), complete)
        missing = policy.next(proved)
        self.assertEqual(not missing, complete or not policy.lists)
        for _ in range(4):
            if not policy.complete(proved):
                proved = [*proved, *policy.next(proved)[:1]] if policy.lists else [KEY]
        self.assertTrue(policy.complete(proved))
