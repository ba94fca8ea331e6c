"""What a container may not be given, whoever holds the bot."""

import json
from ipaddress import IPv4Network, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine_proxy.container_fields import CAPABILITIES
from bot.engine_proxy.containers import Wish, check_confined, check_container
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.schema import parse, serialise
from bot.engine_proxy.settings import Rules
from bot.lab.capabilities import DEFAULT_CAPABILITIES, MORE_CAPABILITIES
from bot.lab.drivers.base import ContainerSpec, Network, bridge_name
from bot.lab.drivers.safety import create_body
from bot.lab.model import HostSettings, Port, Resources
from tests.engine_proxy.conftest import CONTAINER, LABEL

RULES = Rules()
Json = dict[str, Any]


def passed(body: Any, rules: Rules = RULES) -> Wish:
    return check_container(parse(json.dumps(body).encode()), rules)


def with_host(body: Json, **changes: Any) -> Json:
    """Change keys of HostConfig; None takes one away."""
    host = {**body["HostConfig"], **changes}
    return {**body, "HostConfig": {key: value for key, value in host.items() if value is not None}}


def test_a_container_of_the_lab_passes_unchanged(container: Json) -> None:
    wish = passed(container)

    assert wish.body == container
    assert (wish.image, wish.network) == ("study/nginx:latest", "study-abc123-n1")


@pytest.mark.parametrize("limit_disk", [True, False])
def test_whatever_the_labs_own_driver_asks_for_passes(limit_disk: bool) -> None:
    spec = ContainerSpec(
        name="study-abc123-1",
        image="nginx:1.27",
        hostname="web-1",
        resources=Resources(0.5, 256 * 1024**2, 1024**3),
        labels={LABEL: "abc123"},
        capabilities=(*DEFAULT_CAPABILITIES, *MORE_CAPABILITIES),
        network=Network("study-abc123-n1", bridge_name(1, outward=False), "10.213.0.16/28", {}),
        ports=(Port(80, 30080), Port(53, 30053, "udp")),
        command=("nginx", "-g", "daemon off;"),
        environment={"TZ": "Asia/Tokyo"},
        runtime="runsc",
        cgroup_parent="/study-lab/lead",
        limit_disk=limit_disk,
        writable=("/tmp", "/var/cache/nginx"),
        volumes=("/var/lib/data/",),
    )

    wish = passed(create_body(spec))

    wish.check_image(["/var/lib/data"])


