"""Tencent's encrypted messages as Tencent writes them, apart from the code that reads them; the 16 random bytes are always the same."""

import base64

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def encrypted(message: bytes, aes_key: str, receiver: str, random: bytes = b"0123456789abcdef") -> str:
    """What stands in Encrypt."""
    key = base64.b64decode(aes_key + "=")
    plain = random + len(message).to_bytes(4, "big") + message + receiver.encode()
    padding = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()


def opened(encrypted: str, aes_key: str) -> bytes:
    """The message inside Encrypt."""
    key = base64.b64decode(aes_key + "=")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    return plain[20 : 20 + int.from_bytes(plain[16:20], "big")]
