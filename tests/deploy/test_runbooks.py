"""What the runbooks tell people to type exists, and says what it should."""

import re
import shlex
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from deploy.check.rendering import DEPLOY, of_kind, render
from services.alerts import consumer as alerts
from services.cli.main import app
from services.cli.offsets import GROUPS
from services.closed_loop import sources as closed_loop
from services.ingest.surveys import consumer as surveys
from services.scoring import sources as scoring

RUNBOOKS = sorted((DEPLOY.parent / "docs" / "runbooks").glob("*.md"))
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in RUNBOOKS}
BLOCKS = [(name, block) for name, text in TEXTS.items() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
LINES = [(name, line.strip()) for name, block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
COMMANDS = sorted({(name, found[1]) for name, line in LINES if (found := re.search(r"(?:^|-- |… )(hearback .*)", line))})

USAGE_ERROR: Any = typer.BadParameter.__base__
"""Whatever the click that typer carries refuses."""


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_a_command_of_a_runbook_is_one_of_ours_with_these_arguments(page: str, line: str) -> None:
    assert refusal(line) is None, f"{page}: {line}"


@pytest.mark.parametrize(
    "line", ["hearback rewind", "hearback offsets seek", "hearback offsets seek scoring t --to middle", "hearback migrate x"]
)
def test_a_command_that_is_not_ours_would_be_found(line: str) -> None:
    assert refusal(line) is not None


def refusal(line: str) -> str | None:
    """What the command line would say against this, without running it."""
    _, *arguments = shlex.split(line)
    command: Any = typer.main.get_command(app)
    while hasattr(command, "get_command"):
        name, *arguments = arguments
        command = command.get_command(None, name)
        if command is None:
            return f"there is no {name}"
    try:
        command.make_context("hearback", arguments)
    except USAGE_ERROR as refused:
        return str(refused)
    return None


def test_every_offset_of_every_consumer_is_among_those_to_seek_when_kafka_is_lost() -> None:
    told = set(re.findall(r"^ *hearback offsets seek (\S+) (\S+) --to beginning$", TEXTS["backup-and-restore.md"], re.MULTILINE))

    read = {
        *product([scoring.GROUP], (*scoring.LIVE, *scoring.BACKFILL)),
        *product([closed_loop.GROUP], (*closed_loop.LIVE, *closed_loop.BACKFILL)),
        *product([alerts.GROUP], alerts.LIVE),
        *product([surveys.GROUP], surveys.LIVE),
    }
    assert told == read
    assert {group for group, _ in read} == GROUPS.keys()


def test_deployments_that_a_runbook_names_are_in_every_overlay() -> None:
    named = {name for text in TEXTS.values() for name in re.findall(r"\bdeploy(?:ment)?/([a-z][a-z-]+)\b(?!/)", text)} - {"docker"}

    for overlay in (DEPLOY / "k8s" / "overlays").iterdir():
        assert {*named, "alerts-consumer"} <= {one["metadata"]["name"] for one in of_kind(render(overlay), "Deployment")}


def test_links_lead_somewhere() -> None:
    links = [(page, link) for page in RUNBOOKS for link in re.findall(r"\]\(([^)#:]+)\)", TEXTS[page.name])]

    assert links
    assert [str(link) for page, link in links if not (page.parent / Path(link)).exists()] == []
