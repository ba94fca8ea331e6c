"""Debian packages as material: downloaded and unpacked in build/lab, nothing is installed."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

# What the C library's package brings along under names of its own.
_IN_LIBC = ("libc", "libm", "libdl", "libpthread", "librt", "libresolv", "ld-linux")
_ODD_NAMES = {
    "libz": ("zlib1g",),
    "libcrypto": ("libssl",),
    "libgmodule-2.0": ("libglib2.0",),
}
_ROUNDS = 6


class NoMaterial(Exception):
    """A package or a library that can't be had, in words for the person at the terminal."""


class Material:
    """A tree of unpacked packages, and what programs in it need to run."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self.root = folder / "root"
        self._unpacked: set[str] = set()
        self._known: dict[tuple[str, ...], set[str]] = {}
        # Asked for privately where the machine's own package lists are missing or too old.
        self._options: list[str] = []
        for each in (folder / "debs", self.root):
            each.mkdir(parents=True, exist_ok=True)

    def unpack(self, *packages: str) -> None:
        """Download packages and add their files to the tree."""
        wanted = [name for name in packages if name not in self._unpacked]
        if not wanted:
            return
        debs = self._folder / "debs"
        for old in debs.glob("*.deb"):
            old.unlink()
        if not self._apt("get", ["download", *wanted], debs):
            self._private_lists()
            if not self._apt("get", ["download", *wanted], debs):
                raise NoMaterial(f"the packages {' '.join(wanted)} can't be downloaded")
        for deb in debs.glob("*.deb"):
            self._run(["dpkg-deb", "-x", str(deb), str(self.root)])
        self._unpacked |= set(wanted)

    def newest(self, package: str) -> str:
        """Return the package that an always newest one, itself empty, leads to.

        Raises:
            NoMaterial: it isn't known here.
        """
        for _ in range(2):
            said = self._run(["apt-cache", *self._options, "depends", package], fine=True)
            for line in said.splitlines():
                if line.strip().startswith("Depends: linux-image-"):
                    return line.partition(": ")[2].strip()
            self._private_lists()
        raise NoMaterial(f"the package {package} isn't known here")

    def program(self, name: str) -> Path:
        """Return a program of the tree.

        Raises:
            NoMaterial: no package brought it.
        """
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            if (self.root / folder / name).is_file():
                return self.root / folder / name
        raise NoMaterial(f"the package that should hold {name} doesn't")

    def libraries(self, programs: Sequence[Path], origin: Iterable[str]) -> list[Path]:
        """Return the shared libraries that programs of the tree need, loader included.

        What is missing is downloaded first: from the packages that the `origin` ones depend on.
        """
        known = self._depended_on(origin)
        for _ in range(_ROUNDS):
            found, missing = self._linked(programs)
            if not missing:
                return found
            packages = {self._package_of(name, known) for name in missing}
            self.unpack(*sorted(packages))
        raise NoMaterial(f"libraries are missing: {', '.join(sorted(missing))}")

    def loader(self) -> tuple[Path, str]:
        """Return the tree's dynamic loader and where it is to look for libraries."""
        loaders = [each for each in self.root.glob("**/ld-linux*.so*") if not each.is_symlink()]
        if not loaders:
            raise NoMaterial("the package libc6 holds no dynamic loader")
        places = [*self.root.glob("lib/*-linux-gnu*"), *self.root.glob("usr/lib/*-linux-gnu*")]
        return loaders[0], ":".join(map(str, places))

    def _linked(self, programs: Sequence[Path]) -> tuple[list[Path], set[str]]:
        loader, path = self.loader()
        found: set[Path] = set()
        missing: set[str] = set()
        for program in programs:
            # As ldd does it: `--list` would end at the first that is missing.
            command = ["env", "LD_TRACE_LOADED_OBJECTS=1", str(loader)]
            command += ["--library-path", path, str(program)]
            for line in self._run(command, fine=True).splitlines():
                name, _, place = line.strip().partition(" => ")
                if place.startswith(str(self.root)):
                    found.add(Path(place.partition(" (")[0]))
                elif place:  # not found, or one of this machine's own
                    missing.add(Path(name).name)
        return sorted(found), missing

    def _depended_on(self, packages: Iterable[str]) -> set[str]:
        key = tuple(packages)
        if key not in self._known:
            self._known[key] = self._ask_depended_on(key)
        return self._known[key]

    def _ask_depended_on(self, packages: Sequence[str]) -> set[str]:
        options = [
            f"--no-{kind}"
            for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
        ]
        listed = self._run(
            ["apt-cache", *self._options, "depends", "--recurse", *options, *packages], fine=True
        )
        return {line.strip() for line in listed.splitlines() if line[:1].isalpha()}

    @staticmethod
    def _package_of(library: str, known: set[str]) -> str:
        """Guess the package by Debian's rule for their names, among those depended on."""
        base, _, version = library.partition(".so")
        version = version.lstrip(".")
        if base.startswith(_IN_LIBC) and base.split("-")[0] in (*_IN_LIBC, "ld"):
            return "libc6"
        stems = _ODD_NAMES.get(base, (base, base.replace("-", "")))
        guesses = [f"{stem}{dash}{version}" for stem in stems for dash in ("", "-")]
        for guess in (*guesses, *stems):
            for name in (guess, f"{guess}t64"):
                if name in known:
                    return name
        raise NoMaterial(f"no package is known for the library {library}")

    def _private_lists(self) -> None:
        """Fetch package lists of our own: needs no root and leaves the machine's alone."""
        if self._options:
            return
        apt = self._folder / "apt"
        for each in ("lists/partial", "archives/partial"):
            (apt / each).mkdir(parents=True, exist_ok=True)
        self._options = [
            *("-o", f"Dir::State::lists={apt / 'lists'}"),
            *("-o", f"Dir::Cache={apt}"),
        ]
        self._apt("get", ["update"], self._folder)

    def said_by(self, program: Path, option: str) -> str:
        """Run a program of the tree; return what it says.

        Raises:
            NoMaterial: it doesn't run.
        """
        loader, path = self.loader()
        return self._run([str(loader), "--library-path", path, str(program), option], both=True)

    def _apt(self, tool: str, arguments: Sequence[str], folder: Path) -> bool:
        with self._log.open("a") as log:
            done = subprocess.run(
                [f"apt-{tool}", *self._options, "-q", "-o", "Acquire::Retries=3", *arguments],
                cwd=folder,
                stdout=log,
                stderr=log,
                check=False,
            )
        return done.returncode == 0

    def _run(self, command: Sequence[str], *, fine: bool = False, both: bool = False) -> str:
        with self._log.open("a") as log:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if both else log,
                text=True,
                check=False,
            )
            log.write(done.stdout)
        if done.returncode and not fine:
            raise NoMaterial(f"{command[0]} failed (see {self._log})")
        return done.stdout
