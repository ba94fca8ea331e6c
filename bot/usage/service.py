"""What others may ask about usage."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from bot.drawing import DrawingWorker
from bot.guilds import GuildService, Person
from bot.lab import Instance, Lab
from bot.localization import Words
from bot.sessions import Session
from bot.timeline import Event, Timeline
from bot.usage import store
from bot.usage.comparing import Comparing, Comparison
from bot.usage.figures import HostFigures, InstanceFigures
from bot.usage.graphs import Graphs
from bot.usage.health import Health
from bot.usage.history import Histories, History
from bot.usage.model import Point, Reading
from bot.usage.posted import Posted
from bot.usage.report import Report, report_of
from bot.usage.sampling import Sampling, Watch


@dataclass(frozen=True, slots=True)
class TopRow:
    """An instance in the list; `reading` None while nothing is known of it."""

    instance: Instance
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Top:
    """A host with all that is up on it.

    `reading` is the whole machine's, None where it doesn't tell (an engine elsewhere). `cpus`
    and `memory_bytes` are what it has, None before it was ever reached.
    """

    host: str
    is_up: bool
    cpus: int | None
    memory_bytes: int | None
    reading: Reading | None
    rows: tuple[TopRow, ...]


class Usage:
    """The usage of the lab's hosts and instances."""

    def __init__(
        self,
        timeline: Timeline,
        lab: Lab,
        guilds: GuildService,
        drawing: DrawingWorker,
    ) -> None:
        self._timeline = timeline
        self._lab = lab
        self.sampling = Sampling(timeline, lab)
        self._histories = Histories(timeline, self.sampling)
        self._posted = Posted(timeline)
        self._comparing = Comparing(lab, self.sampling)
        self._graphs = Graphs(timeline, lab, guilds, drawing, self.sampling, self._histories)

    # --- how it stands ---

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the lab's machines, with an engine, a hypervisor, or both."""
        return tuple(sampler.name for sampler in self.sampling.samplers)

    def latest(self, instance: Instance) -> Reading | None:
        """Return what an instance uses now, from memory; None where nothing came in lately."""
        return self.sampling.latest(instance.id)

    def latest_of_host(self, host: str) -> Reading | None:
        """Return what a whole host uses now, from memory; None where it doesn't tell."""
        return self.sampling.latest(host)

    async def top(self, host: str) -> Top:
        """Return a host and everything that is up on it, of all guilds.

        Whoever shows it must leave out what isn't for the reader's eyes.

        Raises:
            HostUnreachable: the operator took it out of the file.
        """
        sampler = self.sampling.sampler(host)
        up = [one for one in await self._lab.instances.up() if one.host == host]
        return Top(
            host=host,
            is_up=sampler.is_up,
            cpus=sampler.cpus,
            memory_bytes=sampler.memory_bytes,
            reading=self.latest_of_host(host),
            rows=tuple(TopRow(one, self.latest(one)) for one in up),
        )

    # --- how it was ---

    def recent(
        self, instance: Instance, over: timedelta = timedelta(minutes=1)
    ) -> tuple[Point, ...]:
        """Return an instance's last minutes (fifteen at most) from memory, two seconds apart."""
        return self._histories.recent(instance.id, over)

    async def history(self, instance: Instance, over: timedelta) -> History:
        """Return what an instance used until now, in as much detail as is kept."""
        now = self._timeline.clock()
        return await self._histories.of(instance.id, now - over, now)

    async def report(self, session: Session) -> Report:
        """Return what all of a session's instances used so far, or in all once it is over.

        It holds private ones: see `for_everybody`.
        """
        instances = await self._lab.instances.of_session(session.id)
        totals = await self._timeline.database.read(
            store.totals_of, [instance.id for instance in instances]
        )
        for instance in instances:
            track = self.sampling.track(instance.id)
            if track is not None and track.totals is not None:
                totals[instance.id] = track.totals
        return report_of(session, instances, totals, self._timeline.clock())

    async def reported(self, session: Session, channel_id: int, message_id: int) -> None:
        """Note where a session's report was posted."""
        await self._posted.note(session, channel_id, message_id)

    async def place_of_report(self, session: Session) -> tuple[int, int] | None:
        """Return the channel and message of a session's report, None where none was posted."""
        return await self._posted.place(session)

    async def compare(
        self, one: Instance, other: Instance, by: Person, *, works: bool
    ) -> Comparison:
        """Put an instance beside another; with `works` both do the same small work, in turn.

        Only whoever may act on both may have them work.
        """
        return await self._comparing.compare(one, other, by, works=works)

    # --- in pictures ---

    async def graph_of_instance(
        self, instance: Instance, over: timedelta, words: Words
    ) -> bytes | None:
        """Draw what an instance used until now, as a PNG; None where it can't be drawn."""
        return await self._graphs.of_instance(instance, over, words)

    async def graph_of_host(
        self, host: str, over: timedelta, words: Words, guild_id: int
    ) -> bytes | None:
        """Draw a whole host, in a guild's time zone; it tells of nobody's instance by itself.

        Raises:
            HostUnreachable: the operator took it out of the file.
        """
        return await self._graphs.of_host(host, over, words, guild_id)

    async def graph_of_session(self, session: Session, words: Words) -> bytes | None:
        """Draw a whole session with what happened in it: public instances have their names."""
        return await self._graphs.of_session(session, words)

    # --- for Prometheus ---

    async def metrics(self, health: Health) -> bytes:
        """Write the latest figures, and the bot's own, as Prometheus reads them."""
        hosts: list[HostFigures] = []
        instances: list[InstanceFigures] = []
        for sampler in self.sampling.samplers:
            name, reading = sampler.name, self.sampling.latest(sampler.name)
            up = self.sampling.up(name)
            hosts.append(
                HostFigures(
                    host=name,
                    is_up=sampler.is_up,
                    instances=len(up),
                    counters=reading.counters if reading is not None else None,
                    sweep_seconds={one.name: one.sweep_seconds for one in sampler.sources},
                    sweep_failures={one.name: one.failures for one in sampler.sources},
                )
            )
            for one in up:
                latest = self.sampling.latest(one.instance_id)
                if latest is not None:
                    instances.append(
                        InstanceFigures(one.instance_id, str(one.kind), name, latest.counters)
                    )
        # Hundreds of instances make thousands of lines: not on the loop.
        return await asyncio.to_thread(_write, hosts, instances, health)

    # --- what goes on ---

    def watch(self, host: str | None = None) -> Watch:
        """Have a host, or all, sampled even when nothing is up there, until it is released."""
        return self.sampling.watch(host)

    def on_event(self, event: Event) -> None:
        """Hear of what happens in the lab."""
        self.sampling.on_event(event)

    async def run(self) -> None:
        """Sample while there is reason to, until cancelled."""
        await self.sampling.run()

    async def keep(self) -> None:
        """Write down what came in; every ten seconds."""
        await self.sampling.keep()

    async def tidy(self) -> None:
        """Drop what is kept no longer; every ten minutes."""
        await self.sampling.tidy()

    async def close(self) -> None:
        """Write down what came in since, and let go."""
        await self.sampling.flush()
        self.sampling.close()


def _write(hosts: list[HostFigures], instances: list[InstanceFigures], health: Health) -> bytes:
    # Here and not above: the library takes a while to load, and most don't use it.
    from bot.usage.exposition import exposition

    return exposition(hosts, instances, health)
