"""Verbs: ask for a package as ONNX, take up what waits, finish or fail it, take the file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from collab.access.policy import Missing, require
from collab.accounts.models import User
from collab.accounts.services import require_write_token
from collab.agreements.acts import named
from collab.audit.services import record
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotReadyError
from collab.transfer.licences.models import LicensedAsset
from registry.catalog.models import ModelVersion
from training.engine.contract import EXPORTABLE, exportable
from training.exports.doorbell import ring_after_commit
from training.exports.models import OnnxExport
from training.exports.states import EXPORT_MOVES, ExportState
from training.playground.inputs import require_kept
from training.playground.services import licensed_version

LEASE_S = 60  # after the last sign of the process that writes, nobody waits for it any longer


@transaction.atomic
def ask_export(*, version: ModelVersion, by: User) -> OnnxExport:
    """Ask for the package of a version of one's project as ONNX. Raises RefusedError and NotReadyError."""
    require(by, "model.download", version)
    require_write_token(by)
    export = _asked(version, by)
    data = {"model": version.model.name, "number": version.number}
    record(verb="model.export", subject=version, by=by, project_id=version.model.project_id, data=data)
    return export


@transaction.atomic
def ask_licensed_export(*, asset: LicensedAsset, by: User) -> OnnxExport:
    """Ask for exactly the version that was licensed, while the licence is in force."""
    require(by, "release.download", asset)
    require_write_token(by)
    export = _asked(licensed_version(asset), by)
    _told(asset, "licence.export", by, {})
    return export


def _told(asset: LicensedAsset, verb: str, by: User, more: dict[str, Any]) -> None:
    agreement = asset.licence.agreement
    record(
        verb=verb,
        subject=asset,
        by=by,
        project_id=agreement.project_id,
        organisation_id=asset.licence.licensor_id,
        data=named(agreement) | {"asset": asset.label} | more,
    )


def why_not(version: ModelVersion) -> Missing | None:
    """What keeps models of this task or architecture from being exported, whoever asks."""
    if exportable(version.model.task, version.architecture):
        return None
    facts = {"task": version.model.task_label, "arch": version.architecture}
    if version.model.task in EXPORTABLE:
        sentence = _(
            "A model of the architecture “%(arch)s” cannot be written as ONNX: it writes letter by letter, which is no "
            "single graph. Others of the task “%(task)s” can."
        )
        return Missing("arch_not_exported", sentence % facts)
    return Missing("task_not_exported", _("Models of the task “%(task)s” cannot be written as ONNX.") % facts)


def _asked(version: ModelVersion, by: User) -> OnnxExport:
    """The export, which is to be written unless it was asked for before. One that failed is tried again."""
    missing = why_not(version)
    if missing is not None:
        raise NotReadyError([missing])
    require_kept(version)
    now = timezone.now()
    facts = {"version": version, "asked_by": by, "asked_at": now}
    OnnxExport.objects.get_or_create(manifest_sha256=version.manifest_sha256, defaults=facts)
    export = OnnxExport.objects.select_for_update().get(manifest_sha256=version.manifest_sha256)
    fresh = export.asked_at == now
    if export.state == ExportState.FAILED:
        export.state = EXPORT_MOVES.require("ask_again", export.state, what=str(export))
        export.version, export.asked_by, export.asked_at = version, by, now
        export.reason = export.reason_detail = ""
        export.save()
        fresh = True
    if fresh:
        ring_after_commit()
    return export


def export_of(version: ModelVersion) -> OnnxExport | None:
    """The export of its package, in whatever state."""
    return OnnxExport.objects.filter(manifest_sha256=version.manifest_sha256).first()


@transaction.atomic
def take_export(*, version: ModelVersion, by: User, whole: bool = True) -> OnnxExport:
    """The finished export. Asked anew on each request; taking it whole, or its beginning, is history."""
    require(by, "model.download", version)
    export = _finished(version)
    if whole:
        data = {"model": version.model.name, "number": version.number, "sha256": export.sha256}
        record(verb="model.take_export", subject=version, by=by, project_id=version.model.project_id, data=data)
    return export


@transaction.atomic
def take_licensed_export(*, asset: LicensedAsset, by: User, whole: bool = True) -> OnnxExport:
    """As `take_export`, for what was licensed."""
    require(by, "release.download", asset)
    version = licensed_version(asset)
    export = _finished(version)
    if whole:
        _told(asset, "licence.download", by, {"file": save_as(version), "sha256": export.sha256})
    return export


def _finished(version: ModelVersion) -> OnnxExport:
    export = export_of(version)
    if export is None or export.state != ExportState.DONE or not blob_path(export.sha256).is_file():
        sentence = _("This version is not there as ONNX yet. Ask for it first.")
        raise NotReadyError([Missing("not_exported", sentence)])
    return export


def save_as(version: ModelVersion) -> str:
    """The name of the file that is downloaded."""
    return f"{slugify(version.model.name) or 'model'}-v{version.number}-onnx.zip"


# --- for the worker
@transaction.atomic
def claim() -> OnnxExport | None:
    """Take up the oldest export, unless one is being written."""
    if OnnxExport.objects.running().exists():
        return None
    export = OnnxExport.objects.waiting().select_for_update().first()
    if export is None:
        return None
    now = timezone.now()
    state = EXPORT_MOVES.require("begin", export.state, what=str(export))
    mine = OnnxExport.objects.filter(pk=export.pk, state=export.state)
    taken = mine.update(state=state, started_at=now, ends_by=now + timedelta(seconds=LEASE_S))
    return OnnxExport.objects.get(pk=export.pk) if taken else None


def hold(export: OnnxExport) -> bool:
    """Say that it is still being written. False: somebody else ended it."""
    mine = OnnxExport.objects.running().filter(pk=export.pk, started_at=export.started_at)
    return bool(mine.update(ends_by=timezone.now() + timedelta(seconds=LEASE_S)))


def finish(export: OnnxExport, *, sha256: str, size_bytes: int, facts: dict[str, Any]) -> bool:
    """Keep what was written. False: somebody else ended it."""
    return _end(export, "finish", sha256=sha256, size_bytes=size_bytes, facts=facts)


def fail(export: OnnxExport, reason: str, detail: str = "") -> bool:
    """Say why there is no export."""
    return _end(export, "fail", reason=reason, reason_detail=detail[:2_000])


def _end(export: OnnxExport, move: str, **facts: Any) -> bool:
    state = EXPORT_MOVES.require(move, export.state, what=str(export))
    mine = OnnxExport.objects.filter(pk=export.pk, state=export.state, started_at=export.started_at)
    return bool(mine.update(state=state, ended_at=timezone.now(), **facts))


def give_up() -> int:
    """Fail what a process began that is no more. Returns how many."""
    return sum(fail(export, "lost") for export in OnnxExport.objects.overdue(timezone.now()))
