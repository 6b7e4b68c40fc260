"""The simulated laboratory's servers really answer, refuse and die as they should."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from simlab import lab as lab_module
from simlab.lab import LabInUse, SimInstrument, SimLab
from simlab.servers import (
    Login,
    ServerDidNotStart,
    SftpServer,
    WebdavServer,
    load_or_make_key,
    rclone_path,
    samba_available,
)

pytestmark = pytest.mark.integration

SCALE = 0.1
ALL = ["hplc-1", "hplc-2", "nmr-500", "orbitrap", "sequencer", "tem-2", "uv-vis"]
SERVED = [slug for slug in ALL if slug != "uv-vis"]
WITH_PASSWORD = [slug for slug in SERVED if slug != "hplc-2"]


def rclone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    limits = ["--retries=1", "--low-level-retries=1", "--timeout=2s", "--contimeout=2s"]
    return subprocess.run(
        [rclone_path(), "--config=", *limits, *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def obscured(secret: str) -> str:
    return subprocess.run(
        [rclone_path(), "obscure", "-"], input=secret, capture_output=True, text=True, check=True
    ).stdout.strip()


def remote_options(instrument: SimInstrument, folder: Path) -> dict[str, str]:
    options = {"type": instrument.protocol, "user": instrument.username or ""}
    if instrument.protocol == "s3":
        return {
            "type": "s3",
            "provider": "Rclone",
            "endpoint": instrument.url or "",
            "access_key_id": instrument.username or "",
            "secret_access_key": instrument.password or "",
        }
    if instrument.password is not None:
        options["pass"] = obscured(instrument.password)
    if instrument.protocol == "webdav":
        return options | {"url": instrument.url or "", "vendor": "rclone"}
    options |= {"host": instrument.host or "", "port": str(instrument.port or "")}
    if instrument.protocol == "sftp":
        known = folder / "known_hosts"
        known.write_text(f"[{instrument.host}]:{instrument.port} {instrument.host_key}\n")
        options["known_hosts_file"] = str(known)
        if instrument.private_key is not None:
            options["key_pem"] = instrument.private_key.replace("\n", "\\n")
    return options


class Client:
    """rclone as a harvester would use it, with what an instrument says about itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self, command: str, instrument: SimInstrument, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        options = remote_options(instrument, self._folder)
        environment = {f"RCLONE_CONFIG_LAB_{k.upper()}": v for k, v in options.items()}
        return rclone(command, f"lab:{instrument.root}", *arguments, **environment)

    def files(self, instrument: SimInstrument) -> dict[str, int]:
        """Size of each file by its path, as the server shows them."""
        listed = self.run("lsf", instrument, "-R", "--files-only", "--format=ps", "--separator=\t")
        assert listed.returncode == 0, listed.stderr
        rows = (line.rsplit("\t", 1) for line in listed.stdout.splitlines())
        return {path: int(size) for path, size in rows}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimLab]:
    with SimLab(tmp_path_factory.mktemp("lab"), seed=1, scale=SCALE) as running:
        yield running


def instrument_or_skip(lab: SimLab, slug: str) -> SimInstrument:
    if slug in lab.skipped:
        pytest.skip(f"{slug}: {lab.skipped[slug]}")
    return lab.instrument(slug)


@pytest.mark.parametrize("slug", ALL)
def test_instrument_shows_exactly_its_files(lab: SimLab, client: Client, slug: str) -> None:
    instrument = instrument_or_skip(lab, slug)
    on_disk = {
        str(path.relative_to(instrument.path)): path.stat().st_size
        for path in instrument.path.rglob("*")
        if path.is_file()
    }
    assert client.files(instrument) == on_disk


@pytest.mark.parametrize("slug", ALL)
def test_all_bytes_arrive_under_their_own_names(
    lab: SimLab, client: Client, slug: str, tmp_path: Path
) -> None:
    instrument = instrument_or_skip(lab, slug)
    # rclone takes NFC and NFD for the same name unless told otherwise.
    copied = client.run("copy", instrument, str(tmp_path / "copy"), "--no-unicode-normalization")
    assert copied.returncode == 0, copied.stderr
    for path in (path for path in instrument.path.rglob("*") if path.is_file()):
        arrived = tmp_path / "copy" / path.relative_to(instrument.path)
        assert arrived.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("slug", WITH_PASSWORD)
