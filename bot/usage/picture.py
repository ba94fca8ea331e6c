"""From histories to what is drawn: curves, limits, marks, in somebody's words. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.lab import Instance, spoken_cpus, spoken_size
from bot.localization import Words
from bot.questions import Question
from bot.questions import State as Asked
from bot.usage.chart import Curve, Mark, Panel, Picture
from bot.usage.history import History
from bot.usage.model import Point, Spread
from bot.usage.spans import SPREAD

_PERCENT = 100.0
# Beyond these, curves can't be told apart.
_MOST_SINGLE = 2
_SINGLE_COLOURS = ("amber", "green")
# More points than these can't be told apart on a phone.
MOST_POINTS = 240
# Twice and a half the usual distance between points is a hole.
_HOLE = 2.5


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same in every picture: the time shown, the reader's words and time zone."""

    since: datetime
    until: datetime
    words: Words
    time_zone: ZoneInfo


def of_instance(
    instance: Instance, history: History, marks: Sequence[Mark], words: Words, zone: ZoneInfo
) -> Picture:
    """Draw one instance, its limits, and the most and least around the mean."""
    _ = words
    frame = Frame(history.since, history.until, words, zone)
    limits, points = instance.resources, thinned(history.points)
    return _picture(
        frame,
        instance.name,
        (
            Panel(
                _("CPU (100 % is one CPU)"),
                "percent",
                (curve(_("used"), "blue", points, "cpus", _PERCENT, banded=True),),
                limits.cpus * _PERCENT,
                _("limit {cpus} CPU", cpus=spoken_cpus(limits.cpus)),
            ),
            Panel(
                _("Memory"),
                "bytes",
                (
                    curve(_("used"), "blue", points, "memory_bytes", banded=True),
                    curve(_("cache"), "violet", points, "cache_bytes", thin=True),
                ),
                limits.memory_bytes,
                _("limit {size}", size=spoken_size(limits.memory_bytes)),
            ),
            *_disk_and_network(points, words),
        ),
        marks,
    )


def of_host(
    name: str,
    cpus: int | None,
    memory_bytes: int | None,
    history: History,
    instances: Sequence[Sequence[Point]],
    words: Words,
    zone: ZoneInfo,
) -> Picture:
    """Draw a whole host, and what all its instances together are of it."""
    _ = words
    frame = Frame(history.since, history.until, words, zone)
    all_, points = thinned(together(instances)), thinned(history.points)
    return _picture(
        frame,
        _("Host {name}", name=name),
        (
            Panel(
                _("CPU (100 % is one CPU)"),
                "percent",
                (
                    curve(_("whole host"), "blue", points, "cpus", _PERCENT, banded=True),
                    curve(_("the lab"), "amber", all_, "cpus", _PERCENT),
                ),
                None if cpus is None else cpus * _PERCENT,
                "" if cpus is None else _("all {cpus} CPU", cpus=cpus),
            ),
            Panel(
                _("Memory"),
                "bytes",
                (
                    curve(_("whole host"), "blue", points, "memory_bytes", banded=True),
                    curve(_("the lab"), "amber", all_, "memory_bytes"),
                ),
                memory_bytes,
                "" if memory_bytes is None else _("all {size}", size=spoken_size(memory_bytes)),
            ),
            *_disk_and_network(points or all_, words),
        ),
        (),
    )


def of_session(
    title: str,
    history: Sequence[tuple[Instance, Sequence[Point]]],
    marks: Sequence[Mark],
    frame: Frame,
) -> Picture:
    """Draw all of a session's instances together, and the busiest public ones by themselves."""
    _ = frame.words
    all_ = thinned(together([points for _instance, points in history]))
    public = [(one, thinned(points)) for one, points in history if one.public]

    def curves(figure: str, factor: float = 1.0) -> tuple[Curve, ...]:
        # One alone would lie on the sum.
        single = _busiest(public, figure) if len(history) > 1 else []
        return (
            curve(_("all together"), "blue", all_, figure, factor),
            *(
                curve(instance.name, colour, points, figure, factor, thin=True)
                for colour, (instance, points) in zip(_SINGLE_COLOURS, single, strict=False)
            ),
        )

    return _picture(
        frame,
        title,
        (
            Panel(_("CPU (100 % is one CPU)"), "percent", curves("cpus", _PERCENT)),
            Panel(_("Memory"), "bytes", curves("memory_bytes")),
            *_disk_and_network(all_, frame.words),
        ),
        marks,
    )


def marks_of(
    questions: Iterable[Question], instances: Iterable[Instance], since: datetime, until: datetime
) -> tuple[Mark, ...]:
    """Mark when questions were answered and public instances started."""
    found = [
        (one.closed_at, f"Q{one.number}", "green")
        for one in questions
        if one.state is Asked.ANSWERED
    ]
    found += [(one.started_at, one.name, "white") for one in instances if one.public]
    return tuple(
        Mark(at.timestamp(), label, colour)
        for at, label, colour in found
        if at is not None and since <= at <= until
    )


