"""What a source needs to become a remote in the daemon: rclone's parameters for each protocol."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.errors import StreamWeaveError


@dataclass(frozen=True)
class SourceAddress:
    """A source with its credentials, in the supervisor's memory only."""

    key: str  # unique for address and secret version: a remote's name in the daemon
    protocol: str
    host: str | None = None
    port: int | None = None
    url: str | None = None
    root: str = ""
    host_key: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    username: str = ""
    secret: str = field(default="", repr=False)
    secret_kind: str = "password"

    def remote(self, name: str) -> str:
        """Return the source as rclone names it, for a remote of this name.

        Without its last slash rclone asks S3 whether the root is an object, and takes a refused
        log-on for "yes".
        """
        root = f"{self.root.rstrip('/')}/" if self.protocol == "s3" else self.root
        return f"{name}:{root}"


def parameters(source: SourceAddress, run_directory: Path) -> tuple[str, dict[str, str]]:
    """Return rclone's backend type and parameters; secrets in clear, for `opt.obscure`."""
    make = {"smb": _smb, "sftp": _sftp, "s3": _s3, "webdav": _webdav}[source.protocol]
    return make(source, run_directory)


def _smb(source: SourceAddress, _run: Path) -> tuple[str, dict[str, str]]:
    return "smb", {
        "host": source.host or "",
        "port": str(source.port or 445),
        "user": source.username,
        "pass": source.secret,
        "domain": source.options.get("domain", "WORKGROUP"),
        "idle_timeout": "15s",
        "hide_special_share": "true",
        # The default takes full-width signs (common in Japanese and Chinese names) for rclone's
        # own stand-ins of characters that Windows forbids, and would deliver another name.
        "encoding": "Slash,Dot",
    }


def _sftp(source: SourceAddress, run: Path) -> tuple[str, dict[str, str]]:
    port = source.port or 22
    values = {
        "host": source.host or "",
        "port": str(port),
        "user": source.username,
        "shell_type": "none",
        "disable_hashcheck": "true",
        "set_modtime": "false",
        "idle_timeout": "15s",
        "known_hosts_file": "none",
    }
    if source.host_key:
        known = run / f"known-hosts-{source.key}"
        known.write_text(f"[{source.host}]:{port} {source.host_key.strip()}\n")
        values["known_hosts_file"] = str(known)
    if source.secret_kind == "private_key":
        values["key_pem"] = source.secret.strip().replace("\n", "\\n")
    else:
        values["pass"] = source.secret
    return "sftp", values


def _s3(source: SourceAddress, _run: Path) -> tuple[str, dict[str, str]]:
    return "s3", {
        "provider": source.options.get("provider", "Other"),
        "endpoint": source.url or "",
        "region": source.options.get("region", ""),
        "force_path_style": source.options.get("force_path_style", "true"),
        "access_key_id": source.username,
        "secret_access_key": source.secret,
        "no_check_bucket": "true",
        "directory_markers": "false",
    }


def _webdav(source: SourceAddress, _run: Path) -> tuple[str, dict[str, str]]:
    url = source.url or ""
    if urlsplit(url).scheme not in ("http", "https"):
        raise StreamWeaveError("source_host_unknown", "The WebDAV address must be http or https.")
    return "webdav", {
        "url": url,
        "vendor": source.options.get("vendor", "other"),
        # Slots bound the calls; a pause of 10 ms after each would make 50 small files a second.
        "pacer_min_sleep": "1ms",
        "user": source.username,
        "pass": source.secret,
    }
