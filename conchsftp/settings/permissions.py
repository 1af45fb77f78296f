"""
What a user may do, path by path: words under patterns.

Text in, an answer for a virtual path out. No request, no disk and no link is known here: what a request needs stands in
the table of operations, and where links lead only file systems know.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conchsftp.settings.globs import DEEP, Glob, fold, parse_pattern
from conchsftp.settings.row import hint

(LIST, READ, WRITE, CREATE, DELETE, RENAME, MKDIR, RMDIR, CHMOD, CHOWN, TIMES, SYMLINK, LINK) = (
    1 << number for number in range(13)
)
ALL = (1 << 13) - 1


@dataclass(frozen=True, slots=True)
class Word:
    """
    A word that a pattern can have.

    Attributes:
        name: as it is written.
        bits: what it allows.
        meaning: for the documentation.
    """

    name: str
    bits: int
    meaning: str


WORDS: dict[str, Word] = {
    word.name: word
    for word in (
        Word("list", LIST, "see which names are in a folder"),
        Word("read", READ, "read files"),
        Word("write", WRITE, "change what is in files that exist, cut them off, replace them by renaming"),
        Word("create", CREATE, "make new files"),
        Word("delete", DELETE, "remove files and links"),
        Word("rename", RENAME, "rename and move files and folders; takes it at both paths"),
        Word("mkdir", MKDIR, "make folders"),
        Word("rmdir", RMDIR, "remove empty folders"),
        Word("chmod", CHMOD, "change modes, access control lists and flags"),
        Word("chown", CHOWN, "change owners and groups"),
        Word("times", TIMES, "change times"),
        Word("symlink", SYMLINK, "make symbolic links"),
        Word("link", LINK, "give files of the same permissions a second name"),
    )
}
"""What can be allowed, by name; everything else is made of these."""

GROUPS: dict[str, Word] = {
    group.name: group
    for group in (
        Word("all", ALL, "do everything"),
        Word("none", 0, "do nothing, and know of nothing; stands alone"),
        Word("download", LIST | READ, "look and read: `list read`"),
        Word(
            "upload",
            WRITE | CREATE | RENAME | MKDIR | TIMES,
            "upload and replace, whatever the client: `write create rename mkdir times`",
        ),
    )
}
"""Words that stand for several, or for none."""

_KNOWN = {**WORDS, **GROUPS}
# A memory of answers, not a limit of what can be judged: a client may ask for any number of names.
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 256, 255
_MOST_PLACES = 1024

# A rule, and how many names of its pattern have been found so far.
_Position = tuple[int, int]


class Permissions:
    """
    What a user may do at which path.

    A pattern stands for the paths that it fits, and for everything below them. On the way down a path, each name that a
    pattern fits takes over from what came before; so the pattern that goes deepest counts. Of several that fit the same
    name the one that says it most exactly counts: a name that is written out before one with wildcards, more
    characters before fewer, the last name first; then the later one. Where no pattern fits, nothing is allowed.

    Names are compared exactly. What differs only in case or in the form of its Unicode gets no more than both may, for
    file systems to which they are the same.

    Args:
        rules: pairs of a pattern and bits, in order; `parse` takes texts.
    Raises:
        ValueError: a pattern cannot be understood; the text names it.
    """

    def __init__(self, rules: Iterable[tuple[str, int]]) -> None:
        self.rules: tuple[tuple[str, int], ...] = tuple(rules)
        self._patterns = [parse_pattern(pattern) for pattern, _ in self.rules]
        merged: dict[tuple[str, ...], int] = {}
        exact: set[tuple[str, ...]] = set()
        for (text, bits), pattern in zip(self.rules, self._patterns, strict=True):
            names = tuple(glob.text for glob in pattern)
            if names in exact:
                raise ValueError(f"{text!r}: the same pattern twice")
            exact.add(names)
            folded = tuple(fold(name) for name in names)
            merged[folded] = merged.get(folded, ALL) & bits
        self._bits = [bits for _, bits in self.rules]
        self._folded_bits = [merged[tuple(fold(glob.text) for glob in pattern)] for pattern in self._patterns]
        # The last name counts first.
        self._ranks = [(*(glob.rank for glob in reversed(pattern)), (0, 0)) for pattern in self._patterns]
        self._places: dict[Any, Place] = {}
        self.root = self._first()

    @classmethod
    def parse(cls, rules: "Mapping[str, str | Iterable[str]]") -> "Permissions":
        """
        Return what a mapping means: patterns, and the words for each.

        Args:
            rules: `{"/": "list read", "/incoming": "list create"}`; words in a text, separated by blanks or commas, or
                a list of them. A pattern begins with `/`; in a name `*` is any text, `?` any character and `[a-z]` one
                of these; `**` stands for any number of names.
        Raises:
            ValueError: the text names the pattern and what is wrong with it.
        """
        if not isinstance(rules, Mapping):
            raise ValueError(f"patterns and their words expected, got {type(rules).__name__}")
        return cls((pattern, _bits(pattern, words)) for pattern, words in rules.items())

    @classmethod
    def of(cls, value: "Permissions | Mapping[str, str | Iterable[str]] | None") -> "Permissions | None":
        """Return what may be given as it is, as a mapping, or as None for everything; raises as `parse`."""
        return value if value is None or isinstance(value, Permissions) else cls.parse(value)

    @property
    def unlimited(self) -> bool:
        """Whether everything is allowed everywhere."""
        return self.root.words == ALL and all(bits == ALL for bits in self._bits)

    @property
    def varies(self) -> bool:
        """Whether it matters which path it is."""
        return not self.root.uniform

    def may(self, path: str) -> int:
        """Return the bits of what is allowed at a virtual path, normalised as clients see it."""
        return self.place(path).words

    def place(self, path: str) -> "Place":
        """Return what is known of a virtual path, and of what is below it."""
        place = self.root
        for name in path.split("/"):
            if place.uniform:
                # No pattern says anything of what is below: the usual end, after a few names.
                break
            if name:
                place = place.below(name)
        return place

    def follows(self, path: str, real_path: str, folder: bool) -> bool:
        """
        Return whether a link may be followed: where it leads, nothing that the path as written allows is forbidden.

        Args:
            path: as it is written.
            real_path: links resolved.
            folder: whether a folder may stand there: then that holds below, too.
        """
        here, there = self.place(path), self.place(real_path)
        if not there.visible:
            return False
        return here.leads_to(there) if folder else not here.words & ~there.words

    def _first(self) -> "Place":
        everywhere = [rule for rule, pattern in enumerate(self._patterns) if not pattern]
        position = {each for rule, pattern in enumerate(self._patterns) for each in _entered(rule, pattern, 0)}
        words = self._bits[everywhere[-1]] if everywhere else 0
        return self._place(position, position, words, words, bool(words))

    def _step(self, place: "Place", name: str) -> "Place":
        exact, found = self._go(place.exact, name, folded=False)
        folded, found_folded = self._go(place.folded, fold(name), folded=True)
        best, best_folded = self._best(found), self._best(found_folded)
        words = place.exact_words if best is None else self._bits[best]
        words_folded = place.folded_words if best_folded is None else self._folded_bits[best_folded]
        return self._place(exact, folded, words, words_folded, best is not None and words > 0)

    def _go(self, positions: Iterable[_Position], name: str, *, folded: bool) -> tuple[set[_Position], list[int]]:
        """Return where patterns stand after one more name, and those that have come to their end."""
        further: set[_Position] = set()
        ended: list[int] = []
        for rule, index in positions:
            pattern = self._patterns[rule]
            glob = pattern[index]
            if glob is DEEP:
                further.update(_entered(rule, pattern, index))
            elif glob.fits_folded(name) if folded else glob.fits(name):
                if index + 1 == len(pattern):
                    ended.append(rule)
                else:
                    further.update(_entered(rule, pattern, index + 1))
        return further, ended

    def _best(self, rules: list[int]) -> int | None:
        return max(rules, key=lambda rule: (self._ranks[rule], rule), default=None)

    def _place(self, exact: set[_Position], folded: set[_Position], words: int, merged: int, named: bool) -> "Place":
        key = (frozenset(exact), frozenset(folded), words, merged, named)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            leads = any(self._bits[rule] and DEEP not in self._patterns[rule][: at + 1] for rule, at in exact)
            place = self._places[key] = Place(self, key, leads=leads)
        return place

    def __eq__(self, other: object) -> bool:
        return self.rules == other.rules if isinstance(other, Permissions) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.rules)

    def __repr__(self) -> str:
        return f"Permissions.parse({ {pattern: written(bits) for pattern, bits in self.rules} })"


class Place:
    """
    A path, or all those that patterns know no difference between.

    Attributes:
        words: the bits of what is allowed here.
        uniform: whether the same is allowed everywhere below.
        leads: whether a pattern that allows something may fit further down, and the folder is shown for its sake.
        named: whether a pattern that allows something fits here.
        visible: whether the user may know of it.
        exact, folded, exact_words, folded_words: how far patterns have come, and what they say so far.
    """

    __slots__ = (
        "_known",
        "_permissions",
        "exact",
        "exact_words",
        "folded",
        "folded_words",
        "key",
        "leads",
        "named",
        "uniform",
        "visible",
        "words",
    )

    def __init__(self, permissions: Permissions, key: Any, *, leads: bool) -> None:
        self._permissions = permissions
        self.key = key
        self.exact, self.folded, self.exact_words, self.folded_words, self.named = key
        self.words: int = self.exact_words & self.folded_words
        self.uniform = not self.exact and not self.folded
        self.leads = leads
        self.visible = bool(self.words) or leads
        self._known: dict[str, Place] = {}

    def below(self, name: str) -> "Place":
        """Return the place of a name in this folder."""
        if self.uniform:
            return self._permissions._place(set(), set(), self.exact_words, self.folded_words, False)
        place = self._known.get(name)
        if place is None:
            place = self._permissions._step(self, name)
            if len(name) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[name] = place
        return place

    def shows(self, name: str) -> bool:
        """Return whether a listing of this folder has a name."""
        entry = self.below(name)
        return entry.visible if self.words & LIST else entry.leads or (entry.named and entry.visible)

    def leads_to(self, other: "Place") -> bool:
        """
        Return whether what stands at `other` may get a name here: nothing is allowed here that is not allowed there.

        Nor below, whatever is there: a folder takes along what it holds.
        """
        if self.uniform and other.uniform:
            return not self.words & ~other.words
        return self.key[:4] == other.key[:4]


def written(bits: int) -> str:
    """Return bits as words."""
    if bits == ALL:
        return "all"
    return " ".join(word.name for word in WORDS.values() if word.bits & bits) or "none"


def _entered(rule: int, pattern: tuple[Glob, ...], index: int) -> Iterator[_Position]:
    """Yield where a pattern stands that has come to a name; `**` may stand for no name at all."""
    if index < len(pattern):
        yield rule, index
        if pattern[index] is DEEP:
            yield rule, index + 1


def _bits(pattern: str, words: "str | Iterable[str]") -> int:
    """Return what words allow."""
    if isinstance(words, str):
        words = words.replace(",", " ").split()
    elif isinstance(words, bytes | Mapping) or not isinstance(words, Iterable):
        raise ValueError(f"{pattern!r}: words expected, got {type(words).__name__}")
    bits, names = 0, []
    for word in words:
        if not isinstance(word, str) or word not in _KNOWN:
            known = hint(word, _KNOWN) if isinstance(word, str) else ""
            raise ValueError(f"{pattern!r}: unknown word {word!r}{known or '; known are ' + ', '.join(_KNOWN)}")
        bits |= _KNOWN[word].bits
        names.append(word)
    if not names:
        raise ValueError(f"{pattern!r}: no word; `none` says that nothing is allowed")
    if "none" in names and len(names) > 1:
        raise ValueError(f"{pattern!r}: `none` stands alone")
    return bits