def test_wrong_password_is_refused(lab: SimLab, client: Client, slug: str) -> None:
    instrument = instrument_or_skip(lab, slug)
    refused = client.run("lsf", replace(instrument, password="wrong-password-of-some-length"))
    assert refused.returncode != 0
    assert refused.stdout == ""


# rclone does not compare user names when a key fits, so the instrument with a key is not asked.
@pytest.mark.parametrize("slug", WITH_PASSWORD)
def test_unknown_user_is_refused(lab: SimLab, client: Client, slug: str) -> None:
    instrument = instrument_or_skip(lab, slug)
    refused = client.run("lsf", replace(instrument, username="STRANGER00000000000"))
    assert refused.returncode != 0
    assert refused.stdout == ""


def test_other_key_and_any_password_are_refused_where_a_key_is_asked(
    lab: SimLab, client: Client, tmp_path: Path
) -> None:
    instrument = lab.instrument("hplc-2")
    other, _ = load_or_make_key(tmp_path / "other")
    assert client.run("lsf", replace(instrument, private_key=other)).returncode != 0
    by_password = replace(instrument, private_key=None, password="guess")
    assert client.run("lsf", by_password).returncode != 0


def test_other_host_key_is_noticed_by_a_client_that_pins(lab: SimLab, client: Client) -> None:
    first, second = lab.instrument("hplc-1"), lab.instrument("hplc-2")
    assert first.host_key != second.host_key
    refused = client.run("lsf", replace(first, host_key=second.host_key))
    assert refused.returncode != 0
    assert "knownhosts" in refused.stderr


@pytest.mark.parametrize("slug", SERVED)
def test_server_is_read_only(lab: SimLab, client: Client, slug: str, tmp_path: Path) -> None:
    instrument = instrument_or_skip(lab, slug)
    before = {path for path in instrument.path.rglob("*") if path.is_file()}
    deleted = client.run("delete", instrument, "--include=**/empty file.dat")
    assert deleted.returncode != 0
    assert {path for path in instrument.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("slug", ALL)
def test_new_and_grown_files_are_seen_at_once(lab: SimLab, client: Client, slug: str) -> None:
    instrument = instrument_or_skip(lab, slug)
    fresh = instrument.path / "fresh.dat"
    assert fresh.name not in client.files(instrument)
    try:
        for size in (1, 1000):
            fresh.write_bytes(bytes(size))
            assert client.files(instrument)[fresh.name] == size
    finally:
        fresh.unlink()


@pytest.mark.skipif(not samba_available(), reason="smbd is not installed")
def test_growing_file_is_seen_over_smb_and_ends_with_the_promised_bytes(
    lab: SimLab, client: Client
) -> None:
    instrument = lab.instrument("orbitrap")
    writer = lab.start_writer(seconds=600, name="growing.raw")
    try:
        sizes = {0}
        while len(sizes) < 4:
            sizes.add(client.files(instrument).get("live/growing.raw", 0))
        assert max(sizes) < len(writer.content)
    finally:
        writer.stop()
    assert client.files(instrument)["live/growing.raw"] == len(writer.content)
    writer.path.unlink()


def test_restart_keeps_ports_passwords_and_keys(tmp_path: Path) -> None:
    with SimLab(tmp_path, seed=1, scale=SCALE) as first:
        before = first.instruments
    with SimLab(tmp_path, seed=1, scale=SCALE) as second:
        assert second.instruments == before
    assert stat.S_IMODE((tmp_path / "lab.json").stat().st_mode) == 0o600


def test_no_secret_is_in_arguments_or_logs(lab: SimLab) -> None:
    secrets = [i.password for i in lab.instruments if i.password]
    assert len(set(secrets)) >= 3
    servers = [lab.server(i.slug) for i in lab.instruments if i.protocol != "local"]
    for server in servers:
        seen = " ".join(psutil.Process(server.process.pid).cmdline())
        seen += server.log_path.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in seen]
    assert not [secret for secret in secrets if secret in repr(lab.instruments)]


@pytest.mark.parametrize("slug", SERVED)
def test_killed_server_comes_back_on_the_same_port(lab: SimLab, client: Client, slug: str) -> None:
    instrument = instrument_or_skip(lab, slug)
    server = lab.server(slug)
    server.kill()
    assert not server.alive()
    assert client.run("lsf", instrument).returncode != 0
    server.start()
    assert server.port == instrument.port
    assert client.run("lsf", instrument).returncode == 0


