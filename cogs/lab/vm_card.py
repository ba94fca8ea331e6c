"""What stands on the card of a guest where a container's has something else."""

from collections.abc import Iterator

from bot.lab import Instance, Stage, State
from bot.lab.layers import guest_layers
from bot.lab.model import OWNER
from bot.localization import Words
from cogs.lab.look import Login, Look
from cogs.lab.stages import stage_times
from cogs.text import coded, one_line


def is_paused(instance: Instance) -> bool:
    """Whether its owner paused it, and may let it go on."""
    return instance.state is State.FROZEN and instance.frozen_by == OWNER


def made_from(instance: Instance) -> str:
    """Write what a guest was made from: its template, and the ISO in its drive."""
    parts = [instance.template or instance.image]
    if instance.iso:
        parts.append(f"{instance.iso}.iso")
    return " · ".join(coded(part, 60) for part in parts)


def waiting(look: Look, _: Words) -> str:
    """Say what isn't there yet of a guest that had the time."""
    if Stage.BOOTED in look.instance.guest.stages:
        return _("It is up, but SSH doesn't answer yet.")
    return _("Nothing was heard from inside yet. Console and Screen show how far it came.")


def layers_line(look: Look, _: Words) -> str:
    """Write the layers under a guest in a line; empty while its host doesn't answer."""
    if look.under is None:
        return ""
    layers = guest_layers(look.under, look.instance, _, system=look.system)
    return one_line(layers.line, 200)


def standing(look: Look, _: Words) -> Iterator[str]:
    """Write what stands on every card of a guest that is there."""
    if look.waits_for is not None:
        yield "⏳ " + waiting(look, _)
    if is_paused(look.instance):
        yield _("It is paused: its owner can let it go on.")
    if look.login is not None:
        yield from login_lines(look.instance, look.login, _)
    if look.snapshots:
        yield _.plural("{n} snapshot", "{n} snapshots", look.snapshots)


def login_lines(instance: Instance, login: Login, _: Words) -> Iterator[str]:
    """Write how its owner logs in."""
    if login.user is None:
        yield "🔑 " + _(
            "{where} leads to its port 22, for when what you install answers there.",
            where=coded(f"{login.address}:{login.port}"),
        )
        return
    yield "🔑 " + coded(f"ssh -p {login.port} {login.user}@{login.address}")
    if instance.guest.host_key:
        yield "-# " + _("Host key {fingerprint}", fingerprint=coded(instance.guest.host_key))
    if not login.has_key:
        yield _(
            "It knows no SSH key of yours, so you can't log in to it: /ssh-key add, then create a"
            " new one."
        )


def small_print(look: Look, _: Words) -> Iterator[str]:
    """Write what the curious read: the stages' times, and the layers below."""
    if times := stage_times(look.instance.guest.stages, _):
        yield "-# " + times
    if line := layers_line(look, _):
        yield "-# " + line
