"""The operator's file: what it offers, what is refused with its line, and what nothing reaches."""

import contextlib
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.engine_proxy.container_fields import CAPABILITIES
from bot.lab.catalogue import (
    DEFAULT_CAPABILITIES,
    DEFAULT_WRITABLE,
    MORE_CAPABILITIES,
    Access,
    Catalogue,
    ImagePolicy,
    capabilities_of,
    writable_of,
)
from bot.lab.errors import BadLabFile, NoSuchTemplate
from bot.lab.model import HostSettings, LabRole, Port, Resources, RoleLimits
from bot.lab.references import ImageReference

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "lab.example.toml"
MB, GB = 1024**2, 1024**3

HOST = '[[hosts]]\nname = "a"\ndocker = "unix:///var/run/docker.sock"\n'
TEMPLATE = '[[templates]]\nname = "web"\nimage = "nginx"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def loaded(folder: Path, text: str) -> Catalogue:
    path = folder / "lab.toml"
    path.write_text(text, encoding="utf-8")
    return Catalogue.load(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadLabFile) as refused:
        loaded(folder, text)
    return str(refused.value).splitlines()[1:]


def the_problem(folder: Path, text: str) -> str:
    (line,) = problems(folder, text)
    return line


# --- what it offers ---


def test_the_example_is_a_file_that_works():
    catalogue = Catalogue.load(EXAMPLE)
    assert catalogue.guilds == frozenset()
    assert catalogue.hosts == (HostSettings("local", "unix:///var/run/docker.sock"),)
    assert "nginx" in catalogue.templates
    nothing = Catalogue.none()
    assert (catalogue.access, catalogue.limits) == (nothing.access, nothing.limits)
    assert (catalogue.images, catalogue.grace) == (nothing.images, nothing.grace)


def test_without_a_file_there_is_no_host_and_nobody_has_a_lab():
    catalogue = Catalogue.none()
    assert catalogue.hosts == ()
    assert not catalogue.templates
    assert not catalogue.allows_guild(1, in_playground=False)


def test_the_defaults_are_those_of_the_issue():
    catalogue = Catalogue.none()
    minutes = timedelta(minutes=1)
    assert catalogue.access == Access("role", 7)
    assert catalogue.limits[LabRole.ATTENDEE] == RoleLimits(
        instances=1,
        each=Resources(0.5, 256 * MB, GB, 256),
        cpus=1.5,
        memory_bytes=768 * MB,
        disk_bytes=5 * GB,
        lifetime=60 * minutes,
        extension=30 * minutes,
        extensions=2,
        outward=False,
        plain_images=False,
        guests=1,
        guest_each=Resources(1.0, 512 * MB, 4 * GB, 256),
        in_all=2,
    )
    speaker = catalogue.limits[LabRole.SPEAKER]
    assert (speaker.instances, speaker.cpus, speaker.lifetime) == (6, 4, None)
    assert (speaker.memory_bytes, speaker.disk_bytes) == (8 * GB, 40 * GB)
    assert (speaker.guests, speaker.in_all) == (6, 6)
    assert speaker.outward
    assert speaker.plain_images
    assert catalogue.limits[LabRole.MODERATOR] == speaker
    assert (catalogue.grace, catalogue.warning) == (30 * minutes, 10 * minutes)
    assert catalogue.images == ImagePolicy(("official",), 2 * GB)


@pytest.mark.parametrize("role", list(LabRole))
def test_a_person_can_have_all_instances_of_their_role_as_they_come(role: LabRole):
    limits = Catalogue.none().limits[role]
    assert limits.each.cpus * limits.instances <= limits.cpus
    assert limits.each.memory_bytes * limits.instances <= limits.memory_bytes
    assert limits.each.disk_bytes * limits.instances <= limits.disk_bytes


