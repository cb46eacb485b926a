"""Keys as vendors hand them out and people paste them: looked at when they are set, so that nobody finds out at the first request."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key, load_pem_public_key


def private_key(text: str, what: str) -> PrivateKeyTypes:
    """The private key in a PEM. Raises ValueError with what it should be."""
    try:
        return load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"private_key should be {what}, from BEGIN PRIVATE KEY to END PRIVATE KEY") from None


def ec_public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The public key for ECDSA in a PEM, or in the base64 that stands inside one. Raises ValueError."""
    try:
        key = load_pem_public_key(text.encode()) if "BEGIN" in text else load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("the key should be a public one for ECDSA, as PEM or its base64")
    return key
