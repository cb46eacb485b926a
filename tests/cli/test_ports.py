"""A taken port is said in one line that names the way out."""

import socket

import pytest

from services.cli.stack.ports import HOST, free_port, require_free
from shared.errors import ConfigurationError


def test_a_taken_port_is_refused_with_the_variable_that_moves_the_part() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError) as refused:
            require_free(port, "scoring", "HEARBACK_SCORING_PORT")

    assert f"port {port} for scoring is taken" in str(refused.value)
    assert "HEARBACK_SCORING_PORT=" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_free_port_passes() -> None:
    port = free_port()

    require_free(port, "scoring", "HEARBACK_SCORING_PORT")
