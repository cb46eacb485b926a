"""Phone numbers: to E.164 where they are a field of their own, and recognised where they stand in a text."""

import re
from functools import cache, lru_cache
from typing import Annotated

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat
from pydantic import AfterValidator

from shared.contracts.fields import Country

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NOTHING = re.compile("(?!)")
SHORTEST, LONGEST = 7, 15
"""Digits of a number in a text: shorter ones are extensions and counts, longer ones E.164 does not have."""


@lru_cache(maxsize=4096)
def to_e164(phone: str, region: str | None) -> str:
    """The number in E.164, read as one of `region` (ISO 3166) where it has no country code; as it was, when it is no possible number."""
    if _E164.fullmatch(phone):
        return phone
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        return phone
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_possible_number(number) else phone


def _with_numbers(country: str) -> str:
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("is no country of ISO 3166 with a telephone network")
    return country


Home = Annotated[Country, AfterValidator(_with_numbers)]
"""A country that phone numbers can be at home in."""


def is_international(digits: str) -> bool:
    """Whether this, behind a +, may be called: a country code that exists, and a length that it has; a trunk 0 behind the code may stay.

    The library's own parser says the same in fifty times the time, too long for every number in a text.
    """
    for size in (1, 2, 3):
        lengths = _lengths_behind(int(digits[:size]))
        if lengths:
            length = len(digits) - size
            return length in lengths or (digits[size : size + 1] == "0" and length - 1 in lengths)
    return False


def is_national(digits: str, region: str, *, spaced: bool) -> bool:
    """Whether this is given out in `region`. Written in one piece it has to begin with 0 or to be a mobile number beyond doubt: else every
    order number of ten digits would be American."""
    given_out, mobile, trunk = _numbers_of(region)
    number = digits.removeprefix(trunk) if trunk else digits
    if not (given_out.fullmatch(number) or given_out.fullmatch(digits)):
        return False
    return spaced or digits[0] == "0" or mobile.fullmatch(number) is not None


@cache
def _lengths_behind(code: int) -> frozenset[int]:
    """The digits that may follow a country code; none for a code that does not exist."""
    found: set[int] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE.get(code, ()):
        anywhere = region == "001"  # the world: satellites, free calls
        metadata = PhoneMetadata.metadata_for_nongeo_region(code) if anywhere else PhoneMetadata.metadata_for_region(region)
        if metadata is not None and metadata.general_desc is not None:
            found.update(length for length in metadata.general_desc.possible_length if length > 0)
    return frozenset(found)


@cache
def _numbers_of(region: str) -> tuple[re.Pattern[str], re.Pattern[str], str]:
    """All numbers that a region gives out, those that are mobile and nothing else, and what is dialled before them inside it."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        return _NOTHING, _NOTHING, ""
    kinds = (metadata.fixed_line, metadata.mobile, metadata.toll_free, metadata.premium_rate, metadata.shared_cost, metadata.voip,
             metadata.personal_number, metadata.pager, metadata.uan)  # fmt: skip
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern]
    fixed, mobile = (kind.national_number_pattern if kind is not None else None for kind in (metadata.fixed_line, metadata.mobile))
    only_mobile = _NOTHING.pattern if mobile is None or mobile == fixed else mobile
    return re.compile("|".join(patterns)), re.compile(only_mobile), metadata.national_prefix or ""
