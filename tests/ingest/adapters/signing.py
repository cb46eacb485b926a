"""Signatures as vendors make them, written apart from the code that checks them."""

import base64
import hashlib
import hmac


def hex_hmac(key: str | bytes, signed: bytes, algorithm: str = "sha256") -> str:
    """Lower-case hexadecimal digits of an HMAC."""
    return _digest(key, signed, algorithm).hex()


def base64_hmac(key: str | bytes, signed: bytes, algorithm: str = "sha256") -> str:
    """An HMAC in standard base64."""
    return base64.b64encode(_digest(key, signed, algorithm)).decode()


def sorted_sha1(*texts: str) -> str:
    """Tencent's: SHA-1 of the sorted texts behind one another."""
    return hashlib.sha1("".join(sorted(texts)).encode()).hexdigest()


def _digest(key: str | bytes, signed: bytes, algorithm: str) -> bytes:
    return hmac.new(key.encode() if isinstance(key, str) else key, signed, algorithm).digest()
