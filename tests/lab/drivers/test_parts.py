"""The parts of the driver that need no engine."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.drivers import ContainerSpec, LayerState, Network, describing, readings
from bot.lab.drivers.counting import from_statistics
from bot.lab.drivers.output import Frames, Tail
from bot.lab.drivers.pulling import Layers
from bot.lab.drivers.references import Reference
from bot.lab.drivers.refusals import (
    LONGEST,
    Refused,
    bad_command,
    of_create,
    of_pull,
    of_start,
    one_line,
    root_cause,
)
from bot.lab.drivers.safety import create_body
from bot.lab.drivers.wire import _agree
from bot.lab.errors import (
    BadCommand,
    BadImageName,
    ContainerGone,
    DiskFull,
    EngineRefused,
    ImageNotFound,
    NameTaken,
    PortTaken,
    RegistryUnreachable,
    WrongArchitecture,
)
from bot.lab.model import Port, Resources

MIB = 1024**2


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "registry", "repository", "version"),
        [
            ("nginx", None, "nginx", "latest"),
            ("nginx:1.27", None, "nginx", "1.27"),
            ("org/app:2", None, "org/app", "2"),
            ("ghcr.io/org/app", "ghcr.io", "org/app", "latest"),
            ("localhost/app:1", "localhost", "app", "1"),
            ("127.0.0.1:5000/app", "127.0.0.1:5000", "app", "latest"),
            ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000", "a/b", "1"),
            ("nginx@sha256:ab", None, "nginx", "sha256:ab"),
            ("nginx:1.27@sha256:ab", None, "nginx", "sha256:ab"),
        ],
    )
    def test_are_taken_apart_as_engines_do(
        self, text: str, registry: str | None, repository: str, version: str
    ):
        assert Reference.parse(text) == Reference(registry, repository, version)

    def test_in_a_mirror_official_images_have_a_library(self):
        through = Reference.parse("nginx:1").through("http://mirror:5000/")
        assert str(through) == "mirror:5000/library/nginx:1"
        assert str(Reference.parse("a/b").through("mirror:5000")) == "mirror:5000/a/b:latest"

    @pytest.mark.parametrize(
        "text",
        ["nginx", "ghcr.io/a/b_c:V1.2-RC", "a:V1@sha256:0ab", "127.0.0.1:5000/a:1", "sha256:0ab"],
    )
    def test_every_form_passes_the_check(self, text: str):
        assert Reference.checked(text) == text

    @given(st.text(max_size=40))
    def test_what_passes_the_check_leads_nowhere_else(self, text: str):
        try:
            checked = Reference.checked(text)
        except BadImageName:
            return
        assert checked == text
        assert not set(text) & set("?#% \\\n\0")
        assert ".." not in text.split("/")


class TestFrames:
    @given(st.lists(st.tuples(st.integers(1, 2), st.binary(max_size=50))), st.data())
    def test_however_it_comes_apart_the_text_is_the_same(
        self, frames: list[tuple[int, bytes]], data: st.DataObject
    ):
        raw = b"".join(
            bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
            for stream, text in frames
        )
        reader, read = Frames(), b""
        while raw:
            size = data.draw(st.integers(1, len(raw)))
            read += b"".join(reader.feed(raw[:size]))
            raw = raw[size:]
        assert read == b"".join(text for _, text in frames)

    def test_the_engines_own_words_come_through_without_a_frame(self):
        words = b"OCI runtime exec failed: exec failed"
        reader = Frames()
        assert b"".join([*reader.feed(words[:5]), *reader.feed(words[5:])]) == words


class TestTail:
    @given(st.lists(st.binary(max_size=30)), st.integers(0, 40))
    def test_keeps_the_end_and_no_more(self, parts: list[bytes], most: int):
        tail = Tail(most)
        for part in parts:
            tail.feed(part)
        whole = b"".join(parts)
        assert len(tail.text()) <= most
        assert whole.endswith(tail.text())
        if len(whole) <= most:
            assert tail.text() == whole

    def test_begins_with_a_whole_line(self):
        tail = Tail(8)
        tail.feed(b"first line\nsecond\n")
        assert tail.text() == b"second\n"
        tail = Tail(4)
        tail.feed(b"one long line")
        assert tail.text() == b"line"


class TestLayers:
    def test_every_stage_of_a_pull(self):
        layers = Layers()

        def feed(status: str, **detail: int) -> LayerState:
            layers.feed({"id": "a", "status": status, "progressDetail": detail})
            return layers.progress().layers[0].state

        assert not layers.feed({"id": "1.27", "status": "Pulling from library/nginx"})
        assert not layers.feed({"status": "Digest: sha256:ab"})
        assert feed("Pulling fs layer") is LayerState.WAITING
        assert feed("Downloading", current=25, total=100) is LayerState.DOWNLOADING
        assert layers.progress().fraction == 0.25
        assert feed("Retrying in 5 seconds") is LayerState.WAITING
        assert feed("Download complete") is LayerState.DOWNLOADING
        assert layers.progress().current_bytes == 100
        assert feed("Extracting", current=10, total=100) is LayerState.EXTRACTING
        assert layers.progress().current_bytes == 100
        assert feed("Pull complete") is LayerState.DONE
        layers.feed({"id": "b", "status": "Already exists", "progressDetail": {}})
        assert layers.progress().fraction == 1.0

    def test_layers_of_unknown_size_hold_the_bar_back(self):
        layers = Layers()
        for name in "abcd":
            layers.feed({"id": name, "status": "Pulling fs layer"})
        layers.feed(
            {"id": "a", "status": "Downloading", "progressDetail": {"current": 5, "total": 10}}
        )
        assert layers.progress().fraction == 0.125

    def test_seconds_are_not_taken_for_bytes(self):
        layers = Layers()
        layers.feed(
            {"id": "a", "status": "Extracting", "progressDetail": {"current": 3, "units": "s"}}
        )
        assert layers.progress().total_bytes == 0


START = "driver failed programming external connectivity on endpoint x (1f): "
RUNC = "OCI runtime create failed: container_linux.go:380: starting container process caused: "


class TestRefusals:
    @pytest.mark.parametrize(
        ("reason", "error"),
        [
            ("manifest for x:1 not found: manifest unknown: manifest unknown", ImageNotFound),
            (
                (
                    "pull access denied for x, repository does not exist or may require 'docker"
                    " login': denied: requested access to the resource is denied"
                ),
                ImageNotFound,
            ),
            ("name unknown: repository name not known to registry", ImageNotFound),
            ('Get "https://r/v2/": dial tcp: lookup r: no such host', RegistryUnreachable),
            ('Get "http://r/v2/": dial tcp 1.2.3.4:5: i/o timeout', RegistryUnreachable),
            ("received unexpected HTTP status: 503 Service Unavailable", RegistryUnreachable),
            ('Get "https://r/v2/": x509: certificate signed by unknown', RegistryUnreachable),
            ("failed to register layer: write /a: no space left on device", DiskFull),
            ("no matching manifest for linux/amd64 in the manifest list", WrongArchitecture),
            ("invalid reference format", BadImageName),
            ("toomanyrequests: You have reached your pull rate limit.", EngineRefused),
        ],
    )
    def test_of_a_pull(self, reason: str, error: type[Exception]):
        refused = of_pull(reason, image="x:1", ours="amd64")
        assert type(refused) is error
        assert "{" not in str(refused)

    @pytest.mark.parametrize(
        ("reason", "error", "said"),
        [
            (
                f"{START}Bind for 127.0.0.1:8080 failed: port is already allocated",
                PortTaken,
                "8080",
            ),
            (
                (
                    f"{START}Error starting userland proxy: listen tcp4 0.0.0.0:81: bind: address"
                    " already in use"
                ),
                PortTaken,
                "81",
            ),
            (f"{START}Bind for :::53 failed: port is already allocated", PortTaken, "53"),
            (
                f'{RUNC}exec: "nope": executable file not found in $PATH: unknown',
                BadCommand,
                "nope: executable file not found",
            ),
            (f'{RUNC}exec: "/etc": permission denied: unknown', BadCommand, "permission denied"),
            (
                'failed to create task: runc create failed: exec /a.sh: "x": no such file',
                EngineRefused,
                "no such file",
            ),
            ("something else", EngineRefused, "something else"),
        ],
    )
    def test_of_a_start(self, reason: str, error: type[Exception], said: str):
        refused = of_start(Refused(500, reason))
        assert isinstance(refused, error)
        assert said in str(refused)

    def test_of_what_is_gone(self):
        assert isinstance(of_start(Refused(404, "No such container: abc")), ContainerGone)
        # A network that is gone isn't the container.
        assert isinstance(of_start(Refused(404, "network abc not found")), EngineRefused)

    @pytest.mark.parametrize(
        ("status", "reason", "error"),
        [
            (404, "No such image: x:1", ImageNotFound),
            (409, 'Conflict. The container name "/c" is already in use by container', NameTaken),
            (400, "No command specified", BadCommand),
            (400, "invalid mount path: 'data' mount path must be absolute", EngineRefused),
        ],
    )
    def test_of_a_create(self, status: int, reason: str, error: type[Exception]):
        assert isinstance(of_create(Refused(status, reason), name="c", image="x:1", ours=""), error)

    def test_a_command_is_not_seen_where_there_is_none(self):
        assert bad_command("permission denied") is None

    @given(st.text())
    def test_a_reason_is_one_short_printable_line(self, reason: str):
        line = one_line(reason)
        assert len(line) <= LONGEST
        assert line.isprintable()

    def test_of_a_long_chain_the_end_is_kept(self):
        assert one_line("because: " * 100 + "the cause").endswith("because: the cause")

    def test_what_a_failed_connection_came_down_to(self):
        inner = ConnectionRefusedError(111, "Connection refused")
        assert root_cause(RuntimeError("wrapped", RuntimeError(inner))) == "Connection refused"
        assert root_cause(TimeoutError()) == "no answer in time"
        assert root_cause(OSError("plain")) == "plain"


class TestVersions:
    @pytest.mark.parametrize(
        ("theirs", "oldest", "agreed"),
        [
            ("1.41", "1.12", "1.41"),
            ("1.51", "1.24", "1.44"),
            ("1.52", "1.44", "1.44"),
            ("1.60", "1.50", "1.50"),
            ("1.40", "1.12", "1.40"),
        ],
    )
    def test_the_newest_that_both_speak(self, theirs: str, oldest: str, agreed: str):
        assert _agree(theirs, oldest) == agreed


SPEC = ContainerSpec(
    name="study-1",
    image="nginx:1",
    hostname="web-1",
    resources=Resources(cpus=0.5, memory_bytes=256 * MIB, disk_bytes=512 * MIB, processes=99),
    labels={"a": "b"},
    capabilities=("CHOWN",),
    network=Network("n", "br", "10.0.0.0/28", {}),
    ports=(Port(80, 30001), Port(53, 30002, "udp")),
    bind_address="192.0.2.1",
    environment={"KEY": "a=b"},
    writable=("/tmp",),
    volumes=("/data/",),
)


class TestSafety:
    def test_nothing_reaches_the_host(self):
        config = create_body(SPEC)["HostConfig"]
        assert config["Privileged"] is False
        assert config["CapDrop"] == ["ALL"]
        assert config["CapAdd"] == ["CHOWN"]
        assert config["SecurityOpt"] == ["no-new-privileges"]
        assert config["RestartPolicy"] == {"Name": "no"}
        assert config["NetworkMode"] == "n"
        forbidden = (
            *("Binds", "Mounts", "Devices", "DeviceRequests", "VolumesFrom", "VolumeDriver"),
            *("PidMode", "UTSMode", "UsernsMode", "ExtraHosts", "Sysctls", "Links", "GroupAdd"),
            *("DeviceCgroupRules", "MaskedPaths", "ReadonlyPaths", "Dns", "ContainerIDFile"),
        )
        assert not set(forbidden) & set(config)

    def test_everything_is_bounded(self):
        config = create_body(SPEC)["HostConfig"]
        assert config["Memory"] == config["MemorySwap"] == 256 * MIB
        assert config["CpuQuota"] == 50_000
        assert config["PidsLimit"] == 99
        assert config["OomKillDisable"] is False
        assert config["LogConfig"]["Config"] == {"max-size": "5m", "max-file": "2"}
        assert config["ReadonlyRootfs"] is True
        assert set(config["Tmpfs"]) == {"/tmp", "/data"}
        for options in config["Tmpfs"].values():
            assert {"nosuid", "nodev", f"size={128 * MIB}"} <= set(options.split(","))
        assert "StorageOpt" not in config

    def test_where_the_driver_bounds_the_disk_the_root_can_be_written(self):
        config = create_body(replace(SPEC, limit_disk=True))["HostConfig"]
        assert config["StorageOpt"] == {"size": str(512 * MIB)}
        assert config["ReadonlyRootfs"] is False
        # A volume would be a folder of the host without a bound, there too.
        assert set(config["Tmpfs"]) == {"/data"}

    def test_ports_are_published_where_they_should_be_and_nowhere_else(self):
        body = create_body(SPEC)
        assert body["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
        assert body["HostConfig"]["PortBindings"] == {
            "80/tcp": [{"HostIp": "192.0.2.1", "HostPort": "30001"}],
            "53/udp": [{"HostIp": "192.0.2.1", "HostPort": "30002"}],
        }
        assert body["HostConfig"]["PublishAllPorts"] is False

    def test_without_a_network_there_is_none(self):
        body = create_body(replace(SPEC, network=None, ports=()))
        assert body["HostConfig"]["NetworkMode"] == "none"
        assert "NetworkingConfig" not in body

    def test_what_is_left_open_is_left_to_the_image_and_the_engine(self):
        body = create_body(SPEC)
        assert "Cmd" not in body
        assert not {"CgroupParent", "Runtime"} & set(body["HostConfig"])
        chosen = create_body(
            replace(SPEC, command=("a", "b"), runtime="runsc", cgroup_parent="/study-lab")
        )
        assert chosen["Cmd"] == ["a", "b"]
        assert chosen["HostConfig"]["Runtime"] == "runsc"
        assert chosen["HostConfig"]["CgroupParent"] == "/study-lab"

    def test_it_is_json(self):
        assert json.loads(json.dumps(create_body(SPEC))) == create_body(SPEC)


class TestReadings:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)),
            ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ("2026-01-02T12:04:05.5+09:00", datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC)),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
            (None, None),
        ],
    )
    def test_times(self, text: str | None, expected: datetime | None):
        assert readings.parse_time(text) == expected

    def test_an_image_that_says_strange_things_of_itself(self):
        image = readings.inspected_image(
            {
                "Id": "sha256:1",
                "RepoTags": ["<none>:<none>"],
                "RepoDigests": None,
                "Size": 5,
                "Created": None,
                "Config": {"ExposedPorts": {"x/y": {}, "80": {}, "53/udp": {}}, "Volumes": None},
            }
        )
        assert image.tags == image.digests == image.volumes == ()
        assert image.exposed == (Port(80), Port(53, protocol="udp"))
        assert image.created_at is None

    @pytest.mark.parametrize(
        ("titles", "row"),
        [
            (
                ["PID", "USER", "TIME", "RSS", "COMMAND"],
                ["42", "www", "1-01:02:03", "10", "nginx: worker -g x"],
            ),
            (
                ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
                ["www", "42", "1", "0", "10:00", "?", "25:02:03", "nginx: worker -g x"],
            ),
        ],
    )
    def test_both_kinds_of_ps(self, titles: list[str], row: list[str]):
        (process,) = readings.processes({"Titles": titles, "Processes": [row]})
        assert process.host_pid == 42
        assert process.user == "www"
        assert process.cpu_seconds == 90_123
        assert process.command == "nginx: worker -g x"
        assert process.memory_bytes == (10_240 if "RSS" in titles else None)


class TestStatistics:
    V2: ClassVar[Any] = {
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "memory_stats": {"usage": 50, "limit": 100, "stats": {"inactive_file": 20, "file": 25}},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 8, "minor": 0, "op": "read", "value": 7},
                {"major": 8, "minor": 0, "op": "write", "value": 9},
                {"major": 8, "minor": 1, "op": "write", "value": 1},
            ]
        },
        "networks": {
            "eth0": {"rx_bytes": 1, "tx_bytes": 2},
            "eth1": {"rx_bytes": 10, "tx_bytes": 20},
        },
        "pids_stats": {"current": 3},
    }

    def test_of_version_two(self):
        counters = from_statistics(self.V2)
        assert counters.cpu_seconds == 2.5
        assert (counters.memory_bytes, counters.memory_cache_bytes) == (30, 20)
        assert counters.memory_limit_bytes == 100
        assert (counters.disk_read_bytes, counters.disk_written_bytes) == (7, 10)
        assert (counters.network_received_bytes, counters.network_sent_bytes) == (11, 22)
        assert counters.processes == 3

    def test_what_is_not_told_is_none(self):
        blkio = {"io_service_bytes_recursive": None}
        counters = from_statistics({"blkio_stats": blkio, "memory_stats": {"usage": 5}})
        assert counters.cpu_seconds is counters.disk_read_bytes is None
        assert counters.network_sent_bytes is counters.processes is None
        assert counters.memory_limit_bytes is counters.memory_cache_bytes is None
        assert counters.memory_bytes == 5


class TestDisk:
    @pytest.mark.parametrize(
        ("driver", "expected"),
        [("btrfs", True), ("zfs", True), ("vfs", False), ("overlayfs", False), ("overlay2", False)],
    )
    def test_which_drivers_bound_it(self, driver: str, expected: bool):
        assert describing.can_limit_disk({"Driver": driver}, None) is expected
