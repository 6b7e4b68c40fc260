"""Which kinds of faults a round has: by turns and by chance, or each kind once in few rounds."""

import random
from collections.abc import Sequence

from tests.faults.campaign import kinds
from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.kinds.network import ServerFrozen
from tests.faults.campaign.setting import RSYNC, Setting

Choice = tuple[Setting, list[type[Kind]]]


def by_turns(
    setting: Setting, number: int, only: Sequence[str], rng: random.Random
) -> list[type[Kind]]:
    """The kinds of a round by its number: what is special to its setting, then all in turn."""
    fitting = [
        kind
        for name, kind in kinds.ALL.items()
        if kind.fits(setting) and (not only or name in only)
    ]
    if not fitting:
        return []
    rare = [kind for kind in fitting if not kind.fits(Setting())] or fitting
    chosen = [rare[(number // 5 + turn) % len(rare)] for turn in range(2)]
    start = (number * 4) % len(fitting)
    chosen += (fitting + fitting)[start : start + 4]
    chosen += rng.choices(fitting, k=4)
    rng.shuffle(chosen)
    return _frozen_last(setting, chosen)


def _frozen_last(setting: Setting, chosen: list[type[Kind]]) -> list[type[Kind]]:
    """After a frozen SMB server rclone's connections are dead until they rest for 15 s."""
    if setting.source != "smb" or ServerFrozen not in chosen:
        return chosen
    return [kind for kind in chosen if kind is not ServerFrozen] + [ServerFrozen]


def covering(*, can_mount: bool, samba: bool, rsync: bool) -> list[Choice]:
    """Few rounds that have each kind once, as far as this machine can do them."""
    settings = [
        Setting(storage="disk" if can_mount else "folder"),
        Setting(database="postgresql"),
        Setting(),
        Setting(source="sftp"),
        Setting(source="webdav"),
        Setting(source="s3"),
        Setting(source="globus"),
    ]
    settings.append(Setting(storage="s3"))
    if rsync:
        settings.append(Setting(source=RSYNC, storage="disk" if can_mount else "folder"))
        settings.append(Setting(storage=RSYNC))
    if samba:
        settings += [Setting(source="smb"), Setting(storage="smb")]
    chosen: dict[Setting, list[type[Kind]]] = {setting: [] for setting in settings}
    for kind in sorted(kinds.ALL.values(), key=lambda one: sum(map(one.fits, settings))):
        places = [setting for setting in settings if kind.fits(setting)]
        if places:
            chosen[min(places, key=lambda one: len(chosen[one]))].append(kind)
    return [(setting, some) for setting, some in chosen.items() if some]
