"""Is a certificate valid, expired, suspended, revoked or forged? Anybody asks, by number or with the credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import jwt
from django.utils import timezone

from collab.courses.certificates.badges import chinese_of, evidence_of, issuer_did, profile_id
from collab.courses.certificates.keys import ALGORITHM, public_key
from collab.courses.certificates.models import Certificate, IssuerKey
from collab.courses.certificates.states import SIGNED, CertificateState

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
TEXT_MAX = 20_000


class Finding(StrEnum):
    VALID = "valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    FORGED = "forged"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Checked:
    """What was found; `certificate` only where its signature is ours, so a forger is never quoted.

    `organisation`: its name when the certificate was signed.
    """

    finding: Finding
    certificate: Certificate | None = None
    organisation: str = ""


def check(text: str) -> Checked:
    """Check a credential, the address of a certificate, or its number alone."""
    text = text.strip()[: TEXT_MAX + 1]
    if _TOKEN.fullmatch(text):
        return _check_token(text)
    found = _UUID.search(text)
    return check_number(UUID(found.group())) if found else Checked(Finding.UNKNOWN)


def check_number(key: UUID) -> Checked:
    """By the number alone: what is kept here is checked like what anybody else would bring."""
    certificate = _rows().filter(pk=key).first()
    if certificate is None:
        return Checked(Finding.UNKNOWN)
    return _check_token(certificate.credential)


def _check_token(token: str) -> Checked:
    claims = _read(token)
    if claims is None:
        return Checked(Finding.FORGED)
    found = _UUID.search(str(claims.get("jti", "")))
    certificate = _rows().filter(pk=found.group()).first() if found else None
    if certificate is None or not _says_the_same(claims, certificate):
        return Checked(Finding.FORGED)  # our signature under something we never issued
    creator = _achievement(claims).get("creator", {})
    return Checked(_standing(certificate), certificate, str(creator.get("name", certificate.organisation.name)))


def _rows() -> Any:
    return Certificate.objects.filter(state__in=sorted(SIGNED)).select_related("organisation", "key")


def _read(token: str) -> dict[str, Any] | None:
    """The claims under a signature of ours; None for any other. Dates are judged later, from what is on record."""
    try:
        kid = str(jwt.get_unverified_header(token).get("kid", "")).rstrip("/").rpartition("/")[2]
        key = IssuerKey.objects.filter(kid=kid).first()
        if key is None:
            return None
        options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
        return jwt.decode(token, public_key(key), [ALGORITHM], issuer=issuer_did(), options=options)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, KeyError):
        return None


def _says_the_same(claims: dict[str, Any], certificate: Certificate) -> bool:
    """Whether the row still says what was signed, in all that is shown or printed of it: somebody may have changed the
    database instead. A certificate signed before the Chinese texts were is compared in what it holds."""
    achievement = _achievement(claims)
    names = [
        one.get("identityHash")
        for one in claims.get("credentialSubject", {}).get("identifier", ())
        if one.get("identityType") == "name"
    ]
    said = {
        "name": names,
        "title": achievement.get("name"),
        "description": achievement.get("description"),
        "criteria": achievement.get("criteria", {}).get("narrative"),
        "kind": achievement.get("achievementType"),
        "organisation": achievement.get("creator", {}).get("id"),
        "evidence": claims.get("evidence", []),
        "issued": claims.get("nbf"),
        "ends": claims.get("exp"),
        "chinese": achievement.get("inChinese", chinese_of(certificate)),
    }
    return said == {
        "name": [certificate.recipient_name],
        "title": certificate.title,
        "description": certificate.description,
        "criteria": certificate.criteria,
        "kind": certificate.kind,
        "organisation": profile_id(certificate.organisation),
        "evidence": evidence_of(certificate),
        "issued": _second(certificate.issued_at),
        "ends": _second(certificate.valid_until),
        "chinese": chinese_of(certificate),
    }


def _achievement(claims: dict[str, Any]) -> dict[str, Any]:
    return claims.get("credentialSubject", {}).get("achievement", {})


def _second(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at is not None else None


def _standing(certificate: Certificate) -> Finding:
    if certificate.state == CertificateState.REVOKED:
        return Finding.REVOKED
    if certificate.state == CertificateState.SUSPENDED:
        return Finding.SUSPENDED
    return Finding.EXPIRED if certificate.has_expired(timezone.now()) else Finding.VALID
