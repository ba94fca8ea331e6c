"""Times as people type them: when a recording begins, and by how much chapters move."""

import re
import unicodedata
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.recordings.errors import BadMoment, BadShift

_MOMENT = re.compile(
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[ T]+)?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
)
_SHIFT = re.compile(r"(?P<sign>[-+]?)\s*(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,6})")
_LONGEST = timedelta(days=1)
_HALF_A_DAY = timedelta(hours=12)


def parse_moment(text: str, near: datetime, zone: ZoneInfo) -> datetime:
    """Read a time in `zone`; without a date, the one nearest to `near`.

    Raises:
        BadMoment.
    """
    match = _MOMENT.fullmatch(_plain(text))
    if match is None:
        raise BadMoment(text=text, zone=zone)
    local = near.astimezone(zone)
    try:
        moment = local.replace(
            year=int(match["year"] or local.year),
            month=int(match["month"] or local.month),
            day=int(match["day"] or local.day),
            hour=int(match["hour"]),
            minute=int(match["minute"]),
            second=int(match["second"] or 0),
            microsecond=0,
        )
    except ValueError as error:
        raise BadMoment(text=text, zone=zone) from error
    if match["year"] is None:
        # A talk that began at 0:05 may be in a recording that began at 23:55.
        if moment - local > _HALF_A_DAY:
            moment -= timedelta(days=1)
        elif local - moment > _HALF_A_DAY:
            moment += timedelta(days=1)
    return moment.astimezone(near.tzinfo)


def parse_shift(text: str) -> timedelta:
    """Read seconds, minutes:seconds or hours:minutes:seconds, with a sign or without.

    Raises:
        BadShift.
    """
    match = _SHIFT.fullmatch(_plain(text))
    if match is None:
        raise BadShift(text=text)
    hours, minutes, seconds = (int(match[i] or 0) for i in (2, 3, 4))
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if length > _LONGEST:
        raise BadShift(text=text)
    return -length if match["sign"] == "-" else length


def _plain(text: str) -> str:
    # Japanese keyboards give full-width digits, colons and signs.
    text = unicodedata.normalize("NFKC", text)
    return re.sub("[\u2212\u2010-\u2015\u30fc]", "-", text).strip()
