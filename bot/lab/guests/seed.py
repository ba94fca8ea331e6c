"""The seed a guest's first start reads: cloud-init's NoCloud, as a small ISO.

Format: https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pycdlib

from bot.lab.model import GuestTemplate, Instance

LABEL = "cidata"


def user_data(instance: Instance, template: GuestTemplate, keys: Sequence[str]) -> str:
    """Write what the guest sets up: its owner's keys, and no password anywhere."""
    user: dict[str, Any] = {
        "name": template.user,
        "lock_passwd": True,
        "ssh_authorized_keys": list(keys),
    }
    if template.user != "root":
        user |= {"shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL"}
    config = {
        "hostname": instance.name,
        "fqdn": f"{instance.name}.internal",
        # Its own name is known to it, or each sudo waits for a name server and complains.
        "manage_etc_hosts": "localhost",
        "ssh_pwauth": False,
        "disable_root": template.user != "root",
        "users": [user],
        "growpart": {"mode": "auto", "devices": ["/"]},
        "package_update": False,
    }
    # JSON is YAML: nothing in it can be taken for anything else.
    return "#cloud-config\n" + json.dumps(config, indent=1, ensure_ascii=True) + "\n"


def meta_data(instance: Instance, engine_name: str) -> str:
    """Write who the guest is."""
    return json.dumps({"instance-id": engine_name, "local-hostname": instance.name}) + "\n"


def network_config(mac: str) -> str:
    """Have the one card ask for its address."""
    config = {
        "version": 2,
        "ethernets": {"lan": {"match": {"macaddress": mac}, "dhcp4": True, "dhcp6": False}},
    }
    return json.dumps(config) + "\n"


def write_seed(into: Path, files: dict[str, str]) -> None:
    """Write an ISO with these files; blocks for some milliseconds."""
    iso: Any = pycdlib.PyCdlib()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    try:
        for name, text in files.items():
            content = text.encode()
            plain = name.upper().replace("-", "")[:8]
            iso.add_fp(
                io.BytesIO(content),
                len(content),
                f"/{plain}.;1",
                rr_name=name,
                joliet_path=f"/{name}",
            )
        iso.write(str(into))
    finally:
        iso.close()
