"""The words of file names, by which files are found."""

import uuid

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

# Compared by code point on both databases, or a range would not be a prefix.
_Word = String(64).with_variant(String(64, collation="C"), "postgresql")


class NameWord(Base):
    """A word of a source file's name; `services/name_words.py` says what a word is.

    No foreign keys: a row is written from the file's own, and looking them up would cost more.
    """

    __tablename__ = "name_words"

    instrument_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(_Word, primary_key=True)
    source_file_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class UnindexedName(Base):
    """A source file whose words are not in `name_words` yet; inserted with the file."""

    __tablename__ = "unindexed_names"

    source_file_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("source_files.id", ondelete="CASCADE"), primary_key=True
    )

    __table_args__ = ({"sqlite_with_rowid": False},)
