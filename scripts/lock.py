"""Resolve the dependencies anew and write them to constraints.txt: names and versions only.

    lock.py [PYTHON …]    the interpreters to resolve for; by default those of the supported
                          versions that are found

The oldest one decides each version; newer ones add what only they need (discord.py wants
audioop-lts from 3.13 on, for example). So one file without markers serves them all.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
SUPPORTED = ("python3.11", "python3.12", "python3.13")
OURSELVES = "study-session-bot"
HEADER = "# Written by `make lock`: what the tests ran with. Ranges stand in pyproject.toml.\n"


def find_interpreters() -> list[str]:
    """Find the supported interpreters that really start."""
    found = [path for name in SUPPORTED if (path := shutil.which(name))]
    return [
        path
        for path in found
        if not subprocess.run([path, "-c", "pass"], check=False, capture_output=True).returncode
    ]


def resolve(interpreter: str, fixed: dict[str, str], folder: Path) -> dict[str, str]:
    """Ask pip what it would install under an interpreter, with some versions fixed."""
    environment, report, constraints = folder / "venv", folder / "report", folder / "fixed"
    subprocess.run([interpreter, "-m", "venv", "--clear", environment], check=True)
    constraints.write_text(render(fixed))
    subprocess.run(
        [
            environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--dry-run",
            "--ignore-installed", "--report", report, "--constraint", constraints,
            f"{ROOT}[dev]",
        ],
        check=True,
    )  # fmt: skip
    packages = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    return {canonicalize_name(each["name"]): each["version"] for each in packages}


def render(versions: dict[str, str]) -> str:
    """Write one `name==version` a line."""
    return "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))


def main(interpreters: list[str]) -> int:
    """Resolve for each interpreter and write the file."""
    if not interpreters:
        print("None of", *SUPPORTED, "was found. Name one: scripts/lock.py PATH", file=sys.stderr)
        return 1
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for interpreter in interpreters:
            print("Resolving for", interpreter, "…", flush=True)
            versions = resolve(interpreter, versions, Path(folder)) | versions
    versions.pop(OURSELVES, None)
    CONSTRAINTS.write_text(HEADER + render(versions))
    print(f"Wrote {len(versions)} versions to {CONSTRAINTS.name}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or find_interpreters()))
