"""The queue folder stays small."""

from __future__ import annotations

import os
import time

from training.runner.housekeeping import KEEP_S, prune_queue


def test_old_messages_go_and_new_ones_stay(settings, tmp_path):
    processed, waiting = tmp_path / "processed", tmp_path / "q"
    processed.mkdir(), waiting.mkdir()
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {
        "processed_folder": str(processed),
        "data_folder_in": str(waiting),
    }
    old = time.time() - KEEP_S - 10
    for path in (processed / "a.msg", waiting / "b.pidbox.msg", waiting / "job.msg"):
        path.write_text("{}")
        os.utime(path, (old, old))
    (processed / "fresh.msg").write_text("{}")

    assert prune_queue() == 2
    assert {p.name for p in tmp_path.rglob("*.msg")} == {"fresh.msg", "job.msg"}
