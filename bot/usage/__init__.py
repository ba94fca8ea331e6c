"""What hosts and instances really use: sampled, kept, drawn, reported."""

from bot.usage.benchmark import Work
from bot.usage.comparing import Comparison, Side
from bot.usage.health import Health, LoopLag
from bot.usage.history import History
from bot.usage.markdown import report_section
from bot.usage.model import Amounts, Point, Reading, Sample, Spread, Totals
from bot.usage.posted import REPORTED
from bot.usage.report import Line, Report, as_csv, as_json, for_everybody
from bot.usage.sampling import Watch
from bot.usage.scrape import Scrape
from bot.usage.service import Top, TopRow, Usage
from bot.usage.shortage import RESOURCE_NAMES, Resource, Room, is_short

__all__ = [
    "REPORTED",
    "RESOURCE_NAMES",
    "Amounts",
    "Comparison",
    "Health",
    "History",
    "Line",
    "LoopLag",
    "Point",
    "Reading",
    "Report",
    "Resource",
    "Room",
    "Sample",
    "Scrape",
    "Side",
    "Spread",
    "Top",
    "TopRow",
    "Totals",
    "Usage",
    "Watch",
    "Work",
    "as_csv",
    "as_json",
    "for_everybody",
    "is_short",
    "report_section",
]
