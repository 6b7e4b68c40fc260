"""Time zones: only those that this machine knows, or a schedule could not be computed."""

from zoneinfo import available_timezones

from app.services.edits import InvalidField


def check_time_zone(name: str, pointer: str) -> None:
    """Refuse a time zone that is not known.

    Raises:
        InvalidField: `time_zone_unknown`.
    """
    if name not in available_timezones():
        raise InvalidField(pointer, f"'{name}' is no time zone.", "time_zone_unknown")
