"""The embedded stack before it starts: what is its own, and no other's."""

from pathlib import Path

from app.config import Settings
from app.embedded import EmbeddedStack
from app.loopback import LoopbackPorts


def test_two_stacks_that_start_at_once_choose_other_ports(tmp_path: Path) -> None:
    stacks = [EmbeddedStack(Settings(data=tmp_path / name)) for name in ("one", "other")]
    addresses = [one.url for one in stacks] + [one.settings.prefect_api_url for one in stacks]
    ports = {str(address).removesuffix("/api").rpartition(":")[2] for address in addresses}
    assert len(ports) == 4  # nobody listens yet, and still each has its own


def test_a_port_that_was_given_back_is_free_again() -> None:
    first, other = LoopbackPorts(), LoopbackPorts()
    port = first.take(0)
    assert other.take(port) != port
    first.give_back()
    assert other.take(port) == port
    other.give_back()
