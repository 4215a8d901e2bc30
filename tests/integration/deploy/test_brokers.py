from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import typer
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs forget the export
from typer.testing import CliRunner, Result

from deploy.brokers import jars
from deploy.brokers.folder import claimed
from deploy.brokers.guard import Guarded
from deploy.brokers.kafka import LocalKafka, local_kafka
from deploy.brokers.ladder import KafkaAddress, RedisAddress, open_kafka, open_redis, redis_version
from deploy.brokers.start import free_ports, wait_until_ready, with_free_ports
from deploy.brokers.valkey import local_valkey
from deploy.brokers.waiting import wait_until
from deploy.cli.doctor import doctor
from deploy.errors import ConfigurationError, FolderInUseError, JarError, StartError, UnreachableError
from deploy.settings import Settings

GONE_S = 30.0


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)


@contextlib.contextmanager
def _admin(bootstrap: str) -> Iterator[AdminClient]:
    with AdminClient({"bootstrap.servers": bootstrap}) as admin:
        yield admin


def _gone(pid: int) -> bool:
    """Tell whether the process has ended; one that nobody has reaped yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _listening_addresses(pid: int) -> set[str]:
    """Return the local addresses of the listening TCP sockets that the process holds."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            match = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            inodes |= {match[1]} if match else set()
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in inodes:
                found.add(_address(local.partition(":")[0]))
    return found


def _address(text: str) -> str:
    """Read an address as /proc writes it: words of four bytes, each in the machine's order."""
    raw = b"".join(
        bytes.fromhex(text[i : i + 8])[:: -1 if sys.byteorder == "little" else 1] for i in range(0, len(text), 8)
    )
    return str(ipaddress.ip_address(raw))


# The guard


def _python(code: str, log: Path, grace_s: float = 10.0) -> Guarded:
    return Guarded([sys.executable, "-I", "-S", "-c", code], log=log, grace_s=grace_s)


def test_a_command_that_ends_by_itself_gives_its_code_and_output(tmp_path: Path) -> None:
    with _python("print('said'); raise SystemExit(7)", tmp_path / "log") as child:
        assert child.wait(20.0) == 7
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_command_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Guarded([str(tmp_path / "nothing")], log=tmp_path / "log")


def test_a_command_that_ignores_sigterm_is_killed_when_the_grace_is_over(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
    with _python(code, log, grace_s=0.2) as child:
        assert wait_until(lambda: log.read_text() == "up\n", timeout_s=20.0)
        assert not _gone(child.pid)
    assert child.wait(0) == 128 + signal.SIGKILL
    assert _gone(child.pid)


def test_what_a_command_leaves_behind_in_its_group_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid, flush=True)"
    )
    with _python(code, log) as child:
        assert child.wait(20.0) == 0
    assert wait_until(lambda: _gone(int(log.read_text())), timeout_s=GONE_S)


def test_a_killed_guard_takes_its_command_along(tmp_path: Path) -> None:
    with _python("import signal; signal.pause()", tmp_path / "log") as child:
        os.kill(child.guard_pid, signal.SIGKILL)
        assert wait_until(lambda: _gone(child.pid), timeout_s=GONE_S)


