"""Interleaved rounds, the steal of the host beside each, medians of per-round ratios, and the file of results."""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, SupportsFloat, TypeVar

RESULTS = Path(__file__).parent / "results.json"
STEAL_LIMIT = 0.03

Measure = Callable[[], Awaitable[float]]
Found = TypeVar("Found", bound=SupportsFloat)
"""What one measure found in one round; it may hold more than the number that is printed."""


def _cpu() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields), fields[7]


async def interleave(measures: Mapping[str, Callable[[], Awaitable[Found]]], rounds: int = 5) -> tuple[dict[str, list[Found]], float]:
    """Each measure once a round, `rounds` times; rounds in which the host stole more than 3 % are repeated, at most as often again.

    Returns the figures of each, round by round, and the largest steal that was let through.
    """
    figures: dict[str, list[Found]] = {name: [] for name in measures}
    largest = 0.0
    for attempt in range(2 * rounds):
        total, stolen = _cpu()
        found = {name: await measure() for name, measure in measures.items()}
        total_after, stolen_after = _cpu()
        steal = (stolen_after - stolen) / max(1, total_after - total)
        print(f"  round {attempt + 1}: {', '.join(f'{n} {float(v):,.1f}' for n, v in found.items())} (steal {steal:.1%})", flush=True)
        if steal > STEAL_LIMIT and attempt < rounds:
            continue
        largest = max(largest, steal)
        for name, value in found.items():
            figures[name].append(value)
        if len(figures[next(iter(figures))]) == rounds:
            break
    return figures, largest


def record(name: str, figures: Mapping[str, list[float]], unit: str, steal: float) -> None:
    """Print one figure (of `ours`, and `peer` and `limit` where there are such) and keep it in results.json."""
    ours = figures["ours"]
    result: dict[str, Any] = {"ours": round(median(ours), 2), "unit": unit, "rounds": len(ours), "steal": round(steal, 4)}
    for other in ("limit", "peer"):
        values = figures.get(other)
        result[other] = None if values is None else round(median(values), 2)
        result[f"ratio_{other}"] = None if values is None else round(median(a / b for a, b in zip(ours, values, strict=True)), 3)
    print(f"{name}: {result}", flush=True)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**kept, name: result}, indent=2, sort_keys=True) + "\n")
