"""How often: a counter for each minute, shared by all processes through the cache."""

from __future__ import annotations

import hashlib
import time

from django.core.cache import cache
from django.http import HttpRequest


def too_often(request: HttpRequest, what: str, *, limit: int, seconds: int = 60) -> bool:
    """Whether this address asked for `what` more than `limit` times in the present span of time.

    Without a shared counter that is exact (the file cache has none) a few more may slip through, never fewer.
    """
    span = int(time.time()) // seconds
    source = hashlib.sha256(str(request.META.get("REMOTE_ADDR", "")).encode()).hexdigest()[:16]
    key = f"rate:{what}:{source}:{span}"
    cache.add(key, 0, seconds * 2)
    try:
        return cache.incr(key) > limit
    except ValueError:  # it expired in between
        return False
