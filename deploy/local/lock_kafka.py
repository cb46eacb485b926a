"""Writes kafka.lock anew, after KAFKA changed: `.venv/bin/python deploy/local/lock_kafka.py`. Read the difference before you commit it."""

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.3.0"
LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl")  # Kafka's dependencies bring log4j but not what binds slf4j to it
RUNTIME = ("compile", "runtime")


def main() -> None:
    """Resolve, fetch, hash, write. Raises what jgo raises."""
    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder), timeout=60)
        wanted, brought = maven.resolver.resolve([maven.create_dependency(KAFKA)])
        artifacts = [dependency.artifact for dependency in [*wanted, *(found for found in brought if found.scope in RUNTIME)]]
        log4j = next(artifact for artifact in artifacts if artifact.artifactId == "log4j-core")
        artifacts.append(maven.project(*LOGGING).at_version(log4j.version).artifact())
        lines = []
        for artifact in artifacts:
            content = artifact.resolve().read_bytes()
            coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            lines.append(f"{coordinate} {hashlib.sha256(content).hexdigest()} {len(content)}\n")
    header = f"# {KAFKA} and what it runs with: coordinate, sha256, bytes. Written by lock_kafka.py.\n"
    (Path(__file__).parent / "kafka.lock").write_text(header + "".join(sorted(lines)))


if __name__ == "__main__":
    main()
