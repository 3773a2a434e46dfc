"""Packages as ONNX: who may have them, what is written, and why not."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotReadyError, RefusedError
from collab.transfer.licences.models import LicensedAsset
from collab.transfer.licences.services import give_breach
from tests.cast import person, token_for
from tests.licensing import asset
from tests.training.playground.conftest import keep, package, version
from training.exports import services, writing
from training.exports.models import OnnxExport
from training.runner import confined
from training.runner.confined import Ended

pytestmark = pytest.mark.django_db
__all__ = ["keep", "package", "version"]
FULL = os.environ.get("TANDEM_MATRIX") == "full"  # with the engine's own process, which takes a minute to load
GRAPH = Ended(0, b'{"inputs": ["input_ids", "attention_mask"], "outputs": ["logits"]}', "")


@pytest.fixture(autouse=True)
def rings(monkeypatch) -> list[str]:
    """Nobody listens here; how often it rings is noted."""
    heard: list[str] = []
    monkeypatch.setattr("training.exports.doorbell.ring", lambda: heard.append("ring"))
    return heard


@pytest.fixture
def engine(monkeypatch):
    """What the engine's process ends with, instead of it."""

    def end(ended: Ended | type[Exception]) -> None:
        def run(_verb: str, _package: str, target: str, **_how) -> Ended:
            if not isinstance(ended, Ended):
                raise ended
            if ended.code == 0:
                Path(target).mkdir()
                for name in FILES:
                    (Path(target) / name).write_bytes(b"...")
            return ended

        monkeypatch.setattr(confined, "run_engine", run)

    return end


FILES = {"model.onnx", "config.json", "tokenizer.json", "README.md", "MANIFEST.json"}


def urls(version) -> tuple[str, str]:
    keys = [version.model_id, version.number]
    return reverse("training:model_onnx", args=keys), reverse("training:model_onnx_file", args=keys)


def done(version, by) -> OnnxExport:
    services.ask_export(version=version, by=by)
    export = services.claim()
    writing.write(export)
    export.refresh_from_db()
    return export


class Ghost:
    """A process that was started and is no more."""

    def poll(self) -> int:
        return 0


# --- asking and writing
def test_a_package_is_written_and_downloaded(
    version, aurora, client, rings, engine, django_capture_on_commit_callbacks
):
    """From the page to the graph."""
    if not FULL:
        engine(GRAPH)
    url, file_url = urls(version)
    client.force_login(aurora.engineer)
    assert url in client.get(version.get_absolute_url()).content.decode()
    assert "Write it as ONNX" in client.get(url).content.decode()
    assert client.get(file_url).status_code == 409
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url).status_code == 302
    assert rings == ["ring"] and "Waiting for a free place" in client.get(url).content.decode()

    writing.write(services.claim())

    export = OnnxExport.objects.get()
    assert export.state == "done", (export.reason, export.reason_detail)
    assert export.facts["outputs"] == ["logits"] and export.facts["inputs"] == ["input_ids", "attention_mask"]
    panel = client.get(url).content.decode()
    assert file_url in panel and "input_ids" in panel and "hx-trigger" not in panel.partition('id="onnx"')[2]
    got = client.get(file_url)
    data = b"".join(got.streaming_content)
    assert f"topics-text-classification-v{version.number}-onnx.zip" in got["Content-Disposition"]
    names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    assert names >= FILES
    part = client.get(file_url, headers={"Range": f"bytes={len(data) - 4}-"})
    assert part.status_code == 206 and b"".join(part.streaming_content) == data[-4:]
    verbs = list(
        AuditEvent.objects.filter(verb__in=["model.export", "model.take_export"]).values_list("verb", flat=True)
    )
    assert sorted(verbs) == ["model.export", "model.take_export"]


def test_the_same_package_is_written_once(version, keep, aurora, engine):
    engine(GRAPH)
    first = done(version, aurora.engineer)
    other = keep(aurora, "text-regression")  # under another name, with the same manifest
    assert services.ask_export(version=other, by=aurora.lead).pk == first.pk
    assert services.claim() is None and OnnxExport.objects.count() == 1
    assert AuditEvent.objects.filter(verb="model.export").count() == 2  # who asked is told each time


REFUSED = "This cannot be exported: "


@pytest.mark.parametrize(
    ("ended", "reason", "detail"),
    [
        (TimeoutError, "too_slow", ""),
        (Ended(1, b"", f"x\n{REFUSED}the task x has no export"), "not_exported", "the task x has no export"),
        (Ended(1, b"", f"{REFUSED}config.json is not what the manifest says"), "not_as_registered", "config"),
        (Ended(-9, b"", ""), "too_much_memory", ""),
        (Ended(1, b"", "Traceback /srv/secret"), "broke", ""),
        (ValueError, "broke", ""),
    ],
)
def test_what_went_wrong_is_told_and_may_be_tried_again(ended, reason, detail, version, aurora, engine, client):
    engine(ended)
    export = done(version, aurora.engineer)
    assert (export.state, export.reason) == ("failed", reason) and detail in export.reason_detail
    assert "secret" not in export.reason_detail
    client.force_login(aurora.engineer)
    panel = client.get(urls(version)[0]).content.decode()
    assert export.reason_sentence in panel and export.remedy in panel and "Write it as ONNX" in panel
    assert services.ask_export(version=version, by=aurora.engineer).state == "waiting"


