"""Kafka's jars: what runs is what the lock file names, or nothing runs."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.stack.jars import fetch, read_lock
from services.cli.stack.layout import CONFIG
from services.cli.stack.ports import free_port
from shared.errors import ConfigurationError
from tests.cli.maven import MavenRepository, serve_maven


@pytest.fixture
def repository() -> Iterator[MavenRepository]:
    """A repository that hands out nothing yet."""
    with serve_maven() as repository:
        yield repository


def test_jars_are_fetched_once_and_then_need_no_network(repository: MavenRepository, tmp_path: Path) -> None:
    jars = [repository.publish("broker", b"broker" * 1000), repository.publish("clients", b"clients")]
    first = fetch(jars, tmp_path, repository.url, print)
    nobody = f"http://127.0.0.1:{free_port()}"

    again = fetch(jars, tmp_path, nobody, print)

    assert again == first
    assert [path.read_bytes() for path in again] == [b"broker" * 1000, b"clients"]


def test_a_jar_that_was_damaged_on_disk_is_fetched_again_and_only_that_one(repository: MavenRepository, tmp_path: Path) -> None:
    jars = [repository.publish("broker", b"broker"), repository.publish("clients", b"clients")]
    damaged = fetch(jars, tmp_path, repository.url, print)[1]
    damaged.write_bytes(b"clients, altered")
    repository.asked.clear()

    fetch(jars, tmp_path, repository.url, print)

    assert damaged.read_bytes() == b"clients"
    assert repository.asked == ["/org/example/clients/1.0/clients-1.0.jar"]


def test_a_jar_that_arrives_altered_is_refused_in_one_line_and_leaves_nothing(repository: MavenRepository, tmp_path: Path) -> None:
    jar = repository.publish("broker", b"broker")
    repository.replace(jar, b"something else")

    with pytest.raises(ConfigurationError, match=r"org\.example:broker:1\.0 arrived damaged.*start again") as refused:
        fetch([jar], tmp_path, repository.url, print)

    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # jgo leaves the refusing response open
def test_a_repository_that_lacks_a_jar_is_named_as_the_reason(repository: MavenRepository, tmp_path: Path) -> None:
    jar = repository.publish("broker", b"broker")
    repository.files.clear()

    with pytest.raises(ConfigurationError, match=r"does not hand out org\.example:broker:1\.0"):
        fetch([jar], tmp_path, repository.url, print)

    gc.collect()


def test_without_network_the_way_out_is_said(repository: MavenRepository, tmp_path: Path) -> None:
    jar = repository.publish("broker", b"broker")
    nobody = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(ConfigurationError, match=r"cannot fetch org\.example:broker:1\.0 .*check the network"):
        fetch([jar], tmp_path, nobody, print)


def test_the_committed_lock_names_every_jar_with_its_hash_and_no_host() -> None:
    lock = CONFIG / "kafka.lock"

    jars = read_lock(lock)

    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in jars}
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert "//" not in lock.read_text()
