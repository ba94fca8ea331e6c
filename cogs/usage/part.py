"""The lab's report in a session's set: a link to where it stands."""

from bot.localization import Words
from bot.sessions import Session
from cogs.archive import Section, SessionSets
from cogs.kit import Services
from cogs.usage.reports import report_url, reported_in


class ReportPart:
    """Says where the report is, once it is posted."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, sets: SessionSets) -> None:
        """Have it stand in each session's set."""
        sets.add_part(self.section, reported_in)

    async def section(self, session: Session, _: Words) -> Section | None:
        """Lead to the report; nothing before there is one."""
        url = await report_url(self._services, session)
        heading = _("What the lab used")
        return None if url is None else Section(f"### {heading}\n{url}")
