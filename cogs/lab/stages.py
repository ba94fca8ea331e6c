"""How a launch reads while it passes its stages."""

import itertools
from collections.abc import Mapping

from bot.errors import N_
from bot.lab import (
    Instance,
    Kind,
    LayerState,
    Progress,
    PullProgress,
    Stage,
    State,
    spoken_seconds,
)
from bot.localization import Words
from cogs.lab.meters import bar, percent, size
from cogs.text import coded

_LAYERS = 12

_DONE = {
    Stage.QUEUED: N_("waited {time}"),
    Stage.PULLING: N_("pulled in {time}"),
    Stage.CREATING: N_("created and started in {time}"),
}
_NOW = {
    Stage.PULLING: N_("pulling the image"),
    Stage.CREATING: N_("creating"),
    Stage.STARTED: N_("starting"),
    Stage.ANSWERING: N_("started; seeing whether it answers"),
}
_GUEST_DONE = {
    Stage.QUEUED: N_("waited {time}"),
    Stage.PULLING: N_("image downloaded in {time}"),
    Stage.VOLUME: N_("disk made in {time}"),
    Stage.SEED: N_("seed written in {time}"),
    Stage.DEFINED: N_("defined in {time}"),
    Stage.STARTED: N_("switched on in {time}"),
    Stage.BOOTED: N_("booted in {time}"),
    Stage.ADDRESSED: N_("has its address after {time}"),
}
_GUEST_NOW = {
    Stage.PULLING: N_("downloading the image"),
    Stage.CREATING: N_("creating"),
    Stage.VOLUME: N_("making its disk"),
    Stage.SEED: N_("writing its seed"),
    Stage.DEFINED: N_("defining it"),
    Stage.STARTED: N_("switching it on"),
    Stage.BOOTED: N_("booting; waiting for a sign from inside"),
    Stage.ADDRESSED: N_("up; waiting for its address"),
    Stage.ANSWERING: N_("up; waiting for SSH to answer"),
}
# When it is up these stand on its card, from the request on.
_REACHED = {
    Stage.STARTED: N_("switched on {time}"),
    Stage.BOOTED: N_("booted {time}"),
    Stage.ADDRESSED: N_("address {time}"),
    Stage.ANSWERING: N_("SSH {time}"),
}


def launch_lines(instance: Instance, progress: Progress | None, _: Words) -> str:
    """Write the stages that have passed with their times, and the one it is in."""
    stage = progress.stage if progress is not None else instance.stage
    done = _GUEST_DONE if instance.kind is Kind.GUEST else _DONE
    lines: list[str] = []
    if progress is not None:
        began = sorted(progress.seconds.items(), key=lambda item: item[1])
        for (passed, at), (_next, until) in itertools.pairwise(began):
            if passed in done:
                lines.append("✅ " + _(done[passed], time=spoken_seconds(until - at)))
    lines.append("▶ " + _now(instance, stage, progress, _))
    if progress is not None and progress.pull is not None and stage is Stage.PULLING:
        lines.append(pull_total(progress.pull))
    return "\n".join(lines)


def _now(instance: Instance, stage: Stage, progress: Progress | None, _: Words) -> str:
    if instance.state is State.QUEUED or stage is Stage.QUEUED:
        if progress is not None and progress.position is not None:
            if progress.is_cut_off:
                return _(
                    "The lab can't be reached right now. It starts when the lab is back; you are"
                    " number {n} in the queue.",
                    n=progress.position,
                )
            return _(
                "The lab is full right now. You are number {n} in the queue.",
                n=progress.position,
            )
        return _("Waiting for its turn.")
    return _((_GUEST_NOW if instance.kind is Kind.GUEST else _NOW).get(stage, _NOW[Stage.CREATING]))


def stage_times(stages: Mapping[str, float], _: Words) -> str:
    """Write when a guest's launch reached what people wait for; empty where that isn't known."""
    return " · ".join(
        _(text, time=spoken_seconds(stages[stage]))
        for stage, text in _REACHED.items()
        if stage in stages
    )


def pull_total(pull: PullProgress) -> str:
    """Draw how far a pull is as a whole."""
    text = f"{bar(pull.fraction, 20)} {percent(pull.fraction)}"
    if pull.total_bytes:
        text += f" ({size(pull.current_bytes)} / {size(pull.total_bytes)})"
    return text


def layer_lines(pull: PullProgress, _: Words) -> str:
    """Draw a pull's layers, a line each; of many, those that move first."""
    order = {LayerState.DOWNLOADING: 0, LayerState.EXTRACTING: 1, LayerState.WAITING: 2}
    moving = sorted(pull.layers, key=lambda layer: order.get(layer.state, 3))
    shown = pull.layers if len(pull.layers) <= _LAYERS else moving[:_LAYERS]
    words = {
        LayerState.WAITING: _("waiting"),
        LayerState.DOWNLOADING: _("downloading"),
        LayerState.EXTRACTING: _("extracting"),
        LayerState.DONE: _("done"),
    }
    lines: list[str] = []
    for layer in shown:
        share = layer.current_bytes / layer.total_bytes if layer.total_bytes else 0.0
        if layer.state is LayerState.DONE:
            share = 1.0
        of = f" {size(layer.total_bytes)}" if layer.total_bytes else ""
        lines.append(f"{coded(layer.id, 12)} {bar(share)} {words[layer.state]}{of}")
    if len(pull.layers) > len(shown):
        lines.append("-# " + _("… and {n} more layers", n=len(pull.layers) - len(shown)))
    return "\n".join(lines)
