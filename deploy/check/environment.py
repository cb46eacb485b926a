"""The environment of every container against the settings that its command reads: nothing unknown, nothing missing, no value refused."""

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry.sdk import environment_variables as opentelemetry
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from deploy.check.rendering import Object, containers, named, of_kind, workloads
from services.alerts import settings as alerts
from services.cli.settings import LocalSettings
from services.closed_loop.settings import ClosedLoopSettings
from services.ingest import settings as ingest
from services.scoring.settings import ScoringSettings
from shared.errors import ConfigurationError
from shared.settings import KafkaSettings, ServiceSettings, Settings, TracingSettings, load

SETTINGS: dict[str, type[ServiceSettings]] = {
    "ingest": ingest.IngestSettings,
    "scoring": ScoringSettings,
    "closed_loop": ClosedLoopSettings,
    "alerts": alerts.AlertsSettings,
}
LOADED_BY: dict[str, Callable[[], ServiceSettings]] = {"ingest": ingest.load_settings, "alerts": alerts.load_settings}
"""Services that refuse more than a settings class can say."""
READ_BY_LIBRARIES = frozenset({"PGSSLMODE", "PGSSLROOTCERT", *(name for name in vars(opentelemetry) if name.startswith("OTEL_"))})
"""What asyncpg and OpenTelemetry read themselves."""
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - a pod has to be reached from without


DRAINED_IN = 1.5
"""Times drain_seconds: requests have half of it, loops the whole (shared.web.process)."""
TO_SPARE_SECONDS = 5.0


class Command(NamedTuple):
    """What a container runs: `serve` with its service and roles, `migrate` with its services, or `topics`."""

    verb: str
    services: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()


def command_of(container: Object) -> Command | None:
    """What the arguments of a container say; None when it is nothing that a pod should run."""
    match container.get("args", []):
        case ["serve", service, *rest] if service in SETTINGS and set(rest[::2]) <= {"--role"} and len(rest) % 2 == 0:
            return Command("serve", (service,), frozenset(rest[1::2]))
        case ["migrate", *services] if services and set(services) <= SETTINGS.keys():
            return Command("migrate", tuple(services))
        case ["topics", "create"]:
            return Command("topics")
    return None


def environment_problems(objects: list[Object], secrets: list[Object]) -> Iterator[str]:
    """Containers that would not start, or that are told what nobody reads. `secrets` stand for those of the installation."""
    deployed: dict[str, set[str]] = {}
    for workload in workloads(objects):
        for container in containers(workload):
            where = f"{named(workload)}, {container['name']}"
            command = command_of(container)
            if command is None:
                yield f"{where}: `hearback {' '.join(map(str, container.get('args', ())))}` is not a command that a pod runs"
                continue
            try:
                told = environment_of(container, objects, secrets)
            except ValueError as wrong:
                yield f"{where}: {wrong}"
                continue
            for problem in _problems_of(command, told, container, workload["spec"]["template"]["spec"]):
                yield f"{where}: {problem}"
            if command.verb == "serve":
                deployed.setdefault(command.services[0], set()).update(command.roles)
    for service in SETTINGS:
        roles = importlib.import_module(f"services.{service}.main").ROLES
        if (runs := deployed.get(service, set())) != roles:
            yield f"{service} has the roles {', '.join(sorted(roles))}; deployed are {', '.join(sorted(runs)) or 'none'}"


def environment_of(container: Object, objects: list[Object], secrets: list[Object]) -> dict[str, str]:
    """The variables of a container with their values. Raises ValueError for a reference to what is not there."""
    maps = {one["metadata"]["name"]: one.get("data", {}) for one in of_kind(objects, "ConfigMap")}
    sealed = {one["metadata"]["name"]: one["stringData"] for one in secrets}
    told: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        name = source.get("configMapRef", {}).get("name")
        if name not in maps:
            raise ValueError(f"there is no ConfigMap {name}")
        told |= maps[name]
    for variable in container.get("env", ()):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if reference is None:
            told[variable["name"]] = variable["value"]
        elif reference["key"] in sealed.get(reference["name"], {}):
            told[variable["name"]] = sealed[reference["name"]][reference["key"]]
        else:
            raise ValueError(f"secrets.example.yaml has no key {reference['key']} of {reference['name']}")
    return told


