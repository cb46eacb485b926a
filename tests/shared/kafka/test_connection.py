"""Plain, TLS and SASL connections are settings alone."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import ConfigurationError
from shared.kafka.connection import client_arguments
from shared.settings import KafkaSettings, load


def test_a_plain_connection_carries_no_credentials() -> None:
    arguments = client_arguments(KafkaSettings(bootstrap="broker:9092"), "test")

    assert arguments["security_protocol"] == "PLAINTEXT"
    assert not {"ssl_context", "sasl_mechanism"} & arguments.keys()


def test_sasl_over_tls_checks_the_brokers_certificate_and_names_the_user() -> None:
    settings = KafkaSettings(
        bootstrap="broker:9092", security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="u", sasl_password=SecretStr("s")
    )

    arguments = client_arguments(settings, "test")

    assert arguments["ssl_context"].check_hostname
    assert (arguments["sasl_mechanism"], arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("PLAIN", "u", "s")


def test_a_wrong_value_is_told_in_one_line_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARBACK_KAFKA_BOOTSTRAP", "broker:9092")
    monkeypatch.setenv("HEARBACK_KAFKA_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("HEARBACK_KAFKA_SECURITY_PROTOCOL", "TELEPATHY")

    with pytest.raises(ConfigurationError) as refused:
        load(KafkaSettings)

    assert "HEARBACK_KAFKA_SECURITY_PROTOCOL" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_missing_bootstrap_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARBACK_KAFKA_BOOTSTRAP", raising=False)

    with pytest.raises(ConfigurationError, match="HEARBACK_KAFKA_BOOTSTRAP"):
        load(KafkaSettings)


def test_certificates_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap="broker:9092", security_protocol="SSL", ssl_ca_file=tmp_path / "none.pem")

    with pytest.raises(OSError, match="No such file"):
        client_arguments(settings, "test")
