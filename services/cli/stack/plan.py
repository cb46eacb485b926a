"""Which parts a run consists of: what of Kafka and PostgreSQL is ours to start, which services exist, and what each is told."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from services.cli.settings import SERVICES, LocalSettings
from services.cli.stack.files import read_file, replace_file
from services.cli.stack.kafka import Kafka, KafkaSources
from services.cli.stack.layout import State
from services.cli.stack.ports import HOST, port_variable, require_free
from services.cli.stack.postgres import Postgres
from services.cli.stack.service import Service, Simulator


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts. Kafka and PostgreSQL are None when the environment names others."""

    kafka: Kafka | None
    postgres: Postgres | None
    settings: LocalSettings
    state: State

    @property
    def bootstrap(self) -> str:
        """Kafka's address, ours or the one named."""
        return self.kafka.bootstrap if self.kafka else str(self.settings.kafka_bootstrap)

    def database_url(self, service: str) -> str:
        """The database of a service, with the password. Ours must have been created before."""
        named = self.settings.database_url_of(service)
        if named is not None:
            return named
        assert self.postgres is not None
        return self.postgres.url_for(database_name(service))

    def require_ports(self) -> None:
        """Raises ConfigurationError when a port that a part will listen on is taken: said before anything is started."""
        if self.kafka:
            self.kafka.require_ports()
        if self.postgres:
            self.postgres.require_port()
        for service in SERVICES:
            require_free(self.settings.port_of(service), service, port_variable(service))

    def environment(self) -> dict[str, str]:
        """What the processes of this project are told, on top of the environment that they inherit."""
        told = {"HEARBACK_KAFKA_BOOTSTRAP": self.bootstrap, "PYTHONUNBUFFERED": "1"}
        for service in SERVICES:
            told[f"HEARBACK_{service.upper()}_DATABASE_URL"] = self.database_url(service)
            told[port_variable(service)] = str(self.settings.port_of(service))
        told["HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS"] = "true"  # receivers of a try-out listen on this machine
        told["HEARBACK_ALERTS_SECRETS_KEY"] = self._secrets_key("alerts", self.settings.alerts_secrets_key)
        told["HEARBACK_INGEST_SECRETS_KEY"] = self._secrets_key("ingest", self.settings.ingest_secrets_key)
        told["HEARBACK_INGEST_PSEUDONYMS_KEY"] = self._secrets_key("pseudonyms", self.settings.ingest_pseudonyms_key)
        told["HEARBACK_INGEST_PUBLIC_URL"] = self.settings.ingest_public_url or f"http://{HOST}:{self.settings.port_of('ingest')}"
        return told

    def _secrets_key(self, use: str, named: SecretStr | None) -> str:
        """A key that seals the secrets of a service's customers, or hides their customers: the one named in the environment, else one that
        stays with the data."""
        if named is not None:
            return named.get_secret_value()
        file = self.state.secrets_keys[use]
        kept = read_file(file)
        if kept is None:
            kept = Fernet.generate_key().decode()
            replace_file(file, kept)
        return kept

    def service_parts(self, client: httpx.AsyncClient) -> list[Service]:
        """The services, to be started once their databases exist."""
        environment = self.environment()
        return [Service(name, self.settings.port_of(name), environment, self.state.log_of(name), client) for name in SERVICES]

    def simulator_part(self) -> Simulator | None:
        """The simulator, when it is wanted."""
        if not self.settings.simulate:
            return None
        return Simulator(self.state.log_of("simulator"))


def make_plan(settings: LocalSettings, state: State, say: Callable[[str], None]) -> Plan:
    """Decide what to start."""
    sources = KafkaSources(settings.cache, settings.java_home, settings.local_maven_repository)
    kafka = None
    if settings.kafka_bootstrap is None:
        ports = (settings.local_kafka_port, settings.local_kafka_controller_port)
        kafka = Kafka(state.kafka, state.log_of("kafka"), *ports, sources, say)
    postgres = None
    if any(settings.database_url_of(service) is None for service in SERVICES):
        postgres = Postgres(state.postgres, state.log_of("postgres"), settings.local_postgres_port)
    return Plan(kafka, postgres, settings, state)


def database_name(service: str) -> str:
    """The database of a service on our server."""
    return f"hearback_{service}"
