"""libvirt as the set-up starts it by hand: safe settings, quick answers, and gone again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.host.machine import ROOT

pytestmark = pytest.mark.slow

NEEDED = ("libvirtd", "virtlogd", "virsh", "qemu-system-x86_64", "tini", "unshare", "mount")
# In namespaces of its own, whose first process ends everything in them.
INSIDE = """
set -e
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
for each in var/lib/libvirt var/cache/libvirt var/log/libvirt; do
  mkdir -p /$each {folder}/$each
  mount --bind {folder}/$each /$each
done
echo "127.0.0.1 localhost $(hostname)" >{folder}/hosts
mount --bind {folder}/hosts /etc/hosts
mkdir {folder}/etc
cp /etc/libvirt/*.conf {folder}/etc
mount --bind {folder}/etc /etc/libvirt
exec {python} -c "$1"
"""
DEFINED = """<domain type='qemu'><name>a</name><uuid>0f2d5a1c-6a0e-4d6e-9a55-0d6f4a1c2b3e</uuid>
<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os></domain>"""
PROGRAM = """
import json, subprocess, time
from pathlib import Path
from scripts.lab import hypervisor, processes
folder = Path({folder!r})
for name in ("RECORD", "LOG_RECORD", "UNIT_RECORD", "LOG", "_SETTINGS"):
    setattr(hypervisor, name, folder / name.lower())
def virsh(*words, given=""):
    return subprocess.run(
        ["virsh", "--quiet", "--connect", hypervisor.URI, *words],
        input=given, capture_output=True, text=True)
found = {{"before": hypervisor.state(), "complaint": hypervisor.start(None)}}
found["after"] = hypervisor.state()
found["listens"] = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True).stdout
found["modes"] = {{
    each.name: oct(each.stat().st_mode & 0o777) for each in Path("/run/libvirt").glob("*-sock*")}}
virsh("define", "/dev/stdin", given={defined!r})
began = time.monotonic()
for _ in range(10):
    found["defined"] = virsh("define", "/dev/stdin", given={defined!r}).returncode
found["seconds"] = (time.monotonic() - began) / 10
began = time.monotonic()
for _ in range(10):
    virsh("version")
found["asking"] = (time.monotonic() - began) / 10
found["running"] = [processes.running(each) for each in (hypervisor.RECORD, hypervisor.LOG_RECORD)]
found["again"] = hypervisor.start(None)
found["stopped"], found["twice"] = hypervisor.stop(), hypervisor.stop()
found["end"] = hypervisor.state()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0 or missing or Path("/run/systemd/system").is_dir():
        pytest.skip(f"starting libvirt by hand needs root, no systemd, and {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("libvirt")
    program = PROGRAM.format(folder=str(folder), defined=DEFINED)
    done = subprocess.run(
        [
            *("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child"),
            *("--mount-proc", "--propagation", "private"),
            *("sh", "-c", INSIDE.format(folder=folder, python=sys.executable), "sh", program),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_is_started_and_answers(found: dict[str, Any]):
    assert found["before"] == "asleep"
    assert found["complaint"] == ""
    assert found["after"] == "answers"
    assert None not in found["running"]


def test_it_listens_on_its_sockets_alone_and_they_are_not_everybodys(found: dict[str, Any]):
    assert found["listens"] == ""
    assert found["modes"]["libvirt-sock"] == "0o770"
    assert found["modes"]["libvirt-sock-ro"] == "0o770"
    assert found["modes"]["libvirt-admin-sock"] == "0o700"


def test_a_guest_is_written_down_without_asking_qemu_anew_each_time(found: dict[str, Any]):
    assert found["defined"] == 0
    # Beside a question that costs nothing: a new probe of QEMU takes seconds.
    assert found["seconds"] < found["asking"] + 0.5


def test_what_was_started_is_stopped_once(found: dict[str, Any]):
    assert found["stopped"] == "libvirt"
    assert found["twice"] == ""
    assert found["end"] == "asleep"
