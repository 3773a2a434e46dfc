"""Personal tokens: made, found by their hash, never stored in the clear."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils import timezone

from collab.accounts.models import ApiToken

PREFIX = "tdm_"  # makes a leaked token findable by its look
_TOUCH_EVERY = timedelta(minutes=1)


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()


def authenticate_bearer(raw: str, at: datetime | None = None) -> ApiToken | None:
    """The live token with this secret (`.user` loaded), or None: unknown, expired, revoked, or its person inactive."""
    if not raw.startswith(PREFIX) or len(raw) > 100:
        return None
    at = at or timezone.now()
    token = ApiToken.objects.live(at).select_related("user").filter(digest=digest_of(raw)).first()
    if token is None:
        return None
    if token.last_used_at is None or at - token.last_used_at > _TOUCH_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
    return token