def curve(
    label: str,
    colour: str,
    points: Sequence[Point],
    figure: str,
    factor: float = 1.0,
    *,
    banded: bool = False,
    thin: bool = False,
) -> Curve:
    """Make a curve of one figure; where nothing was known it is broken."""
    times: list[float] = []
    values: list[tuple[float, float, float]] = []
    hole = (math.nan, math.nan, math.nan)
    last: Point | None = None
    for point in points:
        at = point.at.timestamp()
        if last is not None and _is_hole(last, point):
            times.append((last.at.timestamp() + at) / 2)
            values.append(hole)
        spread = point.figures.get(figure)
        times.append(at)
        values.append(
            hole
            if spread is None
            else (spread.mean * factor, spread.least * factor, spread.most * factor)
        )
        last = point
    means, leasts, mosts = zip(*values, strict=True) if values else ((), (), ())
    has_band = banded and any(one[1] < one[2] for one in values)
    return Curve(
        label,
        colour,
        tuple(times),
        means,
        leasts if has_band else (),
        mosts if has_band else (),
        is_thin=thin,
    )


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> Sequence[Point]:
    """Put neighbours together until there are no more than can be told apart; holes stay."""
    each = -(-len(points) // most)
    if each <= 1:
        return points
    found: list[Point] = []
    group: list[Point] = []
    for point in points:
        if group and (len(group) == each or _is_hole(group[-1], point)):
            found.append(_one_of(group))
            group = []
        group.append(point)
    return [*found, _one_of(group)]


def together(series: Sequence[Sequence[Point]]) -> list[Point]:
    """Add up what several used at the same times; the coarsest of them gives the steps."""
    step = max((point.seconds for points in series for point in points), default=0.0)
    if not step:
        return []
    slots: dict[int, dict[str, float]] = {}
    for points in series:
        own: dict[int, dict[str, list[tuple[float, float]]]] = {}
        for point in points:
            slot = own.setdefault(math.ceil(point.at.timestamp() / step), {})
            for name in SPREAD:
                spread = point.figures.get(name)
                if spread is not None:
                    slot.setdefault(name, []).append((spread.mean, point.seconds))
        for number, figures in own.items():
            sums = slots.setdefault(number, {})
            for name, values in figures.items():
                weight = sum(each for _, each in values)
                mean = sum(value * each for value, each in values) / weight
                sums[name] = sums.get(name, 0.0) + mean
    return [
        Point(
            at=datetime.fromtimestamp(number * step, UTC),
            seconds=step,
            figures={name: Spread(value, value, value) for name, value in sums.items()},
        )
        for number, sums in sorted(slots.items())
    ]


def _is_hole(before: Point, point: Point) -> bool:
    passed = (point.at - before.at).total_seconds()
    return point.after_hole or passed > _HOLE * point.seconds


def _one_of(group: Sequence[Point]) -> Point:
    figures: dict[str, Spread] = {}
    for name in {name for point in group for name in point.figures}:
        known = [(one.figures[name], one.seconds) for one in group if name in one.figures]
        weight = sum(seconds for _, seconds in known)
        figures[name] = Spread(
            min(spread.least for spread, _ in known),
            sum(spread.mean * seconds for spread, seconds in known) / weight,
            max(spread.most for spread, _ in known),
        )
    seconds = sum(point.seconds for point in group)
    return Point(group[-1].at, seconds, figures, group[0].after_hole)


def _picture(frame: Frame, title: str, panels: tuple[Panel, ...], marks: Sequence[Mark]) -> Picture:
    _ = frame.words
    return Picture(
        title=title,
        footnote=_("Lines: Q3, question 3 was answered; a name, that one started.")
        if marks
        else "",
        nothing=_("no figures"),
        panels=panels,
        marks=tuple(marks),
        since=frame.since.timestamp(),
        until=frame.until.timestamp(),
        time_zone=frame.time_zone.key,
    )


def _disk_and_network(points: Sequence[Point], words: Words) -> tuple[Panel, Panel]:
    _ = words
    return (
        Panel(
            _("Disk"),
            "bytes/s",
            (
                curve(_("read"), "green", points, "disk_read_bytes_per_s", banded=True),
                curve(_("written"), "amber", points, "disk_written_bytes_per_s", banded=True),
            ),
        ),
        Panel(
            _("Network"),
            "bytes/s",
            (
                curve(_("received"), "green", points, "network_received_bytes_per_s", banded=True),
                curve(_("sent"), "amber", points, "network_sent_bytes_per_s", banded=True),
            ),
        ),
    )


def _busiest(
    history: Sequence[tuple[Instance, Sequence[Point]]], figure: str
) -> list[tuple[Instance, Sequence[Point]]]:
    def sums(points: Sequence[Point]) -> float:
        return sum((point.mean(figure) or 0.0) * point.seconds for point in points)

    return sorted(history, key=lambda one: sums(one[1]), reverse=True)[:_MOST_SINGLE]
