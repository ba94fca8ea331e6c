"""Owners' networks: a bridge each, with a name and a subnet that the host's rules go by."""

import json
import threading

from bot.lab.drivers import readings
from bot.lab.drivers.base import LABEL_INSTALLATION, Network
from bot.lab.drivers.refusals import Refused
from bot.lab.drivers.wire import ORDINARY, WORK, Wire
from bot.lab.errors import EngineRefused, SubnetTaken

# Another network has its addresses, or its bridge's name.
_TAKEN = ("overlap", "same bridge")


class Networks:
    """Makes, lists and removes them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        # Older engines look for the name first and make it then: two at once made two of one.
        self._one_at_a_time = threading.Lock()

    def ensure(self, network: Network) -> None:
        """Make it unless it is there. Raises `SubnetTaken`.

        One of that name with another bridge or subnet would be under other rules than meant:
        that is refused.
        """
        with self._one_at_a_time:
            there = self._find(network.name)
            if there is None:
                there = self._create(network)
        if (there.bridge, there.subnet) != (network.bridge, network.subnet):
            why = f"network {network.name} exists with bridge {there.bridge} and {there.subnet}"
            raise EngineRefused(why=why)

    def of(self, installation: str) -> list[Network]:
        """List those with an installation's label."""
        query = labelled(installation)
        return [readings.network(one) for one in self._wire.call("GET", "/networks", query=query)]

    def remove(self, name: str) -> None:
        """Remove it; already gone, or still in use, is fine."""
        try:
            self._wire.call("DELETE", f"/networks/{name}", seconds=WORK)
        except Refused as refused:
            if refused.status != 404 and "active endpoints" not in refused.reason:
                raise

    def _find(self, name: str) -> Network | None:
        try:
            return readings.network(self._wire.call("GET", f"/networks/{name}", seconds=ORDINARY))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def _create(self, network: Network) -> Network:
        body = {
            "Name": network.name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "EnableIPv6": False,
            "IPAM": {"Driver": "default", "Config": [{"Subnet": network.subnet}]},
            "Options": {
                readings.BRIDGE_OPTION: network.bridge,
                "com.docker.network.bridge.enable_icc": "true",  # all in it have one owner
                "com.docker.network.bridge.enable_ip_masquerade": "true",
            },
            "Labels": dict(network.labels),
        }
        try:
            self._wire.call("POST", "/networks/create", body=body, seconds=WORK)
        except Refused as refused:
            if any(sign in refused.reason.lower() for sign in _TAKEN):
                raise SubnetTaken(subnet=network.subnet) from refused
            there = self._find(network.name)
            if there is None:
                raise
            return there  # another process made it in between
        return network


def labelled(installation: str) -> dict[str, str]:
    """Ask a list for what carries an installation's label alone."""
    label = f"{LABEL_INSTALLATION}={installation}"
    return {"filters": json.dumps({"label": [label]})}
