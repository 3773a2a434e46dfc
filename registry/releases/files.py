"""The files behind a licensed asset, by their hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collab.kernel.blobs import blob_path
from collab.transfer.licences.models import LicensedAsset
from collab.transfer.licences.states import AssetKind
from registry.catalog.models import ModelVersion
from registry.datasets.models import DatasetVersion


@dataclass(frozen=True)
class ReleasedFile:
    """One file of a version; `kept` is False where its bytes were never handed over to be given out."""

    name: str
    sha256: str
    size_bytes: int

    @property
    def path(self) -> Path:
        return blob_path(self.sha256)

    @property
    def kept(self) -> bool:
        return self.path.is_file()

    @property
    def save_as(self) -> str:
        return self.name.rsplit("/", 1)[-1]


def subject_of(asset: LicensedAsset) -> ModelVersion | DatasetVersion | None:
    """The version that is licensed; None for a right or a technology, which has no files here."""
    if asset.kind == AssetKind.MODEL_VERSION:
        rows: Any = ModelVersion.objects.select_related("model").prefetch_related("metrics")
    elif asset.kind == AssetKind.DATASET_VERSION:
        rows = DatasetVersion.objects.select_related("dataset__organisation")
    else:
        return None
    return rows.filter(pk=asset.subject_id).first()


def files_of(subject: ModelVersion | DatasetVersion | None) -> list[ReleasedFile]:
    """Exactly the files of that version."""
    if isinstance(subject, DatasetVersion):
        return [ReleasedFile(subject.file_name, subject.sha256, subject.size_bytes)]
    if isinstance(subject, ModelVersion):
        files = (subject.manifest or {}).get("files") or {}
        return [ReleasedFile(name, facts["sha256"], facts["size_bytes"]) for name, facts in sorted(files.items())]
    return []
