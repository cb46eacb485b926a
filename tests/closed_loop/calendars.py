"""Calendars, instants and facts for the tests, around the clock changes of zones with odd rules."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.facts import KINDS, AgreedDate, BusinessDays, CalendarDays, ClockSpec, Fact, OpenTime, Target
from services.closed_loop.domain.hours import WEEKDAYS, Window

CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Chatham", date(2026, 9, 27)),  # +12:45
    ("Pacific/Apia", date(2011, 12, 30)),  # a date that does not exist
    ("Africa/Casablanca", date(2026, 2, 15)),  # back for Ramadan
    ("Africa/Casablanca", date(2026, 3, 22)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight does not exist
    ("America/Sao_Paulo", date(2018, 2, 18)),  # the last hour of the day before comes twice
    ("America/Havana", date(2026, 11, 1)),  # the first hour of the day comes twice
    ("Asia/Kathmandu", date(2026, 1, 14)),
    ("Asia/Kolkata", date(2026, 1, 14)),
    ("UTC", date(2026, 1, 14)),
]
"""Zones, and a local date at which something happens to their clocks, or nothing ever does."""

WEEKDAYS_9_TO_5 = {name: [("09:00", "17:00")] for name in WEEKDAYS[:5]}


def berlin(windows: dict[str, list[tuple[str, str]]] | None = None, **more: object) -> Calendar:
    """Europe/Berlin, weekdays from nine to five unless said otherwise."""
    return Calendar.from_texts("Europe/Berlin", windows or WEEKDAYS_9_TO_5, **more)  # type: ignore[arg-type]


@st.composite
def days(draw: st.DrawFn) -> tuple[Window, ...]:
    """The windows of one day: apart, or touching; the whole day often enough."""
    if draw(st.integers(0, 4)) == 0:
        return (Window(0, 1440),)
    cuts = draw(st.lists(st.integers(0, 96), unique=True, max_size=6).map(sorted))
    windows = [Window(opens * 15, closes * 15) for opens, closes in zip(cuts[::2], cuts[1::2], strict=False)]
    touching = draw(st.booleans()) and len(windows) > 1
    if touching:
        windows[0] = Window(windows[0].opens, windows[1].opens)
    return tuple(windows)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, date]:
    """A calendar with some open time soon, and the date of interest of its zone."""
    zone, around = draw(st.sampled_from(CHANGES))
    near = st.integers(-4, 8).map(lambda n: around + timedelta(days=n))
    week = list(draw(st.tuples(*[days()] * 7)))
    week[draw(st.integers(0, 6))] = (Window(9 * 60, 17 * 60),)
    holidays = draw(st.frozensets(near, max_size=2))
    special = draw(st.dictionaries(near, days(), max_size=2))
    return Calendar(zone, tuple(week), holidays, special), around


def minutes_around(around: date, first: int = -3 * 1440, last: int = 5 * 1440) -> st.SearchStrategy[datetime]:
    """Whole minutes near a date."""
    noon = datetime(around.year, around.month, around.day, 12, tzinfo=UTC)
    return st.integers(first, last).map(lambda n: noon + timedelta(minutes=n))


def targets(around: date) -> st.SearchStrategy[Target]:
    """Every kind of target. Open time comes in multiples of four minutes, so that quarters of it are whole minutes."""
    return st.one_of(
        st.integers(1, 400).map(lambda n: OpenTime(timedelta(minutes=4 * n))),
        st.integers(1, 3).map(BusinessDays),
        st.integers(1, 4).map(CalendarDays),
        minutes_around(around).map(AgreedDate),
    )


@st.composite
def simulations(draw: st.DrawFn, *, facts_at_most: int = 9) -> tuple[Calendar, ClockSpec, list[Fact], datetime]:
    """A calendar, a spec, facts that begin with a start, and an as_of; all on whole minutes."""
    calendar, around = draw(calendars())
    spec = ClockSpec(
        draw(st.none() | targets(around)),
        tuple(draw(st.lists(st.sampled_from([25, 50, 75]), unique=True))),
        draw(st.sampled_from(["retroactive", "from_change"])),
        draw(st.sampled_from(["continue", "new_cycle"])),
    )
    start = draw(minutes_around(around, -3 * 1440, 0))
    later = st.integers(0, 3000).map(lambda n: start + timedelta(minutes=n))
    happens = st.tuples(later, st.sampled_from(KINDS))
    facts = [Fact(start, "started")]
    for at, kind in draw(st.lists(happens, max_size=facts_at_most, unique=True)):
        facts.append(Fact(at, kind, draw(targets(around)) if kind == "retargeted" else None))
    return calendar, spec, facts, draw(st.integers(0, 4000).map(lambda n: start + timedelta(minutes=n)))
