"""The lab of `make run` and `make test` on this machine; scripts/setup.sh calls it.

`python -m scripts.lab WHAT`: engine, images and registry come up, are recorded in build/lab, and
go down again. Only the standard library: it runs as root, too.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "lab"
