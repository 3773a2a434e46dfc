"""Settings of a worker that a test starts: the test's database, and the broker it names."""

import os

from config.settings.base import DATA_DIR
from config.settings.test import *  # noqa: F403

CELERY_BROKER_URL = os.environ["TANDEM_TEST_BROKER"]
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "data_folder_in": str(DATA_DIR / "queue" / "q"),
        "data_folder_out": str(DATA_DIR / "queue" / "q"),
        "control_folder": str(DATA_DIR / "queue" / "control"),
        "processed_folder": str(DATA_DIR / "queue" / "processed"),
        "store_processed": True,
        "polling_interval": 0.1,
    }
    if CELERY_BROKER_URL.startswith("filesystem")
    else {}
)
