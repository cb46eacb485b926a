"""The manifests pass their checks, and each check fails on what it is there for."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deploy.check.environment import environment_problems
from deploy.check.kinds import kind_problems
from deploy.check.pods import pod_problems
from deploy.check.rendering import DEPLOY, Object, RenderingFailed, example_secrets, program, render, run
from deploy.check.scaling import scaling_problems

Spoil = Callable[[Object], Any]


@pytest.fixture(scope="module")
def production() -> list[Object]:
    return render(DEPLOY / "k8s" / "overlays" / "production")


def problems(objects: list[Object]) -> Iterator[str]:
    """What is found by all checks but that of the kinds."""
    secrets = example_secrets()
    yield from pod_problems(objects)
    yield from environment_problems(objects, secrets)
    yield from scaling_problems(objects, secrets)


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of this kind whose name is this, or this with the hash that kustomize adds."""
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(name)]
    return found


def container_of(workload: Object) -> Any:
    return workload["spec"]["template"]["spec"]["containers"][0]


def settings_of(config_map: Object) -> Any:
    return config_map["data"]


def trigger_of(scaled: Object) -> Any:
    return scaled["spec"]["triggers"][0]["metadata"]


def pod_of(workload: Object) -> Any:
    return workload["spec"]["template"]["spec"]


MISSHAPEN: list[tuple[str, str, str, Spoil, str]] = [
    ("a misspelt field", "Deployment", "scoring-api", lambda o: pod_of(o).update(restartPolcy="Always"), "restartPolcy"),
    ("a wrong type", "Service", "scoring-api", lambda o: o["spec"]["ports"][0].update(port="eighty"), "eighty"),
    ("a kind that no cluster knows", "Service", "scoring-api", lambda o: o.update(apiVersion="v2"), "has no Service v2"),
    ("a field that KEDA does not have", "ScaledObject", "scoring-consumer", lambda o: o["spec"].update(maxReplicas=3), "maxReplicas"),
    ("a number where KEDA wants a text", "ScaledObject", "scoring-consumer", lambda o: trigger_of(o).update(lagThreshold=20000), "20000"),
    ("a CPU that KEDA does not know", "ScaledObject", "ingest-surveys",
     lambda o: o["spec"]["triggers"][1]["metadata"].update(value="60%"), "60%"),
    ("a custom kind without a schema", "ScaledObject", "scoring-consumer", lambda o: o.update(kind="ScaledJob"), "scaledjob.json"),
]  # fmt: skip

