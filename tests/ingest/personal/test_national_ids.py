"""Published examples of every country's number hold, and a changed digit does not."""

import pytest

from services.ingest.personal.national_ids import CHECKS, is_de_tax_id, is_gb_nino, is_us_ssn
from services.ingest.personal.numbers import IBAN_LENGTHS, is_card, is_iban, luhn

NUMBERS = [
    ("DE", "86095742719"),
    ("DE", "47036892816"),
    ("DE", "65929970489"),
    ("CN", "11010519491231002X"),
    ("CN", "440524198001010013"),
    ("FR", "255081416802538"),
    ("ES", "12345678Z"),
    ("ES", "X1234567L"),
    ("IT", "RSSMRA85T10A562S"),
    ("NL", "111222333"),
    ("NL", "123456782"),
    ("BR", "11144477735"),
    ("BR", "52998224725"),
    ("IN", "234123412346"),
]
CARDS = [
    "4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "6011111111111117", "3530111333300000",
    "6200000000000005", "2223003122003222", "6759649826438453",
]  # fmt: skip
IBANS = [
    "DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
    "NL91ABNA0417164300", "ES9121000418450200051332", "IT60X0542811101000000123456", "BR9700360305000010009795493P1",
]  # fmt: skip


@pytest.mark.parametrize(("country", "number"), NUMBERS)
def test_a_published_number_holds_and_with_any_one_digit_changed_it_does_not(country: str, number: str) -> None:
    changed = [number[:at] + str((int(digit) + 1) % 10) + number[at + 1 :] for at, digit in enumerate(number) if digit.isdigit()]

    assert CHECKS[country](number)
    assert not any(CHECKS[country](other) for other in changed)


@pytest.mark.parametrize("number", ["000456789", "666456789", "900456789", "123006789", "123450000"])
def test_a_social_security_number_never_has_such_parts(number: str) -> None:
    assert is_us_ssn("078051120")
    assert not is_us_ssn(number)


@pytest.mark.parametrize("number", ["BG123456A", "GB123456A", "DA123456A", "AO123456A", "AB123456E"])
def test_a_national_insurance_number_never_has_such_letters(number: str) -> None:
    assert is_gb_nino("AB123456C")
    assert not is_gb_nino(number)


def test_a_tax_id_has_exactly_one_repeated_digit() -> None:
    assert not is_de_tax_id("12345678903")
    assert not is_de_tax_id("11223344551")


@pytest.mark.parametrize("day", ["19491331", "19490230", "18001231"])
def test_a_resident_id_names_a_day_that_exists(day: str) -> None:
    for check in "0123456789X":
        assert not CHECKS["CN"](f"110105{day}002{check}")


def test_a_resident_id_begins_with_a_province_that_exists() -> None:
    for check in "0123456789X":
        assert not CHECKS["CN"](f"99999919491231002{check}")


@pytest.mark.parametrize("day", ["00", "32", "40", "72"])
def test_a_codice_fiscale_names_a_day_which_for_women_is_forty_higher(day: str) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    assert any(CHECKS["IT"](f"RSSMRA85T50A562{check}") for check in letters)
    assert not any(CHECKS["IT"](f"RSSMRA85T{day}A562{check}") for check in letters)


@pytest.mark.parametrize("number", CARDS)
def test_a_card_has_a_networks_prefix_and_length_and_its_check_digit(number: str) -> None:
    changed = number[:-1] + str((int(number[-1]) + 1) % 10)

    assert is_card(number)
    assert not is_card(changed)


@pytest.mark.parametrize("number", ["0000000000000000", "1234567812345670", "9111111111111111"])
def test_a_right_check_digit_alone_makes_no_card(number: str) -> None:
    assert luhn(number) or number.startswith("9")
    assert not is_card(number)


@pytest.mark.parametrize("number", IBANS)
def test_an_iban_has_its_countrys_length_and_check_digits(number: str) -> None:
    assert is_iban(number)
    assert not is_iban(number[:4] + number[4:][::-1])
    assert not is_iban(number + "0")
    assert len(number) == IBAN_LENGTHS[number[:2]]