def _problems_of(command: Command, told: Mapping[str, str], container: Object, pod: Object) -> Iterator[str]:
    reads: list[type[Settings]] = [KafkaSettings, TracingSettings, *([LocalSettings] if command.verb == "migrate" else [])]
    reads += [SETTINGS[service] for service in command.services if command.verb == "serve"]
    known = READ_BY_LIBRARIES.union(*(variables_of(one) for one in reads))
    for name in sorted(told.keys() - known):
        yield f"nobody reads {name}"
    try:
        with _environment(told):
            if command.verb != "migrate":
                load(KafkaSettings)
                load(TracingSettings)
            if command.verb == "serve":
                [service] = command.services
                settings = LOADED_BY[service]() if service in LOADED_BY else load(SETTINGS[service])
                yield from _service_problems(service, settings, container)
                yield from _draining_problems(settings, container, pod)
            elif command.verb == "migrate":
                local = load(LocalSettings)
                for service in command.services:
                    if local.database_url_of(service) is None:
                        yield f"HEARBACK_{service.upper()}_DATABASE_URL is missing"
    except ConfigurationError as refused:
        yield str(refused)


def _service_problems(service: str, settings: ServiceSettings, container: Object) -> Iterator[str]:
    """What a service would start with, and then be no use."""
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
    if settings.host not in EVERYWHERE:
        yield f"HEARBACK_{service.upper()}_HOST={settings.host} cannot be reached from without the pod"
    if ports != {"http": settings.port}:
        yield f"listens on {settings.port}, and its ports are {ports}"
    if isinstance(settings, ingest.IngestSettings):
        if settings.environment != "production":
            yield "HEARBACK_INGEST_ENVIRONMENT must be production"
        if settings.secrets_key is None:
            yield "HEARBACK_INGEST_SECRETS_KEY is missing: no endpoint could be made"
        if "127.0.0.1" in settings.public_url:
            yield "HEARBACK_INGEST_PUBLIC_URL is missing: vendors would be told to call 127.0.0.1"
        if settings.trusted_proxies == 0:
            yield "HEARBACK_INGEST_TRUSTED_PROXIES must count the ingress controller: without it all customers are one visitor"
    if isinstance(settings, alerts.AlertsSettings):
        if settings.environment != "production":
            yield "HEARBACK_ALERTS_ENVIRONMENT must be production"
        if settings.secrets_key is None:
            yield "HEARBACK_ALERTS_SECRETS_KEY is missing: no webhook could be made"
        if "127.0.0.1" in settings.external_url:
            yield "HEARBACK_ALERTS_EXTERNAL_URL is missing: notifications would point at 127.0.0.1"


def _draining_problems(settings: ServiceSettings, container: Object, pod: Object) -> Iterator[str]:
    waits = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = waits + DRAINED_IN * settings.drain_seconds + TO_SPARE_SECONDS
    if pod.get("terminationGracePeriodSeconds", 30) < needed:
        yield f"terminationGracePeriodSeconds must be {needed:.0f} or more, for drain_seconds of {settings.drain_seconds:.0f}"


def variables_of(settings: type[Settings]) -> set[str]:
    """The names under which a settings class looks into the environment, those inside nested settings included."""
    prefix = settings.model_config.get("env_prefix", "")
    return {name for field, info in settings.model_fields.items() for name in _names(f"{prefix}{field}".upper(), info)}


def _names(name: str, info: FieldInfo) -> Iterator[str]:
    match info.validation_alias:
        case str(alias):
            yield alias
        case AliasChoices(choices=choices):
            yield from (str(choice) for choice in choices)
        case _:
            yield name
    for model in _models(info.annotation):
        for field, inner in model.model_fields.items():
            yield from _names(f"{name}__{field}".upper(), inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The nested models of `Model` or `Model | None`."""
    for one in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


@contextmanager
def _environment(told: Mapping[str, str]) -> Iterator[None]:
    """Only these variables, for as long as settings are read."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(told)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
