"""Key pairs that vendors would hold the private half of, made anew for each run, and signatures with them."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from jwt.algorithms import RSAAlgorithm

_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for all."""
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """One key for ES256 for all."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """A private key as vendors hand it out."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@cache
def certificate(begins: datetime = datetime(2026, 1, 1, tzinfo=UTC), ends: datetime = datetime(2027, 1, 1, tzinfo=UTC)) -> bytes:
    """A certificate of the RSA key."""
    built = x509.CertificateBuilder(_NAME, _NAME, rsa_key().public_key(), x509.random_serial_number(), begins, ends)
    return built.sign(rsa_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def jwks(kid: str) -> bytes:
    """The RSA key's public half as OpenID providers publish it."""
    return json.dumps(
        {"keys": [{**RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig"}]}
    ).encode()


def signed_by_sns(message: Mapping[str, object]) -> dict[str, object]:
    """A message of SNS with its signature: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html"""
    notification = message.get("Type") == "Notification"
    names = ["Message", "MessageId", "Subject" if notification else "SubscribeURL", "Timestamp", *([] if notification else ["Token"])]
    text = "".join(f"{name}\n{message[name]}\n" for name in (*names, "TopicArn", "Type") if message.get(name) is not None)
    algorithm = hashes.SHA1() if message.get("SignatureVersion") == "1" else hashes.SHA256()
    signature = rsa_key().sign(text.encode("utf-8", "surrogatepass"), padding.PKCS1v15(), algorithm)
    return {**message, "Signature": base64.b64encode(signature).decode()}
