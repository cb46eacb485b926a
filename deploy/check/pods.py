"""Pods as they should be: without rights, probed, spread, named so that whatever selects them finds them."""

from collections.abc import Iterator
from typing import Any

from deploy.check.rendering import Object, containers, named, of_kind, workloads

LEAST = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def pod_problems(objects: list[Object]) -> Iterator[str]:
    """What is wrong with the pods, and with what selects them."""
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        for problem in [*_rights(pod), *(p for one in containers(workload) for p in _container_rights(one))]:
            yield f"{named(workload)}: {problem}"
    for deployment in of_kind(objects, "Deployment"):
        for problem in _probes(deployment["spec"]["template"]["spec"]):
            yield f"{named(deployment)}: {problem}"
        chosen = [one for one in of_kind(objects, "PodDisruptionBudget") if _selects(one["spec"]["selector"], deployment)]
        if len(chosen) != 1:
            yield f"{named(deployment)}: {len(chosen)} PodDisruptionBudgets select it"
    for service in of_kind(objects, "Service"):
        if not any(_selects({"matchLabels": service["spec"]["selector"]}, one) for one in of_kind(objects, "Deployment")):
            yield f"{named(service)}: selects nothing"
    if not any(one["spec"]["podSelector"] == {} and "ingress" not in one["spec"] for one in of_kind(objects, "NetworkPolicy")):
        yield "no NetworkPolicy refuses what the others do not name"


def _rights(pod: Object) -> Iterator[str]:
    security: dict[str, Any] = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "must run as somebody who is not root"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "must have the seccomp profile RuntimeDefault"
    if pod.get("automountServiceAccountToken") is not False:
        yield "must not hold a token of the Kubernetes API"
    if pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks must be false: Kubernetes would write variables of its own among ours"


def _container_rights(container: Object) -> Iterator[str]:
    if container.get("securityContext") != LEAST:
        yield f"{container['name']} must have the securityContext {LEAST}"
    resources = container.get("resources", {})
    if "cpu" not in resources.get("requests", {}) or "memory" not in resources.get("limits", {}):
        yield f"{container['name']} must request CPU and limit memory"
    if ":" not in container["image"].rpartition("/")[2] or container["image"].endswith(":latest"):
        yield f"{container['name']} runs {container['image']}: an overlay must name the version"


def _probes(pod: Object) -> Iterator[str]:
    [container] = pod["containers"]
    for probe, path in (("livenessProbe", "/health/live"), ("startupProbe", "/health/live"), ("readinessProbe", "/health/ready")):
        if container.get(probe, {}).get("httpGet") != {"path": path, "port": "http"}:
            yield f"{probe} must ask {path}"
    for spread in pod.get("topologySpreadConstraints", [{}]):
        if "labelSelector" not in spread:
            yield "a topologySpreadConstraint without labelSelector counts no pods"


def _selects(selector: Object, deployment: Object) -> bool:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    wanted: dict[str, str] = selector["matchLabels"]
    return wanted.items() <= labels.items()
