"""Tokens for our own jobs: signed, stateless, good for one attempt of one job in one project.

The supervisor issues its own (it holds the secret key) and may renew it; the gate reads it. Nothing is stored, so a
token ends by time or because the attempt was superseded (see `fence_checks`).
"""

import time
from dataclasses import dataclass

from django.core import signing

PREFIX = "tdj_"
TAG_JOB = "tandem.job"  # on a job's run, models and versions in MLflow; set once, by the job, when it makes them
_SALT = "registry.tracking.job-token"


@dataclass(frozen=True)
class JobToken:
    """Which attempt of which job may write into which project, until when (seconds since 1970)."""

    job_id: str
    project: str
    fence: int
    expires_at_s: int


def issue(*, job_id: str, project: str, fence: int, ttl_s: int = 3600) -> str:
    """A token for the attempt `fence` of `job_id`, good for `ttl_s` seconds. `project` is the project's slug."""
    claims = {"j": str(job_id), "p": project, "f": int(fence), "e": int(time.time()) + int(ttl_s)}
    return PREFIX + signing.dumps(claims, salt=_SALT)


def is_job_token(raw: str) -> bool:
    """Whether this looks like one of ours, rather than a personal token."""
    return raw.startswith(PREFIX)


def read(raw: str) -> JobToken | None:
    """The claims, or None when the signature is not ours or the time is over."""
    if not is_job_token(raw):
        return None
    try:
        claims = signing.loads(raw.removeprefix(PREFIX), salt=_SALT)
        token = JobToken(str(claims["j"]), str(claims["p"]), int(claims["f"]), int(claims["e"]))
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None
    return token if token.expires_at_s > time.time() else None
