"""How tenant A names what is tenant B's on each route that takes anything, and what has to come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REFUSED = (403, 404, 422)
ABSENT = (404,)
"""What is B's does not exist for A: neither forbidden nor in conflict, which would tell that it is there."""
ANSWERED = (200, 201, 202, 204)
"""A is shown, or gets, its own; nothing in the answer is B's."""
ONCE_OF_B = "once-of-b-5c1d"
"""The Idempotency-Key that B has used on every write that takes one."""


@dataclass(frozen=True)
class Attempt:
    """A request of A's that names what is B's. `expected` are the statuses that are right; `empty`: and there is no item.

    Values are templates: {tenant}, {key}, {case} and so on are the names in tests.system.belongings.
    """

    expected: tuple[int, ...]
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    empty: bool = False


POLICY_OF_B = {
    "policies": [
        {
            "id": "b-policy-5c1d", "default": True, "calendar": "b-calendar-5c1d",
            "clocks": [{"kind": "first_response", "target_seconds": 1}],
        }
    ]
}  # fmt: skip
CALENDAR = {"zone": "Europe/Berlin", "windows": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}
CASE_BY_HAND = {"text": "by hand", "channel": "store", "category": "b-category-5c1d"}
NOTE = {"text": "a note"}

_ONCE = {"idempotency-key": ONCE_OF_B}
_CASE = {"case_id": "{case}"}
_EVENT = {
    "type": "feedback.complaint_raised.v1", "id": "{event}", "source": "/b", "time": "2026-03-01T09:30:00Z", "tenant": "{tenant}",
    "data": {"channel": "store", "text": "taken over", "revision": 9, "customer": {"id": "{customer}"}},
}  # fmt: skip
_LATER = "2036-03-01T09:30:00Z"
_COMMANDS: dict[str, Any] = {
    "acknowledge": {"text": "t"},
    "respond": {"text": "t", "next_step": "n", "promised_at": _LATER},
    "resolve": {"outcome": "o", "inform_text": "i"},
    "close": {"note": "n"},
    "assign": {"owner": "a-owner", "team": "a-team"},
    "pause": {"reason": "waiting_on_customer", "until": _LATER},
    "resume": {"note": "n"},
    "retarget": {"clock": "first_response", "reason": "r", "target_seconds": 9},
    "reopen": {"reason": "r"},
    "withdraw": {"reason": "r"},
    "note": NOTE,
}


def _none(**query: str) -> Attempt:
    """A filter on what only B has."""
    return Attempt(ANSWERED, query=query, empty=True)


_CASES = {
    "closed_loop GET /v1/cases": [
        Attempt(ANSWERED, query={"limit": "200"}),
        Attempt(ANSWERED, query={"cursor": "{cases_cursor}"}),
        *(_none(**{name: f"{{{name}}}"}) for name in ("customer", "owner", "team", "category", "origin_id")),
        _none(origin_source="/b"),
        _none(clock="first_response", clock_state="breached"),
        _none(channel="store", open="true"),
    ],
    "closed_loop POST /v1/cases": [
        Attempt(ANSWERED, json={**CASE_BY_HAND, "origin": {"source": "/b", "id": "{origin_id}"}, "customer": {"id": "{customer}"}}),
        Attempt(ANSWERED, json=CASE_BY_HAND, headers=_ONCE),
    ],
    "closed_loop GET /v1/cases/{case_id}": [Attempt(ABSENT, path=_CASE), Attempt(ABSENT, path={"case_id": "{origin_id}"})],
    **{
        f"closed_loop POST /v1/cases/{{case_id}}/{name}": [
            Attempt(ABSENT, path=_CASE, json=body),
            Attempt(ABSENT, path=_CASE, json=body, headers=_ONCE),
            Attempt(ABSENT, path=_CASE, json=body, headers={"if-match": '"1"'}),
            Attempt(ABSENT, path=_CASE, json=body, headers={"if-match": "*"}),
        ]
        for name, body in _COMMANDS.items()
    },
    "closed_loop PUT /v1/policies": [
        Attempt((422,), json=POLICY_OF_B),
        Attempt((422,), json=POLICY_OF_B, headers=_ONCE),
        Attempt(ANSWERED, json={"policies": [{"id": "b-policy-5c1d", "default": True, "clocks": []}]}),
    ],
    "closed_loop GET /v1/calendars/{calendar_id}": [Attempt(ABSENT, path={"calendar_id": "{calendar}"})],
    "closed_loop PUT /v1/calendars/{calendar_id}": [
        Attempt((412,), path={"calendar_id": "{calendar}"}, json=CALENDAR, headers={"if-match": '"2"'}),
        Attempt(ANSWERED, path={"calendar_id": "{calendar}"}, json={**CALENDAR, "zone": "Asia/Kolkata"}),
    ],
    "closed_loop GET /v1/insights/sla": [_none(team="{team}"), _none(category="{category}", to="{before_the_walk}"), Attempt(ANSWERED)],
    "closed_loop POST /v1/clocks/simulate": [
        Attempt((422,), json={"calendar": "{calendar}", "clock": {}, "facts": [], "as_of": _LATER}),
        Attempt(
            ANSWERED,
            json={"calendar": CALENDAR, "clock": {"target_seconds": 9}, "facts": [{"at": "{breached_at}", "kind": "started"}],
                  "as_of": _LATER},
        ),
    ],
}  # fmt: skip

