"""Configuration files: read, refused in one line, applied, and theirs alone to change."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from services.alerts.configuration import ConfigurationConflict, delete_rule, put_rule
from services.alerts.domain.rule import read_rule
from services.alerts.files import ConfiguredFiles, read_files
from services.alerts.receivers import opened
from services.alerts.settings import load_settings
from services.alerts.store.receivers import list_receivers
from services.alerts.store.rules import find_route, list_rules
from shared.clock import utc_now
from shared.database.engine import Sessions
from shared.delivery.secrets import SecretBox
from shared.errors import ConfigurationError
from tests.alerts.events import NOON

BOX = SecretBox(SecretStr(Fernet.generate_key().decode()), "KEY")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FILE = f"""
rules:
  - rule: csat-low-phone
    metric: csat
    filter: {{channel: phone}}
    window: 1h
    condition: {{below: 0.70, recover: 0.75}}
    min_samples: 30
    for: 5m
  - rule: slow
    source: clock
    kind: first_response
    state: breached
routes:
  receiver: desk
  group_by: [kind, team]
  routes:
    - matchers: ['source="clock"']
      group_wait: 0s
receivers:
  - receiver: desk
    kind: webhook
    url: https://example.org/hook
    secrets: [{SECRET}]
"""


async def apply(sessions: Sessions, folder: Path) -> None:
    await ConfiguredFiles(read_files(folder), sessions, BOX, utc_now).apply()


async def test_a_file_is_applied_with_its_secrets_sealed_and_again_changes_nothing(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(FILE)

    await apply(sessions, tmp_path)
    await apply(sessions, tmp_path)

    async with sessions() as session:
        rules = {stored.rule.rule: stored for stored in await list_rules(session, "acme")}
        route = await find_route(session, "acme")
        [receiver] = await list_receivers(session, "acme")
    assert {name for name, stored in rules.items() if stored.origin == "file"} == {"csat-low-phone", "slow"}
    assert rules["slow"].version == 1
    assert route is not None
    assert (route.version, route.origin, receiver.version) == (2, "file", 1)
    assert opened(BOX, receiver) == (SECRET,)


async def test_what_comes_from_a_file_is_changed_only_there(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(FILE)
    await apply(sessions, tmp_path)

    async with sessions.begin() as session:
        with pytest.raises(ConfigurationConflict, match="change it there"):
            await delete_rule(session, "acme", "slow", "api", "key:k", NOON)
        with pytest.raises(ConfigurationConflict, match="change it there"):
            await put_rule(session, "acme", read_rule({"rule": "slow", "source": "clock", "state": "warning"}), "api", "key:k", NOON)


async def test_what_is_in_no_file_any_more_is_gone_and_the_tenants_own_stays(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(FILE)
    await apply(sessions, tmp_path)
    async with sessions.begin() as session:
        await put_rule(session, "acme", read_rule({"rule": "own", "source": "clock", "state": "warning"}), "api", "key:k", NOON)

    (tmp_path / "acme.yaml").unlink()
    await apply(sessions, tmp_path)

    async with sessions() as session:
        names = {stored.rule.rule for stored in await list_rules(session, "acme")}
        route = await find_route(session, "acme")
        assert await list_receivers(session, "acme") == []
    assert names == {"clock-breached", "csat-low", "nps-negative", "own"}
    assert route is not None
    assert route.origin == "shipped"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("rules: [", r"acme.yaml: is no YAML \(line 1\)"),
        ("rulez: []", "acme.yaml: must hold rules, routes, receivers and nothing else"),
        ("rules: {a: b}", "acme.yaml: rules must be a list"),
        ("rules: [{rule: low, metric: csat, window: 1h}]", "acme.yaml: rules, low: document: name above or below"),
        ("rules: [{rule: low, metric: csat, window: 1h, condition: {below: 1}, for: soon}]", "rules, low: for: must be a length of time"),
        ("routes: {receiver: nobody}", "routes name receiver nobody, which is not in the file"),
        ("receivers: [{receiver: r, kind: webhook, url: example.org}]", "receivers, r: webhook.url: must begin with http"),
        ("receivers: [{receiver: r, kind: pigeon}]", "receivers, r"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_one_line_that_names_the_place(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "acme.yaml").write_text(content)

    with pytest.raises(ConfigurationError, match=says) as refused:
        read_files(tmp_path)

    assert "\n" not in str(refused.value)


def test_a_folder_that_is_none_and_a_file_that_is_no_tenants_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no directory"):
        read_files(tmp_path / "missing")
    (tmp_path / "Not A Tenant.yaml").write_text("rules: []")
    with pytest.raises(ConfigurationError, match="must be a tenant's"):
        read_files(tmp_path)


def test_production_refuses_private_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARBACK_ALERTS_DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.setenv("HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS", "true")
    assert load_settings().allow_private_receivers

    monkeypatch.setenv("HEARBACK_ALERTS_ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="refused in production"):
        load_settings()
