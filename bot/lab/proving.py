"""Whether a host's protection holds: shown by probe containers, again and again."""

import structlog

from bot.lab.errors import LabError
from bot.lab.host import check_host
from bot.lab.hosts import Host, Hosts

log = structlog.get_logger(__name__)

_PROOF_SECONDS = 45.0


class Proving:
    """Proves hosts. Without a proof a host serves no attendee."""

    def __init__(self, installation: str) -> None:
        self._installation = installation

    async def prove(self, host: Host) -> None:
        """Probe one host and note what came of it; a host that can't be probed isn't proven."""
        try:
            await self._prove(host)
        finally:
            host.is_judged = True

    async def _prove(self, host: Host) -> None:
        try:
            proof = await host.work(
                _PROOF_SECONDS, check_host, host.driver, host.settings, self._installation
            )
        except LabError as error:
            host.is_proven, host.proof = False, str(error)
            log.warning("lab host not proven", host=host.name, why=host.proof)
            return
        was = host.is_proven
        host.is_proven = proof.holds
        host.proof = "; ".join(one.text for one in proof.findings if not one.is_good)
        if not proof.holds:
            log.warning("lab host not proven", host=host.name, why=host.proof)
        elif not was:
            log.info("lab host proven", host=host.name)

    async def prove_all(self, hosts: Hosts) -> None:
        """Probe every host that answers: rules may be gone after a change of the firewall."""
        for host in hosts.up:
            await self.prove(host)
