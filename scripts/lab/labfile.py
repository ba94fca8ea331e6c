"""build/lab/lab.toml: the lab of the playground, on this machine."""

import json

from scripts.lab import FOLDER, engine, guests, hypervisor

PATH = FOLDER / "lab.toml"
_HUB = {"nginx": "nginx:latest", "httpd": "httpd:latest"}
_DESCRIPTIONS = {
    "hello": "a page that says hello",
    "nginx": "the web server nginx",
    "httpd": "the web server Apache httpd",
}


_DEBIAN = "https://cloud.debian.org/images/cloud"
_CLOUD_IMAGES = {"12": "bookworm", "13": "trixie"}
_ISO_DESCRIPTIONS = {"ipxe": "iPXE: starts from the network", "memtest86": "a test of the memory"}


def write(names: list[str], port: int | None, *, has_guests: bool) -> None:
    """Write it. `port`: the registry's; None: the public hub has to do."""
    lines = [
        "# The lab of the playground, written anew by each set-up (make run, make test).",
        "# For a lab of your own, copy lab.example.toml to lab.toml.",
        "guilds = []",
        "",
        "[access]",
        'members = "everyone"',
        "min_days = 0",
        "",
        "[[hosts]]",
        'name = "local"',
        f"docker = {json.dumps(engine.endpoint())}",
    ]
    images = _HUB
    if port is not None:
        lines.append(f'mirror = "127.0.0.1:{port}"')
        images = {name: f"127.0.0.1:{port}/study/{name}:latest" for name in names}
    if has_guests:
        lines.append(f"libvirt = {json.dumps(hypervisor.URI)}")
    for name, image in images.items():
        lines += _table(
            "templates", name=name, image=image, description=_DESCRIPTIONS[name], ports=["80"]
        )
    if has_guests:
        lines += _guests()
    allowed = ["official", *([f"127.0.0.1:{port}/study/*"] if port is not None else [])]
    lines += ["", "[images]", f"allow = {json.dumps(allowed)}", ""]
    text = "\n".join(lines)
    if not PATH.exists() or PATH.read_text() != text:
        PATH.write_text(text)


def _guests() -> list[str]:
    lines = _table(
        "guests",
        name="tiny",
        source="kernel",
        kernel=str(guests.KERNEL),
        initrd=str(guests.INITRD),
        command_line="console=ttyS0 quiet",
        description="a small Linux that is up in seconds",
        system="Linux",
        memory="128M",
        disk="1G",
    )
    for number, release in _CLOUD_IMAGES.items():
        place = f"{_DEBIAN}/{release}/latest"
        lines += _table(
            "guests",
            name=f"debian-{number}",
            source="cloud-image",
            image=f"{place}/debian-{number}-genericcloud-amd64.qcow2",
            sums=f"{place}/SHA512SUMS",
            description=f"Debian {number}",
            system="Debian",
            user="debian",
        )
    for name in guests.ISOS:
        lines += _table(
            "guests",
            name=name,
            source="iso",
            iso=name,
            description=_ISO_DESCRIPTIONS[name],
            memory="128M",
            disk="1G",
        )
    for name, path in guests.ISOS.items():
        lines += _table("isos", name=name, file=str(path), description=_ISO_DESCRIPTIONS[name])
    return lines


def _table(kind: str, **values: str | list[str]) -> list[str]:
    # A string or a list of strings is written in TOML as in JSON.
    return ["", f"[[{kind}]]", *(f"{name} = {json.dumps(it)}" for name, it in values.items())]
