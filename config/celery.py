"""Celery: a doorbell and a clock. Tasks take keys, call one function, and end within seconds."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import worker_init, worker_ready

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

broker.register()
app = Celery("tandem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["collab", "registry", "training"])
app.conf.beat_schedule = {
    "remind": {"task": "collab.inbox.remind", "schedule": 300.0, "options": {"expires": 300}},
    "send-mail": {"task": "collab.inbox.send_mail", "schedule": 60.0, "options": {"expires": 60}},
    "sweep-jobs": {"task": "training.runner.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-exports": {"task": "training.exports.sweep", "schedule": 15.0, "options": {"expires": 15}},
    "sweep-playground": {"task": "training.playground.sweep", "schedule": 15.0, "options": {"expires": 15}},
    "anchor-history": {"task": "collab.audit.anchor", "schedule": 86_400.0, "options": {"expires": 3600}},
    "seal-agreements": {"task": "collab.agreements.seal", "schedule": 60.0, "options": {"expires": 60}},
    "schedule-royalties": {"task": "collab.royalties.schedule", "schedule": 3600.0, "options": {"expires": 3600}},
    "close-notices": {"task": "collab.publications.close_ended", "schedule": 600.0, "options": {"expires": 600}},
    "pass-dates": {"task": "collab.internships.pass_dates", "schedule": 3600.0, "options": {"expires": 3600}},
    "expire-offers": {"task": "collab.internships.expire_offers", "schedule": 300.0, "options": {"expires": 300}},
    "deadlines": {"task": "collab.transfer.deadlines", "schedule": 3600.0, "options": {"expires": 3600}},
    "forget-answers": {"task": "collab.web.forget_answers", "schedule": 3600.0, "options": {"expires": 3600}},
    "prune-queue": {"task": "training.runner.prune_queue", "schedule": 600.0, "options": {"expires": 600}},
}


@worker_init.connect
def _make_queue_folders(**_: object) -> None:
    from training.runner.housekeeping import ensure_queue_folders  # needs the settings, which are not read at import

    ensure_queue_folders()


@worker_ready.connect
def _begin(**_: object) -> None:
    from django.conf import settings

    from training.runner import pool

    pool.keep_warm()
    (Path(settings.DATA_DIR) / "worker.ready").touch()
