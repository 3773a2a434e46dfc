"""Making the queue folder, and keeping it small."""

from __future__ import annotations

import time
from pathlib import Path

from django.conf import settings

KEEP_S = 3600


def ensure_queue_folders() -> None:
    """The filesystem broker wants its folders to exist before anyone sends."""
    for key in ("data_folder_in", "control_folder", "processed_folder"):
        folder = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).get(key)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)


def prune_queue() -> int:
    """Delete handled messages, and control messages nobody came for, older than an hour. Returns how many."""
    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    limit = time.time() - KEEP_S
    removed = 0
    for key, pattern in (("processed_folder", "*"), ("data_folder_in", "*.pidbox.msg")):
        folder = options.get(key)
        for path in Path(folder).glob(pattern) if folder else ():
            try:
                if path.is_file() and path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # another worker swept it
    return removed