def test_a_task_that_has_no_export_is_named(keep, aurora, client):
    writer = keep(aurora, "text-to-text")
    with pytest.raises(NotReadyError, match="“Text to text” cannot be written as ONNX"):
        services.ask_export(version=writer, by=aurora.engineer)
    client.force_login(aurora.engineer)
    url, _file_url = urls(writer)
    page = client.get(url).content.decode()
    assert "cannot be written as ONNX" in page and "Write it as ONNX" not in page
    assert client.post(url).status_code == 409 and not OnnxExport.objects.exists()


def test_an_architecture_that_has_no_export_is_named_and_not_its_task(keep, aurora):
    version = keep(aurora, "speech-to-text")
    assert services.why_not(version) is None  # other architectures of the task have one
    version.architecture = "whisper"
    missing = services.why_not(version)
    assert missing.code == "arch_not_exported"
    assert "“whisper” cannot be written as ONNX: it writes letter by letter" in missing.sentence


def test_files_that_are_gone_are_named(version, aurora):
    blob_path(version.manifest["files"]["config.json"]["sha256"]).unlink()
    with pytest.raises(NotReadyError, match=r"config\.json"):
        services.ask_export(version=version, by=aurora.engineer)


def test_one_is_written_at_a_time_and_a_lost_process_is_noticed(version, keep, aurora, monkeypatch):
    started: list[list[str]] = []
    monkeypatch.setattr(writing.subprocess, "Popen", lambda command, **_how: started.append(command) or Ghost())
    assert not writing.start_next()
    services.ask_export(version=version, by=aurora.engineer)
    assert writing.start_next() and started[0][1:3] == ["-m", "training.exports.writing"]
    assert not writing.start_next()
    export = OnnxExport.objects.get()
    OnnxExport.objects.update(ends_by=timezone.now() - timedelta(seconds=1))
    assert not writing.start_next()
    late = services.finish(export, sha256="1" * 64, size_bytes=1, facts={})
    export.refresh_from_db()
    assert (export.state, export.reason, late) == ("failed", "lost", False)


# --- who
def test_a_process_that_writes_gives_signs_and_is_not_taken_for_lost(version, aurora, monkeypatch):
    services.ask_export(version=version, by=aurora.engineer)
    export = services.claim()
    OnnxExport.objects.update(ends_by=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(writing, "SIGN_S", 0.0)
    monkeypatch.setattr("django.db.connection.close", lambda: None)  # here it is the test's own
    signs: list[bool] = []
    over = threading.Event()
    held = services.hold

    def hold(one: OnnxExport) -> bool:
        signs.append(held(one))
        over.set()
        return signs[-1]

    monkeypatch.setattr(services, "hold", hold)
    writing.give_signs(export, over)
    assert signs == [True] and services.give_up() == 0
    services.fail(export, "broke")
    assert not held(export), "somebody else ended it"


def test_only_who_may_have_the_package_may_have_the_export(version, aurora, client, engine):
    engine(GRAPH)
    done(version, aurora.engineer)
    Membership.objects.filter(user=aurora.observer, project=aurora.project).update(role=Role.OBSERVER)
    with pytest.raises(RefusedError):
        services.ask_export(version=version, by=aurora.observer)
    client.force_login(aurora.observer)
    assert [client.get(url).status_code for url in urls(version)] == [403, 403]
    assert "onnx/" not in client.get(version.get_absolute_url()).content.decode()
    client.force_login(person("Nobody"))
    assert [client.get(url).status_code for url in urls(version)] == [404, 404]


def test_a_licence_opens_the_export_and_a_breach_closes_it(office, keep, client, engine):
    engine(GRAPH)
    office.execute(assets=[asset(keep(office.joint))])
    mine = LicensedAsset.objects.get()
    client.force_login(office.firm_engineer)
    url, file_url = (reverse(f"training:release_onnx{name}", args=[mine.pk]) for name in ("", "_file"))
    assert url in client.get(reverse("registry:release", args=[mine.pk])).content.decode()
    assert client.post(url).status_code == 302
    writing.write(services.claim())
    assert file_url in client.get(url).content.decode() and client.get(file_url).status_code == 200
    verbs = AuditEvent.objects.filter(verb__startswith="licence.").values_list("verb", flat=True)
    assert {"licence.export", "licence.download"} <= set(verbs)
    give_breach(
        licence=mine.licence, reason="No report", cure_by=timezone.localdate() + timedelta(days=9), by=office.officer
    )
    assert [client.get(one).status_code for one in (url, file_url)] == [403, 403]


def test_programs_ask_look_and_take(version, keep, aurora, client, engine):
    engine(GRAPH)
    headers = {"Authorization": f"Bearer {token_for(aurora.engineer)}"}
    base = f"/api/v1/onnx-exports/{version.pk}/"
    assert client.get(base, headers=headers).json()["state"] is None
    asked = client.post(f"{base}ask/", {}, "application/json", headers=headers)
    assert asked.status_code == 202 and asked.json()["state"] == "waiting"
    assert client.get(f"{base}file/", headers=headers).status_code == 409
    writing.write(services.claim())
    found = client.get(base, headers=headers).json()
    assert found["state"] == "done" and found["facts"]["outputs"] == ["logits"]
    got = client.get(f"{base}file/", headers=headers)
    assert got.status_code == 200 and len(b"".join(got.streaming_content)) == found["size_bytes"]
    read = {"Authorization": f"Bearer {token_for(aurora.engineer, scope='read')}"}
    assert client.post(f"{base}ask/", {}, "application/json", headers=read).status_code == 403
    other = keep(aurora, "image-generation")
    assert client.get(f"/api/v1/onnx-exports/{other.pk}/", headers=headers).status_code == 409