def test_a_fork_that_keeps_the_pipe_open_does_not_keep_the_command(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from deploy.brokers.guard import Guarded\n"
        "pause = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "child = Guarded(pause, log=Path(sys.argv[1]))\n"
        "fork = os.fork()\n"
        "if not fork: signal.pause()\n"
        "print(child.pid, fork, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        command, fork = map(int, parent.stdout.readline().split())
        assert parent.wait(GONE_S) == -signal.SIGKILL
        try:
            assert wait_until(lambda: _gone(command), timeout_s=GONE_S)
            assert not _gone(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


# The servers


@pytest.mark.kafka
def test_kafka_listens_on_the_loopback_only_and_its_topics_survive_a_restart(tmp_path: Path) -> None:
    with local_kafka(tmp_path) as first, _admin(first.bootstrap) as admin:
        assert _listening_addresses(first.pid) == {"127.0.0.1"}
        admin.create_topics([NewTopic("kept", 3, 1)])["kept"].result(30)
    assert _gone(first.pid)
    with local_kafka(tmp_path) as second, _admin(second.bootstrap) as admin:
        topics = admin.list_topics(timeout=30).topics
    assert len(topics["kept"].partitions) == 3
    assert second.cluster_id == first.cluster_id


@pytest.mark.kafka
def test_valkey_listens_on_the_loopback_only_and_its_data_survive_a_restart(tmp_path: Path) -> None:
    with local_valkey(tmp_path) as first, contextlib.closing(redis.Redis.from_url(first.url)) as client:
        assert _listening_addresses(first.pid) == {"127.0.0.1"}
        kept_small = client.config_get("maxmemory", "maxmemory-policy")
        assert kept_small == {"maxmemory": str(256 * 2**20), "maxmemory-policy": "allkeys-lru"}
        client.set("kept", "yes")
    assert _gone(first.pid)
    with local_valkey(tmp_path) as second, contextlib.closing(redis.Redis.from_url(second.url)) as client:
        assert client.get("kept") == b"yes"


_STARTER = """
import signal, sys
from pathlib import Path
from deploy.brokers.kafka import local_kafka
from deploy.brokers.valkey import local_valkey
folder = Path(sys.argv[1])
with local_kafka(folder / "kafka") as kafka, local_valkey(folder / "valkey") as valkey:
    print(kafka.pid, valkey.pid, flush=True)
    signal.pause()
"""


@pytest.mark.kafka
def test_kill_9_of_the_starting_process_ends_both_and_the_folder_can_be_used_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pids = [int(text) for text in starter.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(map(_gone, pids))
        starter.kill()
    # At once: the start waits for the one before, which is still ending.
    with local_valkey(tmp_path / "valkey"), local_kafka(tmp_path / "kafka"):
        assert all(map(_gone, pids))


@pytest.mark.kafka
def test_the_end_of_the_starting_thread_ends_nothing(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        started = []
        thread = threading.Thread(target=lambda: started.append(stack.enter_context(local_valkey(tmp_path))))
        thread.start()
        thread.join()
        # join() returns while the system still ends the thread, which is when the signal would come.
        task = Path(f"/proc/self/task/{thread.native_id}")
        assert wait_until(lambda: not task.exists(), timeout_s=GONE_S)
        assert redis_version(started[0].url).startswith("valkey 9")


@pytest.mark.kafka
def test_a_second_start_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with local_valkey(tmp_path):
        text = f"{re.escape(str(tmp_path))} is in use by process {os.getpid()}"
        with pytest.raises(FolderInUseError, match=text), local_valkey(tmp_path):
            pytest.fail("it started")


def test_a_lock_that_a_dead_process_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "in-use.lock").write_text("1")
    with claimed(tmp_path):
        assert (tmp_path / "in-use.lock").read_text() == str(os.getpid())


@pytest.mark.kafka
def test_a_kafka_that_cannot_start_says_so_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=broken\nnode.id=99\n")
    with pytest.raises(StartError) as caught, local_kafka(tmp_path):
        pytest.fail("it started")
    text = str(caught.value)
    assert "ended with code 1 while it started" in text
    assert str(tmp_path / "kafka.log") in text
    assert "node" in text


def test_a_port_that_is_taken_is_seen_and_another_is_tried(tmp_path: Path) -> None:
    log = tmp_path / "log"
    tried = []

    def start(ports: list[int]) -> Guarded:
        tried.extend(ports)
        code = f"import socket, signal; socket.create_server(('127.0.0.1', {ports[0]})); print('up'); signal.pause()"
        with contextlib.ExitStack() as stack:
            if len(tried) == 1:  # somebody else is faster
                stack.enter_context(socket.create_server(("127.0.0.1", ports[0])))
            child = Guarded([sys.executable, "-u", "-c", code], log=log)
            wait_until_ready(child, lambda: "up" in log.read_text(), name="It", log=log, timeout_s=20.0)
        return child

    with with_free_ports(1, start) as child:
        assert not _gone(child.pid)
    assert len(tried) == 2


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Guarded([sys.executable, "-u", "-c", "import signal; print('well'); signal.pause()"], log=log)
    with pytest.raises(StartError, match=r"(?s)It did not answer within 0 s.*log"):
        wait_until_ready(child, lambda: False, name="It", log=log, timeout_s=0.1)
    assert _gone(child.pid)


def test_free_ports_differ() -> None:
    assert len(set(free_ports(8))) == 8


# The jars


def _cache_with_a_corrupted_jar(cache: Path) -> str:
    """Build a cache of links to the real jars, but for one, which has a byte more."""
    real = jars.find_jars(jars.locked_jars())
    assert real is not None
    folder = cache / "envs/org/apache/kafka/kafka_2.13/some/jars"
    folder.mkdir(parents=True)
    for jar in real:
        (folder / jar.name).symlink_to(jar)
    victim = folder / real[0].name
    content = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(content + b"x")
    return victim.name


@pytest.mark.kafka
def test_a_corrupted_jar_is_refused(
    tmp_path: Path, kafka: KafkaAddress, monkeypatch: pytest.MonkeyPatch, no_variables: None
) -> None:
    del kafka, no_variables  # the former has made sure that the jars are there
    jars.classpath()
    name = _cache_with_a_corrupted_jar(tmp_path / "cache")
    monkeypatch.setenv("JGO_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(JarError, match=f"{name} is not the jar that was locked"), local_kafka(tmp_path / "kafka"):
        pytest.fail("it started")
    assert not list((tmp_path / "kafka").glob("*"))
    report = _doctor("--json")
    assert report.exit_code == 1
    assert _rows(report)["jars"]["status"] == "missing"
    assert name in _rows(report)["jars"]["advice"]


@pytest.mark.kafka
def test_jars_that_are_there_are_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = jars.classpath()

    def fetch() -> None:
        pytest.fail("it fetched")

    monkeypatch.setattr(jars, "_fetch_in_child", fetch)
    assert jars.classpath() == found
    assert [jar.name for jar in found] == list(jars.locked_jars())


def test_a_broken_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text("# comment\nonly-one-word\n")
    with pytest.raises(JarError, match=r"python -m deploy\.brokers\.jars"):
        jars.locked_jars(lock)


# The ladder


@pytest.mark.kafka
def test_an_address_is_used_as_it_is(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path, no_variables: None
) -> None:
    del no_variables
    settings = Settings.load(
        kafka=kafka.bootstrap,
        redis=redis_address.url,
        kafka_properties={k: v for k, v in kafka.properties.items() if k != "bootstrap.servers"} | {"linger.ms": "1"},
    )
    with open_kafka(settings, tmp_path / "k") as given, open_redis(settings, tmp_path / "r") as cache:
        assert given.origin == "given"
        assert given.properties == {**kafka.properties, "linger.ms": "1"}
        assert (cache.origin, cache.url) == ("given", redis_address.url)
    assert not list(tmp_path.iterdir())


def test_an_address_that_does_not_answer_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_variables: None
) -> None:
    del no_variables
    monkeypatch.setattr("deploy.brokers.ladder._ANSWER_S", 1.0)
    settings = Settings.load(kafka="127.0.0.1:1", redis="redis://u:hunter2@127.0.0.1:1/0")
    with pytest.raises(UnreachableError, match=r"redis://\*\*\*@127\.0\.0\.1:1/0 does not answer") as caught:
        open_redis(settings, tmp_path).__enter__()
    assert "hunter2" not in str(caught.value)
    with pytest.raises(UnreachableError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        open_kafka(settings, tmp_path).__enter__()


def test_a_property_that_the_client_does_not_know_is_named(tmp_path: Path, no_variables: None) -> None:
    del no_variables
    settings = Settings.load(kafka="127.0.0.1:1", kafka_properties={"sasl.pasword": "hunter2"})
    with pytest.raises(ConfigurationError, match=r"sasl\.pasword") as caught:
        open_kafka(settings, tmp_path).__enter__()
    assert "hunter2" not in str(caught.value)


def test_security_settings_without_an_address_are_refused(tmp_path: Path, no_variables: None) -> None:
    del no_variables
    settings = Settings.load(kafka_properties={"security.protocol": "SASL_SSL"})
    with pytest.raises(ConfigurationError, match=r"security\.protocol: set, but the local Kafka"):
        open_kafka(settings, tmp_path).__enter__()


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", [{"session.timeout.ms": "1000"}, {"group.protocol": "consumer"}])
def test_members_may_have_short_sessions(kafka: KafkaAddress, protocol: dict[str, str]) -> None:
    if kafka.origin == "given":
        pytest.skip("another Kafka has its own limits")
    topic = f"short-{'-'.join(protocol.values())}"
    with AdminClient(dict(kafka.properties)) as admin:
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    with contextlib.closing(Consumer({**kafka.properties, "group.id": topic, **protocol})) as consumer:
        consumer.subscribe([topic])
        assert wait_until(lambda: consumer.poll(0.1) is None and bool(consumer.assignment()), timeout_s=30.0)


# The doctor


def _doctor(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, list(arguments))


def _rows(result: Result) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(result.stdout)["checks"]}


@pytest.mark.kafka
def test_the_doctor_finds_this_machine_ready(kafka: KafkaAddress, no_variables: None) -> None:
    del kafka, no_variables
    jars.classpath()
    result = _doctor("--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["ready"] is True
    rows = _rows(result)
    assert {row["status"] for row in rows.values() if row["required"]} <= {"ok", "warning"}
    assert {"python", "packages", "torch", "gpu", "settings", "java", "jars"} <= rows.keys()
    assert {"testcontainers", "container engine", "kafka", "redis", "data folder", "disk"} <= rows.keys()


def test_the_doctor_writes_a_table_without_colours_where_there_is_no_terminal(no_variables: None) -> None:
    del no_variables
    result = _doctor()
    assert "data folder" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.kafka
def test_the_doctor_names_what_a_given_kafka_says(
    kafka: KafkaAddress, redis_address: RedisAddress, monkeypatch: pytest.MonkeyPatch, no_variables: None
) -> None:
    del no_variables
    monkeypatch.setenv("SLUICE_KAFKA", kafka.bootstrap)
    others = {name: value for name, value in kafka.properties.items() if name != "bootstrap.servers"}
    monkeypatch.setenv("SLUICE_KAFKA_PROPERTIES", json.dumps(others))
    monkeypatch.setenv("SLUICE_REDIS", redis_address.url)
    result = _doctor("--json")
    assert result.exit_code == 0, result.output
    assert "broker(s)" in _rows(result)["kafka"]["found"]
    assert _rows(result)["redis"]["found"].endswith(redis_address.shown)


def test_the_doctor_is_not_content_with_what_does_not_answer_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, no_variables: None
) -> None:
    del no_variables
    monkeypatch.setattr("deploy.doctor._ANSWER_S", 1.0)
    monkeypatch.setenv("SLUICE_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("SLUICE_KAFKA__SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("SLUICE_REDIS", "redis://u:hunter2@127.0.0.1:1/0")
    result = _doctor("--json")
    assert result.exit_code == 1
    rows = _rows(result)
    assert (rows["kafka"]["status"], rows["redis"]["status"]) == ("missing", "missing")
    assert "SLUICE_KAFKA" in rows["kafka"]["advice"]
    assert "hunter2" not in result.output + _doctor().output


def test_the_doctor_explains_settings_that_are_wrong(monkeypatch: pytest.MonkeyPatch, no_variables: None) -> None:
    del no_variables
    monkeypatch.setenv("SLUICE_PARTITIONS", "many")
    result = _doctor("--json")
    assert result.exit_code == 1
    assert "SLUICE_PARTITIONS" in _rows(result)["settings"]["advice"]


def test_the_doctor_sees_a_data_folder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_variables: None
) -> None:
    del no_variables
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "file" / "below"))
    result = _doctor("--json")
    assert result.exit_code == 1
    assert _rows(result)["data folder"]["status"] == "missing"


def test_a_local_kafka_names_its_version() -> None:
    assert LocalKafka("a:1", "id", 1, Path("log")).version == jars.KAFKA_VERSION
