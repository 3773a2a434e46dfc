"""The tracking process: `gunicorn config.wsgi_tracking`. MLflow lives here and in no other process of ours."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from registry.tracking.server_env import GATE_MIDDLEWARE

django.setup()  # before the middleware is narrowed: the apps check at start that theirs is there

# The same installation as the web process, with the gate as its only page.
settings.ROOT_URLCONF = "config.urls_tracking"
settings.MIDDLEWARE = GATE_MIDDLEWARE

application = get_wsgi_application()

from registry.tracking.upstream import upstream  # noqa: E402 - needs Django's apps

if not settings.MLFLOW_UPSTREAM:
    upstream()  # imports MLflow now, so that the first client does not wait for it
