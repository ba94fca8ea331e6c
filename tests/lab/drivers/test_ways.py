"""The ways to an engine: TCP, TLS and SSH are used like a socket of this machine."""

from __future__ import annotations

import datetime
import getpass
import ipaddress
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.lab.drivers import ContainerDriver, connect
from bot.lab.errors import HostUnreachable
from bot.lab.model import HostSettings
from tests.lab.engine import Bench, PrivateEngine, bench, free_port, private_engine

NOW = datetime.datetime.now(datetime.UTC)


def settings(address: str, tls_folder: Path | None = None) -> HostSettings:
    return HostSettings("far", address, str(tls_folder) if tls_folder else None)


def try_everything(driver: ContainerDriver, near: Bench) -> None:
    """Use each kind of call over a line: plain ones, long ones, and those that stream."""
    driver.ping()
    assert driver.facts().version == near.driver.facts().version
    engine_id = driver.create(near.spec("sh", "-c", "echo ready; sleep 600"))
    driver.start(engine_id)
    assert driver.inspect(engine_id).is_running
    result = driver.execute(engine_id, ["echo", "hello"], seconds=5, most_bytes=99)
    assert (result.exit_code, result.output) == (0, b"hello\n")
    cut = driver.execute(engine_id, ["sleep", "60"], seconds=0.5, most_bytes=99)
    assert cut.exit_code is None
    endless = driver.execute(engine_id, ["yes"], seconds=5, most_bytes=5000)
    assert endless.is_truncated
    assert driver.logs(engine_id, lines=9, since=None, most_bytes=99) == b"ready\n"
    assert driver.counters(engine_id).processes == 1
    driver.remove(engine_id)


class Authority:
    """Signs certificates for a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._sign(self._name, self._key.public_key(), is_authority=True)
        self.written = certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, address: str | None = None) -> Path:
        """Write a folder with ca.pem, cert.pem and key.pem."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), address)
        folder = self.folder / name
        folder.mkdir()
        (folder / "ca.pem").write_bytes(self.written)
        (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return folder

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        address: str | None = None,
        *,
        is_authority: bool = False,
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(hours=1))
            .not_valid_after(NOW + datetime.timedelta(hours=5))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if address:
            names = [x509.IPAddress(ipaddress.ip_address(address))]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())


@pytest.mark.slow
class TestTCP:
    @pytest.fixture
    def engine(self) -> Iterator[PrivateEngine]:
        with private_engine() as own:
            yield own

    def test_with_certificates_and_only_with_them(self, engine: PrivateEngine, tmp_path: Path):
        authority = Authority(tmp_path)
        server = authority.issue("server", engine.ip)
        client = authority.issue("client")
        engine.restart(
            f"--host=tcp://{engine.ip}:2376",
            "--tlsverify",
            f"--tlscacert={server}/ca.pem",
            f"--tlscert={server}/cert.pem",
            f"--tlskey={server}/key.pem",
        )
        address = f"tcp://{engine.ip}:2376"
        with bench(engine.address) as near, closing(connect(settings(address, client))) as driver:
            try_everything(driver, near)
        (tmp_path / "others").mkdir()
        stranger = Authority(tmp_path / "others").issue("stranger")
        (stranger / "ca.pem").write_bytes(authority.written)
        impostor = Authority(tmp_path / "others").issue("impostor")
        for folder in (None, stranger, impostor, tmp_path / "missing"):
            with closing(connect(settings(address, folder))) as driver:
                with pytest.raises(HostUnreachable) as refused:
                    driver.ping()
                assert refused.value.params["why"]

    def test_without(self, engine: PrivateEngine):
        engine.restart(f"--host=tcp://{engine.ip}:2375", "--tls=false")
        address = f"tcp://{engine.ip}:2375"
        with bench(engine.address) as near, closing(connect(settings(address))) as driver:
            try_everything(driver, near)
            engine.hang()
            try:
                started = time.monotonic()
                with pytest.raises(HostUnreachable):
                    driver.ping()
                assert time.monotonic() - started < 2.5
            finally:
                engine.resume()
            driver.ping()


class TestSSH:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A home folder with a key in it."""
        (tmp_path / ".ssh").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        self._new_key(tmp_path / ".ssh/id_ed25519")
        return tmp_path

    @pytest.fixture
    def server(self, home: Path, real: Bench) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
        """An SSH server of one's own on the loopback, and its address."""
        program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        if program is None or os.geteuid() != 0 or not real.address.startswith("unix://"):
            pytest.skip("no SSH server here: sudo apt-get install openssh-server")
        Path("/run/sshd").mkdir(exist_ok=True)
        port = free_port()
        self._new_key(home / "host_key")
        config = home / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {home}/host_key\nStrictModes no\n"
            f"AuthorizedKeysFile {home}/.ssh/id_ed25519.pub\nUsePAM no\nPidFile none\n"
            f"SetEnv DOCKER_HOST={real.address}\n"
        )
        host_key = (home / "host_key.pub").read_text()
        (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
        with (home / "sshd.log").open("wb") as log:
            process = subprocess.Popen([program, "-D", "-e", "-f", config], stderr=log)
        yield process, f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
        process.kill()
        process.wait()

    def test_is_used_like_any_other(self, server: tuple[subprocess.Popen[bytes], str], real: Bench):
        driver = self._connected(server[1])
        with closing(driver):
            try_everything(driver, real)

    def test_many_calls_at_once_fit_through_one_connection(
        self, server: tuple[subprocess.Popen[bytes], str], real: Bench
    ):
        answers: list[int] = []
        with closing(self._connected(server[1])) as driver:
            threads = [
                threading.Thread(target=lambda: answers.append(len(driver.images())))
                for _ in range(40)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert len(answers) == 40

    def test_a_host_that_falls_silent_is_noticed_and_found_again(
        self, server: tuple[subprocess.Popen[bytes], str], real: Bench
    ):
        process, address = server
        with closing(self._connected(address)) as driver:
            children = [
                int(pid)
                for pid in subprocess.run(
                    ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True
                ).stdout.split()
            ]
            for pid in children:
                os.kill(pid, signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(HostUnreachable):
                driver.ping()
            assert time.monotonic() - started < 3
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + 20
            while True:
                try:
                    driver.ping()
                    break
                except HostUnreachable:
                    assert time.monotonic() < until
                    time.sleep(0.1)

    def test_an_unknown_host_is_not_trusted(
        self, server: tuple[subprocess.Popen[bytes], str], home: Path
    ):
        self._connected(server[1]).close()
        (home / ".ssh/known_hosts").write_text("")
        with closing(connect(settings(server[1]))) as driver:
            with pytest.raises(HostUnreachable) as refused:
                driver.ping()
            assert "known_hosts" in str(refused.value.params["why"])

    def _connected(self, address: str) -> ContainerDriver:
        """Wait for the server to listen."""
        driver = connect(settings(address))
        until = time.monotonic() + 10
        while True:
            try:
                driver.ping()
            except HostUnreachable:
                assert time.monotonic() < until
                time.sleep(0.1)
            else:
                return driver

    @staticmethod
    def _new_key(path: Path) -> None:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
        subprocess.run(command, check=True)


@pytest.mark.parametrize(
    "address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9", "ssh://127.0.0.1:9", "nonsense"]
)
def test_an_engine_that_is_not_there_is_only_missed_when_it_is_asked(address: str):
    with closing(connect(settings(address))) as driver:
        started = time.monotonic()
        with pytest.raises(HostUnreachable) as missing:
            driver.ping()
        why = str(missing.value.params["why"])
        assert why
        assert "Traceback" not in why
        assert time.monotonic() - started < 1
