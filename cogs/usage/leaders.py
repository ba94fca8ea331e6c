"""`/lab leaders`: who uses most right now, with freeze and kill, for those who run the talk."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import discord
from discord import ui

from bot.lab import State
from bot.localization import Words
from bot.usage import TopRow
from cogs.controls import Lasting, LastingButton, Press, button, handles, row, select
from cogs.figures import added, of_sample
from cogs.kit import Interaction, guild_id_of, person_of, services_of, words_for
from cogs.lab.following import until_over
from cogs.live import with_time
from cogs.text import one_line
from cogs.usage.sight import FIGURES, Sort, sight
from cogs.usage.standing import require_lead
from cogs.usage.top import COLUMNS, SORT_NAMES, cells, together

# Each with its buttons takes four of a message's 40 components.
_SHOWN = 8
_SORTS = tuple(FIGURES)


@dataclass(frozen=True, slots=True)
class Leader:
    """A person (None: they had themselves erased), and what they have: what uses most first."""

    owner_id: int | None
    rows: tuple[TopRow, ...]


def ranked(rows: Sequence[TopRow], sort: Sort) -> list[Leader]:
    """Order people by what all of theirs use together."""
    owned: defaultdict[int | None, list[TopRow]] = defaultdict(list)
    for one in rows:
        owned[one.instance.owner_id].append(one)
    names = FIGURES[sort]

    def used(these: Sequence[TopRow]) -> float:
        samples = [one.reading.sample if one.reading else None for one in these]
        value = added(of_sample(sample, names) for sample in samples)
        return -1.0 if value is None else value

    leaders = [
        Leader(owner, tuple(sorted(these, key=lambda one: used([one]), reverse=True)))
        for owner, these in owned.items()
    ]
    return sorted(leaders, key=lambda leader: used(leader.rows), reverse=True)


async def send_leaders(interaction: Interaction) -> None:
    """Answer with who uses most, privately.

    Raises:
        StaffOnly.
    """
    require_lead(interaction)
    await interaction.response.defer(ephemeral=True, thinking=True)
    await _show(interaction, Sort.CPU)


async def _show(interaction: Interaction, sort: Sort) -> None:
    services = services_of(interaction)
    by = person_of(interaction.user)
    seen = await sight(services, guild_id_of(interaction), by)
    view = leaders_view(ranked(seen.rows, sort), words_for(interaction), sort, services.clock())
    await interaction.edit_original_response(view=view)


def leaders_view(leaders: Sequence[Leader], _: Words, sort: Sort, at: datetime) -> Lasting:
    """Draw them."""
    head = " · ".join(
        (
            _("sorted by {what}", what=_(SORT_NAMES[sort])),
            _("as of {time}", time=with_time(at, "T")),
        )
    )
    items: list[ui.Item[Any]] = [
        ui.TextDisplay("### " + _("Who uses most") + f"\n-# {head}\n{COLUMNS}")
    ]
    left, total = _SHOWN, sum(len(leader.rows) for leader in leaders)
    for place, leader in enumerate(leaders, 1):
        for number, one in enumerate(leader.rows[:left]):
            title = _title(place, leader, _) if number == 0 else ""
            items += [ui.TextDisplay(title + _one(one, _)), row(*_buttons(one, sort, _))]
        left -= len(leader.rows[:left])
        if not left:
            break
    if not leaders:
        items.append(ui.TextDisplay(_("Nothing is up.")))
    if total > _SHOWN:
        items.append(ui.TextDisplay("-# " + _("… and {n} more", n=total - _SHOWN)))
    options = [
        discord.SelectOption(label=_(SORT_NAMES[one]), value=one, default=one is sort)
        for one in _SORTS
    ]
    items.append(row(select("leaders_sort", 0, _("Sort by…"), options)))
    items.append(row(button("leaders_again", 0, _("Refresh"), arg=_SORTS.index(sort))))
    return Lasting(ui.Container[Any](*items))


def _title(place: int, leader: Leader, _: Words) -> str:
    who = f"<@{leader.owner_id}>" if leader.owner_id is not None else "–"
    text = f"**{place}.** {who}"
    if len(leader.rows) > 1:
        count = _.plural("{n} instance", "{n} instances", len(leader.rows))
        text += f" · {count}\n`{cells(together(leader.rows))}`"
    return text + "\n"


def _one(one: TopRow, _: Words) -> str:
    instance = one.instance
    frozen = "🧊 " if instance.state is State.FROZEN else ""
    what = one_line(instance.template or instance.image, 40)
    return (
        f"{frozen}{one_line(instance.name, 40)} · {what}"
        f"\n`{cells(one.reading.sample if one.reading else None)}`"
    )


def _buttons(one: TopRow, sort: Sort, _: Words) -> list[LastingButton]:
    key, arg = one.instance.id, _SORTS.index(sort)
    if one.instance.state is State.FROZEN:
        first = button("leaders_thaw", key, _("Let it go on"), arg=arg)
    else:
        first = button("leaders_freeze", key, _("Freeze"), arg=arg, emoji="🧊")
    kill = button("leaders_kill", key, _("Kill"), arg=arg, style=discord.ButtonStyle.danger)
    return [first, kill]


def _sort_of(press: Press) -> Sort:
    return _SORTS[press.arg] if press.arg is not None and press.arg < len(_SORTS) else Sort.CPU


@handles("leaders_sort")
async def sort_leaders(press: Press) -> None:
    """Order them by something else."""
    require_lead(press.interaction)
    await press.interaction.response.defer()
    await _show(press.interaction, Sort.of(press.value))


@handles("leaders_again")
async def again(press: Press) -> None:
    """Look again."""
    require_lead(press.interaction)
    await press.interaction.response.defer()
    await _show(press.interaction, _sort_of(press))


@handles("leaders_freeze")
async def freeze(press: Press) -> None:
    """Freeze what uses so much."""
    await press.interaction.response.defer()
    instances = services_of(press.interaction).lab.instances
    by, guild_id = person_of(press.interaction.user), guild_id_of(press.interaction)
    await instances.freeze(await instances.get(press.key, guild_id, by), by, "staff")
    await _show(press.interaction, _sort_of(press))


@handles("leaders_thaw")
async def thaw(press: Press) -> None:
    """Let it go on."""
    await press.interaction.response.defer()
    instances = services_of(press.interaction).lab.instances
    by, guild_id = person_of(press.interaction.user), guild_id_of(press.interaction)
    await instances.thaw(await instances.get(press.key, guild_id, by), by)
    await _show(press.interaction, _sort_of(press))


@handles("leaders_kill")
async def kill(press: Press) -> None:
    """Remove it at once; its owner is told that staff did."""
    await press.interaction.response.defer()
    lab = services_of(press.interaction).lab
    by, guild_id = person_of(press.interaction.user), guild_id_of(press.interaction)
    instance = await lab.instances.get(press.key, guild_id, by)
    await lab.keeper.kill(instance, by)
    await until_over(lab, instance)
    await _show(press.interaction, _sort_of(press))