def test_only_named_guilds_have_the_lab_and_the_playground_where_none_is_named(folder: Path):
    none, one = loaded(folder, "guilds = []"), loaded(folder, "guilds = [5]")
    assert not none.allows_guild(5, in_playground=False)
    assert none.allows_guild(5, in_playground=True)
    assert one.allows_guild(5, in_playground=False)
    assert not one.allows_guild(6, in_playground=False)
    assert not one.allows_guild(6, in_playground=True)


def test_a_host_is_what_the_operator_described(folder: Path):
    tls = folder / "tls"
    tls.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tls / name).write_text("")
    catalogue = loaded(
        folder,
        """
        [[hosts]]
        name = "big-1"
        docker = "tcp://lab.example.org:2376/"
        tls = "tls"
        address = "0.0.0.0"
        public_name = "lab.example.org"
        ports = "20000-20010"
        subnet = "192.168.128.0/20"
        mirror = "https://mirror.example.org:5000/"
        reserve_memory = 0.5
        reserve_disk = 0
        reserve_cpus = 2
        reserve_lead = 0.1
        cpu_overcommit = 4
        launches_at_once = 2
        image_cache = "1G"
        """,
    )
    assert catalogue.hosts == (
        HostSettings(
            name="big-1",
            docker="tcp://lab.example.org:2376",
            tls_folder=str(tls),
            bind_address="0.0.0.0",
            public_name="lab.example.org",
            port_first=20000,
            port_last=20010,
            subnet="192.168.128.0/20",
            mirror="mirror.example.org:5000",
            reserve_memory_share=0.5,
            reserve_disk_share=0.0,
            reserve_cpus=2.0,
            reserve_lead_share=0.1,
            cpu_overcommit=4.0,
            launches_at_once=2,
            image_cache_bytes=GB,
        ),
    )


def test_people_are_shown_the_address_where_no_name_is_given(folder: Path):
    (host,) = loaded(folder, HOST + 'address = "192.0.2.7"').hosts
    assert (host.bind_address, host.public_name) == ("192.0.2.7", "192.0.2.7")


@pytest.mark.parametrize(
    "docker",
    [
        "unix:///run/user/1000/docker.sock",
        "ssh://lab@lab.example.org",
        "ssh://lab.example.org:2222",
        "tcp://127.0.0.1:2375",
        "tcp://localhost:2375",
        "tcp://[::1]:2375",
    ],
)
def test_an_engine_is_reached_in_these_ways(folder: Path, docker: str):
    (host,) = loaded(folder, f'[[hosts]]\nname = "a"\ndocker = "{docker}"').hosts
    assert host.docker == docker


def test_a_template_is_what_the_operator_described(folder: Path):
    catalogue = loaded(
        folder,
        """
        [[templates]]
        name = "app"
        image = "127.0.0.1:5000/study/app"
        description = "An app"
        ports = [80, "8443:443", "53/udp"]
        command = ["sh", "-c", "run it"]
        environment = { GREETING = "hello" }
        cpus = 1
        memory = "512M"
        disk = "2G"
        runtime = "runsc"
        add_capabilities = ["net_raw", "CAP_KILL"]
        drop_capabilities = ["CHOWN"]
        writable = ["/var/lib/app"]
        """,
    )
    template = catalogue.template("app")
    assert template.image == "127.0.0.1:5000/study/app:latest"
    assert template.ports == (Port(80), Port(443, 8443), Port(53, 0, "udp"))
    assert template.command == ("sh", "-c", "run it")
    assert template.environment == {"GREETING": "hello"}
    assert (template.cpus, template.memory_bytes, template.disk_bytes) == (1, 512 * MB, 2 * GB)
    assert template.runtime == "runsc"
    assert writable_of(template) == (*DEFAULT_WRITABLE, "/var/lib/app")
    assert capabilities_of(template) == (
        *[name for name in DEFAULT_CAPABILITIES if name != "CHOWN"],
        "NET_RAW",
        "KILL",
    )
    with pytest.raises(NoSuchTemplate):
        catalogue.template("nginx")


