"""The card of an instance: what it is, where it answers, what it uses, what to press."""

from collections.abc import Iterator
from enum import Enum, auto
from functools import partial
from typing import Any

import discord
from discord import ui

from bot.errors import N_
from bot.lab import STATE_NAMES, Instance, Kind, Port, State, explain
from bot.localization import Words
from cogs.controls import LastingButton, button, row
from cogs.lab import vm_card
from cogs.lab.look import Look
from cogs.lab.meters import meters, trend
from cogs.lab.stages import launch_lines
from cogs.live import with_time
from cogs.text import coded, fenced, one_line

_COLOURS = {
    State.QUEUED: 0x5865F2,
    State.LAUNCHING: 0x5865F2,
    State.RUNNING: 0x3BA55D,
    State.STOPPED: 0xFAA61A,
    State.FROZEN: 0x5BC0EB,
    State.FAILED: 0xED4245,
    State.LOST: 0xED4245,
}
_STILL_COLOUR = 0x4E5058
_SIGNS = {
    State.QUEUED: "⏳",
    State.LAUNCHING: "⏳",
    State.RUNNING: "🟢",
    State.STOPPED: "🟠",
    State.FROZEN: "🧊",
    State.REMOVING: "⚫",
    State.REMOVED: "⚫",
    State.FAILED: "🔴",
    State.LOST: "🔴",
}
_DIGEST = 12
_PAUSED = N_("paused")


class Reader(Enum):
    """Who sees a card: everybody in the channel, its owner, or staff looking at another's."""

    EVERYBODY = auto()
    OWNER = auto()
    STAFF = auto()


def card(look: Look, _: Words, reader: Reader, *, arg: int | None = None) -> ui.Container[Any]:
    """Draw a card. `arg` goes along with each press."""
    instance = look.instance
    parts: list[ui.Item[Any]] = [ui.TextDisplay(_head(look, _, reader))]
    if look.is_starting:
        parts.append(ui.TextDisplay(launch_lines(instance, look.progress, _)))
    elif instance.is_alive:
        if look.is_booting:
            parts.append(ui.TextDisplay(launch_lines(instance, look.progress, _)))
        parts.append(ui.TextDisplay("\n".join(_standing(look, _))))
        if instance.state is State.RUNNING:
            parts += [ui.Separator[Any](), ui.TextDisplay("\n".join(_usage(look, _)))]
    else:
        parts.append(ui.TextDisplay(_end(instance, _)))
    if look.picture is not None:
        shown = _("The screen of {name}", name=instance.name)
        parts.append(look.picture.item(shown))
    parts += [row(*buttons) for buttons in _rows(look, _, reader, arg) if buttons]
    colour = discord.Colour(_COLOURS.get(instance.state, _STILL_COLOUR))
    return ui.Container[Any](*parts, accent_colour=colour)


def title(instance: Instance, _: Words) -> str:
    """Name an instance and its state: "🟢 web-1 — running"."""
    sign = "⏸" if vm_card.is_paused(instance) else _SIGNS[instance.state]
    return f"{sign} {one_line(instance.name)} — {state_of(instance, _)}"


def state_of(instance: Instance, _: Words) -> str:
    """Name the state it is in."""
    return _(_PAUSED if vm_card.is_paused(instance) else STATE_NAMES[instance.state])


def image_of(instance: Instance) -> str:
    """Write what it was made from: template, image and the digest's beginning."""
    if instance.kind is Kind.GUEST:
        return vm_card.made_from(instance)
    digest = (instance.digest or "").removeprefix("sha256:")[:_DIGEST]
    image = instance.image + (f"@{digest}" if digest else "")
    parts = [instance.template] if instance.template else []
    return " · ".join(coded(part) for part in [*parts, image])


def address_of(port: Port, address: str, _: Words) -> str:
    """Write where a port answers, and which was wished for where another one was given."""
    where = f"{address}:{port.host}"
    text = f"http://{where}" if port.protocol == "tcp" else f"{coded(where)}/{port.protocol}"
    text += f" → {port.container}"
    if port.wished and port.wished != port.host:
        text += " " + _("(instead of {port})", port=port.wished)
    return text


def _head(look: Look, _: Words, reader: Reader) -> str:
    instance = look.instance
    line = [image_of(instance)]
    # A card that has ended stays as it is: it names nobody who may have themselves erased.
    if instance.owner_id is not None and (instance.is_alive or reader is not Reader.EVERYBODY):
        line.append(f"<@{instance.owner_id}>")
    if instance.host and instance.is_alive:
        line.append(_("host {name}", name=one_line(instance.host)))
    if instance.process_id is not None:
        line.append(_("process {id} of the host", id=instance.process_id))
    return f"### {title(instance, _)}\n-# " + " · ".join(line)


