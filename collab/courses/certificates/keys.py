"""The issuer's key pair: the private key lies in a file, made once; public keys are rows, so old ones stay known."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.conf import settings
from jwt.algorithms import RSAAlgorithm

from collab.courses.certificates.models import IssuerKey

ALGORITHM = "RS256"  # what Open Badges 3.0 asks every verifier to understand
_BITS = 3072


@dataclass(frozen=True)
class Signer:
    """The private key with the row of its public half."""

    key: IssuerKey
    private: RSAPrivateKey

    def sign(self, claims: dict[str, Any], *, typ: str = "JWT") -> str:
        return jwt.encode(claims, self.private, ALGORITHM, headers={"kid": self.key.url, "typ": typ})


def signer() -> Signer:
    """Today's key; its public half is entered when it signs for the first time."""
    private = _load(Path(settings.ISSUER_KEY_FILE))
    jwk = _public_jwk(private)
    kid = jwk["kid"]
    key, _made = IssuerKey.objects.get_or_create(kid=kid, defaults={"public_jwk": jwk})
    return Signer(key, private)


def public_key(key: IssuerKey) -> Any:
    return RSAAlgorithm.from_jwk(key.public_jwk)


@cache
def _load(path: Path) -> RSAPrivateKey:
    if not path.exists():
        _make(path)
    found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(found, RSAPrivateKey):
        raise TypeError(f"{path} holds no RSA key (TANDEM_ISSUER_KEY_FILE)")
    return found


def _make(path: Path) -> None:
    """Write a new key beside and link it to its name: of two processes that do so at once, one wins whole."""
    pem = generate_private_key(public_exponent=65537, key_size=_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # readable by its owner alone
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def _public_jwk(private: RSAPrivateKey) -> dict[str, str]:
    """The public key with its thumbprint (RFC 7638) as its name."""
    full = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    needed = {name: full[name] for name in ("e", "kty", "n")}
    canonical = json.dumps(needed, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    kid = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return needed | {"kid": kid, "alg": ALGORITHM, "use": "sig"}