def test_an_image_that_is_no_template_gets_the_default_capabilities():
    assert capabilities_of() == tuple(DEFAULT_CAPABILITIES)
    assert set(capabilities_of()) == {
        "CHOWN", "SETUID", "SETGID", "NET_BIND_SERVICE", "DAC_OVERRIDE", "FOWNER",
    }  # fmt: skip
    assert writable_of() == DEFAULT_WRITABLE


def test_an_image_may_be_run_when_a_template_has_it_or_a_pattern_says_so(folder: Path):
    catalogue = loaded(
        folder,
        '[images]\nallow = ["redis:7"]\n[[templates]]\nname = "w"\nimage = "ghcr.io/org/app:1"\n',
    )
    allowed = [
        text
        for text in ("redis:7", "redis:8", "ghcr.io/org/app:1", "ghcr.io/org/app:2", "nginx")
        if catalogue.allows_image(ImageReference.parse(text))
    ]
    assert allowed == ["redis:7", "ghcr.io/org/app:1"]


def test_totals_follow_the_number_of_instances_unless_they_are_written(folder: Path):
    catalogue = loaded(
        folder, '[limits.attendee]\ninstances = 3\nmemory = "512M"\ntotal_disk = "2G"\n'
    )
    limits = catalogue.limits[LabRole.ATTENDEE]
    assert (limits.cpus, limits.memory_bytes, limits.disk_bytes) == (2.5, 2048 * MB, 2 * GB)


def test_a_table_with_one_key_keeps_the_defaults_of_the_others(folder: Path):
    catalogue = loaded(folder, '[limits.speaker]\nlifetime = "2h"\n')
    speaker = catalogue.limits[LabRole.SPEAKER]
    assert speaker.lifetime == timedelta(hours=2)
    assert speaker.instances == 6
    assert catalogue.limits[LabRole.MODERATOR].lifetime is None


