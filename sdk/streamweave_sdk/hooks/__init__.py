"""The contract of hooks: what a facility writes to shape its harvests.

    from streamweave_sdk.hooks import Continue, NoConfig, PreTransfer, Skip

    class NoDarkFrames(PreTransfer[NoConfig]):
        def run(self, file):
            return Skip(reason="A dark frame.", rule="dark") if "dark" in file.name else Continue()

`streamweave_sdk.testing` tries it in plain pytest. A server finds it by the entry point
`streamweave.hooks`, or as a script in the folder STREAMWEAVE_HOOKS_FOLDER.
"""

from streamweave_sdk.hooks.contract import (
    Access,
    Answer,
    Config,
    Continue,
    Curve,
    Hook,
    Image,
    NoConfig,
    Notice,
    PostAnswer,
    PostTransfer,
    PreTransfer,
    Preview,
    Reader,
    Redirect,
    RetryLater,
    Skip,
    SourceFacts,
    StopAsking,
    VersionFacts,
)
from streamweave_sdk.hooks.finding import FoundHooks, find_hooks

__all__ = [
    "Access",
    "Answer",
    "Config",
    "Continue",
    "Curve",
    "FoundHooks",
    "Hook",
    "Image",
    "NoConfig",
    "Notice",
    "PostAnswer",
    "PostTransfer",
    "PreTransfer",
    "Preview",
    "Reader",
    "Redirect",
    "RetryLater",
    "Skip",
    "SourceFacts",
    "StopAsking",
    "VersionFacts",
    "find_hooks",
]
