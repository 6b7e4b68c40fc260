"""The words of a file's name, by which it is found.

A word is a run of letters and digits, folded (no case, no compatibility forms). Where digits follow
letters or letters digits, another word begins inside: `Sample42_b` is found by `sam`, `42` and `b`.
"""

import re
import unicodedata

MAX_WORD = 64
# No name of a file has more worth finding, and a hostile one must not fill the table.
MAX_WORDS = 16
_RUN = re.compile(r"[^\W_]+")
_INSIDE = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def fold(text: str) -> str:
    """Return the form in which words are stored and compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def words_of(path: str) -> list[str]:
    """Return the words of a path's last part, in their order, each once."""
    name = fold(path.rpartition("/")[2])
    found: dict[str, None] = {}
    for run in _RUN.finditer(name):
        whole = run[0]
        found.setdefault(whole[:MAX_WORD])
        for inside in _INSIDE.finditer(whole):
            found.setdefault(whole[inside.end() :][:MAX_WORD])
    words = list(found)
    # The last one stays: a name's type is found by it.
    return words if len(words) <= MAX_WORDS else [*words[: MAX_WORDS - 1], words[-1]]


def terms_of(search: str) -> list[str]:
    """Return what a search asks for: each must be the beginning of a word."""
    found = dict.fromkeys(run[0][:MAX_WORD] for run in _RUN.finditer(fold(search)))
    return list(found)[:MAX_WORDS]


def matches(words: list[str], terms: list[str]) -> bool:
    """Return whether each term is the beginning of some word."""
    return all(any(word.startswith(term) for word in words) for term in terms)
