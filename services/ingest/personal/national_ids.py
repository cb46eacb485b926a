"""National identity, tax and insurance numbers: which text is one, by each country's own check. Upper case, without separators."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)
_ITALIAN_OMOCODIA = str.maketrans("LMNPQRSTUV", "0123456789")
"""Letters that stand for digits where two people would have the same code."""
_CHINESE_PROVINCES = {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83}
_NINO_NEVER = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def is_us_ssn(digits: str) -> bool:
    """Social Security number: no check digit; area, group and serial are never zero, the area never 666 or from 900 on."""
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def is_gb_nino(text: str) -> bool:
    """National Insurance number: no check digit; some letters and pairs are never given out.

    https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
    """
    prefix = text[:2]
    return prefix not in _NINO_NEVER and not set(prefix) & set("DFIQUV") and prefix[1] != "O" and text[8] in "ABCD"


def is_de_tax_id(digits: str) -> bool:
    """Steuer-Identifikationsnummer: of the first ten digits exactly one appears twice or three times; ISO/IEC 7064 mod 11,10.

    https://de.wikipedia.org/wiki/Steuerliche_Identifikationsnummer
    """
    if digits[0] == "0":
        return False
    repeated = sorted(count for count in Counter(digits[:10]).values() if count > 1)
    if repeated not in ([2], [3]):
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_cn_resident_id(text: str) -> bool:
    """居民身份证号码, GB 11643-1999: a province and a day that exist, and ISO/IEC 7064 mod 11-2."""
    year = int(text[6:10])
    if int(text[:2]) not in _CHINESE_PROVINCES or not 1900 <= year < 2100 or not _is_day(year, int(text[10:12]), int(text[12:14])):
        return False
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17]


def is_fr_nir(text: str) -> bool:
    """Numéro de sécurité sociale: 13 characters, 2A and 2B for Corsica, and a key modulo 97.

    https://fr.wikipedia.org/wiki/Numéro_de_sécurité_sociale_en_France
    """
    number, key = text[:13].replace("2A", "19", 1).replace("2B", "18", 1), text[13:]
    if not number.isdigit() or number[0] not in "123478" or not 1 <= int(key) <= 97:
        return False
    month = int(number[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99) and 97 - int(number) % 97 == int(key)


def is_es_dni(text: str) -> bool:
    """DNI (eight digits and a letter) or NIE (X, Y or Z, seven digits and a letter).

    https://es.wikipedia.org/wiki/Número_de_identificación_fiscal
    """
    number = str("XYZ".index(text[0])) + text[1:8] if text[0] in "XYZ" else text[:8]
    return _SPANISH[int(number) % 23] == text[8]


def is_it_tax_code(text: str) -> bool:
    """Codice fiscale: sixteen characters, the last a check letter; the day is 40 higher for women.

    https://www.agenziaentrate.gov.it/portale/web/guest/schede/istanze/richiesta-ts_cf/informazioni-codificazione-pf
    """
    day = int(text[9:11].translate(_ITALIAN_OMOCODIA))
    if not (1 <= day <= 31 or 41 <= day <= 71):
        return False
    odd = sum(_ITALIAN_ODD[char] for char in text[0:15:2])
    even = sum(int(char) if char.isdigit() else ord(char) - ord("A") for char in text[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == text[15]


def is_nl_bsn(digits: str) -> bool:
    """Burgerservicenummer: the eleven test. https://nl.wikipedia.org/wiki/Burgerservicenummer"""
    weighed = sum(int(digit) * weight for digit, weight in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    return weighed % 11 == 0 and len(set(digits)) > 1


def is_br_cpf(digits: str) -> bool:
    """CPF: two check digits modulo 11. https://pt.wikipedia.org/wiki/Cadastro_de_Pessoas_Físicas"""
    for length in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return len(set(digits)) > 1


def is_in_aadhaar(digits: str) -> bool:
    """Aadhaar: never begins with 0 or 1; Verhoeff's check digit. https://en.wikipedia.org/wiki/Verhoeff_algorithm"""
    check = "0"
    for place, digit in enumerate(reversed(digits)):
        check = _VERHOEFF_D[int(check)][int(_VERHOEFF_P[place % 8][int(digit)])]
    return check == "0" and digits[0] not in "01" and len(set(digits)) > 1


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "US": is_us_ssn,
    "GB": is_gb_nino,
    "DE": is_de_tax_id,
    "CN": is_cn_resident_id,
    "FR": is_fr_nir,
    "ES": is_es_dni,
    "IT": is_it_tax_code,
    "NL": is_nl_bsn,
    "BR": is_br_cpf,
    "IN": is_in_aadhaar,
}
"""By ISO 3166 country."""
