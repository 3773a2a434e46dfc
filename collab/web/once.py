"""The same request sent twice acts once: a POST with an Idempotency-Key is answered again as it was the first time.

The answer is kept in the transaction of the effect, so there is never one without the other. What was refused leaves
nothing, and may be sent again under the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import AnsweredRequest, User
from collab.kernel.errors import InvalidError

HEADER = "Idempotency-Key"
KEY_LENGTH = 80
KEPT_HEADERS = ("ETag", "Location")


def key_of(request: Request) -> str:
    """The key that was sent, or nothing; ValidationError when it is too long or not plain."""
    key: str = request.headers.get(HEADER, "")
    if len(key) > KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise serializers.ValidationError({HEADER: [_("Write at most %(n)d plain characters.") % {"n": KEY_LENGTH}]})
    return key


def acts_once(handler: Callable[..., Response], key: str, allow: Callable[[], object]) -> Callable[..., Response]:
    """`handler`, but under this key for this person at most once; InvalidError when the key came with another request.

    `allow` raises when the person may no longer ask: an answer that was kept is not given to them then.
    """

    def handle(request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = {"path": request.path, "body_sha256": _digest(request)}
        assert isinstance(request.user, User)  # `key_of` is asked for those who are signed in
        with transaction.atomic():
            # Whoever comes second waits here until the first has ended.
            row, is_first = AnsweredRequest.objects.get_or_create(
                user=request.user, key=key, defaults=asked | {"status": 0}
            )
            if not is_first:
                if asked != {name: getattr(row, name) for name in asked}:
                    text = _("This Idempotency-Key was used for another request; send a new key.")
                    raise InvalidError(text, field=HEADER)
                allow()
                return Response(row.answer, status=row.status, headers=row.headers | {"Idempotency-Replayed": "true"})
            response = handler(request, *args, **kwargs)
            row.status = response.status_code
            row.answer = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
            row.headers = {name: response[name] for name in KEPT_HEADERS if name in response}
            row.save()
        return response

    return handle


def forget_answers(at: datetime | None = None) -> int:
    """Delete what is older than anybody tries again; how many."""
    before = (at or timezone.now()) - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    return AnsweredRequest.objects.filter(created_at__lt=before).delete()[0]


def _digest(request: Request) -> str:
    said = json.dumps(request.data, sort_keys=True, default=str) + request.META.get("QUERY_STRING", "")
    said += request.headers.get("If-Match", "")
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
