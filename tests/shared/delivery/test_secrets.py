"""Secrets at rest, and the rotation of their keys."""

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from shared.delivery.secrets import SecretBox, UnreadableSecret
from shared.errors import ConfigurationError


def box(*keys: str) -> SecretBox:
    return SecretBox(SecretStr(",".join(keys)), "HEARBACK_TEST_SECRETS_KEY")


def test_a_rotation_of_keys_opens_what_the_old_one_sealed_and_seals_with_the_new_one() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = box(old).seal("whsec_x")

    resealed = box(new, old).seal(box(new, old).open(sealed))

    assert b"whsec_x" not in sealed
    assert box(new).open(resealed) == "whsec_x"
    with pytest.raises(UnreadableSecret):
        box(new).open(sealed)


@pytest.mark.parametrize("keys", ["", "word", "a" * 44 + ","])
def test_a_key_that_is_none_stops_the_start_without_being_shown(keys: str) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        SecretBox(SecretStr(keys), "HEARBACK_TEST_SECRETS_KEY")

    assert "HEARBACK_TEST_SECRETS_KEY" in str(stopped.value)
    assert not keys or keys not in str(stopped.value)
