"""Kafka's jars: fetched once by Maven coordinates, held to the committed lock file, served from the cache ever after.

A jar is checked before it is moved into the cache and again at every start, so what runs is what the lock file names; the
network is asked only for what is missing or has changed on disk.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import requests

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

AT_ONCE = 8
SAY_EVERY = 10
TIMEOUT_SECONDS = 30


class Jar(NamedTuple):
    """One line of the lock file: `group:artifact:version sha256 bytes`."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def read_lock(lock: Path) -> list[Jar]:
    """The jars of a lock file, in class path order; `#` starts a comment."""
    jars = []
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256, size = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, sha256, int(size)))
    return jars


def fetch(jars: Sequence[Jar], cache: Path, repository: str | None, say: Callable[[str], None]) -> list[Path]:
    """Make sure that every jar is in the cache and unchanged; the class path.

    `repository` is the address of a Maven repository instead of the default one. Raises ConfigurationError when one cannot be
    had or arrives with other content than the lock says.
    """
    cache.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not _is_intact(cache / jar.file_name, jar)]
    if missing:
        _download(missing, cache, repository, say)
    return [cache / jar.file_name for jar in jars]


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _download(missing: Sequence[Jar], cache: Path, repository: str | None, say: Callable[[str], None]) -> None:
    # here and not above: what runs in an image is installed without it, and fetches nothing
    from jgo.maven import MavenContext

    total = sum(jar.size for jar in missing)
    say(f"Kafka: fetching {len(missing)} jars, {total / 1e6:.0f} MB, once")
    incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache))
    maven = MavenContext(repo_cache=incoming, remote_repos={"central": repository} if repository else None, timeout=TIMEOUT_SECONDS)
    done = 0
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        waiting = {pool.submit(_download_one, jar, maven, cache): jar for jar in missing}
        for count, future in enumerate(as_completed(waiting), start=1):
            future.result()
            done += waiting[future].size
            if count % SAY_EVERY == 0 or count == len(missing):
                say(f"Kafka: {count} of {len(missing)} jars, {done / 1e6:.0f} of {total / 1e6:.0f} MB")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(incoming, ignore_errors=True)


def _download_one(jar: Jar, maven: "MavenContext", cache: Path) -> None:
    coordinate = f"{jar.group}:{jar.artifact}:{jar.version}"
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        arrived = artifact.resolve()
    except requests.RequestException as failed:
        raise ConfigurationError(
            f"cannot fetch {coordinate} from the Maven repository ({type(failed).__name__}): "
            "check the network or the proxy, then start again"
        ) from None
    except RuntimeError:  # what jgo raises when no repository has it
        raise ConfigurationError(
            f"the Maven repository does not hand out {coordinate}: check HEARBACK_LOCAL_MAVEN_REPOSITORY and the proxy, then start again"
        ) from None
    if not _is_intact(arrived, jar):
        raise ConfigurationError(
            f"{coordinate} arrived damaged (its sha256 is not the one in deploy/local/kafka.lock): "
            "start again; if it persists, a proxy alters it"
        )
    arrived.replace(cache / jar.file_name)
