"""Lists of what guests start from and go back to, and what one is in detail."""

from collections.abc import Sequence

from bot.lab import (
    GuestTemplate,
    Instance,
    IsoImage,
    Snapshot,
    spoken_cpus,
)
from bot.lab.layers import guest_layers
from bot.localization import Words
from cogs.lab.card import time_left, title
from cogs.lab.look import Look
from cogs.lab.meters import size
from cogs.lab.stages import stage_times
from cogs.lab.tables import clipped
from cogs.lab.vm_card import made_from
from cogs.live import with_time
from cogs.text import coded, one_line


def template_list(found: Sequence[GuestTemplate], _: Words) -> str:
    """List the virtual machines somebody may create."""
    if not found:
        return _("There is no virtual machine that you may create here.")
    return clipped(_("**You can create**"), [_template(one, _) for one in found], _)


def _template(template: GuestTemplate, _: Words) -> str:
    parts = [coded(template.name, 40)]
    if template.description:
        parts.append(one_line(template.description, 200))
    wants: list[str] = []
    if template.cpus is not None:
        wants.append(_("{cpus} vCPU", cpus=spoken_cpus(template.cpus)))
    if template.memory_bytes is not None:
        wants.append(_("{size} memory", size=size(template.memory_bytes)))
    if template.disk_bytes is not None:
        wants.append(_("{size} disk", size=size(template.disk_bytes)))
    if template.iso:
        wants.append(coded(f"{template.iso}.iso", 40))
    if wants:
        parts.append(", ".join(wants))
    return "- " + " · ".join(parts)


def iso_list(found: Sequence[IsoImage], _: Words) -> str:
    """List the catalogue's ISOs."""
    if not found:
        return _("The catalogue has no ISO.")
    lines = [
        " · ".join(filter(None, (f"- {coded(one.name, 40)}", one_line(one.description, 200))))
        for one in found
    ]
    return clipped(_("**ISOs of the catalogue**"), lines, _)


def snapshot_list(instance: Instance, found: Sequence[Snapshot], _: Words) -> str:
    """List a guest's snapshots, oldest first."""
    name = one_line(instance.name)
    if not found:
        return _("**{name}** has no snapshots. /vm snapshot create makes one.", name=name)
    head = _.plural("**{name}**: {n} snapshot", "**{name}**: {n} snapshots", len(found), name=name)
    return clipped(head, [_snapshot(one, _) for one in found], _)


def _snapshot(snapshot: Snapshot, _: Words) -> str:
    parts = [coded(snapshot.name, 40), with_time(snapshot.created_at, "f")]
    parts.append(_("with its memory") if snapshot.is_running else _("its disk alone"))
    if snapshot.is_current:
        parts.append(_("the latest it was at"))
    return "- " + " · ".join(parts)


def guest_details(look: Look, _: Words) -> str:
    """Write what a guest is, readably."""
    instance, facts = look.instance, look.instance.guest
    limits = instance.resources
    rows = [
        (_("State"), title(instance, _)),
        (_("Made from"), made_from(instance)),
        (_("System inside"), one_line(facts.system or look.system, 100)),
        (
            _("Limits"),
            " · ".join(
                (
                    _("{cpus} vCPU", cpus=spoken_cpus(limits.cpus)),
                    _("{size} memory", size=size(limits.memory_bytes)),
                    _("{size} disk", size=size(limits.disk_bytes)),
                )
            ),
        ),
        (_("Internet"), _("reachable from inside") if instance.outward else _("cut off")),
        (_("Address"), coded(facts.address) if facts.address else ""),
        (_("Host key"), coded(facts.host_key) if facts.host_key else ""),
        (_("Machine"), one_line(" · ".join(filter(None, (facts.machine, facts.accelerator))))),
        (_("Snapshots"), "" if look.snapshots is None else str(look.snapshots)),
        (_("Layers"), _layers(look, _)),
        (_("Owner"), f"<@{instance.owner_id}>" if instance.owner_id is not None else ""),
        (_("Host"), one_line(instance.host)),
        (_("Process on the host"), str(instance.process_id or "")),
        (_("Asked for"), with_time(instance.requested_at, "f")),
        (_("Stages"), stage_times(facts.stages, _)),
        (_("Time left"), time_left(instance, _) if instance.is_alive else ""),
        (_("Extended"), str(instance.extensions) if instance.extensions else ""),
    ]
    return "\n".join(f"**{label}** {value}" for label, value in rows if value)


def _layers(look: Look, _: Words) -> str:
    if look.under is None:
        return ""
    return one_line(guest_layers(look.under, look.instance, _, system=look.system).line, 200)
