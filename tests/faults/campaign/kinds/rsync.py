"""Files by rsync: the link cut, the landing full, a daemon that speaks another protocol."""

import contextlib

from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.kinds.network import BROKEN, ConnectionCut, OverNetwork, lasts
from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import RSYNC, Setting
from tests.faults.campaign.sources import GreetingProxy, Remote
from tests.integration.source_fixtures import eventually

_LONGEST_SECONDS = 6.0


class RsyncLinkCut(ConnectionCut):
    """rsync's connections break in the middle of what they carry."""

    name = "rsync_link_cut"
    sources = (RSYNC,)


class RsyncLandingFull(OverNetwork):
    """The worker's disk fills up on which rsync puts what it brings."""

    name = "rsync_landing_full"
    sources = (RSYNC,)
    codes = BROKEN | {"landing_full"}

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return super().fits(setting) and setting.storage == "disk"  # mounting is possible

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        assert remote.landing is not None
        assert callable(go_on)
        before = await round_.attempts_with("landing_full")

        async def has_struck() -> bool:
            return await round_.attempts_with("landing_full") > before

        remote.landing.fill()
        try:
            go_on()
            with contextlib.suppress(TimeoutError):
                await eventually(has_struck, within_seconds=_LONGEST_SECONDS)
                round_.injected(self.name)
        finally:
            remote.landing.free()


class RsyncProtocolMismatch(OverNetwork):
    """Some connections meet a daemon whose protocol is too old."""

    name = "rsync_protocol_mismatch"
    sources = (RSYNC,)
    codes = BROKEN | {"source_protocol_mismatch"}

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        proxy = remote.proxy
        assert isinstance(proxy, GreetingProxy)
        assert callable(go_on)
        wanted = round_.rng.randrange(1, 4)
        proxy.strangers = wanted
        go_on()
        await lasts(lambda: proxy.strangers < wanted)
        round_.injected(self.name, wanted - proxy.strangers)
        proxy.strangers = 0


KINDS: list[type[Kind]] = [RsyncLinkCut, RsyncLandingFull, RsyncProtocolMismatch]
