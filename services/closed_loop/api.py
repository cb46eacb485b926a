"""The HTTP side of closed_loop: cases, commands on them, configuration, attainment, and the simulation of clocks."""

from fastapi import APIRouter

from services.closed_loop.cases_api import case_routes
from services.closed_loop.commands_api import command_routes
from services.closed_loop.configuration import Calendars
from services.closed_loop.configuration_api import calendar_routes, policy_routes
from services.closed_loop.insights_api import insight_routes
from services.closed_loop.simulate_api import clock_routes
from shared.database.engine import Sessions


def closed_loop_routes(sessions: Sessions, calendars: Calendars) -> list[APIRouter]:
    """All routes."""
    return [
        case_routes(sessions, calendars),
        command_routes(sessions, calendars),
        policy_routes(sessions, calendars),
        calendar_routes(sessions),
        insight_routes(sessions),
        clock_routes(),
    ]
