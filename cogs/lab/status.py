"""How the lab stands, and what happened in it, in words."""

from collections.abc import Sequence

from bot.errors import N_
from bot.lab import Entry, HostStanding, Kind, Standing, events, reasons, spoken_cpus
from bot.localization import Words
from cogs.lab.meters import size
from cogs.lab.tables import clipped
from cogs.live import with_time
from cogs.text import coded, one_line

_TEXT = 1900

_HAPPENED = {
    events.REQUESTED: N_("asked for {what}"),
    events.REFUSED: N_("was refused a launch ({why})"),
    events.LAUNCHING: N_("{what} begins to start"),
    events.STARTED: N_("{what} started"),
    events.READY: N_("{what} answers"),
    events.FAILED: N_("{what} failed to start ({why})"),
    events.STOPPED: N_("stopped {what}"),
    events.RESUMED: N_("started {what} again"),
    events.RESTARTED: N_("restarted {what}"),
    events.DIED: N_("{what} ended by itself"),
    events.LOST: N_("{what} was gone from its host"),
    events.EXECUTED: N_("ran a command in {what} (exit code {code})"),
    events.LOGS_READ: N_("read the logs of {what}"),
    events.EXTENDED: N_("extended {what}"),
    events.POSTPONED: N_("the time of {what} was set anew"),
    events.FROZEN: N_("froze {what}"),
    events.THAWED: N_("let {what} go on"),
    events.PUBLISHED: N_("changed who sees {what}"),
    events.REMOVED: N_("removed {what} ({why})"),
    events.IMAGE_PULLED: N_("pulled an image"),
    events.IMAGE_REMOVED: N_("removed an image"),
    events.CLOSED: N_("closed the lab"),
    events.OPENED: N_("opened the lab"),
    events.CLEARED: N_("cleared the lab"),
    events.BANNED: N_("banned {whom} from the lab"),
    events.UNBANNED: N_("let {whom} into the lab again"),
    events.PAUSED: N_("paused {what}"),
    events.UNPAUSED: N_("let {what} go on after a pause"),
    events.SCREEN_SEEN: N_("looked at the screen of {what}"),
    events.KEYS_PRESSED: N_("pressed keys in {what}"),
    events.SNAPSHOT_MADE: N_("made a snapshot of {what}"),
    events.SNAPSHOT_DELETED: N_("deleted a snapshot of {what}"),
    events.REVERTED: N_("took {what} back to a snapshot"),
    events.KEY_ADDED: N_("added an SSH key"),
    events.KEY_REMOVED: N_("removed an SSH key"),
}
_KINDS = {Kind.CONTAINER: N_("containers"), Kind.GUEST: N_("virtual machines")}


def status_text(
    standing: Standing, _: Words, *, user_id: int, is_closed: bool, with_proofs: bool
) -> str:
    """Write how the lab stands."""
    head = _("The lab is closed.") if is_closed else _("The lab is open.")
    lines = [_host_line(host, _, with_proofs=with_proofs) for host in standing.hosts]
    if standing.waiting:
        lines.append(_.plural("{n} launch waits.", "{n} launches wait.", standing.waiting))
    place = next((n for n, one in enumerate(standing.queue, 1) if one.owner_id == user_id), None)
    if place is not None:
        lines.append(_("You are number {n} in the queue.", n=place))
    return clipped(head, lines, _, _TEXT)


def _host_line(host: HostStanding, _: Words, *, with_proofs: bool) -> str:
    name = f"{one_line(host.name)} ({_(_KINDS[host.kind])})"
    if not host.is_up:
        return f"🔴 **{name}** " + _("doesn't answer.")
    parts = [_.plural("{n} instance", "{n} instances", host.instances)]
    if host.room is not None:
        parts.append(
            _(
                "room for {memory} and {cpus} CPUs more",
                memory=size(max(0, host.room.memory_bytes)),
                cpus=spoken_cpus(round(max(0.0, host.room.cpus), 1)),
            )
        )
    sign = "🟢" if host.is_proven else "🟠"
    line = f"{sign} **{name}** " + " · ".join(parts)
    if not host.is_proven:
        line += "\n-# " + _("Not for attendees: its protection isn't shown to hold.")
        if with_proofs and host.proof:
            line += " " + one_line(host.proof, 400)
    return line


def audit_text(found: Sequence[Entry], _: Words) -> str:
    """Write the lab's latest events, newest first."""
    if not found:
        return _("Nothing has happened in the lab yet.")
    return clipped(_("**The lab's latest events**"), [_entry(one, _) for one in found], _)


def _entry(entry: Entry, _: Words) -> str:
    event, instance = entry.event, entry.instance
    what = f"#{event.data.get('instance_id', '?')}"
    if instance is not None:
        what = f"{coded(instance.name)} ({one_line(instance.template or instance.image, 40)})"
    whom = event.data.get("user_id")
    told = _(
        _HAPPENED[event.kind],
        what=what,
        why=one_line(
            reasons.in_short(event.data.get("why") or event.data.get("reason") or "–", _), 60
        ),
        code=event.data.get("exit_code", "–"),
        whom=f"<@{whom}>" if whom else "–",
    )
    who = f"<@{event.actor_id}> " if event.actor_id is not None else ""
    return f"{with_time(event.at, 'f')} {who}{told}"
