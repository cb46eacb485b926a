"""One series has one name, and two series never share one."""

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.series import series_name
from tests.contracts.generated import TEXT

SLICES = st.dictionaries(st.from_regex("[a-z][a-z0-9_]{0,5}", fullmatch=True), TEXT | st.text('",{}=\\\n', max_size=4), max_size=3)


def test_a_series_is_named_as_in_the_design() -> None:
    assert series_name("nps", {"channel": "phone"}, "1h") == 'nps{channel="phone"}[1h]'
    assert series_name("nps", {"region": "n", "channel": "web"}, "1h") == 'nps{channel="web",region="n"}[1h]'
    assert series_name("nps", {}, "24h") == "nps[24h]"
    assert series_name("csat", {"product": 'a"b\\c\nd'}, "15m") == r'csat{product="a\"b\\c\nd"}[15m]'


@given(SLICES, SLICES)
def test_names_are_equal_exactly_when_the_slices_are(one: dict[str, str], other: dict[str, str]) -> None:
    same = series_name("nps", one, "1h") == series_name("nps", dict(reversed(other.items())), "1h")

    assert same == (one == other)
