"""Who is calling the gate, and what may they do in this project: a person's token with their rights, or a job's."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from collab.access import policy
from collab.accounts.tokens import authenticate_bearer
from collab.projects.models import Project
from registry.tracking import fence_checks, job_token, refusals
from registry.tracking.rules import READ, WRITE


@dataclass(frozen=True)
class Caller:
    """Someone known, before a project that exists. `who` is for the log and holds no secret."""

    project: Project
    who: str
    user: Any = None
    job: job_token.JobToken | None = None

    def may(self, word: str) -> bool:
        """Whether the caller holds the word in this project. A job reads and writes, and manages nothing."""
        if self.job is not None:
            return word in (READ, WRITE)
        return bool(policy.can(self.user, word, self.project))

    def require(self, word: str) -> None:
        """Refuse without the word: with a reason to whoever may read here, else as if there were no project."""
        if self.may(word):
            return
        if word == READ or not self.may(READ):
            raise refusals.no_project()
        raise refusals.denied(_("Your role or token in this project does not allow this."))


def bearer(header: str) -> str:
    """The token in an Authorization header; raises Refusal (401) when there is none."""
    scheme, _space, raw = header.partition(" ")
    if scheme.lower() != "bearer" or not raw.strip():
        raise refusals.unauthenticated()
    return raw.strip()


def identify(*, authorization: str, slug: str) -> Caller:
    """The caller; what they may do is asked next (`Caller.require`). Raises Refusal: 401, 404, 409 superseded."""
    raw = bearer(authorization)
    return _job(raw, slug) if job_token.is_job_token(raw) else _person(raw, slug)


def _job(raw: str, slug: str) -> Caller:
    token = job_token.read(raw)
    if token is None:
        raise refusals.unauthenticated()
    project = Project.objects.filter(slug=slug).first() if token.project == slug else None
    if project is None:
        raise refusals.no_project()
    if not fence_checks.is_current(token.job_id, token.fence):
        message = _("This attempt of the job was superseded by a newer one and may no longer write.")
        raise refusals.Refusal(409, refusals.SUPERSEDED, message)
    return Caller(project, f"job {token.job_id} fence {token.fence}", job=token)


def _person(raw: str, slug: str) -> Caller:
    token = authenticate_bearer(raw)
    if token is None:
        raise refusals.unauthenticated()
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise refusals.no_project()
    return Caller(project, f"user {token.user.pk}", user=policy.acting(token.user, token))
