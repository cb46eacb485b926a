"""Secrets of receivers, encrypted at rest with Fernet (AES-128-CBC and HMAC-SHA-256), and the keys for that."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from shared.errors import ConfigurationError, HearbackError


class UnreadableSecret(HearbackError):
    """This was not sealed with any of the present keys."""


class SecretBox:
    """Seals and opens texts. With several keys, as during a rotation, the first one seals and each of them opens."""

    def __init__(self, keys: SecretStr, variable: str) -> None:
        """`keys` are Fernet keys with commas between them, `variable` names where they came from.

        Raises ConfigurationError when one is not a key.
        """
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.get_secret_value().split(",")])
        except ValueError:
            raise ConfigurationError(
                f"{variable} must be keys of 32 bytes in URL-safe base64, with commas between them; make one with: "
                "head -c 32 /dev/urandom | base64 | tr +/ -_"
            ) from None

    def seal(self, secret: str) -> bytes:
        """What to store."""
        return self._fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret again. Raises UnreadableSecret."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise UnreadableSecret("a stored secret cannot be read with the present keys") from None
