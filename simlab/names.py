"""Names that break naive software, and what each protocol can carry at all."""

from __future__ import annotations

import unicodedata

# Samba shows a name with one of these, or one ending in a dot or space, under its 8.3 alias: the
# true name is lost on the server's side, so an SMB instrument cannot have such files.
_SMB_FORBIDDEN = set('\\:?*<>|"')

LONG_PATH_CHARACTERS = 200

_COMMON = (
    "sample 12 (final) v2.txt",
    "plan #7 100% + A&B 'quoted'.csv",
    "50%25 already escaped%2F.txt",
    "+plus and -dash.txt",
    "-leading dash.txt",
    "[v2] {draft}; price=5$, tilde~ and back`tick.txt",
    "试料_β-カロテン_\N{TEST TUBE}.txt",
    "two  spaces.tar.gz.txt",
    "no_extension",
)
_NEEDS_POSIX = ('he said "ok".txt', "what? any * <b>|c.txt")
_ONLY_LOCAL = ("scan 12:30:05.csv",)
_ACCENTED = "Müller_Prüfung_é.txt"


def is_legal(protocol: str, path: str) -> bool:
    """Whether the path can pass the protocol with its name unharmed."""
    for part in path.split("/"):
        if not part or part in (".", "..") or len(part.encode("utf-8")) > 255:
            return False
        if any(ord(character) < 32 for character in part):
            return False
        if protocol == "smb" and (set(part) & _SMB_FORBIDDEN or part[-1] in ". "):
            return False
    return True


def long_path() -> str:
    """A relative path of exactly 200 characters, in folders as people make them."""
    folder = "Project Alpha - long term stability study of catalyst batches/2026 autumn campaign"
    stem = f"{folder}/repeat measurements after the second regeneration/run_"
    return stem + "x" * (LONG_PATH_CHARACTERS - len(stem) - 4) + ".txt"


def odd_paths(protocol: str) -> list[str]:
    """Relative paths of the odd files of an instrument; NFC and NFD are two different files."""
    folder = "guest uploads & misc"
    names = list(_COMMON)
    names.append(unicodedata.normalize("NFC", _ACCENTED))
    names.append(unicodedata.normalize("NFD", _ACCENTED))
    if protocol in ("sftp", "local"):
        names.extend(_NEEDS_POSIX)
    if protocol == "local":
        names.extend(_ONLY_LOCAL)
    return [f"{folder}/{name}" for name in names] + [long_path()]
