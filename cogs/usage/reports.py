"""When a report is written: at a session's end for everybody, and for whoever asks."""

from collections.abc import Iterable
from dataclasses import replace

import structlog

from bot.localization import Words
from bot.sessions import ENDED, Session
from bot.timeline import Consumer, Delivery, Event
from bot.usage import REPORTED, Report, for_everybody
from cogs.courier import Letter, send_once
from cogs.kit import Interaction, Services, person_of, services_of, words_for, words_of_guild
from cogs.text import jump_url
from cogs.usage.report import report_post
from cogs.usage.standing import is_for_everybody

log = structlog.get_logger(__name__)

_GONE = frozenset({"channel_gone", "guild_gone"})


class Reports:
    """Posts the report of each session that used the lab: durable, once."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def consumer(self) -> Consumer:
        """Return what the dispatcher calls."""
        return Consumer(
            name="usage_report",
            kinds=frozenset({ENDED}),
            lane=lambda event: event.session_id or 0,
            deliver=self.deliver,
        )

    async def deliver(self, delivery: Delivery) -> int | None:
        """Post the report of what ended; nothing where nothing ran."""
        event, services = delivery.event, self._services
        if event.data.get("reason") in _GONE or event.session_id is None:
            return None
        if not services.lab.access.has_lab(event.guild_id):
            return None
        session = await services.sessions.get(event.session_id, event.guild_id)
        if await services.usage.place_of_report(session) is not None:
            return None
        report = await services.usage.report(session)
        if not report.lines:
            return None
        _ = words_of_guild(services, session.guild_id)
        post = report_post(
            public_part(report, _), await services.usage.graph_of_session(session, _), _
        )
        message_id = await send_once(
            services.channel,
            services.own_id(),
            Letter(session.channel_id, view=post.view, files=post.files, known_by=post.heading),
            delivery,
            part="u",
        )
        await services.usage.reported(session, session.channel_id, message_id)
        return message_id


def public_part(report: Report, _: Words, *, reader_id: int | None = None) -> Report:
    """Leave out what is private, but what is the reader's own."""
    own = tuple(
        replace(line, is_public=True)
        if reader_id is not None and line.owner_id == reader_id
        else line
        for line in report.lines
    )
    hidden = sum(not line.is_public for line in own)
    return for_everybody(replace(report, lines=own), _("others' private: {n}", n=hidden))


async def send_report(interaction: Interaction, session: Session, public: bool) -> None:
    """Answer with a report: to those who run the talk with each instance in it.

    Raises:
        PostingIsForTheTalk.
    """
    services = services_of(interaction)
    for_all = is_for_everybody(interaction, public)
    await interaction.response.defer(ephemeral=not for_all, thinking=True)
    _ = words_of_guild(services, session.guild_id) if for_all else words_for(interaction)
    report = await services.usage.report(session)
    if not report.lines:
        text = _("Nothing ran in the lab in that session.")
        await interaction.edit_original_response(content=text)
        return
    by = person_of(interaction.user)
    if for_all:
        report = public_part(report, _)
    elif not services.lab.access.role(by, session).is_lead:
        report = public_part(report, _, reader_id=by.id)
    post = report_post(report, await services.usage.graph_of_session(session, _), _)
    files = [one.file() for one in post.files]
    await interaction.edit_original_response(view=post.view, attachments=files)


async def report_url(services: Services, session: Session) -> str | None:
    """Return where a session's report stands, for what leads there."""
    place = await services.usage.place_of_report(session)
    return jump_url(session.guild_id, *place) if place is not None else None


def reported_in(event: Event) -> Iterable[int]:
    """Say which session's report an event brought: what leads there looks different then."""
    return (event.session_id,) if event.kind == REPORTED and event.session_id else ()
