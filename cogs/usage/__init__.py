"""What Discord sees of usage: lists, graphs, reports, warnings."""

from cogs.usage.cog import UsageCog
from cogs.usage.part import ReportPart
from cogs.usage.reports import Reports
from cogs.usage.shortages import Shortages
from cogs.usage.tops import Tops

__all__ = ["ReportPart", "Reports", "Shortages", "Tops", "UsageCog"]
