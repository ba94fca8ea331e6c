"""What the lab's own images hold: a page, nginx, httpd; each with busybox for a look around."""

import re
import subprocess
from pathlib import Path

from scripts.lab.layers import Image, Layer
from scripts.lab.material import Material

_USERS = """root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUPS = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n"
_PAGES = Path(__file__).with_name("pages")
_LOADER = re.compile(rb"/lib[^\0]*ld-linux[^\0]*\.so\.\d+")
_MODULES = ("mpm_event", "authz_core", "dir", "mime", "headers")


# Where there is a choice, the plainest build of each server.
PACKAGES = (
    *("libc6", "libgcc-s1", "busybox-static"),
    *("nginx", "nginx-common", "apache2-bin", "media-types"),
)
_SERVERS = ("nginx", "apache2-bin")


def images(material: Material) -> list[Image]:
    """Make all of them."""
    base = _base(material)
    return [_hello(base), _nginx(material, base), _httpd(material, base)]


def _base(material: Material) -> Layer:
    busybox = material.program("busybox")
    layer = Layer("a small system: busybox, users, folders")
    layer.file("bin/busybox", busybox)
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    for name in names.split():
        if name != "busybox":
            layer.link(f"bin/{name}", "busybox")
    layer.text("etc/passwd", _USERS)
    layer.text("etc/group", _GROUPS)
    for name in ("tmp", "run", "root", "var/tmp", "var/log", "var/cache", "proc", "sys", "dev"):
        layer.folder(name, 0o1777 if name.endswith("tmp") else 0o755)
    return layer


def _hello(base: Layer) -> Image:
    page = Layer("a page that says where it comes from")
    page.text("srv/index.html", _page("hello"))
    page.text("srv/cgi-bin/about", (_PAGES / "about.sh").read_text(), 0o755)
    return Image(
        "hello",
        ["latest"],
        [base, page],
        ["httpd", "-f", "-vv", "-p", "80", "-h", "/srv"],
        # As the first process it is deaf for polite signals.
        stop_signal="SIGKILL",
    )


def _nginx(material: Material, base: Layer) -> Image:
    program = material.program("nginx")
    server = _server(material, "nginx and its libraries, from Debian", program)
    server.file("usr/sbin/nginx", program)
    server.file("etc/nginx/mime.types", material.root / "etc/nginx/mime.types")
    server.folder("var/lib/nginx")
    page = Layer("its configuration and a page")
    page.text("etc/nginx/nginx.conf", (_PAGES / "nginx.conf").read_text())
    page.text("usr/share/nginx/html/index.html", _page("nginx"))
    said = material.said_by(program, "-v")
    return Image(
        "nginx",
        _tags(re.search(r"nginx/(\d+)\.(\d+)", said)),
        [base, server, page],
        ["nginx", "-e", "/dev/stderr", "-g", "daemon off;"],
        stop_signal="SIGQUIT",
    )


def _httpd(material: Material, base: Layer) -> Image:
    program = material.program("apache2")
    folder = Path("usr/lib/apache2/modules")
    modules = [material.root / folder / f"mod_{name}.so" for name in _MODULES]
    # Threads that end look for it by themselves, so no program names it.
    modules_and_more = [*modules, *material.root.glob("**/libgcc_s.so.1")]
    server = _server(
        material, "Apache httpd and its libraries, from Debian", program, *modules_and_more
    )
    server.file("usr/sbin/apache2", program)
    server.link("usr/sbin/httpd", "apache2")
    server.file("etc/mime.types", material.root / "etc/mime.types")
    for each in modules_and_more:
        server.file(str(each.relative_to(material.root)), each)
    page = Layer("its configuration and a page")
    loads = [f"LoadModule {n}_module /{folder}/mod_{n}.so" for n in _MODULES]
    page.text("etc/httpd.conf", "\n".join([*loads, (_PAGES / "httpd.conf").read_text()]))
    page.text("usr/local/apache2/htdocs/index.html", _page("httpd"))
    page.folder("usr/local/apache2/logs")
    said = material.said_by(program, "-v")
    return Image(
        "httpd",
        _tags(re.search(r"Apache/(\d+)\.(\d+)", said)),
        [base, server, page],
        ["httpd", "-D", "FOREGROUND", "-f", "/etc/httpd.conf"],
        stop_signal="SIGWINCH",
    )


def _server(material: Material, why: str, program: Path, *others: Path) -> Layer:
    layer = Layer(why)
    for library in material.libraries([program, *others], _SERVERS):
        layer.file(str(library.relative_to(material.root)), library)
    loader, _ = material.loader()
    asked_for = _LOADER.search(program.read_bytes())
    if asked_for is not None:
        layer.file(asked_for[0].decode().lstrip("/"), loader)
    return layer


def _tags(version: "re.Match[str] | None") -> list[str]:
    if version is None:
        return ["latest"]
    return ["latest", version[1], f"{version[1]}.{version[2]}"]


def _page(name: str) -> str:
    return (_PAGES / "page.html").read_text().replace("@NAME@", name)
