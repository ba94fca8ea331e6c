"""Which calls pass, and in which form only."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine_proxy.executions import check_execution, check_start
from bot.engine_proxy.networks import check_bridge, check_network
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.routes import Body, match
from bot.engine_proxy.settings import SETTINGS, BadProxySetting, ProxySettings, Rules
from bot.lab.drivers.docker import PROCESS_COLUMNS

RULES = Rules()
MIRRORED = Rules(mirror="mirror.example.org:5000")
DIGEST = "sha256:" + "a" * 64
EXECUTION = "b" * 64

CALLS = [
    ("GET", "/_ping"),
    ("HEAD", "/_ping"),
    ("GET", "/version"),
    ("GET", "/v1.41/version"),
    ("GET", "/v1.41/info"),
    ("GET", "/v1.41/images/json?all=0"),
    ("GET", "/v1.41/images/nginx:1.27/json"),
    ("GET", "/v1.41/images/registry.example.org:5000/team/app@" + DIGEST + "/json"),
    ("GET", f"/v1.41/images/{DIGEST}/json"),
    ("GET", "/v1.41/images/search?term=nginx&limit=25"),
    ("POST", "/v1.41/images/create?fromImage=nginx&tag=1.27"),
    ("POST", f"/v1.41/images/create?fromImage=nginx&tag={DIGEST}"),
    ("DELETE", "/v1.41/images/nginx:1.27"),
    ("GET", "/v1.41/distribution/nginx:1.27/json"),
    ("POST", "/v1.41/containers/create?name=study-1"),
    ("GET", "/v1.41/containers/study-1/json"),
    ("GET", "/v1.41/containers/study-1/logs?stdout=1&stderr=1&tail=100&since=1700000000.123456"),
    ("GET", "/v1.41/containers/study-1/stats?stream=false&one-shot=true"),
    ("POST", "/v1.41/containers/study-1/start"),
    ("POST", "/v1.41/containers/study-1/stop?t=5"),
    ("POST", "/v1.41/containers/study-1/restart?t=5"),
    ("POST", "/v1.41/containers/study-1/pause"),
    ("POST", "/v1.41/containers/study-1/unpause"),
    ("POST", "/v1.41/containers/study-1/kill?signal=SIGKILL"),
    ("POST", "/v1.41/containers/study-1/exec"),
    ("DELETE", "/v1.41/containers/study-1?force=true&v=true"),
    ("POST", f"/v1.41/exec/{EXECUTION}/start"),
    ("GET", f"/v1.41/exec/{EXECUTION}/json"),
    ("POST", "/v1.41/networks/create"),
    ("GET", "/v1.41/networks/study-n1"),
    ("DELETE", "/v1.41/networks/study-n1"),
]


@pytest.mark.parametrize(("method", "target"), CALLS)
def test_a_call_the_lab_makes_is_written_as_it_came(method: str, target: str) -> None:
    call = match(method, target, RULES)

    assert same(call.target({}), target)


@pytest.mark.parametrize("columns", PROCESS_COLUMNS)
def test_the_labs_table_of_processes_passes(columns: str) -> None:
    match("GET", f"/containers/x/top?ps_args={quote(columns)}", RULES)


def test_an_encoded_reference_is_understood() -> None:
    call = match("GET", f"/images/nginx%40{quote(DIGEST)}/json", RULES)

    assert call.names == {"image": f"nginx@{DIGEST}"}


def test_an_id_takes_the_place_of_a_name() -> None:
    call = match("POST", "/v1.41/containers/web/stop?t=5", RULES)

    assert call.target({"container": "c" * 64}) == f"/v1.41/containers/{'c' * 64}/stop?t=5"


def test_bodies_are_looked_for_where_they_matter() -> None:
    with_body = [target for method, target in CALLS if match(method, target, RULES).body != "none"]

    assert len(with_body) == 4
    assert match("POST", "/containers/create", RULES).body is Body.CONTAINER


REFUSED = [
    # Other calls of the engine.
    ("POST", "/build"),
    ("POST", "/v1.41/build?remote=http://evil.example/x.tar"),
    ("POST", "/commit?container=x"),
    ("GET", "/containers/x/archive?path=/etc/shadow"),
    ("PUT", "/containers/x/archive?path=/"),
    ("GET", "/containers/x/export"),
    ("POST", "/containers/x/attach?stream=1"),
    ("GET", "/containers/x/attach/ws"),
    ("POST", "/containers/x/update"),
    ("POST", "/containers/x/rename?name=y"),
    ("POST", "/containers/x/copy"),
    ("POST", "/containers/prune"),
    ("POST", "/images/prune"),
    ("POST", "/images/load"),
    ("GET", "/images/get?names=nginx"),
    ("GET", "/images/nginx/get"),
    ("POST", "/images/nginx/push"),
    ("POST", "/session"),
    ("POST", "/grpc"),
    ("POST", "/auth"),
    ("GET", "/events"),
    ("GET", "/events?since=1700000000"),
    ("GET", "/events?until=1700000000"),
    ("GET", "/events?since=1&until=1h"),
    ("GET", "/volumes"),
    ("POST", "/volumes/create"),
    ("POST", "/plugins/pull?remote=evil"),
    ("POST", "/swarm/init"),
    ("POST", "/services/create"),
    ("GET", "/secrets"),
    ("GET", "/configs"),
    ("GET", "/nodes"),
    ("POST", "/networks/x/connect"),
    ("POST", "/networks/prune"),
    ("GET", "/debug/pprof/"),
    ("GET", "/metrics"),
    ("OPTIONS", "/info"),
    ("GET", "/containers/create"),
    ("post", "/containers/create"),
    # The same paths, written so that somebody might read them differently.
    ("GET", "//info"),
    ("GET", "/info/"),
    ("GET", "/./info"),
    ("GET", "/v1.41//info"),
    ("GET", "/v1.41/../info"),
    ("GET", "/%69nfo"),
    ("GET", "/containers/../images/json"),
    ("GET", "/containers/%2e%2e/images/json"),
    ("GET", "/containers/x%2fjson"),
    ("GET", "/containers/x%2Fy/json"),
    ("GET", "/containers/x%00/json"),
    ("GET", "/containers/x%3Fa=b/json"),
    ("GET", "/containers/x%2520/json"),
    ("GET", "/containers/x;y/json"),
    ("GET", "/containers/.hidden/json"),
    ("GET", "/images/../containers/x/json"),
    ("GET", "/images/a/../../containers/x/json"),
    ("GET", "/images/a//b/json"),
    ("GET", "/images/a%2f..%2fb/json"),
    ("GET", "/images//json"),
    ("DELETE", "/images/a/../../containers/x"),
    ("GET", "/exec/short/json"),
    ("GET", "http://engine/info"),
    ("GET", "info"),
    ("GET", "*"),
    ("GET", "/v1.23/info"),
    ("GET", "/v1.12/info"),
    ("GET", "/v2.0/info"),
    ("GET", "/v1.41x/info"),
    ("GET", "/v1.041/info"),
    ("GET", "/info#x"),
    # Parameters that change what a call does.
    ("POST", "/images/create?fromSrc=http://evil.example/x.tar&repo=nginx"),
    ("POST", "/images/create?fromImage=nginx&tag=1&fromSrc=-"),
    ("POST", "/images/create?fromImage=nginx&tag=1&changes=USER%20root"),
    ("POST", "/images/create?fromImage=nginx&tag=1&message=x"),
    ("POST", "/images/create?fromImage=nginx"),
    ("POST", "/images/create?fromImage=../x&tag=1"),
    ("POST", "/images/create?fromImage=http://evil/x&tag=1"),
    ("POST", "/images/create"),
    ("DELETE", "/images/nginx?force=1"),
    ("POST", "/containers/x/start?checkpoint=a&checkpoint-dir=/tmp"),
    ("POST", "/containers/x/start?detachKeys=ctrl-p"),
    ("DELETE", "/containers/x?link=1"),
    ("GET", "/containers/x/top?ps_args=axe"),
    ("GET", "/containers/x/top?ps_args=-eo%20pid%3DPID,args"),
    ("GET", "/containers/x/top?ps_args=-eo%20pid%20e"),
    ("POST", "/containers/create?name=a/b"),
    ("POST", "/containers/create?name=a&name=b"),
    ("POST", "/containers/create?name=a;name=b"),
    ("GET", "/images/json?filters=%FF"),
    ("GET", "/images/json?" + "&".join(f"a{n}=" for n in range(40))),
    ("GET", "/containers/json?filters=%7B%22label%22:%22x%22%7D"),
    ("GET", "/containers/json?filters=notjson"),
    # Names for images.
    ("POST", "/images/nginx:1.27/tag?repo=study-session-bot&tag=latest"),
]


@pytest.mark.parametrize(("method", "target"), REFUSED)
def test_any_other_call_is_refused(method: str, target: str) -> None:
    with pytest.raises(Refused):
        match(method, target, RULES)


SLIPPERY = st.sampled_from(["/", "..", ".", "%2e", "%2f", "%", "v1.41", "containers", "images"])


@given(st.lists(st.one_of(SLIPPERY, st.text("abc/.%?;:@#\\ ", max_size=4)), max_size=10))
def test_what_is_written_anew_never_leaves_its_place(pieces: list[str]) -> None:
    for method, head in (("GET", "/images/"), ("DELETE", "/images/"), ("GET", "/containers/")):
        try:
            call = match(method, head + "".join(pieces), RULES)
        except Refused:
            continue
        path = call.target({}).partition("?")[0]
        assert path.startswith(head)
        assert not {"", ".", ".."} & set(path[1:].split("/"))
        assert "%2f" not in path.lower()


# --- lists hold the lab's own only ---


def filters(target: str, rules: Rules = RULES) -> dict[str, Any]:
    written = match("GET", target, rules).target({})
    return json.loads(parse_qs(urlsplit(written).query)["filters"][0])


@pytest.mark.parametrize(
    "path", ["/containers/json", "/networks", "/events?since=1700000000.5&until=1700000003"]
)
def test_a_list_holds_nothing_of_strangers(path: str) -> None:
    label = "study-bot.installation"
    more = f"{path}{'&' if '?' in path else '?'}"
    given_object = quote(json.dumps({"label": {"a=b": True}}))

    assert filters(path) == {"label": [label]}
    assert filters(f"{more}filters={given_object}") == {"label": ["a=b", label]}
    named = Rules(installation="abc")
    assert filters(path, named) == {"label": [f"{label}=abc"]}
    mine = quote(json.dumps({"label": [f"{label}=abc.probe"]}))
    assert filters(f"{more}filters={mine}", named) == {"label": [f"{label}=abc.probe"]}
    other = quote(json.dumps({"label": [f"{label}=def"]}))
    assert filters(f"{more}filters={other}", named)["label"] == [f"{label}=def", f"{label}=abc"]


# --- names for images ---


@pytest.mark.parametrize(
    "source",
    [
        "mirror.example.org:5000/library/nginx:1.27",
        f"mirror.example.org:5000/library/nginx@{DIGEST}",
        "mirror.example.org:5000/nginx:1.27",
    ],
)
def test_the_mirrors_image_may_be_called_as_the_hub_calls_it(source: str) -> None:
    match("POST", f"/images/{source}/tag?repo=nginx&tag=1.27", MIRRORED)

    with pytest.raises(Refused):
        match("POST", f"/images/{source}/tag?repo=nginx&tag=1.27", RULES)


@pytest.mark.parametrize(
    ("source", "query"),
    [
        ("mirror.example.org:5000/library/evil:1.27", "repo=nginx&tag=1.27"),
        ("mirror.example.org:5000/library/nginx:1.27", "repo=nginx&tag=1.28"),
        ("mirror.example.org:5000/library/nginx:1.27", "repo=study-session-bot&tag=1.27"),
        ("mirror.example.org:5000/library/nginx:1.27", "repo=nginx"),
        ("mirror.example.org/library/nginx:1.27", "repo=nginx&tag=1.27"),
        ("evil.example/library/nginx:1.27", "repo=nginx&tag=1.27"),
        ("nginx:1.27", "repo=nginx&tag=1.27"),
        (DIGEST, "repo=nginx&tag=1.27"),
    ],
)
def test_no_other_image_may_be_given_a_name(source: str, query: str) -> None:
    with pytest.raises(Refused):
        match("POST", f"/images/{source}/tag?{query}", MIRRORED)


# --- networks and executions ---


def test_a_network_of_the_lab_passes(network: dict[str, Any]) -> None:
    assert check_network(network, RULES) == {**network, "CheckDuplicate": True}
    check_bridge(network)


BRIDGE = "com.docker.network.bridge.name"
NETWORKS: list[dict[str, Any]] = [
    {"Driver": "host"},
    {"Driver": "macvlan"},
    {"Driver": "ipvlan"},
    {"Driver": "overlay"},
    {"Driver": None},
    {"Labels": {}},
    {"Labels": None},
    {"Name": None},
    {"Name": "a/b"},
    {"Options": None},
    {"Options": {}},
    {"Options": {BRIDGE: "docker0"}},
    {"Options": {BRIDGE: "eth0"}},
    {"Options": {BRIDGE: "sblx1"}},
    {"Options": {BRIDGE: "sblc0123456789ab"}},
    {"Options": {BRIDGE: "sblcp0123456789a"}},
    {"Options": {BRIDGE: "sblc1", "parent": "eth0"}},
    {"Options": {BRIDGE: "sblc1", "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}},
    {"IPAM": None},
    {"IPAM": {"Config": []}},
    {"IPAM": {"Driver": "other", "Config": [{"Subnet": "10.213.0.16/28"}]}},
    {"IPAM": {"Config": [{"Subnet": "192.168.1.0/24"}]}},
    {"IPAM": {"Config": [{"Subnet": "0.0.0.0/0"}]}},
    {"IPAM": {"Config": [{"Subnet": "10.213.0.0/15"}]}},
    {"IPAM": {"Config": [{"Subnet": "10.213.0.16/28", "Gateway": "8.8.8.8"}]}},
    {"IPAM": {"Config": [{"Subnet": "10.213.0.16/28", "AuxiliaryAddresses": {"a": "1.1.1.1"}}]}},
    {"IPAM": {"Config": [{"Subnet": "10.213.0.16/28"}, {"Subnet": "10.214.0.0/16"}]}},
    {"EnableIPv6": True},
    {"Attachable": True},
    {"Ingress": True},
    {"Scope": "swarm"},
    {"ConfigFrom": {"Network": "other"}},
    {"ConfigOnly": True},
    {"driver": "macvlan"},
]


@pytest.mark.parametrize("changes", NETWORKS, ids=lambda changes: json.dumps(changes)[:70])
def test_a_network_that_reaches_further_is_refused(
    network: dict[str, Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(Refused):
        check_network({**network, **changes}, RULES)


def test_a_strangers_network_with_a_forged_label_is_not_the_labs() -> None:
    for found in ({"Driver": "bridge", "Options": {}}, {"Driver": "macvlan"}, {}):
        with pytest.raises(Refused):
            check_bridge(found)


def test_a_command_runs_with_no_more_rights_than_its_container() -> None:
    command = {"Cmd": ["id"], "AttachStdout": True, "Env": ["A=b"], "Privileged": False}

    assert check_execution({**command, "Container": "x"}) == {
        key: command[key] for key in ("Cmd", "AttachStdout", "Env")
    }
    assert check_start({"Detach": False, "Tty": False}) == {"Detach": False, "Tty": False}
    for more in ({"Privileged": True}, {"privileged": True}, {"AttachStdin": True}):
        with pytest.raises(Refused):
            check_execution({**command, **more})


# --- settings ---


def test_settings_come_from_the_environment() -> None:
    assert ProxySettings.from_environment({"STUDY_BOT_PROXY_PORTS": " "}) == ProxySettings()

    found = ProxySettings.from_environment(
        {
            "STUDY_BOT_PROXY_LISTEN": "unix:///run/x.sock",
            "STUDY_BOT_PROXY_BIND": "127.0.0.1, 192.0.2.7",
            "STUDY_BOT_PROXY_PORTS": "30000-30999",
            "STUDY_BOT_PROXY_SUBNET": "10.1.0.0/16",
            "STUDY_BOT_PROXY_RUNTIMES": "runc,crun",
            "STUDY_BOT_PROXY_MIRROR": "mirror.example.org:5000",
            "STUDY_BOT_PROXY_INSTALLATION": "abc",
        }
    )

    assert str(found.listen) == "/run/x.sock"
    assert found.rules.ports == range(30000, 31000)
    assert found.rules.runtimes == {"runc", "crun"}
    assert {str(each) for each in found.rules.bind} == {"127.0.0.1", "192.0.2.7"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "engine.sock"),
        ("BIND", "localhost"),
        ("PORTS", "80-90"),
        ("PORTS", "30000"),
        ("SUBNET", "10.213.0.1/16"),
        ("RUNTIMES", "a b;c"),
        ("MIRROR", "https://mirror"),
        ("INSTALATION", "abc"),
    ],
)
def test_a_setting_that_cant_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(BadProxySetting, match=f"STUDY_BOT_PROXY_{name}"):
        ProxySettings.from_environment({f"STUDY_BOT_PROXY_{name}": value})


def same(one: str, other: str) -> bool:
    """Compare two request targets, whatever was encoded."""
    first, second = urlsplit(one), urlsplit(other)
    return first.path == second.path and parse_qs(first.query) == parse_qs(second.query)


@pytest.mark.parametrize("path", ["docs/docker.md", "docker-compose.yml"])
def test_every_setting_is_documented_and_can_be_made(path: str) -> None:
    text = (Path(__file__).resolve().parents[2] / path).read_text()

    assert set(re.findall(r"STUDY_BOT_PROXY_[A-Z]+", text)) == {
        f"STUDY_BOT_PROXY_{name.upper()}" for name in SETTINGS
    }


def test_every_setting_the_documentation_tells_is_used() -> None:
    folder = Path(__file__).resolve().parents[2]
    told = re.findall(r"^\| `([A-Z_]+)`", (folder / "docs/docker.md").read_text(), re.MULTILINE)
    used = (folder / "docker-compose.yml").read_text()

    assert set(told) - {"COMPOSE_PROFILES"} <= set(re.findall(r"[A-Z_]+", used))
