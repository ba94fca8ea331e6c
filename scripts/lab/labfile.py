"""build/lab/lab.toml: the lab of the playground, on this machine."""

import json

from scripts.lab import FOLDER, engine

PATH = FOLDER / "lab.toml"
_HUB = {"nginx": "nginx:latest", "httpd": "httpd:latest"}
_DESCRIPTIONS = {
    "hello": "a page that says hello",
    "nginx": "the web server nginx",
    "httpd": "the web server Apache httpd",
}


def write(names: list[str], port: int | None) -> None:
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
    for name, image in images.items():
        lines += [
            "",
            "[[templates]]",
            f'name = "{name}"',
            f'image = "{image}"',
            f'description = "{_DESCRIPTIONS[name]}"',
            'ports = ["80"]',
        ]
    allowed = ["official", *([f"127.0.0.1:{port}/study/*"] if port is not None else [])]
    lines += ["", "[images]", f"allow = {json.dumps(allowed)}", ""]
    text = "\n".join(lines)
    if not PATH.exists() or PATH.read_text() != text:
        PATH.write_text(text)
