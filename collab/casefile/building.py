"""A whole case as one ZIP: what a person may see of a joint project, each file with its hash in a manifest."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from collab.access.policy import require, visible_to
from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.sealing import sealed_content
from collab.audit.services import record
from collab.casefile import tables  # noqa: F401  what a case always holds
from collab.casefile.contents import TABLES, Table
from collab.kernel.blobs import blob_path, digest_file, read_blob
from collab.kernel.errors import ConflictError
from collab.kernel.paper import each
from collab.projects.models import Project
from collab.publications.models import Manuscript
from collab.web.csvs import csv_lines

FORMAT = "tandem-case/1"
_IN_MEMORY = 4 * 1024**2  # a small case never touches the disk

_README = (
    _("This is what one person could see of a joint project when the file was made; manifest.json says who and when."),
    _(
        "Each table is there twice: as CSV for people, as JSON for programs. agreements/ holds the sealed PDFs, "
        "manuscripts/ what was laid before the parties: one folder for each notice, named by its id."
    ),
    _("manifest.json names every file with its SHA-256; its own hash stands in the history of the project."),
    _(
        "Each act of the history has a hash over the act before and itself: sha256 of “previous”, a line feed, and the "
        "act as JSON with sorted keys, without spaces, in UTF-8: id, at, actor, verb, subject (kind and id), project, "
        "data, and organisation where there is one."
    ),
    _("Acts that the person may not read are left out, so “previous” may name one that is not here."),
)


def export_case(*, project: Project, by: User) -> IO[bytes]:
    """The ZIP, as an open file at its beginning; that it was taken is history, with the hash of its manifest."""
    require(by, "audit.view", project)
    out = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the response closes it
    files: list[dict[str, Any]] = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        box = _Box(archive, files)
        box.add("README.txt", ("\n\n".join("\n".join(each(text)) for text in _README) + "\n").encode())
        for table in TABLES:
            count = box.write(f"{table.name}.json", _json(table.read(project, by)))
            box.write(f"{table.name}.csv", _csv(table, table.read(project, by)))
            files[-1]["rows"] = files[-2]["rows"] = max(0, count - 2)
        missing = _add_agreements(box, project, by)
        taken, lost = _add_manuscripts(box, project, by)
        manifest = {
            "format": FORMAT,
            "project": {
                "slug": project.slug,
                "title": project.title,
                "title_zh": project.title_zh,
                "id": str(project.pk),
            },
            "made_at": timezone.now().isoformat(),
            "made_for": {"id": str(by.pk), "name": str(by)},
            "files": list(files),
            "missing": missing + lost,
        }
        told = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
        archive.writestr("manifest.json", told)
    _record(project, by, files=len(files), manifest=hashlib.sha256(told).hexdigest(), manuscripts=taken)
    out.seek(0)
    return out


@transaction.atomic
def _record(project: Project, by: User, *, files: int, manifest: str, manuscripts: list[str]) -> None:
    """Who took which manuscript is history, here as where one is opened alone."""
    record(
        verb="project.export_case",
        subject=project,
        by=by,
        project_id=project.pk,
        data={"files": files, "manifest_sha256": manifest, "manuscripts": manuscripts},
    )


class _Box:
    """A ZIP that notes the hash and size of each file as it is written."""

    def __init__(self, archive: zipfile.ZipFile, files: list[dict[str, Any]]) -> None:
        self.archive, self.files = archive, files

    def add(self, path: str, content: bytes) -> None:
        self.write(path, [content])

    def write(self, path: str, pieces: Iterable[bytes]) -> int:
        """Piece after piece, in constant memory; how many there were."""
        digest, size, count = hashlib.sha256(), 0, 0
        with self.archive.open(path, "w") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size, count = size + len(piece), count + 1
        self.files.append({"path": path, "sha256": digest.hexdigest(), "size_bytes": size})
        return count


def _json(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A list, one row on each line."""
    yield b"["
    for number, row in enumerate(rows):
        text = json.dumps(row, ensure_ascii=False, cls=_Encoder)
        yield f"{',' if number else ''}\n{text}".encode()
    yield b"\n]\n"


def _csv(table: Table, rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    def lines() -> Iterator[list[Any]]:
        yield list(table.columns)
        for row in rows:
            yield [_cell(value) for value in row.values()]

    for line in csv_lines(lines()):
        yield line.encode()


class _Encoder(DjangoJSONEncoder):
    """Times with all their digits: the hash of an act is over them."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, cls=_Encoder)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _add_agreements(box: _Box, project: Project, by: User) -> list[dict[str, str]]:
    """The sealed PDFs; what cannot be had, and why."""
    versions = AgreementVersion.objects.filter(agreement__project=project, executed_at__isnull=False)
    rows = versions.visible_to(by).select_related("agreement__project").order_by("agreement__created_at", "number")
    missing, taken = [], set()
    for version in rows.iterator(chunk_size=100):
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", version.agreement.reference).strip("-.") or "agreement"
        path = f"agreements/{plain}-v{version.number}.pdf"
        if path in taken:
            path = f"agreements/{plain}-v{version.number}-{str(version.pk)[:8]}.pdf"
        taken.add(path)
        try:
            _sealed, content = sealed_content(version)
        except ConflictError as error:
            missing.append({"path": path, "reason": str(error)})
            continue
        box.add(path, content)
    return missing


def _add_manuscripts(box: _Box, project: Project, by: User) -> tuple[list[str], list[dict[str, str]]]:
    """The manuscripts that were laid before the parties as files: hashes of what is in it; what is damaged, and why."""
    rows = Manuscript.objects.filter(notice__project=project).exclude(sha256="")
    seen = visible_to(by, "publication.view", rows).order_by("notice__given_on", "notice_id", "number")
    taken, missing = [], []
    for row in seen.iterator(chunk_size=100):
        path = f"manuscripts/{row.notice_id}/{row.number}.pdf"
        blob = blob_path(row.sha256)
        if not blob.exists() or digest_file(blob)[0] != row.sha256:
            missing.append({"path": path, "reason": _lost()})
            continue
        box.write(path, read_blob(row.sha256))
        taken.append(row.sha256)
    return taken, missing


def _lost() -> str:
    return gettext("The stored file is damaged: its hash is not the one it was laid before with.")