_ALERTS = {
    "alerts GET /v1/rules": [Attempt(ANSWERED, query={"limit": "500"}), Attempt(ANSWERED, query={"cursor": "{rule}"})],
    "alerts GET /v1/rules/{id}": [Attempt(ABSENT, path={"id": "{rule}"})],
    "alerts PUT /v1/rules/{id}": [
        Attempt(ANSWERED, path={"id": "{rule}"}, json={"source": "clock", "state": "warning"}),
        Attempt(ANSWERED, path={"id": "clock-breached"}, json={"source": "clock", "state": "warning"}),
    ],
    "alerts DELETE /v1/rules/{id}": [Attempt((204,), path={"id": "{rule}"}), Attempt(ABSENT, path={"id": "{rule}"})],
    "alerts PUT /v1/routes": [
        Attempt((422,), json={"receiver": "{receiver}"}),
        Attempt((422,), json={"receiver": "default", "routes": [{"receiver": "{receiver}", "matchers": ['source="clock"']}]}),
    ],
    "alerts GET /v1/receivers": [_none(limit="500"), _none(cursor="a")],
    "alerts GET /v1/receivers/{id}": [Attempt(ABSENT, path={"id": "{receiver}"})],
    "alerts PUT /v1/receivers/{id}": [
        Attempt(ANSWERED, path={"id": "{receiver}"}, json={"kind": "webhook", "url": "http://127.0.0.1:9/a"})
    ],
    "alerts DELETE /v1/receivers/{id}": [Attempt((204,), path={"id": "{receiver}"}), Attempt(ABSENT, path={"id": "{receiver}"})],
    "alerts GET /v1/alerts": [
        *(_none(**query) for query in ({"limit": "500"}, {"rule": "{rule}"}, {"rule": "clock-breached"}, {"case": "{case}"})),
        *(_none(**query) for query in ({"state": "firing"}, {"source": "clock"}, {"cursor": "{alerts_cursor}"})),
    ],
    "alerts GET /v1/alerts/{id}": [Attempt(ABSENT, path={"id": "{alert}"})],
    "alerts POST /v1/alerts/{id}/acknowledge": [Attempt(ABSENT, path={"id": "{alert}"})],
    "alerts POST /v1/alerts/{id}/resolve": [
        Attempt(ABSENT, path={"id": "{alert}"}),
        Attempt(ABSENT, path={"id": "{alert}"}, json={"reason": "r"}),
    ],
    "alerts GET /v1/deliveries": [
        _none(limit="500"), _none(receiver="{receiver}"), _none(state="dead"), _none(cursor="{deliveries_cursor}"),
    ],
    "alerts GET /v1/deliveries/{id}": [Attempt(ABSENT, path={"id": "{delivery}"})],
    "alerts POST /v1/deliveries/{id}/replay": [Attempt(ABSENT, path={"id": "{delivery}"})],
}  # fmt: skip

ATTEMPTS: dict[str, list[Attempt]] = {
    "ingest POST /v1/events": [Attempt(REFUSED, json=_EVENT), Attempt(REFUSED, json=[_EVENT, _EVENT])],
    "ingest POST /v1/keys": [
        Attempt(REFUSED, json={"scopes": ["metrics:read"], "tenant": "{tenant}"}),
        Attempt(REFUSED, json={"scopes": ["operator"]}),
    ],
    "ingest GET /v1/keys": [Attempt(ANSWERED, query={"cursor": "", "limit": "500"}), Attempt(ANSWERED, query={"tenant": "{tenant}"})],
    "ingest DELETE /v1/keys/{key_id}": [Attempt(REFUSED, path={"key_id": "{key}"})],
    "ingest POST /v1/tenants": [
        Attempt(REFUSED, json={"id": "{tenant}", "name": "taken over"}),
        Attempt(REFUSED, json={"id": "new-tenant", "name": "n"}),
    ],
    "ingest GET /v1/tenants": [Attempt(REFUSED, query={"cursor": "", "limit": "500"})],
    "ingest GET /v1/tenants/{id}": [Attempt(ABSENT, path={"id": "{tenant}"})],
    "ingest PATCH /v1/tenants/{id}": [Attempt(ABSENT, path={"id": "{tenant}"}, json={"redaction": False})],
    "scoring GET /v1/metrics": [
        Attempt(ANSWERED, query={"metric": "complaint_rate", "window": "24h", "group_by": "channel"}),
        Attempt(ANSWERED, query={"metric": "nps", "window": "24h", "filter": "channel:store"}),
        Attempt(REFUSED, query={"metric": "nps", "window": "24h", "filter": "tenant:{tenant}"}),
        Attempt(REFUSED, query={"metric": "nps", "window": "24h", "group_by": "tenant"}),
    ],
    **_CASES,
    **_ALERTS,
}
"""`<service> <METHOD> <path>` as the service's description has it. A new route is missing here until somebody thought of it."""
