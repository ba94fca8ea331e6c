"""Draws usage over a time: four panels, for a dark chat on a phone.

`draw` is what `bot.drawing` runs in its worker; matplotlib, which takes long to load, is imported
there alone. What is drawn is put together in `bot.usage.picture`.
"""

# matplotlib leaves its keyword arguments without types.
# pyright: reportUnknownMemberType=false

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot.fonts import font_for, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BACKGROUND, _TEXT, _FAINT, _GRID = "#2b2d31", "#f2f3f5", "#80848e", "#404249"
_COLOURS = {
    "blue": "#5ea9f5",
    "amber": "#f0b35a",
    "green": "#57c785",
    "violet": "#b48cf2",
    "red": "#f0736a",
    "white": "#f2f3f5",
}
_PLAIN = "DejaVu Sans"
_MOST_LABELS = 14
# A label takes so much of the width; one that would lie on another is left out.
_LABEL_ROWS = 2
_LABEL_WIDTH = 0.012
_EDGE = 0.02
_LONGEST_TITLE, _LONGEST_LABEL = 46, 14
# Beyond so many times what is used, a limit would press the curve flat.
_LIMIT_SHOWN_WITHIN = 2.5

Unit = str  # "percent", "bytes", "bytes/s"


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: times in seconds since 1970, values; a value that isn't a number is a hole.

    With `least` and `most` a band is drawn around it.
    """

    label: str
    colour: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    least: tuple[float, ...] = ()
    most: tuple[float, ...] = ()
    is_thin: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the four. `limit`: what the curves can't exceed, with its label."""

    title: str
    unit: Unit
    curves: tuple[Curve, ...]
    limit: float | None = None
    limit_label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened."""

    at: float
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn. `nothing` is what a panel without any figures says."""

    title: str
    footnote: str
    nothing: str
    panels: tuple[Panel, ...]
    marks: tuple[Mark, ...]
    since: float
    until: float
    time_zone: str

    def texts(self) -> Iterable[str]:
        """Return all of ours that is written in it."""
        yield from (self.footnote, self.nothing)
        for panel in self.panels:
            yield from (panel.title, panel.limit_label)
            yield from (curve.label for curve in panel.curves)


