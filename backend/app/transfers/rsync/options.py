"""What may be set for an instrument that rsync reaches."""

from pydantic import Field

from streamweave_sdk.transfers import Options


class RsyncOptions(Options):
    """rsync's settings for one instrument."""

    compress: bool = Field(
        False,
        title="Compress on the way",
        description="Worth it on slow lines, with data that is not compressed already.",
    )
    on_basis: bool = Field(
        True,
        title="Move only what is new",
        description="Of large files that grew; otherwise every byte comes from the instrument.",
    )
    program: str = Field(
        "",
        title="rsync on the server",
        description="Its path there, where it is not found by itself; only over SSH.",
        pattern=r"^(/[A-Za-z0-9._/-]+)?$",
        max_length=300,
    )