def _standing(look: Look, _: Words) -> Iterator[str]:
    instance = look.instance
    if look.is_guest:
        yield from vm_card.standing(look, _)
    else:
        if instance.state is not State.REMOVING:
            for port in instance.ports:
                yield address_of(port, look.address, _)
        if look.waits_for is not None:
            yield "⏳ " + _("Port {port} of the container doesn't answer yet.", port=look.waits_for)
    if instance.state is State.STOPPED and (how := how_it_ended(instance, _)):
        yield how
    if instance.state is State.FROZEN and not vm_card.is_paused(instance):
        yield _("The staff have frozen it; they can let it go on.")
    yield time_left(instance, _)


def how_it_ended(instance: Instance, _: Words) -> str:
    """Say how its command came to an end by itself; empty where it was stopped."""
    if instance.out_of_memory:
        return _("It needed more memory than it may have, and was ended for that.")
    if instance.exit_code is not None:
        return _("Its command ended by itself, with exit code {code}.", code=instance.exit_code)
    return ""


def time_left(instance: Instance, _: Words) -> str:
    """Say how long an instance stays."""
    if instance.deadline is None:
        return "⏱ " + _("Stays until the session's end.")
    return "⏱ " + _("Ends {when}", when=with_time(instance.deadline))


def _usage(look: Look, _: Words) -> Iterator[str]:
    instance = look.instance
    if look.figures is None and look.problem is None:
        yield "-# " + _("Measuring…")
        return
    yield meters(instance, look.figures, _)
    if bars := trend(look.recent, instance.resources):
        yield fenced(bars)
    if look.problem is not None:
        yield "-# " + one_line(_(look.problem.message, **look.problem.params), 300)
    took: list[str] = []
    if instance.started_at is not None and not look.is_guest:
        seconds = (instance.started_at - instance.requested_at).total_seconds()
        took.append(_("started after {seconds} s", seconds=f"{seconds:.1f}"))
    if instance.ready_at is not None and instance.ports:
        seconds = (instance.ready_at - instance.requested_at).total_seconds()
        took.append(_("answered after {seconds} s", seconds=f"{seconds:.1f}"))
    if look.is_old:
        took.append(_("figures of {time}", time=with_time(look.at, "T")))
    if took:
        yield "-# " + " · ".join(took)
    if look.is_guest:
        yield from vm_card.small_print(look, _)


def _end(instance: Instance, _: Words) -> str:
    when = with_time(instance.ended_at or instance.requested_at, "f")
    why = one_line(explain(instance.reason, _), 400)
    return _("Ended {when}: {why}", when=when, why=why) if why else _("Ended {when}", when=when)


def _rows(look: Look, _: Words, reader: Reader, arg: int | None) -> Iterator[list[LastingButton]]:
    instance = look.instance
    make = partial(_button, instance.id, arg)
    danger = discord.ButtonStyle.danger
    if instance.state in (State.QUEUED, State.LAUNCHING):
        yield [make("lab_remove", _("Cancel"))]
        return
    if not instance.is_alive or instance.state is State.REMOVING:
        return
    is_guest = instance.kind is Kind.GUEST
    first = [make("vm_console", _("Console")) if is_guest else make("lab_logs", _("Logs"))]
    if is_guest and instance.state in (State.RUNNING, State.FROZEN):
        first.append(make("vm_screen", _("Screen")))
    if instance.state is State.RUNNING:
        if not is_guest:
            first.append(make("lab_restart", _("Restart")))
        first.append(make("vm_stop" if is_guest else "lab_stop", _("Stop")))
    elif instance.state is State.STOPPED:
        first.append(make("lab_start", _("Start")))
    first.append(make("lab_extend", _("Extend"), disabled=instance.deadline is None))
    first.append(make("lab_remove", _("Remove"), style=danger))
    yield first
    yield list(_second_row(look, _, reader, make))


def _second_row(
    look: Look, _: Words, reader: Reader, make: "partial[LastingButton]"
) -> Iterator[LastingButton]:
    instance = look.instance
    if instance.state is State.RUNNING and look.is_old:
        yield make("lab_watch", _("Watch live"), emoji="👀")
    yield make("lab_refresh", _("Refresh"))
    if vm_card.is_paused(instance):
        yield make("vm_resume", _("Resume"))
    elif instance.kind is Kind.GUEST and reader is Reader.EVERYBODY:
        yield make("vm_login", _("Log in"))
    if reader is Reader.STAFF:
        label = _("Make private") if instance.public else _("Publish")
        yield make("lab_hide" if instance.public else "lab_publish", label)
        if instance.state is State.RUNNING:
            yield make("lab_freeze", _("Freeze"))
        yield make("lab_kill", _("Kill"), style=discord.ButtonStyle.danger)
    is_frozen = instance.state is State.FROZEN and not vm_card.is_paused(instance)
    if is_frozen and reader is not Reader.OWNER:
        yield make("lab_thaw", _("Let it go on"))


def _button(key: int, arg: int | None, verb: str, label: str, **options: Any) -> LastingButton:
    return button(verb, key, label, arg=arg, **options)
