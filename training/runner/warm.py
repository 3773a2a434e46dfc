"""A process with Django and the supervisor loaded, which supervisors are forked from.

`python -m training.runner.warm SOCKET`, started by the worker.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

log = logging.getLogger("tandem.runner")
MODULES = ("training.runner.supervisor", "training.runner.ship", "training.runner.publish", "training.runner.launcher")


def main(argv: list[str]) -> int:
    """Fork until standard input ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    import django

    django.setup()
    from django.db import connections

    from training.engine.contract import serve
    from training.runner import supervisor
    from training.runner.pool import supervisor_stamp

    connections.close_all()  # a child opens its own: two processes must not talk over one
    try:
        return serve(Path(argv[0]), lambda asked: supervisor.main(list(asked.arguments)), MODULES, supervisor_stamp)
    except OSError as fault:
        log.warning("no pool at %s: %s", argv[0], fault)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