def draw(picture: Picture, in_english: Picture) -> bytes:
    """Draw a PNG of 1080 by 1440 pixels.

    Where no font of the machine has the characters of its words it is `in_english`, and of a
    title what no font has is left out: never empty boxes.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ours = _letters(picture.texts())
    font = font_for(_letters((ours, picture.title))) or font_for(ours)
    if font is None:
        picture, font = in_english, _PLAIN
    title = writable(picture.title, font, _PLAIN)
    style: dict[Any, Any] = {
        "font.family": [font, _PLAIN],
        "font.size": 15,
        # A dollar in a title is a dollar.
        "text.parse_math": False,
        "text.color": _TEXT,
        "axes.facecolor": _BACKGROUND,
        "axes.edgecolor": _GRID,
        "axes.labelcolor": _TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 16,
        # Where it is to be, so that nothing has to be measured for it.
        "axes.titley": 1.04,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": _GRID,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "legend.fontsize": 13,
        "lines.linewidth": 2.0,
        "xtick.color": _TEXT,
        "ytick.color": _TEXT,
        "ytick.left": False,
        "path.simplify_threshold": 1.0,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 9.6), dpi=150, facecolor=_BACKGROUND)
        FigureCanvasAgg(figure)
        _draw(figure, picture, title)
        png = io.BytesIO()
        figure.savefig(
            png, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 2}
        )
    return png.getvalue()


def _draw(figure: "Figure", picture: Picture, title: str) -> None:
    # Fixed places: a layout that is computed takes as long again as all the rest.
    figure.text(0.035, 0.975, _clipped(title), fontsize=19, va="center")
    figure.text(0.035, 0.014, picture.footnote, fontsize=12, color=_FAINT, va="center")
    panels = list(figure.subplots(len(picture.panels), 1, sharex=True))
    figure.subplots_adjust(left=0.15, right=0.965, top=0.885, bottom=0.07, hspace=0.42)
    for axes, panel in zip(panels, picture.panels, strict=True):
        _draw_panel(axes, panel, picture.nothing)
        axes.vlines(
            [mark.at for mark in picture.marks], 0, 1, transform=axes.get_xaxis_transform(),
            colors=[_COLOURS[mark.colour] for mark in picture.marks], linewidth=0.9, alpha=0.55,
            zorder=1,
        )  # fmt: skip
    panels[-1].set_xlim(picture.since, picture.until)
    _label_marks(panels[0], picture)
    _label_times(panels[-1], picture)


def _draw_panel(axes: "Axes", panel: Panel, nothing: str) -> None:
    axes.set_title(panel.title, pad=0)
    highest = 0.0
    for curve in panel.curves:
        known = [value for value in (*curve.values, *curve.most) if not math.isnan(value)]
        if not known:
            continue
        highest = max(highest, *known)
        colour = _COLOURS[curve.colour]
        if curve.least:
            axes.fill_between(
                curve.times, curve.least, curve.most, color=colour, alpha=0.25, linewidth=0
            )
        axes.plot(
            curve.times,
            curve.values,
            color=colour,
            label=_clipped(curve.label, _LONGEST_LABEL),
            linewidth=1.3 if curve.is_thin else 2.2,
            # A point between two holes is no line, and must show all the same.
            marker="." if len(known) < 4 else None,
        )
    if not axes.get_lines():
        axes.text(0.5, 0.5, nothing, ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])
        return
    if panel.limit is not None and panel.limit <= highest * _LIMIT_SHOWN_WITHIN:
        axes.axhline(
            panel.limit, color=_COLOURS["red"], linewidth=1.2, linestyle="--",
            label=panel.limit_label,
        )  # fmt: skip
        highest = max(highest, panel.limit)
    top, ticks = scale(highest, panel.unit)
    axes.set_ylim(0, top)
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.985), ncols=3, borderpad=0, borderaxespad=0.2,
        handlelength=1.1, columnspacing=1.1, handletextpad=0.5,
    )  # fmt: skip


def _label_marks(axes: "Axes", picture: Picture) -> None:
    """Write what happened above the first panel, in a few rows; what finds no room stays a line."""
    ends = [-math.inf] * _LABEL_ROWS
    length = picture.until - picture.since
    written = 0
    for mark in sorted(picture.marks, key=lambda mark: mark.at):
        place = (mark.at - picture.since) / length
        if not 0 <= place <= 1 or written == _MOST_LABELS:
            continue
        half = _LABEL_WIDTH * (len(mark.label) + 1) / 2
        row = next((row for row, end in enumerate(ends) if end <= place - half), None)
        if row is None:
            continue
        ends[row] = place + half
        written += 1
        axes.annotate(
            mark.label, (place, 1.0), xycoords="axes fraction", xytext=(0, 27 + 12 * row),
            textcoords="offset points", ha="center", va="bottom", fontsize=10.5,
            color=_COLOURS[mark.colour], annotation_clip=False,
        )  # fmt: skip


def _label_times(axes: "Axes", picture: Picture) -> None:
    zone = ZoneInfo(picture.time_zone)
    length = picture.until - picture.since
    step = next((one for one in _STEPS if length / one <= 6), _STEPS[-1])
    # On whole steps of the day there, also where its hours begin at our half hours.
    offset = datetime.fromtimestamp(picture.since, zone).utcoffset()
    shift = offset.total_seconds() if offset is not None else 0.0
    first = math.ceil((picture.since + shift) / step) * step - shift
    places = [first + step * n for n in range(int(length // step) + 1)]
    # A label at the very edge would be cut off.
    edge = _EDGE * length
    places = [one for one in places if picture.since + edge <= one <= picture.until - edge]
    pattern = "%H:%M:%S" if step < 60 else "%H:%M" if length <= 86_400 else "%m/%d %H:%M"
    texts = [
        datetime.fromtimestamp(place, UTC).astimezone(zone).strftime(pattern) for place in places
    ]
    axes.set_xticks(places, texts)


_STEPS = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)


def scale(highest: float, unit: Unit) -> tuple[float, dict[float, str]]:
    """Return where an axis ends that shows values up to `highest`, and its ticks as written."""
    # Of nothing at all: no axis in quarters of a byte.
    top = highest * 1.12 or (1.0 if unit == "percent" else 1024.0)
    return top, {tick: _spoken(tick, unit) for tick in _ticks(top, unit)}


def _ticks(top: float, unit: Unit) -> list[float]:
    """Choose three or four round values up to `top`."""
    base = 1024.0 if unit.startswith("bytes") else 10.0
    scale = base ** math.floor(math.log(max(top, 1e-9), base))
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 256, 500, 512) if base == 1024.0 else (1, 2, 2.5, 5, 10)
    lower = base ** (math.floor(math.log(max(top, 1e-9), base)) - 1)
    candidates = sorted({one * unit_ for one in steps for unit_ in (lower, scale)})
    step = next((one for one in candidates if top / one <= 4.2), scale)
    return [step * n for n in range(int(top / step) + 1)]


def _spoken(value: float, unit: Unit) -> str:
    if unit == "percent":
        return f"{value:g} %"
    names = ("B", "KB", "MB", "GB", "TB")
    size, number = value, 0
    while size >= 1024 and number < len(names) - 1:
        size, number = size / 1024, number + 1
    end = "/s" if unit == "bytes/s" else ""
    digits = f"{size:.0f}" if size >= 100 else f"{size:.3g}"
    return f"{digits} {names[number]}{end}" if value else "0"


def _letters(texts: Iterable[str]) -> str:
    """Return each letter once, in an order that is always the same: fonts are remembered by it."""
    return "".join(sorted(set("".join(texts))))


def _clipped(title: str, longest: int = _LONGEST_TITLE) -> str:
    # A full-width letter takes about twice the room.
    width, text = 0.0, ""
    for letter in title:
        width += 1.0 if ord(letter) < 0x1100 else 1.8
        if width > longest:
            return f"{text}…"
        text += letter
    return text
