"""The golden table: every case over HTTP. `expect` names the fields that count; the instants in it are compared as instants."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

CASES = json.loads((Path(__file__).parent / "clock_cases.json").read_text())["cases"]


def comparable(field: str, value: Any) -> Any:
    """Instants as instants, whatever their offset and precision are written as."""
    if field == "warnings":
        return [(warning["percent"], datetime.fromisoformat(warning["at"])) for warning in value]
    return datetime.fromisoformat(value) if field.endswith("_at") and value is not None else value


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case['id']} {case['why']}") for case in CASES])
async def test_the_golden_table_holds(clocks: httpx.AsyncClient, case: dict[str, Any]) -> None:
    expected = dict(case["expect"])

    answer = await clocks.post("/v1/clocks/simulate", json=case["request"])

    assert answer.status_code == expected.pop("http_status", 200), answer.text
    reading = answer.json()
    assert {field: comparable(field, reading[field]) for field in expected} == {
        field: comparable(field, value) for field, value in expected.items()
    }


def test_the_table_is_whole() -> None:
    assert len(CASES) == len({case["id"] for case in CASES}) == 70
