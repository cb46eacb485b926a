"""What WeChat's 公众号 and WeCom share: signatures over sorted texts, and encrypted messages (Tencent's WXBizMsgCrypt).

https://developer.work.weixin.qq.com/document/path/90968
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from services.ingest.adapters.adapter import NotProven
from services.ingest.adapters.node import Node
from services.ingest.adapters.signatures import check_any, check_fresh, proof_asked_for
from services.ingest.adapters.xml import local, xml_body

AES_KEY_PATTERN = "^[A-Za-z0-9]{43}$"
"""An EncodingAESKey as Tencent shows it: 43 letters and digits, base64 without its last character."""

_BLOCK = 32
_RANDOM = 16
_LENGTH = 4

S = TypeVar("S")
T = TypeVar("T")


def proven_with(secrets: Sequence[S], proof: Callable[[S], T]) -> T:
    """What the first of the secrets proves. Raises the NotProven of the last."""
    for secret in secrets[:-1]:
        try:
            return proof(secret)
        except NotProven:
            continue
    return proof(secrets[-1])


def check_signature(sent: str | None, *texts: str | None) -> None:
    """SHA-1 of the texts, sorted and put behind one another. Raises NotProven, also for a text that is missing."""
    if not proof_asked_for():
        return
    if any(text is None for text in texts):
        raise NotProven("no_signature")
    joined = "".join(sorted(text for text in texts if text is not None))
    check_any(sent, [hashlib.sha1(joined.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()])


def check_time(asked: Node, now: datetime, within: timedelta) -> None:
    """The `timestamp` of the query, which the signature covers, is near."""
    check_fresh(asked["timestamp"].epoch(), now, within)


def decrypted(encrypted: str, aes_key: str, receiver: str) -> bytes:
    """The message inside Encrypt or an encrypted echostr. Raises NotProven when it is not for this receiver or this key."""
    key = base64.b64decode(aes_key + "=")
    try:
        sealed = base64.b64decode(encrypted, validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
    except ValueError:
        raise NotProven("not_decrypted") from None
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise NotProven("not_decrypted")
    content = plain[_RANDOM:-padding]
    length = int.from_bytes(content[:_LENGTH], "big")
    message, meant_for = content[_LENGTH : _LENGTH + length], content[_LENGTH + length :]
    if len(content) < _LENGTH + length or meant_for != receiver.encode():
        raise NotProven("foreign_receiver")
    return message


def members(body: bytes) -> Node:
    """The members of a message's flat XML as an object, the first of each name. Raises Unreadable."""
    found: dict[str, str | None] = {}
    for element in xml_body(body):
        found.setdefault(local(element), element.text)
    return Node(found)
