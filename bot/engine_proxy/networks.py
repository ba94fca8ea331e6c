"""What a network may be: a bridge in the lab's subnet, by a name the host's rules hold for."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any, cast

from bot.engine_proxy import names
from bot.engine_proxy.containers import check_installation
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.schema import Check, flag, items, mapping, one_of, record, text
from bot.engine_proxy.settings import Rules

BRIDGE_OPTION = "com.docker.network.bridge.name"
# What the host's firewall goes by (bot/lab/drivers/base.py): closed or open, then perhaps "p"
# for a probe's, then a number. An interface's name has at most 15 characters.
BRIDGE = r"sbl[co](?:[0-9a-f]{1,11}|p[0-9a-f]{1,10})"


def check_network(value: Any, rules: Rules) -> dict[str, Any]:
    """Check the body of a create call, and return it as it is forwarded.

    Raises:
        Refused: something in it is not for the lab.
    """
    body = record(_NETWORK)(value, "")
    check_installation(body.get("Labels"), rules)
    if "Name" not in body:
        raise Refused("Name must be set")
    if body.get("Driver") != "bridge":
        raise Refused("Driver must be bridge")
    if BRIDGE_OPTION not in body.get("Options", {}):
        raise Refused(f"Options.{BRIDGE_OPTION} must be set: the host's rules go by it")
    ranges = body.get("IPAM", {}).get("Config", [])
    if len(ranges) != 1:
        raise Refused("IPAM.Config must name one subnet")
    _check_range(ranges[0], rules)
    # Or a second one could take the place of somebody else's by its name.
    return {**body, "CheckDuplicate": True}


def check_bridge(inspected: dict[str, Any]) -> None:
    """Refuse a network that didn't come through here: labels can be forged.

    Raises:
        Refused: it is no bridge of the lab.
    """
    options = cast("dict[str, str]", inspected.get("Options") or {})
    name = options.get(BRIDGE_OPTION, "")
    if inspected.get("Driver") != "bridge" or not re.fullmatch(BRIDGE, name):
        raise Refused("it is no bridge of the lab")


def _check_range(found: dict[str, str], rules: Rules) -> None:
    try:
        subnet = IPv4Network(found.get("Subnet", ""))
        inside = subnet.subnet_of(rules.subnet)
        inside = inside and IPv4Address(found.get("Gateway", subnet.network_address)) in subnet
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise Refused("IPAM.Config must name an IPv4 subnet") from error
    if not inside:
        raise Refused(f"the subnet {subnet} is not in STUDY_BOT_PROXY_SUBNET ({rules.subnet})")


_OPTIONS: dict[str, Check] = {
    BRIDGE_OPTION: text(BRIDGE),
    "com.docker.network.bridge.enable_icc": one_of("true", "false"),
    "com.docker.network.bridge.enable_ip_masquerade": one_of("true", "false"),
    "com.docker.network.driver.mtu": text(r"[0-9]{3,5}"),
}
_NETWORK: dict[str, Check] = {
    "Name": text(names.IDENTIFIER),
    "CheckDuplicate": flag,
    "Driver": one_of("bridge"),
    "Internal": flag,
    "Options": record(_OPTIONS),
    "Labels": mapping(text(most=200), text(most=4000)),
    "IPAM": record(
        {
            "Driver": one_of("default"),
            "Config": items(
                record({"Subnet": text(r"[0-9./]{1,18}"), "Gateway": text(r"[0-9.]{1,15}")}), 1
            ),
        }
    ),
}