# Each would give away the machine, or a limit; each is put into a lawful container.
HOST_CONFIGS: list[Json] = [
    {"Privileged": True},
    {"privileged": True},
    {"PRIVILEGED": True},
    {"Privileged": "true"},
    {"Binds": ["/:/host"]},
    {"binds": ["/:/host"]},
    {"Bind\u017f": ["/:/host"]},  # the engine's decoder reads the long s as an s
    {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
    {"Mounts": [{"Type": "volume", "Target": "/data"}]},
    {"Mounts": [{"Type": "tmpfs", "Target": "/data"}]},
    {"VolumesFrom": ["other"]},
    {"VolumeDriver": "local"},
    {"Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda"}]},
    {"DeviceRequests": [{"Driver": "nvidia", "Count": -1}]},
    {"DeviceCgroupRules": ["b *:* rwm"]},
    {"PidMode": "host"},
    {"PidMode": "container:other"},
    {"IpcMode": "host"},
    {"IpcMode": "shareable"},
    {"IpcMode": "container:other"},
    {"UTSMode": "host"},
    {"UsernsMode": "host"},
    {"CgroupnsMode": "host"},
    {"Cgroup": "container:other"},
    {"NetworkMode": "host"},
    {"NetworkMode": "HOST"},
    {"NetworkMode": "bridge"},
    {"NetworkMode": "default"},
    {"NetworkMode": ""},
    {"NetworkMode": "container:other"},
    {"NetworkMode": None},
    {"CapAdd": ["ALL"]},
    {"CapAdd": ["CAP_ALL"]},
    {"CapAdd": ["SYS_ADMIN"]},
    {"CapAdd": ["cap_sys_ptrace"]},
    {"CapAdd": ["MKNOD"]},
    {"CapAdd": "ALL"},
    {"Capabilities": ["CAP_SYS_ADMIN"]},
    {"CapDrop": []},
    {"CapDrop": None},
    {"CapDrop": ["NET_RAW"]},
    {"SecurityOpt": []},
    {"SecurityOpt": None},
    {"SecurityOpt": ["no-new-privileges:false"]},
    {"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]},
    {"SecurityOpt": ["no-new-privileges", "apparmor=unconfined"]},
    {"SecurityOpt": ["no-new-privileges", "label=disable"]},
    {"SecurityOpt": ["no-new-privileges", "systempaths=unconfined"]},
    {"MaskedPaths": ["/nothing"]},
    {"ReadonlyPaths": ["/nothing"]},
    {"Sysctls": {"net.ipv4.ip_forward": "1"}},
    {"ExtraHosts": ["registry:10.0.0.1"]},
    {"Links": ["other:alias"]},
    {"GroupAdd": ["999"]},
    {"Runtime": "nvidia"},
    {"OomKillDisable": True},
    {"OomScoreAdj": -1000},
    {"Memory": 0},
    {"Memory": None},
    {"Memory": -1},
    {"Memory": 1e8},
    {"Memory": True},
    {"MemorySwap": -1},
    {"MemorySwap": None},
    {"MemorySwap": 512 * 1024**2},
    {"ShmSize": 10 * 1024**3},
    {"KernelMemory": -1},
    {"CpuQuota": -1},
    {"CpuQuota": None},
    {"CpuPeriod": None},
    {"CpuRealtimeRuntime": 950_000},
    {"CpusetCpus": "0"},
    {"PidsLimit": 0},
    {"PidsLimit": -1},
    {"PidsLimit": True},
    {"PidsLimit": None},
    {"Ulimits": [{"Name": "memlock", "Soft": -1, "Hard": -1}]},
    {"Ulimits": [{"Name": "nofile", "Soft": 2**31, "Hard": 2**31}]},
    {"LogConfig": {"Type": "syslog", "Config": {"syslog-address": "tcp://10.0.0.1:514"}}},
    {"LogConfig": {"Type": "json-file", "Config": {}}},
    {"LogConfig": {"Type": "json-file", "Config": {"max-size": "900g", "max-file": "2"}}},
    {"LogConfig": {"Type": "json-file", "Config": {"max-size": "-1", "max-file": "2"}}},
    {"LogConfig": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "9999"}}},
    {"LogConfig": None},
    {"RestartPolicy": {"Name": "always"}},
    {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
    {"CgroupParent": "/"},
    {"CgroupParent": "/docker"},
    {"CgroupParent": "/study-lab/../docker"},
    {"CgroupParent": "/study-labs"},
    {"CgroupParent": "system.slice"},
    {"PublishAllPorts": True},
    {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]}},
    {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}},
    {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30000-30010"}]}},
    {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "70000"}]}},
    {"PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "30080"}]}},
    {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "30080"}]}},
    {"PortBindings": {"80/tcp": [{"HostPort": "30080"}]}},
    {"ReadonlyRootfs": False},
    {"ReadonlyRootfs": None},
    {"StorageOpt": {"size": "1g", "dm.basesize": "1g"}},
    {"Tmpfs": {"/tmp": "rw"}},
    {"Tmpfs": {"/tmp": ""}},
    {"Tmpfs": {"/tmp": "size=0"}},
    {"Tmpfs": {"/tmp": "size=1m,dev"}},
    {"Tmpfs": {"/tmp": "size=1m,suid"}},
    {"Tmpfs": {"/tmp": "size=1m,shared"}},
    {"Tmpfs": {"/proc": "size=1m"}},
    {"Tmpfs": {"/tmp/../sys": "size=1m"}},
    {"Tmpfs": {"//dev": "size=1m"}},
    {"Tmpfs": {"/": "size=1m"}},
    {"Isolation": "process"},
    {"Annotations": {"io.kubernetes.cri.untrusted-workload": "false"}},
    {"ContainerIDFile": "/etc/passwd"},
    {"Dns": ["; rm -rf /"]},
    {"SomethingNew": "yes"},
]


@pytest.mark.parametrize("changes", HOST_CONFIGS, ids=lambda changes: json.dumps(changes)[:70])
def test_a_container_that_reaches_further_is_refused(container: Json, changes: Json) -> None:
    with pytest.raises(Refused):
        passed(with_host(container, **changes))


