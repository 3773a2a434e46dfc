"""A process with Django and the supervisor loaded, which supervisors are forked from.

`python -m training.runner.warm SOCKET`, started by the worker.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from pathlib import Path

log = logging.getLogger("tandem.runner")
MODULES = ("training.runner.supervisor", "training.runner.ship", "training.runner.publish", "training.runner.launcher")


def load() -> None:
    """Django, and what the first refusal or link would load otherwise: the addresses and sentences of each language."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    import django

    django.setup()
    from django.conf import settings
    from django.urls import get_resolver
    from django.utils import translation

    for language, _ in settings.LANGUAGES:
        with translation.override(language):
            translation.gettext("Save")
            get_resolver()._populate()


def _load_rest() -> None:
    for module in MODULES:
        importlib.import_module(module)


def main(argv: list[str]) -> int:
    """Fork until standard input ends."""
    load()
    from django.db import connections

    from training.engine.contract import serve
    from training.runner import supervisor
    from training.runner.pool import supervisor_stamp

    connections.close_all()  # a child opens its own: two processes must not talk over one
    try:
        return serve(Path(argv[0]), lambda asked: supervisor.main(list(asked.arguments)), _load_rest, supervisor_stamp)
    except OSError as fault:
        log.warning("no pool at %s: %s", argv[0], fault)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
