"""Adding data: checked, named by its bytes, never half-written."""

from __future__ import annotations

import hashlib
import pickle

import pytest

from collab.audit.models import AuditEvent
from collab.kernel.errors import (
    ConflictError,
    FaultyInputError,
    InvalidError,
    NoRoomError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnsupportedKindError,
)
from collab.projects.services import move_project
from registry.datasets import blobs
from registry.datasets.models import DatasetVersion
from registry.datasets.services import add_version, clean_file_name, create_dataset
from tests.cast import upload

pytestmark = pytest.mark.django_db
ROWS = b"text,label\n" + b"".join(b"row %d,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1]) for i in range(40))


@pytest.fixture
def dataset(aurora):
    return create_dataset(project=aurora.project, name="Rows", by=aurora.researcher)


def add(aurora, dataset, content: bytes, name: str) -> DatasetVersion:
    return add_version(dataset=dataset, file=upload(content, name), by=aurora.researcher)


def test_a_version_is_named_by_its_bytes_and_profiled(aurora, dataset, settings):
    version = add(aurora, dataset, ROWS, "rows.csv")

    assert (version.number, version.kind, version.rows) == (1, "csv", 40)
    assert version.sha256 == hashlib.sha256(ROWS).hexdigest()
    path = blobs.blob_path(version.sha256)
    assert path.read_bytes() == ROWS
    assert path.stat().st_mode & 0o777 == 0o440
    assert version.profile["classes"]["label"] == {"a": 20, "b": 20}
    assert "examples" not in version.public_profile
    assert AuditEvent.objects.filter(verb="dataset.add_version").count() == 1


def test_numbers_go_up(aurora, dataset):
    add(aurora, dataset, ROWS, "rows.csv")

    assert add(aurora, dataset, ROWS + b"row 40,a\n", "rows.csv").number == 2


def test_the_same_bytes_are_not_a_new_version(aurora, dataset):
    add(aurora, dataset, ROWS, "rows.csv")

    with pytest.raises(ConflictError, match="version 1"):
        add(aurora, dataset, ROWS, "again.csv")


def test_a_ragged_row_is_named_and_nothing_is_stored(aurora, dataset, settings):
    with pytest.raises(FaultyInputError) as refused:
        add(aurora, dataset, b"text,label\none,a\ntwo,b,c\n", "rows.csv")

    assert "3" in refused.value.faults[0].path
    assert not DatasetVersion.objects.exists()
    assert not list(settings.BLOB_DIR.rglob("*")) if settings.BLOB_DIR.exists() else True


def test_a_pickle_under_any_name_is_refused_unopened(aurora, dataset, tmp_path):
    trace = tmp_path / "opened"

    class Trap:
        def __reduce__(self):
            return (trace.write_text, ("boom",))

    for name in ("data.csv", "data.txt", "data.jsonl", "data.zip", "data.pkl"):
        with pytest.raises(UnsupportedKindError):
            add(aurora, dataset, pickle.dumps(Trap()), name)

    assert not trace.exists()


def test_an_empty_file_is_refused(aurora, dataset):
    with pytest.raises(InvalidError):
        add(aurora, dataset, b"", "empty.txt")


def test_a_file_beyond_the_limit_is_refused(aurora, dataset, settings):
    settings.UPLOAD_MAX_BYTES = 100

    with pytest.raises(TooLargeError):
        add(aurora, dataset, ROWS, "rows.csv")


def test_a_full_disk_leaves_nothing_half_written(aurora, dataset, settings, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs.shutil, "copyfileobj", full)

    with pytest.raises(NoRoomError):
        add(aurora, dataset, ROWS, "rows.csv")

    assert not DatasetVersion.objects.exists()
    assert [p for p in settings.BLOB_DIR.rglob("*") if p.is_file()] == []


def test_who_may_add(aurora, borealis, dataset):
    with pytest.raises(RefusedError):
        add_version(dataset=dataset, file=upload(ROWS, "rows.csv"), by=aurora.engineer)
    with pytest.raises(NotFoundError):
        add_version(dataset=dataset, file=upload(ROWS, "rows.csv"), by=borealis.researcher)


def test_a_suspended_project_takes_no_data(aurora, dataset):
    move_project(project=aurora.project, move="suspend", by=aurora.lead)
    dataset.refresh_from_db()

    with pytest.raises(RefusedError) as refused:
        add(aurora, dataset, ROWS, "rows.csv")
    assert [m.code for m in refused.value.missing] == ["project_not_active"]


def test_a_name_is_taken_once_per_project(aurora, dataset):
    with pytest.raises(InvalidError, match="of that name"):
        create_dataset(project=aurora.project, name="Rows", by=aurora.researcher)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\rows.csv", "rows.csv"),
        ("a" * 300 + ".csv", "a" * 146 + ".csv"),
        ("Zähler.csv", "Zähler.csv"),
    ],
)
def test_a_file_name_is_only_shown(raw, clean):
    assert clean_file_name(raw) == clean


@pytest.mark.parametrize("raw", ["", ".", "..", "a\r\nb.csv", "evil\u202excod.csv", "nul\x00.csv"])
def test_a_file_name_that_hides_something_is_refused(raw):
    with pytest.raises(InvalidError):
        clean_file_name(raw)
