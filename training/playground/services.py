"""Verbs: ask a model, take up what waits, answer or fail it, forget it."""

from __future__ import annotations

import statistics
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import User
from collab.agreements.acts import named
from collab.audit.services import record
from collab.kernel.errors import NotFoundError, QuotaExceededError
from collab.transfer.licences.models import LicensedAsset
from registry.catalog.models import ModelVersion
from registry.releases.files import subject_of
from training.playground.doorbell import ring_after_commit
from training.playground.inputs import Given, require_kept
from training.playground.models import Trial
from training.playground.states import TRIAL_MOVES, TrialState

START_GRACE_S = 10  # beside the time of the model: to lay out its files and to be collected
LATEST = 5  # answers from which the next one's time is told
_CLAIM_LOCK = 7_240_611


@transaction.atomic
def ask_model(*, version: ModelVersion, given: Given, by: User) -> Trial:
    """Ask a model of one's project. Raises RefusedError, NotReadyError and QuotaExceededError, each with its remedy."""
    require(by, "model.try", version)
    trial = _asked(version, given, by)
    facts = {"model": version.model.name, "number": version.number, "trial": str(trial.pk), "kind": trial.kind}
    record(verb="model.try", subject=version, by=by, project_id=version.model.project_id, data=facts)
    return trial


@transaction.atomic
def ask_licensed(*, asset: LicensedAsset, given: Given, by: User) -> Trial:
    """Ask exactly the version that was licensed, while the licence is in force."""
    require(by, "release.try", asset)
    version = licensed_version(asset)
    trial = _asked(version, given, by, asset)
    agreement = asset.licence.agreement
    record(
        verb="licence.try",
        subject=asset,
        by=by,
        project_id=agreement.project_id,
        organisation_id=asset.licence.licensor_id,
        data=named(agreement) | {"asset": asset.label, "trial": str(trial.pk), "kind": trial.kind},
    )
    return trial


def licensed_version(asset: LicensedAsset) -> ModelVersion:
    """The model behind a licensed asset. Raises NotFoundError for anything else."""
    version = subject_of(asset)
    if not isinstance(version, ModelVersion):
        raise NotFoundError
    return version


def _asked(version: ModelVersion, given: Given, by: User, asset: LicensedAsset | None = None) -> Trial:
    require_kept(version)
    User.objects.select_for_update().get(pk=by.pk)  # so that two at once are counted one after the other
    since, most = timezone.now() - timedelta(hours=1), settings.PLAYGROUND_PER_HOUR
    if Trial.objects.filter(asked_by=by, created_at__gt=since).count() >= most:
        text = _("You asked %(n)d times within an hour, which is the limit. Go on in a while.")
        raise QuotaExceededError(text % {"n": most})
    trial = Trial.objects.create(
        version=version, asset=asset, asked_by=by, kind=given.kind, text=given.text, file=given.file
    )
    ring_after_commit()
    return trial


# --- for the worker
@transaction.atomic
def claim() -> Trial | None:
    """Take up the oldest question while few enough models are answering."""
    if connection.vendor == "postgresql":  # counting and taking must not interleave
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])
    if Trial.objects.running().count() >= settings.PLAYGROUND_AT_ONCE:
        return None
    trial = Trial.objects.waiting().first()
    if trial is None:
        return None
    now = timezone.now()
    limit = timedelta(seconds=settings.PLAYGROUND_SECONDS + START_GRACE_S)
    state = TRIAL_MOVES.require("begin", trial.state, what=str(trial))
    mine = Trial.objects.filter(pk=trial.pk, state=trial.state)
    return Trial.objects.get(pk=trial.pk) if mine.update(state=state, started_at=now, ends_by=now + limit) else None


def finish(trial: Trial, answer: dict[str, Any]) -> bool:
    """Keep the answer; the file is not needed any more. False: somebody else ended it."""
    return _end(trial, "answer", answer=answer)


def fail(trial: Trial, reason: str, detail: str = "") -> bool:
    """Say why there is no answer."""
    return _end(trial, "fail", reason=reason, reason_detail=detail)


def _end(trial: Trial, move: str, **facts: Any) -> bool:
    state = TRIAL_MOVES.require(move, trial.state, what=str(trial))
    mine = Trial.objects.filter(pk=trial.pk, state=trial.state)
    return bool(mine.update(state=state, ended_at=timezone.now(), file=None, **facts))


def give_up() -> int:
    """Fail what a worker began that is no more. Returns how many."""
    return sum(fail(trial, "lost") for trial in Trial.objects.overdue(timezone.now()).defer("file"))


def forget() -> int:
    """Delete what was asked and answered longer ago than is kept. Returns how many."""
    before = timezone.now() - timedelta(hours=max(1, settings.PLAYGROUND_KEEP_HOURS))
    return Trial.objects.filter(created_at__lt=before).delete()[1].get(Trial._meta.label, 0)


# --- for pages
def eta_s(trial: Trial) -> float | None:
    """Seconds until the answer, by how long the latest ones took; None where none is known."""
    if trial.is_ended:
        return None
    ended = Trial.objects.filter(state=TrialState.ANSWERED)
    took = _latest(ended.filter(version=trial.version_id)) or _latest(ended)
    if not took:
        return None
    usual = statistics.median(took)
    if trial.started_at:
        return max(1.0, usual - (timezone.now() - trial.started_at).total_seconds())
    ahead = Trial.objects.filter(state__in=(TrialState.WAITING, TrialState.RUNNING), created_at__lt=trial.created_at)
    return usual * (1 + ahead.count() / max(1, settings.PLAYGROUND_AT_ONCE))


def _latest(rows: Any) -> list[float]:
    pairs = rows.order_by("-ended_at").values_list("started_at", "ended_at")[:LATEST]
    return [(ended - started).total_seconds() for started, ended in pairs if started and ended]


def own_trials(by: User, version_id: UUID, asset: LicensedAsset | None = None) -> Any:
    """What the person asked this version on this page, newest first."""
    rows = Trial.objects.visible_to(by).filter(version=version_id, asset=asset).with_names()
    return rows.order_by("-created_at")
