"""What scales a Deployment: one autoscaler each, by the group and the topics that it really reads."""

from collections import Counter
from collections.abc import Iterator

from deploy.check.environment import command_of, environment_of
from deploy.check.rendering import Object, named, of_kind
from services.cli.offsets import GROUPS
from shared.contracts.topics import TOPICS


def scaling_problems(objects: list[Object], secrets: list[Object]) -> Iterator[str]:
    """Autoscalers that hit nothing, get in each other's way, look at the wrong lag, or ask for consumers without a partition."""
    deployments = {one["metadata"]["name"]: one for one in of_kind(objects, "Deployment")}
    scalers = [*of_kind(objects, "HorizontalPodAutoscaler"), *of_kind(objects, "ScaledObject")]
    targets = Counter(one["spec"]["scaleTargetRef"]["name"] for one in scalers)
    for name, count in targets.items():
        if name not in deployments:
            yield f"an autoscaler scales {name}, which is no Deployment"
        elif count > 1:
            yield f"Deployment {name}: {count} autoscalers"
        elif "replicas" in deployments[name]["spec"]:
            yield f"Deployment {name}: names its replicas, and each roll-out would undo what its autoscaler decided"
    known = {one["metadata"]["name"] for one in of_kind(objects, "TriggerAuthentication")}
    for scaled in of_kind(objects, "ScaledObject"):
        if (target := deployments.get(scaled["spec"]["scaleTargetRef"]["name"])) is not None:
            yield from (f"{named(scaled)}: {problem}" for problem in _lag_problems(scaled["spec"], target, known, objects, secrets))
    for authentication in of_kind(objects, "TriggerAuthentication"):
        sealed = {one["metadata"]["name"]: one["stringData"] for one in secrets}
        for reference in authentication["spec"].get("secretTargetRef", ()):
            if reference["key"] not in sealed.get(reference["name"], {}):
                yield f"{named(authentication)}: secrets.example.yaml has no key {reference['key']} of {reference['name']}"


def _lag_problems(spec: Object, target: Object, known: set[str], objects: list[Object], secrets: list[Object]) -> Iterator[str]:
    [container] = target["spec"]["template"]["spec"]["containers"]
    command = command_of(container)
    if command is None or command.roles.isdisjoint({"consumer", "surveys"}):
        yield f"{named(target)} consumes nothing"
        return
    told = environment_of(container, objects, secrets)
    [service] = command.services
    [group] = [group for group, of in GROUPS.items() if of == service]
    triggers = [trigger for trigger in spec["triggers"] if trigger["type"] == "kafka"]
    topics = [trigger["metadata"].get("topic") for trigger in triggers]
    for topic, trigger in zip(topics, triggers, strict=True):
        metadata = trigger["metadata"]
        if metadata.get("consumerGroup") != group:
            yield f"the consumer group is {group}, not {metadata.get('consumerGroup')}"
        if topic not in TOPICS or service not in TOPICS[topic].read_by:
            yield f"{service} does not read {topic}"
        if trigger.get("authenticationRef", {}).get("name") not in known:
            yield f"there is no TriggerAuthentication {trigger.get('authenticationRef', {}).get('name')}"
        if metadata.get("bootstrapServersFromEnv") not in told:
            yield f"{named(target)} has no variable {metadata.get('bootstrapServersFromEnv')}"
        if metadata.get("tls") != ("enable" if told.get("HEARBACK_KAFKA_SECURITY_PROTOCOL", "").endswith("SSL") else "disable"):
            yield "tls is not what HEARBACK_KAFKA_SECURITY_PROTOCOL says"
        if metadata.get("sasl") != told.get("HEARBACK_KAFKA_SASL_MECHANISM", "").lower().replace("-sha-", "_sha"):
            yield "sasl is not what HEARBACK_KAFKA_SASL_MECHANISM says"
    partitions = max((TOPICS[topic].partitions for topic in topics if topic in TOPICS), default=0)
    if spec["maxReplicaCount"] > partitions:
        yield f"maxReplicaCount is {spec['maxReplicaCount']}, and its topics have {partitions} partitions"
