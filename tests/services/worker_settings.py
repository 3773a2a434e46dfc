"""Settings of a worker that a test starts: the test's database, and the broker as an operator names it."""

from config.settings import base
from config.settings.test import *  # noqa: F403

CELERY_BROKER_URL = base.CELERY_BROKER_URL
CELERY_BROKER_TRANSPORT_OPTIONS = getattr(base, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
