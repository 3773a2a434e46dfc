"""Asks the layers above whether an attempt is still its job's current one. They register: no import goes upward."""

import logging
from collections.abc import Callable

Check = Callable[[str, int], bool]

logger = logging.getLogger(__name__)
_checks: list[Check] = []


def register(check: Check) -> None:
    """Add a check `(job_id, fence) -> bool`: True while this attempt may write. Registering it twice counts once."""
    if check not in _checks:
        _checks.append(check)


def unregister(check: Check) -> None:
    """Take a check away again; unknown ones are ignored."""
    if check in _checks:
        _checks.remove(check)


def is_current(job_id: str, fence: int) -> bool:
    """Whether every registered check accepts the attempt. With no check at all nothing can be known: refused."""
    if not _checks:
        logger.error("tracking.no_fence_check job=%s: job tokens are refused until a check is registered", job_id)
        return False
    return all(check(job_id, fence) for check in _checks)