# --- what is refused, and where it says so ---


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        ("\nguild = []", 2, "guild", "guilds"),
        ('guilds = ["5"]', 1, "guilds[0]", "whole number"),
        ("guilds = [\n  1,\n  -2,\n]", 3, "guilds[1]", "greater than 0"),
        ("guilds = 5", 1, "guilds", "list"),
        ('[access]\nmembers = "all"', 2, "access.members", "everyone"),
        ("access.min_days = true", 1, "access.min_days", "true"),
        ("access = 1", 1, "access", "table"),
        ('[hosts]\nname = "a"', 1, "hosts", "[[hosts]]"),
        ('[[hosts]]\nname = "a"', 1, "hosts[0].docker", "missing"),
        (HOST + 'ports = "80-90"', 4, "hosts[0].ports", "1024"),
        (HOST + 'ports = "30999-30000"', 4, "hosts[0].ports", "end"),
        (HOST + 'ports = "30000"', 4, "hosts[0].ports", "30000-30999"),
        (HOST + 'ports = "60000-70000"', 4, "hosts[0].ports", "65535"),
        (HOST + 'subnet = "10.213.0.1/16"', 4, "hosts[0].subnet", "10.213.0.0/16"),
        (HOST + 'subnet = "8.8.0.0/16"', 4, "hosts[0].subnet", "private"),
        (HOST + 'subnet = "10.0.0.0/30"', 4, "hosts[0].subnet", "/24"),
        (HOST + 'subnet = "fd00::/48"', 4, "hosts[0].subnet", "IPv4"),
        (HOST + 'address = "lab.example.org"', 4, "hosts[0].address", "name"),
        (HOST + 'address = "0.0.0.0"', 1, "hosts[0].public_name", "missing"),
        (HOST + 'public_name = "http://lab"', 4, "hosts[0].public_name", "http://"),
        (HOST + 'mirror = "mirror"', 4, "hosts[0].mirror", "registry"),
        (HOST + 'mirror = "ftp://mirror.example.org"', 4, "hosts[0].mirror", "registry"),
        (HOST + "reserve_memory = 20", 4, "hosts[0].reserve_memory", "0.9"),
        (HOST + "reserve_memory = nan", 4, "hosts[0].reserve_memory", "number"),
        (HOST + "launches_at_once = 0", 4, "hosts[0].launches_at_once", "1"),
        (HOST + 'image_cache = "20"', 4, "hosts[0].image_cache", "256M"),
        (HOST + 'image_cache = 20', 4, "hosts[0].image_cache", "quotation marks"),
        (HOST + 'tls = "tls"', 4, "hosts[0].tls", "tcp://"),
        (HOST + "privileged = true", 4, "hosts[0].privileged", "no such key"),
        (HOST + HOST.replace("run/", ""), 5, "hosts[1].name", "hosts[0]"),
        (HOST + HOST.replace('"a"', '"b"'), 6, "hosts[1].docker", "hosts[0]"),
        ('[[hosts]]\nname = "My Host"\ndocker = "unix:///x"', 2, "hosts[0].name", "letters"),
        ('[[hosts]]\nname = "Lab"\ndocker = "unix:///x"', 2, "hosts[0].name", '"lab"'),
        ('[[templates]]\nname = "w"', 1, "templates[0].image", "missing"),
        ('[[templates]]\nname = "w"\nimage = "Nginx"', 3, "templates[0].image", "Nginx"),
        (TEMPLATE + "\n" + TEMPLATE, 6, "templates[1].name", "templates[0]"),
        (TEMPLATE + 'ports = ["80",\n"web"]', 5, "templates[0].ports[1]", "80:80"),
        (TEMPLATE + 'ports = ["80:80", "81:80"]', 4, "templates[0].ports", "80"),
        (TEMPLATE + 'command = "nginx -g"', 4, "templates[0].command", "list"),
        (TEMPLATE + 'memory = "1M"', 4, "templates[0].memory", "6M"),
        (TEMPLATE + 'memory = "9G"', 4, "templates[0].memory", "8G"),
        (TEMPLATE + "cpus = 5", 4, "templates[0].cpus", "4"),
        (TEMPLATE + 'disk = "41G"', 4, "templates[0].disk", "40G"),
        (TEMPLATE + "cpus = 0", 4, "templates[0].cpus", "0.01"),
        (TEMPLATE + 'runtime = "/bin/sh"', 4, "templates[0].runtime", "runtime"),
        (TEMPLATE + 'writable = ["var"]', 4, "templates[0].writable[0]", "whole path"),
        (TEMPLATE + 'writable = ["/"]', 4, "templates[0].writable[0]", "writable"),
        (TEMPLATE + 'writable = ["/proc/sys"]', 4, "templates[0].writable[0]", "writable"),
        (TEMPLATE + 'writable = ["/a/../proc"]', 4, "templates[0].writable[0]", "whole path"),
        (TEMPLATE + 'writable = ["/a:exec"]', 4, "templates[0].writable[0]", "sign"),
        (TEMPLATE + 'environment = { "A B" = "1" }', 4, "templates[0].environment.A B", "digit"),
        (
            TEMPLATE + 'add_capabilities = ["CHOWN"]\ndrop_capabilities = ["chown"]',
            5,
            "templates[0].drop_capabilities",
            "added",
        ),
        (TEMPLATE + 'drop_capabilities = ["NET_RAW"]', 4, "templates[0].drop_capabilities[0]", ""),
        ('[limits]\nattendees = {}', 2, "limits.attendees", "attendee"),
        ('[limits.attendee]\nlifetime = "never"', 2, "limits.attendee.lifetime", "until end"),
        ('[limits.attendee]\nextension = "0m"', 2, "limits.attendee.extension", "1m"),
        ('[limits.attendee]\ntotal_memory = "8M"', 2, "limits.attendee.total_memory", "256M"),
        ("[limits.speaker]\ncpus = 5", 1, "limits.speaker.total_cpus", "5"),
        ('[limits.attendee]\ntotal_disk = "1M"', 2, "limits.attendee.total_disk", "1G"),
        ('[lease]\nstop_grace = "1h"', 2, "lease.stop_grace", "5m"),
        ('[images]\nallow = ["nginx", "Nginx"]', 2, "images.allow[1]", "Nginx"),
        ('[images]\nmax_size = "2 apples"', 2, "images.max_size", "2 apples"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_line_and_key(
    folder: Path, text: str, line: int, key: str, said: str
):
    told = the_problem(folder, text)
    assert told.startswith(f"  lab.toml, line {line}, {key}: ")
    assert said in told.partition(f"{key}: ")[2]


def test_a_template_that_only_two_roles_together_could_hold_is_refused(folder: Path):
    limits = "[limits.moderator]\ninstances = 0\n[limits.attendee]\ntotal_cpus = 8\n"
    both = f'{TEMPLATE}cpus = 6\nmemory = "6G"\n'
    assert "line 1, templates[0]: " in the_problem(folder, both + limits)
    # Nobody starts anything here, so no template is too large.
    none = "".join(f"[limits.{role}]\ninstances = 0\n" for role in LabRole)
    assert loaded(folder, both + none).templates


@pytest.mark.parametrize(
    "docker",
    [
        "", "docker", "/var/run/docker.sock", "unix://var/run/docker.sock", "unix:///",
        "http://127.0.0.1:2375", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://:2375",
        "tcp://127.0.0.1:99999", "tcp://u@127.0.0.1:2375", "ssh://", "ssh:///path", "fd://",
        "ssh://u:password@machine", "ssh://-oProxyCommand=x", "ssh://-oProxyCommand=x@machine",
        "ssh://machine/path", "ssh://ma chine", "ssh://machine?x=1", "unix:///x#y", "tcp://[::1",
    ],
)  # fmt: skip
def test_an_engine_is_reached_in_no_other_way(folder: Path, docker: str):
    told = the_problem(folder, f'[[hosts]]\nname = "a"\ndocker = "{docker}"')
    assert "line 3, hosts[0].docker: " in told


def test_a_port_of_an_engine_that_others_can_reach_needs_tls(folder: Path):
    text = '[[hosts]]\nname = "a"\ndocker = "tcp://192.0.2.1:2376"\n'
    assert "root" in the_problem(folder, text)
    (folder / "tls").mkdir()
    (folder / "tls" / "ca.pem").write_text("")
    told = the_problem(folder, f'{text}tls = "tls"')
    assert "cert.pem, key.pem" in told
    assert "line 4, hosts[0].tls: " in told


def test_every_problem_is_told_at_once_in_the_order_of_the_file(folder: Path):
    told = problems(
        folder, f'guilds = 1\n{TEMPLATE}cpu = 1\n{HOST}ports = "x"\n[limits]\nqueue = "many"\n'
    )
    lines = [int(re.findall(r"line (\d+)", one)[0]) for one in told]
    assert lines == [1, 5, 9, 11]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = ", 1),
        ("\n[[hosts]\n", 2),
        ("a = 1\na = 2\n", 2),
        ('a = """\nx\n', 3),
        ("a = [1,\n", 2),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(folder: Path, text: str, line: int):
    assert re.search(rf"lab\.toml.*line {line}\b", the_problem(folder, text))


def test_a_file_that_cannot_be_read_is_told(folder: Path):
    with pytest.raises(BadLabFile, match=r"lab\.toml"):
        Catalogue.load(folder / "lab.toml")
    (folder / "lab.toml").write_bytes(b'a = "\xff"')
    with pytest.raises(BadLabFile, match="UTF-8"):
        Catalogue.load(folder / "lab.toml")


def test_a_file_saved_on_windows_works(folder: Path):
    path = folder / "lab.toml"
    path.write_bytes(b"\xef\xbb\xbfguilds = [7]\r\n" + HOST.replace("\n", "\r\n").encode())
    assert Catalogue.load(path).guilds == {7}


def test_a_value_of_the_environment_is_never_repeated(folder: Path):
    text = TEMPLATE + f'environment = {{ PASSWORD = "{"hunter2" * 200}" }}'
    told = the_problem(folder, text)
    assert "templates[0].environment.PASSWORD" in told
    assert "hunter2" not in told


# --- what nothing reaches ---


@pytest.mark.parametrize(
    "key",
    [
        "privileged", "devices", "device", "binds", "volumes", "mounts", "network", "network_mode",
        "pid", "pid_mode", "ipc", "ipc_mode", "uts_mode", "userns_mode", "cgroup_parent",
        "security_opt", "cap_add", "sysctls", "restart", "restart_policy", "user", "socket",
        "docker_socket", "host_network", "extra_hosts", "device_cgroup_rules", "cgroupns", "labels",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["true", '"host"', '["/var/run/docker.sock"]'])
def test_no_key_of_a_template_reaches_the_host(folder: Path, key: str, value: str):
    told = the_problem(folder, f"{TEMPLATE}{key} = {value}")
    assert f"templates[0].{key}: there is no such key" in told


LINUX_CAPABILITIES = """
    AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
    DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN
    MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID
    SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE
    SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
""".split()  # noqa: SIM905 - a list of 41 reads better so
HARMFUL = [
    name
    for name in (*LINUX_CAPABILITIES, "ALL", "CAP_ALL", "cap_sys_admin", "nothing")
    if name not in DEFAULT_CAPABILITIES and name not in MORE_CAPABILITIES
]


@pytest.mark.parametrize("name", HARMFUL)
def test_a_capability_beyond_the_list_is_refused(folder: Path, name: str):
    told = the_problem(folder, f'{TEMPLATE}add_capabilities = ["{name}"]')
    assert "templates[0].add_capabilities[0]: " in told
    assert "never given" in told


def test_what_may_be_added_is_a_short_list_that_the_kernel_knows():
    may = set(DEFAULT_CAPABILITIES) | set(MORE_CAPABILITIES)
    assert may <= set(LINUX_CAPABILITIES)
    assert may <= {
        # What the engine itself gives every container, less MKNOD.
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE",
        "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }  # fmt: skip


def test_the_engine_proxy_lets_exactly_what_templates_can_ask_for_through():
    assert set(DEFAULT_CAPABILITIES) | set(MORE_CAPABILITIES) == CAPABILITIES


# --- any file at all ---

_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**20) | st.floats() | st.text(max_size=20)
    | st.sampled_from(["256M", "30m", "until end", "10.0.0.0/8", "ssh://x", "nginx", "/x", "a"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "image", "docker", "cpus", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if value is None:
        return "1979-05-27"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value).replace("\\ud", "?") if isinstance(value, str) else str(value)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=st.sampled_from(["", "[access]", "[[hosts]]", "[[templates]]", "[limits]", "[lease]",
                           "[limits.attendee]", "[images]"]),
    key=st.sampled_from(["guilds", "members", "min_days", "name", "docker", "tls", "address",
                         "ports", "subnet", "mirror", "image", "command", "environment", "cpus",
                         "memory", "writable", "queue", "attendee", "lifetime", "grace", "allow",
                         "max_size", "add_capabilities", "hosts", "templates", "limits", "images"]),
    value=_values,
)  # fmt: skip
def test_whatever_stands_in_a_file_it_is_used_or_told_with_a_line(
    folder: Path, table: str, key: str, value: object
):
    text = f"{table}\n{key} = {toml(value)}\n"
    try:
        loaded(folder, text)
    except BadLabFile as refused:
        for line in str(refused).splitlines()[1:]:
            assert re.match(r"  lab\.toml, line [12]\b", line), line


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_example_is_used_or_told(folder: Path, data: st.DataObject):
    text = re.sub(r"^# (?=\w+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(begin + 30, len(text))))
    piece = data.draw(st.sampled_from(["", "x", "[", "]", '"', "\n", "= 1", "#", "'''", "{", "-1"]))
    with contextlib.suppress(BadLabFile):
        loaded(folder, text[:begin] + piece + text[end:])
