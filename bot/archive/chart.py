"""Draws a session's figures, for a dark chat on a phone.

`draw_statistics` is what `bot.drawing` runs in its worker; matplotlib, which takes long to
load, is imported there alone.
"""

# matplotlib leaves its keyword arguments without types.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.archive.statistics import STATES, Figures, duration
from bot.fonts import font_for
from bot.localization import Words, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BACKGROUND, _TEXT, _FAINT = "#2b2d31", "#f2f3f5", "#4e5058"
_COLOURS = {
    "answered": "#57c785",
    "current": "#5ea9f5",
    "open": "#f0b35a",
    "missed": "#f0736a",
    "skipped": "#9aa0ab",
    "merged": "#b48cf2",
}
_BLUE, _AMBER = _COLOURS["current"], _COLOURS["open"]
_MOST_BARS = 40


@dataclass(frozen=True, slots=True)
class Labels:
    """What is written in the picture."""

    states: Mapping[str, str]
    arrivals: str
    minutes: str
    waits: str
    median: str
    p90: str
    nothing: str

    def texts(self) -> Iterable[str]:
        """Return all of it."""
        yield from self.states.values()
        yield from (self.arrivals, self.minutes, self.waits, self.median, self.p90, self.nothing)


def labels_for(figures: Figures, words: Words) -> Labels:
    """Return the labels in one language."""
    _ = words
    median, p90 = figures.median_wait, figures.p90_wait
    return Labels(
        states={state: _(name) for state, name in STATES.items()},
        arrivals=_("When questions came"),
        minutes=_("minutes since the start"),
        waits=_("Minutes until they were answered"),
        median=_("half: {time}", time=duration(median, words)) if median is not None else "",
        p90=_("nine of ten: {time}", time=duration(p90, words)) if p90 is not None else "",
        nothing=_("nothing yet"),
    )


def draw_statistics(figures: Figures, labels: Labels) -> bytes:
    """Draw a PNG of 1080 by 1200 pixels.

    Where no font of the machine has the labels' characters, they are English.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    font = font_for("".join(labels.texts()))
    if font is None:
        labels = labels_for(figures, words("en"))
    style: dict[Any, Any] = {
        "font.family": [font or "DejaVu Sans", "DejaVu Sans"],
        "font.size": 16,
        "text.color": _TEXT,
        "axes.facecolor": _BACKGROUND,
        "axes.edgecolor": _FAINT,
        "axes.labelcolor": _TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlepad": 12,
        "figure.constrained_layout.h_pad": 0.12,
        "figure.constrained_layout.w_pad": 0.12,
        "legend.facecolor": _BACKGROUND,
        "legend.edgecolor": "none",
        "xtick.color": _TEXT,
        "ytick.color": _TEXT,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 8.0), dpi=150, facecolor=_BACKGROUND, layout="constrained")
        FigureCanvasAgg(figure)
        states, arrivals, waits = figure.subplots(3, 1, height_ratios=[1.1, 1, 1])
        _draw_states(states, figures, labels)
        _draw_arrivals(arrivals, figures, labels)
        _draw_waits(waits, figures, labels)
        png = io.BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _draw_states(axes: "Axes", figures: Figures, labels: Labels) -> None:
    names = list(figures.by_state)[::-1]
    if not names:
        _say_nothing(axes, labels)
        return
    counts = [figures.by_state[name] for name in names]
    bars = axes.barh(
        [labels.states[name] for name in names],
        counts,
        color=[_COLOURS[name] for name in names],
        height=0.7,
    )
    axes.bar_label(bars, padding=6)
    axes.set_xlim(0, max(counts) * 1.12)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_arrivals(axes: "Axes", figures: Figures, labels: Labels) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(labels.arrivals)
    if not any(figures.per_minute):
        _say_nothing(axes, labels)
        return
    width = -(-len(figures.per_minute) // _MOST_BARS)
    starts = range(0, len(figures.per_minute), width)
    counts = [sum(figures.per_minute[start : start + width]) for start in starts]
    axes.bar(list(starts), counts, width=width * 0.85, align="edge", color=_BLUE)
    axes.set_xlim(0, max(len(figures.per_minute), 1))
    axes.set_xlabel(labels.minutes)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_waits(axes: "Axes", figures: Figures, labels: Labels) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(labels.waits)
    if figures.median_wait is None or figures.p90_wait is None:
        _say_nothing(axes, labels)
        return
    minutes = [wait.total_seconds() / 60 for wait in figures.waits]
    axes.hist(
        minutes,
        range=(0, max(*minutes, 1)),
        bins=min(20, max(5, len(minutes) // 2)),
        color=_AMBER,
        rwidth=0.9,
    )
    for wait, label, line in (
        (figures.median_wait, labels.median, "-"),
        (figures.p90_wait, labels.p90, "--"),
    ):
        axes.axvline(wait.total_seconds() / 60, color=_TEXT, linestyle=line, label=label)
    axes.legend(loc="upper right")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _say_nothing(axes: "Axes", labels: Labels) -> None:
    axes.text(0.5, 0.5, labels.nothing, ha="center", va="center", transform=axes.transAxes)
    axes.set_axis_off()
