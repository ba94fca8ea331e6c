"""The lab's images: made of Debian packages and put into the registry when anything changed."""

import hashlib
import json
import shutil
from pathlib import Path

from scripts.lab import FOLDER, registry
from scripts.lab.contents import PACKAGES, images
from scripts.lab.material import Material

# Under the first the lab's templates name them; under the second the registry is a mirror of
# the public hub's official images, so that `/image pull nginx` works offline as well.
NAMESPACES = ("study", "library")
_RECORD = FOLDER / "images.json"
_LOG = FOLDER / "images.log"
_MAKERS = ("contents", "images", "layers", "material", "registry")


def known() -> list[str]:
    """Return the images that the registry holds as they are to be; none: make them."""
    try:
        record = json.loads(_RECORD.read_text())
    except (OSError, ValueError):
        return []
    is_whole = record["inputs"] == _inputs() and registry.STORAGE.is_dir()
    return record["images"] if is_whole and registry.PROGRAM.exists() else []


def make() -> list[str]:
    """Make and push all; return their names.

    Raises:
        NoMaterial, RegistryFailed: a package can't be had; the registry doesn't come up.
    """
    _RECORD.unlink(missing_ok=True)
    _LOG.unlink(missing_ok=True)
    folder = FOLDER / "material"
    shutil.rmtree(folder, ignore_errors=True)
    material = Material(folder, _LOG)
    material.unpack("docker-registry", *PACKAGES)
    registry.PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    for name in ("docker-registry", "busybox"):
        # Into the place of one that may run right now.
        fresh = registry.PROGRAM.with_name(f"{name}.new")
        shutil.copy2(material.program(name), fresh)
        fresh.replace(registry.PROGRAM.with_name(name))
    made = images(material)
    with registry.filling() as target:
        for image in made:
            for namespace in NAMESPACES:
                target.push(f"{namespace}/{image.name}", image)
    names = [image.name for image in made]
    _RECORD.write_text(json.dumps({"inputs": _inputs(), "images": names}))
    shutil.rmtree(folder)
    return names


def _inputs() -> str:
    """Return what the images are made by; new packages come with a fresh set-up."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in _MAKERS] + sorted((here / "pages").iterdir())
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
