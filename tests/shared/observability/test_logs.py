"""What a process writes about an error: where it was, never what somebody sent."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.errors import Unavailable
from shared.observability.logs import configure_logs

SENT = "ann.lee@personal.example"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail_as_libraries_do() -> None:
    try:
        {}[SENT]
    except KeyError as missing:
        raise ValueError(f"{SENT} is no number") from missing


@pytest.mark.parametrize("by", ["ours", "a library"])
def test_an_unforeseen_error_is_logged_with_its_place_and_type_and_without_its_words(capsys: pytest.CaptureFixture[str], by: str) -> None:
    configure_logs("test", "json", "info")

    try:
        fail_as_libraries_do()
    except ValueError as error:
        if by == "ours":
            structlog.get_logger().critical("loop crashed", action="loop_crashed", exc_info=error)
        else:
            logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)

    told = json.loads(capsys.readouterr().err)["exception"]
    assert SENT not in told
    assert told.count(", in fail_as_libraries_do") == 2
    assert told.index("builtins.KeyError") < told.index("builtins.ValueError")


def test_an_error_of_our_own_says_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("test", "json", "info")

    try:
        raise Unavailable("kafka", "not connected yet")
    except Unavailable as away:
        structlog.get_logger().error("refused", action="refused", exc_info=away)

    assert "shared.errors.Unavailable: kafka: not connected yet" in json.loads(capsys.readouterr().err)["exception"]