CONFIGS: list[Json] = [
    {"Image": None},
    {"Image": "../../etc"},
    {"Image": "nginx latest"},
    {"Volumes": {"/data": {}}},
    {"volumes": {"/data": {}}},
    {"Labels": {}},
    {"Labels": None},
    {"Labels": {LABEL: ""}},
    {"labels": {LABEL: "abc123"}, "Labels": None},
    {"Labels": {LABEL.upper(): "abc123"}},
    {"hostconfig": {"Privileged": True}},
    {"HostConfig": None},
    {"HostConfig": []},
    {"MacAddress": "02:42:ac:11:00:02"},
    {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 1}},
    {"OnBuild": ["RUN true"]},
    {"User": "0:0; true"},
    {"Env": ["A=\0"]},
    {"Env": "A=b"},
    {"Cmd": [1]},
    {"StopTimeout": 10**6},
    {"NetworkingConfig": {"EndpointsConfig": {"other": {}}}},
    {"NetworkingConfig": {"EndpointsConfig": {"study-abc123-n1": {"Links": ["other:db"]}}}},
    {"NetworkingConfig": {"EndpointsConfig": {"study-abc123-n1": {"DriverOpts": {"a": "b"}}}}},
    {"Memory": 1},
    {"SomethingNew": "yes"},
]


@pytest.mark.parametrize("changes", CONFIGS, ids=lambda changes: json.dumps(changes)[:70])
def test_a_setting_the_lab_has_no_use_for_is_refused(container: Json, changes: Json) -> None:
    body = {**container, **changes}

    with pytest.raises(Refused):
        passed({key: value for key, value in body.items() if value is not None})


def test_what_a_client_sends_without_wanting_anything_is_left_out(container: Json) -> None:
    unset = {"Privileged": False, "Binds": None, "Devices": [], "MaskedPaths": [], "UTSMode": ""}

    wish = passed({**with_host(container, **unset), "Volumes": {}, "OnBuild": None})

    assert wish.body == container


@pytest.mark.parametrize(
    "text",
    [
        '{"Memory": 1, "Memory": 2}',
        '{"HostConfig": {"Privileged": false, "Privileged": true}}',
        '{"Memory": NaN}',
        '{"Memory": 1} {}',
        '{"Image": "\\ud800"}',
        "[" * 100_000,
        "",
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "shift_jis"])
def test_json_in_another_encoding_is_refused(container: Json, encoding: str) -> None:
    data = json.dumps(container, ensure_ascii=False).encode(encoding)

    with pytest.raises(Refused):
        check_container(parse(data), RULES)


def test_capabilities_are_those_a_template_may_have() -> None:
    assert {*DEFAULT_CAPABILITIES, *MORE_CAPABILITIES} == CAPABILITIES


def test_another_installations_label_is_refused_where_one_is_named(container: Json) -> None:
    passed(container, Rules(installation="abc123"))
    probe = {**container, "Labels": {LABEL: "abc123.probe"}}
    passed(probe, Rules(installation="abc123"))

    with pytest.raises(Refused, match="another installation"):
        passed(container, Rules(installation="def456"))


def test_ports_and_addresses_are_the_operators(container: Json) -> None:
    rules = Rules(bind=frozenset({ip_address("192.0.2.7")}), ports=range(30000, 30010))
    binding = {"HostIp": "192.0.2.7", "HostPort": "30009"}

    passed(with_host(container, PortBindings={"80/tcp": [binding]}), rules)

    for other in ({"HostIp": "127.0.0.1"}, {"HostPort": "30010"}, {"HostPort": ""}):
        with pytest.raises(Refused, match="STUDY_BOT_PROXY_"):
            passed(with_host(container, PortBindings={"80/tcp": [{**binding, **other}]}), rules)


def test_an_images_volume_needs_a_limit(container: Json) -> None:
    wish = passed(with_host(container, Tmpfs={"/var/lib/mysql/": "size=1m"}))

    wish.check_image(["/var/lib/mysql"])
    with pytest.raises(Refused, match="/data"):
        wish.check_image(["/var/lib/mysql", "/data"])


@pytest.mark.parametrize(
    "host",
    [
        {"CapDrop": ["ALL"], "Privileged": True},
        {"CapDrop": None},
        {"CapDrop": ["NET_RAW"]},
        {"CapDrop": ["ALL"], "PidMode": "host"},
        {"CapDrop": ["ALL"], "UTSMode": "host"},
        {"CapDrop": ["ALL"], "NetworkMode": "host"},
        {"CapDrop": ["ALL"], "NetworkMode": "container:1"},
        {"CapDrop": ["ALL"], "Devices": [{"PathOnHost": "/dev/sda"}]},
    ],
)
def test_a_container_made_elsewhere_with_a_forged_label_is_not_the_labs(host: Json) -> None:
    check_confined({"HostConfig": {"CapDrop": ["ALL"], "NetworkMode": "x"}, "Mounts": []})

    with pytest.raises(Refused):
        check_confined({"HostConfig": host, "Mounts": []})