BROKEN: list[tuple[str, str, str, Spoil, str]] = [
    ("an unknown variable", "ConfigMap", "hearback-scoring", lambda o: settings_of(o).update(HEARBACK_SCORING_HOTS="::"),
     "nobody reads HEARBACK_SCORING_HOTS"),
    ("an unknown nested variable", "ConfigMap", "hearback-alerts", lambda o: settings_of(o).update(HEARBACK_ALERTS_SMTP__HOSTS="x"),
     "nobody reads HEARBACK_ALERTS_SMTP__HOSTS"),
    ("a missing required variable", "ConfigMap", "hearback-connections", lambda o: settings_of(o).pop("HEARBACK_KAFKA_BOOTSTRAP"),
     "HEARBACK_KAFKA_BOOTSTRAP: Field required"),
    ("a missing database", "Deployment", "scoring-api", lambda o: container_of(o)["env"].clear(),
     "HEARBACK_SCORING_DATABASE_URL: Field required"),
    ("a database that is not migrated", "Job", "prepare", lambda o: container_of(o)["env"].pop(),
     "HEARBACK_ALERTS_DATABASE_URL is missing"),
    ("a value that is refused", "ConfigMap", "hearback-connections", lambda o: settings_of(o).update(HEARBACK_KAFKA_REPLICATION="0"),
     "HEARBACK_KAFKA_REPLICATION"),
    ("alerts outside production", "ConfigMap", "hearback-alerts", lambda o: settings_of(o).pop("HEARBACK_ALERTS_ENVIRONMENT"),
     "HEARBACK_ALERTS_ENVIRONMENT must be production"),
    ("ingest outside production", "ConfigMap", "hearback-ingest", lambda o: settings_of(o).pop("HEARBACK_INGEST_ENVIRONMENT"),
     "HEARBACK_INGEST_ENVIRONMENT must be production"),
    ("vendors at private addresses", "ConfigMap", "hearback-ingest",
     lambda o: settings_of(o).update(HEARBACK_INGEST_ALLOW_PRIVATE_ADDRESSES="true"), "refused in production"),
    ("vendors told to call a pod", "ConfigMap", "hearback-ingest", lambda o: settings_of(o).pop("HEARBACK_INGEST_PUBLIC_URL"),
     "HEARBACK_INGEST_PUBLIC_URL is missing"),
    ("all customers taken for one", "ConfigMap", "hearback-ingest",
     lambda o: settings_of(o).pop("HEARBACK_INGEST_TRUSTED_PROXIES"), "HEARBACK_INGEST_TRUSTED_PROXIES must count"),
    ("no key for the secrets of endpoints", "Deployment", "ingest-channels",
     lambda o: container_of(o).update(env=[one for one in container_of(o)["env"] if "SECRETS_KEY" not in one["name"]]),
     "HEARBACK_INGEST_SECRETS_KEY is missing"),
    ("private receivers", "ConfigMap", "hearback-alerts",
     lambda o: settings_of(o).update(HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS="true"), "refused in production"),
    ("a service nobody can reach", "ConfigMap", "hearback-ingest", lambda o: settings_of(o).pop("HEARBACK_INGEST_HOST"),
     "HEARBACK_INGEST_HOST=127.0.0.1 cannot be reached"),
    ("a port that nothing listens on", "Deployment", "alerts-api", lambda o: container_of(o)["ports"][0].update(containerPort=8080),
     "8080"),
    ("a secret that nobody makes", "Deployment", "alerts-api",
     lambda o: container_of(o)["env"][0]["valueFrom"]["secretKeyRef"].update(key="nothing"), "no key nothing"),
    ("a role that is not there", "Deployment", "alerts-timers", lambda o: container_of(o)["args"].__setitem__(3, "timer"), "deployed are"),
    ("a command that is not there", "Deployment", "alerts-timers", lambda o: container_of(o).update(args=["serv", "alerts"]),
     "not a command"),
    ("a root user", "Deployment", "ingest-events", lambda o: pod_of(o)["securityContext"].update(runAsUser=0), "not root"),
    ("a writable root", "Deployment", "ingest-events",
     lambda o: container_of(o)["securityContext"].update(readOnlyRootFilesystem=False), "readOnlyRootFilesystem"),
    ("variables of Kubernetes among ours", "Deployment", "ingest-events", lambda o: pod_of(o).pop("enableServiceLinks"),
     "enableServiceLinks"),
    ("no time to drain", "Deployment", "scoring-consumer", lambda o: pod_of(o).update(terminationGracePeriodSeconds=30),
     "must be 40 or more"),
    ("more to drain than there is time for", "ConfigMap", "hearback-alerts",
     lambda o: settings_of(o).update(HEARBACK_ALERTS_DRAIN_SECONDS="60"), "must be 100 or more"),
    ("an image without a version", "Deployment", "scoring-consumer", lambda o: container_of(o).update(image="registry:5000/hearback"),
     "must name the version"),
    ("a service that selects nothing", "Service", "alerts-api", lambda o: o["spec"].update(selector={"a": "b"}),
     "selects nothing"),
    ("two autoscalers", "ScaledObject", "alerts-consumer", lambda o: o["spec"]["scaleTargetRef"].update(name="scoring-api"),
     "scoring-api: 2 autoscalers"),
    ("a lag of another group", "ScaledObject", "scoring-consumer", lambda o: trigger_of(o).update(consumerGroup="alerts"),
     "the consumer group is scoring"),
    ("a lag of a service instead of its group", "ScaledObject", "ingest-surveys", lambda o: trigger_of(o).update(consumerGroup="ingest"),
     "the consumer group is ingest-surveys"),
    ("a topic that is not read", "ScaledObject", "scoring-consumer", lambda o: trigger_of(o).update(topic="metrics.updated.v1"),
     "scoring does not read metrics.updated.v1"),
    ("consumers without a partition", "ScaledObject", "scoring-consumer", lambda o: o["spec"].update(maxReplicaCount=13),
     "have 12 partitions"),
]  # fmt: skip


def test_production_has_no_problem(production: list[Object]) -> None:
    assert list(kind_problems(production)) == []
    assert list(problems(production)) == []


@pytest.mark.parametrize(("kind", "name", "spoil", "said"), [case[1:] for case in MISSHAPEN], ids=[case[0] for case in MISSHAPEN])
def test_what_a_cluster_would_refuse_is_found(production: list[Object], kind: str, name: str, spoil: Spoil, said: str) -> None:
    spoilt = copy.deepcopy(one(production, kind, name))
    spoil(spoilt)

    found = list(kind_problems([spoilt]))

    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(("kind", "name", "spoil", "said"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_would_not_work_in_a_cluster_is_found(production: list[Object], kind: str, name: str, spoil: Spoil, said: str) -> None:
    spoilt = copy.deepcopy(production)
    spoil(one(spoilt, kind, name))

    found = list(problems(spoilt))

    assert any(said in problem for problem in found), found


def test_a_folder_that_kustomize_refuses_is_said(tmp_path: Any) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [nothing.yaml]")

    with pytest.raises(RenderingFailed, match=r"nothing\.yaml"):
        render(tmp_path)


def test_a_dockerfile_that_runs_as_root_with_a_floating_image_is_refused(tmp_path: Any) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nUSER root\nRUN cd /tmp && apt-get install curl\n")

    code, output = run(program("hadolint"), "--no-color", str(tmp_path / "Dockerfile"))

    assert code == 1 and "DL3007" in output and "DL3002" in output
