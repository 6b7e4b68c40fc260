"""ARKs (draft-kunze-ark-43): anatomy, normal form, check character, minting.

A minted name is shoulder + random betanumeric blade + NOID check character, lower case, no
hyphens. The blade is drawn at random and unique by constraint: no counter to lose or to guess.
"""

import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from operator import mul
from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.store.among import among
from app.harvest.store.bulk import insert_new_rows
from app.models import Identifier, SourceFile

IDENTIFIERS = cast(Table, Identifier.__table__)
FILES = cast(Table, SourceFile.__table__)
_KNOWN = select(FILES.c.id, FILES.c.ark).where(among(FILES.c.id, "ids"), FILES.c.ark.is_not(None))
BETANUMERIC = "0123456789bcdfghjkmnpqrstvwxz"
# 29^12 names: a chance of 1 % for one collision at 84 million, and a collision is drawn again.
BLADE_LENGTH = 12
_WEIGHTS = bytes(max(BETANUMERIC.find(chr(code)), 0) for code in range(256))
# Of 256 random bytes the last 24 are dropped, so that each of the 29 signs is as likely.
_SIGNS = bytes(ord(BETANUMERIC[code % 29]) for code in range(256))
_UNEVEN = bytes(range(232, 256))
_REPERTOIRE = re.compile(r"^(?:[A-Za-z0-9=~*+@_$./-]|%[0-9A-Fa-f]{2})+$")
_NAAN = re.compile(r"^[0-9b-df-hj-km-np-tv-xz]{1,16}$")
_LABEL = re.compile(r"ark:/?", re.IGNORECASE)
_HYPHENS = re.compile("[-\u2010-\u2015]")
_STRUCTURE = re.compile(r"([/.])[/.]+")


def check_character(zone: str) -> str:
    """Return the NOID check character of `NAAN/name` (positions from 1, other signs weigh 0)."""
    weights = zone.encode("ascii", "replace").translate(_WEIGHTS)
    return BETANUMERIC[sum(map(mul, weights, count(1))) % 29]


def is_check_valid(zone: str) -> bool:
    """Return whether the last character of `NAAN/name` is its check character."""
    return len(zone) > 1 and check_character(zone[:-1]) == zone[-1]


def normalise(text: str) -> str:
    """Return the normal form of an ARK (draft section 3.2), to compare octet by octet.

    Raises:
        ValueError: when it is no ARK; says why.
    """
    lowered = text.lower()
    if (start := lowered.find("/ark:")) >= 0 and not lowered.startswith("ark:"):
        text = text[start + 1 :]
    text = text.partition("?")[0]
    label = _LABEL.match(text)
    if label is None:
        raise ValueError("there is no label 'ark:'")
    text = text[label.end() :]
    naan, slash, rest = text.partition("/")
    text = naan.lower() + slash + rest
    text = re.sub(r"%(..)", lambda found: "%" + found[1].upper(), text)
    text = _HYPHENS.sub("", text)
    text = _STRUCTURE.sub(r"\1", text).strip("/.")
    naan, _, name = text.partition("/")
    if not _NAAN.match(naan):
        raise ValueError("the NAAN has letters or digits that no NAAN has")
    if not name:
        raise ValueError("there is no name after the NAAN")
    if not _REPERTOIRE.match(name):
        raise ValueError("the name has a character that no ARK has")
    return f"ark:{naan}/{name}"


@dataclass(frozen=True)
class ArkMinter:
    """Mints ARKs of one NAAN and shoulder."""

    naan: str
    shoulder: str

    def draw(self, many: int) -> set[str]:
        """Return `many` different random ARKs with their check characters."""
        zones: set[str] = set()
        while len(zones) < many:
            wanted = (many - len(zones)) * BLADE_LENGTH
            signs = secrets.token_bytes(wanted + wanted // 8).translate(_SIGNS, _UNEVEN).decode()
            for end in range(BLADE_LENGTH, min(wanted, len(signs)) + 1, BLADE_LENGTH):
                zones.add(f"{self.naan}/{self.shoulder}{signs[end - BLADE_LENGTH : end]}")
        return {f"ark:{zone}{check_character(zone)}" for zone in zones}

    async def mint(
        self, session: AsyncSession, source_file_ids: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, str]:
        """Mint and store one ARK for each source file that has none, in the caller's transaction.

        A file that has one already keeps it: an ARK is never minted twice.
        """
        if not source_file_ids:
            return {}
        known = await session.execute(_KNOWN, {"ids": list(source_file_ids)})
        arks: dict[uuid.UUID, str] = {one: str(ark) for one, ark in known}
        missing = [one for one in source_file_ids if one not in arks]
        stamp = {"scheme": "ark", "created_at": utcnow()}
        while missing:
            drawn = dict(zip(self.draw(len(missing)), missing, strict=True))
            rows = [{"value": ark, "source_file_id": one} for ark, one in drawn.items()]
            # A name that is taken is refused by its key, and another one is drawn.
            for ark in await insert_new_rows(
                session, IDENTIFIERS, rows, returning="value", constants=stamp
            ):
                arks[drawn.pop(ark)] = ark
            missing = list(drawn.values())
        return arks