def test_a_container_with_a_folder_of_the_host_is_not_the_labs() -> None:
    with pytest.raises(Refused):
        check_confined(
            {"HostConfig": {"CapDrop": ["ALL"]}, "Mounts": [{"Type": "bind", "Source": "/"}]}
        )


# --- whatever is asked for ---

# Anything JSON can hold, and words that mean something to an engine, in any letter case.
WORDS = sorted(
    {
        "Privileged", "Binds", "Mounts", "VolumesFrom", "Devices", "DeviceRequests", "PidMode",
        "IpcMode", "UTSMode", "UsernsMode", "NetworkMode", "CapAdd", "CapDrop", "SecurityOpt",
        "Runtime", "CgroupParent", "RestartPolicy", "LogConfig", "PortBindings", "Sysctls",
        "Memory", "PidsLimit", "Tmpfs", "Volumes", "HostConfig", "Labels", "OomKillDisable",
    }
)  # fmt: skip
VALUES = [
    "host", "container:other", "ALL", "SYS_ADMIN", "seccomp=unconfined", "/:/host", "always",
    "nvidia", "/", "private", "none", "no-new-privileges", "CHOWN", "", 0, -1, 1, 2**40, True,
    False, None, {"Name": "always"}, {"Type": "bind", "Source": "/", "Target": "/x"},
]  # fmt: skip


def in_case(word: str, upper: int) -> str:
    """Write a word with the letters in capitals whose bits are set."""
    either = enumerate(zip(word.lower(), word.upper(), strict=True))
    return "".join(letters[upper >> place & 1] for place, letters in either)


words = st.sampled_from(WORDS)
keys = st.one_of(words, st.builds(in_case, words, st.integers(0, 2**20)))
leaves = st.one_of(st.sampled_from(VALUES), st.text(max_size=8))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(keys, st.text(max_size=5)), inner)
    ),
    max_leaves=6,
)


def harmless(body: Json) -> None:
    """Say what must hold of all that passes, in the engine's own reading: any letter case."""
    host: Json = {key.casefold(): value for key, value in body["HostConfig"].items()}
    assert len(host) == len(body["HostConfig"])
    forbidden = (
        "privileged", "binds", "mounts", "volumesfrom", "devices", "devicerequests",
        "devicecgrouprules", "pidmode", "utsmode", "usernsmode", "sysctls", "links",
        "oomkilldisable", "publishallports", "maskedpaths", "readonlypaths", "extrahosts",
    )  # fmt: skip
    assert not set(host) & set(forbidden)
    assert not {key.casefold() for key in body} & {"volumes", "macaddress"}
    assert "ALL" in host["capdrop"]
    assert set(host.get("capadd", [])) <= CAPABILITIES
    assert host["securityopt"]
    assert all(each.startswith("no-new-privileges") for each in host["securityopt"])
    assert not {"false"} & {each.partition(":")[2] for each in host["securityopt"]}
    assert host["networkmode"] not in {"host", "bridge", "default", ""}
    assert not host["networkmode"].startswith("container:")
    assert host.get("ipcmode", "") in {"", "private", "none"}
    assert host.get("cgroupnsmode", "") in {"", "private"}
    assert host.get("restartpolicy", {}).get("Name", "no") in {"", "no"}
    assert host["logconfig"]["Type"] == "json-file"
    assert host["memory"] == host["memoryswap"] > 0
    assert host["pidslimit"] > 0
    assert host.get("runtime", "") in {"", *RULES.runtimes}
    assert host.get("cgroupparent", "").startswith(("/study-lab", "studylab")) or not host.get(
        "cgroupparent"
    )
    assert body["Labels"][LABEL]


@given(st.dictionaries(keys, values, max_size=3), st.dictionaries(keys, values, max_size=2))
def test_nothing_that_passes_is_dangerous_in_any_letter_case(host: Json, config: Json) -> None:
    body = {**CONTAINER, **config}
    if isinstance(body["HostConfig"], dict):
        body = {**body, "HostConfig": {**body["HostConfig"], **host}}

    try:
        wish = passed(body)
    except Refused:
        return

    harmless(json.loads(serialise(wish.body)))


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        check_container(parse(data), RULES)


def test_what_is_decided_without_settings_is_what_the_lab_decides() -> None:
    host = HostSettings("here", "unix:///x")

    assert IPv4Network(host.subnet) == RULES.subnet
    assert range(host.port_first, host.port_last + 1) == RULES.ports
    assert ip_address(host.bind_address) in RULES.bind
