"""Open Badges 3.0: a certificate as a W3C Verifiable Credential in a JWT, and the lists of what was taken back."""

from __future__ import annotations

import gzip
import hashlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from collab.accounts.models import Organisation
from collab.courses.certificates.keys import signer
from collab.courses.certificates.models import LIST_BITS, Certificate, IssuerKey
from collab.courses.certificates.states import CertificateState

CONTEXT = ["https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"]
# What Open Badges has no word for: the same texts in Chinese.
OWN_WORDS = {"inChinese": {"@id": "https://schema.org/translationOfWork", "@type": "@json"}}
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
PURPOSES = {"revocation": CertificateState.REVOKED, "suspension": CertificateState.SUSPENDED}
ISSUER_NAME = "Tandem"


# --- who issues
def issuer_did() -> str:
    """`did:web:` of the site; a port is written %3A, as the method asks."""
    return f"did:web:{urlsplit(settings.BASE_URL).netloc.replace(':', '%3A')}"


def did_document() -> dict[str, Any]:
    did = issuer_did()
    methods = [
        {"id": f"{did}#{key.kid}", "type": "JsonWebKey", "controller": did, "publicKeyJwk": key.public_jwk}
        for key in IssuerKey.objects.all()
    ]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def key_set() -> dict[str, Any]:
    return {"keys": [key.public_jwk for key in IssuerKey.objects.all()]}


def chinese_of(certificate: Certificate) -> dict[str, str]:
    return {
        "name": certificate.title_zh,
        "description": certificate.description_zh,
        "criteria": certificate.criteria_zh,
    }


def evidence_of(certificate: Certificate) -> list[dict[str, Any]]:
    return [{"type": ["Evidence"], **one} for one in certificate.evidence]


def profile_id(organisation: Organisation) -> str:
    return settings.BASE_URL + organisation.get_absolute_url()


def _profile(organisation: Organisation) -> dict[str, Any]:
    told = {
        "id": profile_id(organisation),
        "type": ["Profile"],
        "name": organisation.name,
    }
    return told | ({"url": organisation.website} if organisation.website else {})


# --- what is said
def credential_of(certificate: Certificate, issued_at: datetime) -> dict[str, Any]:
    """The credential as Open Badges 3.0 writes it, with the claims that a JWT repeats."""
    salt = hashlib.sha256(f"salt {certificate.pk}".encode()).hexdigest()[:16]
    subject = f"urn:uuid:{uuid5(NAMESPACE_URL, certificate.public_url)}"
    named = f"{certificate.organisation_id} {certificate.kind} {certificate.title}"
    achievement: dict[str, Any] = {
        "id": f"urn:uuid:{uuid5(NAMESPACE_URL, named)}",
        "type": ["Achievement"],
        "achievementType": certificate.kind,
        "name": certificate.title,
        "description": certificate.description,
        "criteria": {"narrative": certificate.criteria},
        "creator": _profile(certificate.organisation),
        "inLanguage": "en",
        "inChinese": chinese_of(certificate),
    }
    credential: dict[str, Any] = {
        "@context": [*CONTEXT, OWN_WORDS],
        "id": certificate.public_url,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": certificate.title,
        "issuer": {"id": issuer_did(), "type": ["Profile"], "name": ISSUER_NAME, "url": settings.BASE_URL},
        "validFrom": _moment(issued_at),
        "credentialSubject": {
            "id": subject,
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": True,
                    "identityHash": "sha256$" + _hashed(certificate.person.email.lower(), salt),
                    "identityType": "emailAddress",
                    "salt": salt,
                },
                {
                    "type": "IdentityObject",
                    "hashed": False,
                    "identityHash": certificate.recipient_name,
                    "identityType": "name",
                },
            ],
            "achievement": achievement,
        },
        "credentialStatus": [
            {
                "id": f"{status_url(purpose, certificate.list_number)}#{certificate.list_index}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": purpose,
                "statusListIndex": str(certificate.list_index),
                "statusListCredential": status_url(purpose, certificate.list_number),
            }
            for purpose in PURPOSES
        ],
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
    }
    if certificate.evidence:
        credential["evidence"] = evidence_of(certificate)
    claims = {
        "iss": issuer_did(),
        "jti": credential["id"],
        "sub": subject,
        "nbf": int(issued_at.timestamp()),
        "iat": int(issued_at.timestamp()),
    }
    if certificate.valid_until is not None:
        credential["validUntil"] = _moment(certificate.valid_until)
        claims["exp"] = int(certificate.valid_until.timestamp())
    return credential | claims


def _hashed(text: str, salt: str) -> str:
    return hashlib.sha256((text + salt).encode()).hexdigest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what was taken back
def status_url(purpose: str, number: int | None) -> str:
    return settings.BASE_URL + reverse("collab:credential_status", args=[purpose, number])


def status_list(purpose: str, number: int) -> str:
    """The list of one purpose as a signed credential: bit n is 1 when the certificate at place n was taken back."""
    bits = bytearray(LIST_BITS // 8)
    taken = Certificate.objects.filter(list_number=number, state=PURPOSES[purpose])
    for index in taken.values_list("list_index", flat=True):
        bits[index // 8] |= 0x80 >> (index % 8)  # the first place is the highest bit
    url = status_url(purpose, number)
    now = timezone.now()
    claims = {
        "@context": CONTEXT[:1],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer_did(),
        "validFrom": _moment(now),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": "u" + urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).rstrip(b"=").decode(),
        },
        "iss": issuer_did(),
        "jti": url,
        "sub": f"{url}#list",
        "nbf": int(now.timestamp()),
    }
    return signer().sign(claims, typ="vc+jwt")
