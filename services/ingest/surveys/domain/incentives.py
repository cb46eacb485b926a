"""Who of those that may win wins: chance that anybody can repeat who knows the seed."""

from collections.abc import Iterable
from hashlib import sha256


def drawn(seed: str, entrants: Iterable[int], winners: int) -> list[int]:
    """Up to `winners` of the numbers: those whose SHA-256 of `seed:number` is smallest, the smallest first."""
    return sorted(entrants, key=lambda number: sha256(f"{seed}:{number}".encode()).digest())[:winners]
