"""Fast and closed: no network, own folders, plain static files."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TANDEM_DATA_DIR", tempfile.mkdtemp(prefix="tandem-test-"))

from config.settings.base import *
from config.settings.base import DATA_DIR, DATABASES, STORAGES

DATA_DIR = Path(DATA_DIR)
SECRET_KEY = "test-only-" + "0123456789abcdef" * 4
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = False
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
ACCOUNT_RATE_LIMITS = False
WARM_ENGINE = "off"
WHITENOISE_AUTOREFRESH = True
if os.environ.get("TANDEM_TEST_DATABASE"):  # a process that a test started shares the test's database
    DATABASES["default"]["NAME"] = os.environ["TANDEM_TEST_DATABASE"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
