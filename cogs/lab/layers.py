"""`/lab layers`: what lies under an instance, or under anything on each of the lab's hosts."""

from bot.lab import Instance, Kind
from bot.lab.layers import Layers, container_layers, guest_layers
from bot.localization import Words
from cogs.kit import Services
from cogs.text import clip, coded, one_line

_DETAIL = 300
_TEXT = 3800


def layers_text(services: Services, instance: Instance | None, _: Words) -> str:
    """Draw the layers from the top down, as the talk does, with what was found at each."""
    found = _of_instance(services, instance, _) if instance is not None else _of_hosts(services, _)
    if not found:
        return _("The lab's host doesn't answer right now, so it can't tell.")
    return clip("\n\n".join(_drawn(head, layers, _) for head, layers in found), _TEXT)


def _of_instance(services: Services, instance: Instance, _: Words) -> list[tuple[str, Layers]]:
    lab = services.lab
    head = f"**{one_line(instance.name)}**"
    if instance.kind is Kind.GUEST:
        template = lab.catalogue.guests.get(instance.template or "")
        system = template.system if template is not None else ""
        return [
            (head, guest_layers(host.facts, instance, _, system=system))
            for host in lab.guest_hosts
            if host.name == instance.host and host.facts is not None
        ]
    container = lab.catalogue.templates.get(instance.template or "")
    runtime = container.runtime if container is not None else None
    return [
        (head, container_layers(host.facts, instance, _, runtime=runtime))
        for host in lab.hosts
        if host.name == instance.host and host.facts is not None
    ]


def _of_hosts(services: Services, _: Words) -> list[tuple[str, Layers]]:
    lab = services.lab
    found = [
        (_("**A virtual machine** on {host}", host=one_line(host.name)), host.facts)
        for host in lab.guest_hosts
    ]
    others = [
        (_("**A container** on {host}", host=one_line(host.name)), host.facts) for host in lab.hosts
    ]
    return [
        *((head, guest_layers(facts, None, _)) for head, facts in found if facts is not None),
        *((head, container_layers(facts, None, _)) for head, facts in others if facts is not None),
    ]


def _drawn(head: str, layers: Layers, _: Words) -> str:
    lines = [f"{head}: {one_line(layers.line, 200)}"]
    # The hardware lies at the bottom.
    for layer in reversed(layers.layers):
        detail = f" {one_line(layer.detail, _DETAIL)}" if layer.detail else ""
        lines.append(f"- {coded(layer.name, 40)}{detail}")
    path = _("The way of a call: {path}", path=one_line(layers.call_path, 300))
    return "\n".join([*lines, f"-# {path}"])
