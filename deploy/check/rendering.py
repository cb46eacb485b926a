"""Overlays as the objects that a cluster would be given."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

Object = dict[str, Any]
"""One Kubernetes object."""

DEPLOY = Path(__file__).parents[1]


class RenderingFailed(Exception):
    """kustomize refuses a folder, in its own words."""


def program(name: str) -> str:
    """A program that a wheel has put beside this Python."""
    return str(Path(sys.executable).parent / name)


def run(*command: str) -> tuple[int, str]:
    """Run a program. Returns its exit code and what it wrote."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603 - our own programs
    return done.returncode, done.stdout


def render(folder: Path) -> list[Object]:
    """What `kubectl kustomize` makes of a folder. Raises RenderingFailed."""
    code, output = run(program("kubectl"), "kustomize", str(folder))
    if code:
        raise RenderingFailed(f"{folder}: {output.strip()}")
    return [one for one in yaml.safe_load_all(output) if one]


def example_secrets() -> list[Object]:
    """The Secrets that an installation has to make, with every key and a word in the place of each value."""
    return list(yaml.safe_load_all((DEPLOY / "k8s" / "secrets.example.yaml").read_text(encoding="utf-8")))


def named(one: Object) -> str:
    """How a problem names an object."""
    return f"{one.get('kind')} {one.get('metadata', {}).get('name')}"


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """The objects of one kind."""
    return [one for one in objects if one.get("kind") == kind]


def workloads(objects: list[Object]) -> list[Object]:
    """What makes pods of ours."""
    return [one for one in objects if one.get("kind") in ("Deployment", "Job")]


def containers(workload: Object) -> Iterator[Object]:
    """The containers of its pods, those that run before the others included."""
    pod = workload["spec"]["template"]["spec"]
    yield from pod.get("initContainers", ())
    yield from pod["containers"]
