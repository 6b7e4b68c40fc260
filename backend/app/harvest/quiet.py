"""Quiet hours: when an instrument wants to be left alone."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo


def is_quiet(quiet_hours: dict[str, Any] | None, now: datetime) -> bool:
    """Return whether the instrument wants to be left alone now.

    `quiet_hours` is {"from": "08:00", "to": "18:00", "time_zone": "Europe/Berlin"}; a span over
    midnight is understood.
    """
    if not quiet_hours:
        return False
    local = now.astimezone(ZoneInfo(str(quiet_hours.get("time_zone", "UTC"))))
    clock = local.strftime("%H:%M")
    start, end = str(quiet_hours["from"]), str(quiet_hours["to"])
    return start <= clock < end if start <= end else clock >= start or clock < end
