"""`/lab compare`: one instance beside another, and how many times as much it is."""

from collections.abc import Iterator

from discord import ui

from bot.lab import Instance
from bot.localization import Words
from bot.usage import Comparison, Side, Work
from cogs.controls import Lasting
from cogs.figures import UNKNOWN, number, size
from cogs.kit import (
    Interaction,
    guild_id_of,
    person_of,
    services_of,
    words_for,
    words_of_guild,
)
from cogs.text import fenced, one_line, plain_line
from cogs.usage.standing import is_for_everybody

# 36 columns in all, which is what a phone shows.
_LABEL = 9
_COLUMN = 11
_TIMES = 5

_WORKS = {Work.CALCULATE: "CALC", Work.CALLS: "SYSCALLS", Work.STARTS: "STARTS"}


async def send_comparison(
    interaction: Interaction, one: Instance, other: Instance, public: bool | None
) -> None:
    """Answer with both side by side; at first with what is known already.

    Raises:
        PostingIsForTheTalk.
    """
    services = services_of(interaction)
    guild_id, by = guild_id_of(interaction), person_of(interaction.user)
    for_all = is_for_everybody(interaction, public) and one.public and other.public
    await interaction.response.defer(ephemeral=not for_all, thinking=True)
    _ = words_of_guild(services, guild_id) if for_all else words_for(interaction)
    theirs = await services.lab.instances.visible(guild_id, by, theirs=True)
    works = {one.id, other.id} <= {instance.id for instance in theirs}
    found = await services.usage.compare(one, other, by, works=False)
    view = comparison_view(found, _, is_working=works)
    await interaction.edit_original_response(view=view)
    if works:
        found = await services.usage.compare(one, other, by, works=True)
        view = comparison_view(found, _, is_working=False)
        await interaction.edit_original_response(view=view)


def comparison_view(found: Comparison, _: Words, *, is_working: bool) -> Lasting:
    """Draw both side by side."""
    sides = (found.one, found.other)
    names = _(
        "{one} beside {other}",
        one=one_line(found.one.instance.name, 40),
        other=one_line(found.other.instance.name, 40),
    )
    lines = [f"### {names}", fenced("\n".join(_table(found)))]
    if is_working:
        lines.append("⏳ " + _("Both are doing the same small work now, one after the other…"))
    for side in sides:
        if side.why_no_work is not None:
            error = side.why_no_work
            why = one_line(_(error.message, **error.params), 200)
            lines.append(f"**{one_line(side.instance.name, 40)}**: {why}")
    lines.append(
        "-# "
        + _(
            "READY: from the request to the first answer · MEMORY: what the host spends on it ·"
            " OVERHEAD: what of that is not the instance's own · PROCS: processes the host sees"
        )
    )
    if found.shares:
        lines.append(
            "-# "
            + _(
                "The same work in both, each within its own limits: CALC rounds of a shell's"
                " loop · SYSCALLS system calls · STARTS programs started, in a second"
            )
        )
    return Lasting(ui.TextDisplay("\n".join(lines)))


def _table(found: Comparison) -> Iterator[str]:
    one, other = found.one, found.other
    yield _row("", _name(one), _name(other), "")
    yield _row("KIND", str(one.instance.kind), str(other.instance.kind), "")
    yield _seconds("READY", one.ready_seconds, other.ready_seconds)
    yield _sizes("MEMORY", one.memory_bytes, other.memory_bytes)
    if one.overhead_bytes is not None or other.overhead_bytes is not None:
        yield _sizes("OVERHEAD", one.overhead_bytes, other.overhead_bytes)
    yield _row("CACHE", size(one.cache_bytes), size(other.cache_bytes), "")
    yield _sizes("DISK", one.disk_bytes, other.disk_bytes)
    yield _row("PROCS", _count(one.processes), _count(other.processes), "")
    for work, label in _WORKS.items():
        if work in one.work or work in other.work:
            yield _speeds(label, one.work.get(work), other.work.get(work))


def _name(side: Side) -> str:
    return plain_line(side.instance.name, _COLUMN - 1)


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def _seconds(label: str, one: float | None, other: float | None) -> str:
    return _row(label, _spoken(one), _spoken(other), _times(one, other))


def _speeds(label: str, one: float | None, other: float | None) -> str:
    return _row(label, _speed(one), _speed(other), _times(one, other))


def _speed(by_second: float | None) -> str:
    return UNKNOWN if by_second is None else f"{number(by_second)}/s"


def _spoken(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds:.2f} s"


def _sizes(label: str, one: float | None, other: float | None) -> str:
    return _row(label, size(one), size(other), _times(one, other))


def _times(one: float | None, other: float | None) -> str:
    if not one or other is None:
        return ""
    sign, times = ("×", other / one) if other >= one else ("÷", one / other if other else 0.0)
    if not times:
        return ""
    return f"{sign}{times:.0f}" if times >= 9.95 else f"{sign}{times:.1f}"


def _row(label: str, one: str, other: str, times: str) -> str:
    cells = f"{label:<{_LABEL}}{one:<{_COLUMN}}{other:<{_COLUMN}}{times:>{_TIMES}}"
    return cells.rstrip()
