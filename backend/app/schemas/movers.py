"""Movers."""

from pydantic import Field

from app.schemas.base import JsonObject, Output


class MoverRead(Output):
    """A mover that this installation has."""

    name: str = Field(examples=["rsync"])
    title: str = Field(examples=["rsync"])
    version: str = Field(examples=["1"])
    protocols: list[str] = Field(description="of instruments that it serves", examples=[["sftp"]])
    default_for: list[str] = Field(description="protocols that it serves when nothing is chosen")
    needs: list[str] = Field(description="program | local_path | collection")
    options_schema: JsonObject = Field(description="JSON Schema of an instrument's `mover_options`")
    problem: str | None = Field(
        description="why it cannot work on this machine; workers may have what is missing here"
    )


class MoverProblem(Output):
    """A package that could not be loaded."""

    where: str = Field(examples=["lab_movers:Tape"])
    reason: str = Field(examples=["ModuleNotFoundError: No module named 'tape'"])


class MoverList(Output):
    """The movers, by name."""

    items: list[MoverRead]
    problems: list[MoverProblem]
