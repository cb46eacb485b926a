"""Numbers that tell by themselves what they are: payment cards and international bank accounts. Digits are ASCII, without separators."""

from collections.abc import Mapping

CARD_LENGTHS = range(14, 20)

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_PREFIXES: tuple[tuple[int, int, int, range], ...] = (
    # digits of the prefix, from, to, lengths: https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)
    (1, 4, 4, range(16, 20)),  # Visa; those of 13 digits are gone, and an EAN has 13
    (2, 51, 55, range(16, 17)),  # Mastercard
    (4, 2221, 2720, range(16, 17)),
    (2, 34, 34, range(15, 16)),  # American Express
    (2, 37, 37, range(15, 16)),
    (3, 300, 305, range(14, 20)),  # Diners Club
    (4, 3095, 3095, range(14, 20)),
    (2, 36, 36, range(14, 20)),
    (2, 38, 39, range(16, 20)),
    (4, 6011, 6011, range(16, 20)),  # Discover
    (3, 644, 649, range(16, 20)),
    (2, 65, 65, range(16, 20)),
    (4, 3528, 3589, range(16, 20)),  # JCB
    (2, 62, 62, range(16, 20)),  # UnionPay
    (2, 81, 81, range(16, 20)),
    (4, 2200, 2204, range(16, 20)),  # Mir
    (4, 9792, 9792, range(16, 17)),  # Troy
    (2, 60, 60, range(16, 17)),  # RuPay
    (4, 5018, 5018, range(16, 20)),  # Maestro
    (4, 5020, 5020, range(16, 20)),
    (4, 5038, 5038, range(16, 20)),
    (4, 5893, 5893, range(16, 20)),
    (4, 6304, 6304, range(16, 20)),
    (4, 6759, 6763, range(16, 20)),
)

_BY_FIRST: Mapping[str, tuple[tuple[int, int, int, range], ...]] = {
    first: tuple(row for row in _PREFIXES if first in {str(n)[0] for n in range(row[1], row[2] + 1)}) for first in "0123456789"
}

IBAN_LENGTHS: Mapping[str, int] = {
    # https://www.swift.com/standards/data-standards/iban-international-bank-account-number
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21,
    "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18,
    "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23,
    "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
    "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28,
    "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812."""
    return (sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def is_card(digits: str) -> bool:
    """Whether a payment network gives out numbers of this prefix and length, and the check digit is right."""
    length = len(digits)
    for size, first, last, lengths in _BY_FIRST[digits[0]]:
        if length in lengths and first <= int(digits[:size]) <= last:
            return len(set(digits)) > 1 and luhn(digits)
    return False


def is_iban(text: str) -> bool:
    """Whether the country gives out IBANs of this length, and the check digits are right (ISO 13616, ISO/IEC 7064 mod 97-10)."""
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1
