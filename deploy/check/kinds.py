"""Every object against the schema of its kind: strict, so that a misspelt field is a problem and not silently nothing."""

import json
from collections.abc import Iterable, Iterator
from functools import cache

import kubernetes_validate  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from kubernetes_validate import utils

from deploy.check.rendering import DEPLOY, Object, named

VERSIONS = ("1.30", "1.37")
"""The oldest Kubernetes that has every field used (preStop sleep), and the newest whose schemas are here."""
SCHEMAS = DEPLOY / "k8s" / "schemas"

utils.schema_contents = cache(utils.schema_contents)  # its files are large, and it would read them anew for every object


def kind_problems(objects: list[Object]) -> Iterator[str]:
    """Objects that Kubernetes, or the operator that a custom kind belongs to, would not take as they are meant."""
    for one in objects:
        group = one["apiVersion"].rpartition("/")[0]
        yield from _core_problems(one) if "." not in group or group.endswith(".k8s.io") else _custom_problems(one)


def _core_problems(one: Object) -> Iterator[str]:
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as refused:
            yield f"{named(one)}: {_place(refused.absolute_path)}: {refused.message} (Kubernetes {version})"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{named(one)}: Kubernetes {version} has no {one['kind']} {one['apiVersion']}"


def _custom_problems(one: Object) -> Iterator[str]:
    schema = SCHEMAS / f"{one['kind'].lower()}.json"
    if not schema.exists():
        yield f"{named(one)}: there is no {schema.relative_to(DEPLOY)} to hold it against"
        return
    for refused in Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).iter_errors(one):
        yield f"{named(one)}: {_place(refused.absolute_path)}: {refused.message}"


def _place(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))