@pytest.mark.parametrize("slug", SERVED)
def test_frozen_server_hangs_and_goes_on_when_thawed(
    lab: SimLab, client: Client, slug: str
) -> None:
    instrument = instrument_or_skip(lab, slug)
    server = lab.server(slug)
    server.freeze()
    try:
        assert server.alive()
        assert client.run("lsf", instrument).returncode != 0
    finally:
        server.thaw()
    assert client.run("lsf", instrument).returncode == 0


def test_frozen_server_can_be_stopped(tmp_path: Path) -> None:
    with SimLab(tmp_path, seed=1, scale=SCALE, only=["hplc-1"]) as lab:
        server = lab.server("hplc-1")
        server.freeze()
        server.stop()
        assert not server.alive()
        server.stop()


def test_second_laboratory_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    second = SimLab(tmp_path, scale=SCALE, only=["uv-vis"])
    with (
        SimLab(tmp_path, scale=SCALE, only=["uv-vis"]),
        pytest.raises(LabInUse, match="Stop it first"),
    ):
        second.start()
    with SimLab(tmp_path, scale=SCALE, only=["uv-vis"]) as lab:
        assert [i.slug for i in lab.instruments] == ["uv-vis"]


def test_taken_port_is_replaced_by_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = WebdavServer(
            "web",
            served=tmp_path,
            state=tmp_path / "state",
            logs=tmp_path / "logs",
            login=Login("someone", "a password"),
            port=port,
        )
        server.start()
        try:
            assert server.port != port
            assert server.url == f"http://127.0.0.1:{server.port}"
        finally:
            server.close()


def test_server_that_cannot_run_says_why(tmp_path: Path) -> None:
    server = SftpServer(
        "broken",
        served=tmp_path / "missing",
        state=tmp_path / "state",
        logs=tmp_path / "logs",
        login=Login("someone", "a password"),
    )
    server.options = lambda: ["--no-such-option"]  # type: ignore[method-assign]
    with pytest.raises(ServerDidNotStart, match="no-such-option"):
        server.start()
    assert not server.alive()


def test_servers_outlive_the_thread_that_started_them(tmp_path: Path, client: Client) -> None:
    lab = SimLab(tmp_path, scale=SCALE, only=["hplc-1"])
    starter = threading.Thread(target=lab.start)
    starter.start()
    starter.join()
    try:
        # The death signal would have come when the thread ended; a listing proves it did not.
        assert client.run("lsf", lab.instrument("hplc-1")).returncode == 0
    finally:
        lab.stop()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder that samba needs no substitute for: a killed laboratory would leave that behind."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        yield Path(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_servers_die_with_a_killed_parent(short_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "simlab", str(short_path), "--json", f"--scale={SCALE}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    try:
        text = ""
        while not text.endswith("]\n"):
            line = parent.stdout.readline()
            assert line, "it ended before it was ready"
            text += line
        instruments = json.loads(text)
        assert len(instruments) >= 5
        servers = psutil.Process(parent.pid).children(recursive=True)
        assert len(servers) >= 4
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()

    # A container's first process may not collect the dead: a zombie is dead enough.
    def lives(process: psutil.Process) -> bool:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)

    _, undecided = psutil.wait_procs(servers, timeout=3)
    assert [process for process in undecided if lives(process)] == []


def test_command_line_ends_cleanly_at_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simlab", str(tmp_path), f"--scale={SCALE}", "--only=hplc-1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(3)]
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
    assert "INSTRUMENT" in lines[0]
    assert "hplc-1" in lines[1] and "password" in lines[1]
    assert "lab.json" in lines[2]


def test_without_samba_its_instruments_are_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lab_module, "samba_available", lambda: False)
    with SimLab(tmp_path, scale=SCALE, only=["nmr-500", "uv-vis"]) as lab:
        assert [i.slug for i in lab.instruments] == ["uv-vis"]
        assert "install-system-packages" in lab.skipped["nmr-500"]
        with pytest.raises(LookupError, match="smbd"):
            lab.instrument("nmr-500")
    assert "nmr-500" in caplog.text


@pytest.mark.skipif(not samba_available(), reason="smbd is not installed")
def test_samba_runs_from_a_deep_folder(tmp_path: Path, client: Client) -> None:
    with SimLab(tmp_path / ("d" * 100), scale=SCALE, only=["nmr-500"]) as lab:
        assert client.run("lsf", lab.instrument("nmr-500")).returncode == 0
        substitute = Path((tmp_path / ("d" * 100) / "servers/samba/runtime-folder").read_text())
        assert substitute.is_dir()
    assert not substitute.exists()
