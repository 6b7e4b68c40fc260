"""The hooks of the demonstration: what a facility would configure, and what came of it.

A filter, a redirect, metadata of paths and of NMR measurements, and a signed webhook, each for one
instrument. They are configured through the API, as an admin would, and once: a start that finds
them leaves them as they are.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any

from simlab.lab import SimLab
from streamweave_sdk.client import Client

_LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True)
class _Planned:
    """One hook as it is configured; `pattern` is a glob of names, None for all files."""

    name: str
    hook: str
    slug: str
    pattern: str | None
    config: dict[str, Any]


_FILTER = _Planned(
    "Nothing left behind", "file-filter", "uv-vis", None,
    {"rules": [{"name": "lock and temporary files", "globs": ["~$*", "*.tmp"]}]},
)  # fmt: skip
_REDIRECT = _Planned(
    "Reports apart", "redirect-files", "hplc-1", "Report.TXT",
    {"targets": [{"globs": ["Report.TXT"], "path": "reports/{folder}"}]},
)  # fmt: skip
_SPECTRA = _Planned(
    "Names of spectra", "path-metadata", "uv-vis", None,
    {"patterns": [{
        "name": "spectrum", "template": "{person}/{month:%Y-%m}/{compound}_{number:int}.*",
        "tags": ["{compound}"],
    }]},
)  # fmt: skip
_NMR = _Planned(
    # The parameters are a file of their own, which may come a moment later.
    "NMR measurements", "bruker-metadata", "nmr-500", "fid",
    {"under": "", "when_missing": "wait", "ask_again_seconds": 1},
)  # fmt: skip
_NMR_NEEDS = ("nmrglue", "numpy")
_WEBHOOK = ("Reads are ready", "webhook", "sequencer", "*.fastq.gz")


class DemoHooks:
    """Configures the hooks of the instruments that this laboratory has, and tells of them."""

    def __init__(self, lab: SimLab) -> None:
        """Plan them for a laboratory that was started."""
        self._lab = lab
        # Without the extra of the extractors there are fewer.
        self.missing = [name for name in _NMR_NEEDS if find_spec(name) is None]
        running = {one.slug for one in lab.instruments}
        planned = [_FILTER, _REDIRECT, _SPECTRA, *([] if self.missing else [_NMR]), _webhook(lab)]
        self._planned = [one for one in planned if one.slug in running]
        self._known: dict[str, dict[str, Any]] = {}

    @property
    def slugs(self) -> set[str]:
        """The instruments that have a hook."""
        return {one.slug for one in self._planned}

    def set_up(self, client: Client, slug: str, instrument_id: str) -> None:
        """Configure an instrument's hooks, before it is harvested."""
        there = {one["name"]: one for one in client.items("hooks")}
        for planned in self._planned:
            if planned.slug != slug:
                continue
            known = there.get(planned.name)
            if known is None:
                body = {
                    "name": planned.name,
                    "hook": planned.hook,
                    "instrument_id": instrument_id,
                    "pattern": planned.pattern,
                    "config": planned.config,
                }
                known = client.post("hooks", body)
            elif planned.hook == "webhook" and known["config"]["url"] != planned.config["url"]:
                # The receiver came back on another port.
                known = client.edit(f"hooks/{known['id']}", {"config": planned.config})
            self._known[planned.name] = known

    def waiting(self, client: Client) -> int:
        """Return how many answers about harvested files are still due."""
        due = 0
        for name in (_SPECTRA.name, _NMR.name, _WEBHOOK[0]):
            if (hook := self._known.get(name)) is not None and hook["enabled"]:
                due += len(_asked_about(client, hook) - _said(client, hook, "answered").keys())
        return due

    def summary(self, client: Client) -> dict[str, int]:
        """Return what the hooks did so far, in files and in messages."""
        lines = self._lab.webhooks_received()
        verified = {one["id"] for one in lines if one["verified"]}
        skipped = client.items("files", state="skipped", reason="hook")
        return {
            "left_out": sum(1 for _ in skipped),
            "redirected": len(self._said(client, _REDIRECT.name, "redirect")),
            "with_metadata": sum(
                bool((answer or {}).get("metadata"))
                for name in (_SPECTRA.name, _NMR.name)
                for answer in self._said(client, name, "answered").values()
            ),
            "webhooks_verified": len(verified),
            "webhooks_refused": sum(not one["verified"] for one in lines),
        }

    def _said(self, client: Client, name: str, outcome: str) -> dict[str, Any]:
        hook = self._known.get(name)
        return {} if hook is None else _said(client, hook, outcome)


def _webhook(lab: SimLab) -> _Planned:
    config = {
        "url": lab.webhooks.url,
        "secrets": [lab.webhooks.secret],
        # It is on this machine: neither public nor behind TLS.
        "allow_networks": [_LOOPBACK],
        "allow_http": True,
    }
    return _Planned(*_WEBHOOK, config)


def _asked_about(client: Client, hook: dict[str, Any]) -> set[str]:
    """The available files that an after-transfer hook was or will be asked about."""
    files = client.items(
        "files",
        instrument=hook["instrument_id"],
        state="available",
        complete_after=hook["created_at"],
    )
    return {
        one["id"]
        for one in files
        if hook["pattern"] is None or PurePosixPath(one["path"]).match(hook["pattern"])
    }


def _said(client: Client, hook: dict[str, Any], outcome: str) -> dict[str, Any]:
    """The newest answer of a hook by file; the log is newest first."""
    found: dict[str, Any] = {}
    for run in client.items("hook-runs", hook=hook["id"], outcome=outcome):
        found.setdefault(run["source_file_id"], run["answer"])
    return found
