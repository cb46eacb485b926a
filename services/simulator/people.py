"""The customers of the centre: people with names, languages and habits, always the same ones for the same seed."""

import random
from dataclasses import dataclass
from typing import Any

ENGLISH_GIVEN = (
    "Amelia",
    "Oliver",
    "Priya",
    "Jack",
    "Sofia",
    "Noah",
    "Grace",
    "Liam",
    "Zara",
    "Ethan",
    "Chloé",
    "Mateo",
    "Ingrid",
    "Samuel",
)
ENGLISH_FAMILY = ("Hughes", "Okafor", "Patel", "Murphy", "García", "Schmidt", "O'Neill", "Kowalska", "Brown", "Larsen", "Nguyen", "Walsh")
CHINESE_FAMILY = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "欧阳", "司马")
CHINESE_GIVEN = ("小明", "伟", "芳", "秀英", "娜", "敏", "静", "磊", "洋", "艳", "雨桐", "子轩", "思远", "佳怡")
SEGMENTS = ("consumer", "consumer", "consumer", "small_business", "enterprise")
TIERS = ("basic", "basic", "plus", "gold")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the centre's own system knows them."""

    id: str
    name: str
    language: str
    zone: str
    segment: str
    tier: str

    def described(self) -> dict[str, Any]:
        """`data.customer` of an event."""
        return {"id": self.id, "name": self.name, "zone": self.zone, "segment": self.segment, "tier": self.tier}


def make_people(rng: random.Random, count: int, chinese_share: float = 0.35) -> list[Person]:
    """`count` customers."""
    return [_make_person(rng, f"c-{1000 + number}", rng.random() < chinese_share) for number in range(count)]


def _make_person(rng: random.Random, id: str, chinese: bool) -> Person:
    if chinese:
        name, language, zone = rng.choice(CHINESE_FAMILY) + rng.choice(CHINESE_GIVEN), "zh", "Asia/Shanghai"
    else:
        name, language, zone = f"{rng.choice(ENGLISH_GIVEN)} {rng.choice(ENGLISH_FAMILY)}", "en", "Europe/London"
    return Person(id, name, language, zone, rng.choice(SEGMENTS), rng.choice(TIERS))
