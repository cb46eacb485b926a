"""How any Kafka client of ours connects: plain, TLS or SASL, local or managed, by settings alone."""

from typing import Any

from aiokafka.helpers import create_ssl_context

from shared.settings import KafkaSettings


def client_arguments(kafka: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Arguments that AIOKafkaProducer, AIOKafkaConsumer and AIOKafkaAdminClient take alike."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap,
        "client_id": client_id,
        "security_protocol": kafka.security_protocol,
        "request_timeout_ms": int(kafka.request_timeout_seconds * 1000),
        "retry_backoff_ms": 100,
    }
    if kafka.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = create_ssl_context(
            cafile=None if kafka.ssl_ca_file is None else str(kafka.ssl_ca_file),
            certfile=None if kafka.ssl_cert_file is None else str(kafka.ssl_cert_file),
            keyfile=None if kafka.ssl_key_file is None else str(kafka.ssl_key_file),
        )
    if kafka.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = kafka.sasl_mechanism
        arguments["sasl_plain_username"] = kafka.sasl_username
        arguments["sasl_plain_password"] = None if kafka.sasl_password is None else kafka.sasl_password.get_secret_value()
    return arguments
