"""Pages of registered models."""

from __future__ import annotations

import hashlib
import json
import uuid

import pytest
from django.utils import timezone

from collab.agreements.models import AgreementVersion
from collab.kernel.blobs import put_blob
from registry.catalog.models import ModelVersion
from registry.catalog.services import TrainedModel, edit_card, register_version
from tests.cast import Joint
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def registered(
    joint: Joint, name: str = "Reader", *, accuracy: float = 0.9, task: str = "image-classification", **more
):
    facts = {
        "task": task,
        "architecture": "resnet",
        "parameters": 78_394,
        "metrics": {"test/accuracy": accuracy, "test/loss": 1 - accuracy},
        "primary_metric": "test/accuracy",
        "baseline": {"name": "majority", "metrics": {"test/accuracy": 0.1}},
        "card": "# Reads digits\n\n<script>alert(1)</script>",
        "manifest": {"files": {"model.safetensors": {"sha256": "ab" * 32, "size_bytes": 1234}}},
        "manifest_sha256": "cd" * 32,
        "size_bytes": 1234,
        "mlflow_run_id": "run1" * 8,
        "mlflow_model_id": "m-" + "1" * 32,
        "mlflow_version": "1",
    }
    trained = TrainedModel(**facts | more)
    return register_version(project=joint.project, name=name, trained=trained, job_id=uuid.uuid4(), by=joint.researcher)


# --- list
def test_the_list_shows_mine_found_by_words_task_and_project(aurora, borealis):
    reader = registered(aurora).model.get_absolute_url()
    writer = registered(aurora, "Writer", task="causal-lm").model.get_absolute_url()
    theirs = registered(borealis, "Spy").model.get_absolute_url()
    client = as_(aurora.observer)
    seen = text(client.get("/models/"))
    assert reader in seen and writer in seen and theirs not in seen
    assert writer not in text(client.get("/models/?q=read"))
    assert reader not in text(client.get("/models/?task=causal-lm"))
    assert reader in text(client.get(f"/models/?project={aurora.project.slug}"))


@pytest.mark.parametrize(("metric", "order"), [("test/accuracy", ["B", "A", "C"]), ("test/loss", ["B", "A", "C"])])
def test_the_best_by_any_metric_comes_first(aurora, metric, order):
    for name, accuracy in (("A", 0.8), ("B", 0.9), ("C", 0.7)):
        registered(aurora, name, accuracy=accuracy)
    registered(aurora, "Unmeasured", metrics={}, primary_metric="")
    response = as_(aurora.lead).get(f"/models/?metric={metric}")
    assert [model.name for model in response.context["page"]] == [*order, "Unmeasured"]


def test_the_latest_version_counts_for_the_order(aurora):
    registered(aurora, "A", accuracy=0.99)
    registered(aurora, "A", accuracy=0.5)
    registered(aurora, "B", accuracy=0.7)
    response = as_(aurora.lead).get("/models/?metric=test/accuracy")
    assert [model.name for model in response.context["page"]] == ["B", "A"]


def test_metrics_of_others_are_not_offered(aurora, borealis):
    registered(aurora)
    registered(borealis, metrics={"test/secret": 1.0})
    seen = text(as_(aurora.lead).get("/models/"))
    assert "test/accuracy" in seen and "secret" not in seen


def test_more_models_take_no_more_queries(aurora):
    client = as_(aurora.lead)
    pages = ["/models/", "/models/?metric=test/accuracy", f"/projects/{aurora.project.slug}/models/"]
    for number in range(2):
        registered(aurora, f"M{number}")
    few = [queries(client, page) for page in pages]
    for number in range(2, 6):
        registered(aurora, f"M{number}")
    assert [queries(client, page) for page in pages] == few


# --- model
def test_versions_are_compared_by_the_chosen_metric(aurora):
    registered(aurora, accuracy=0.8)
    model = registered(aurora, accuracy=0.9).model
    client = as_(aurora.lead)
    assert client.get(model.get_absolute_url()).context["chart"] == {"labels": ["v1", "v2"], "values": [0.8, 0.9]}
    by_loss = client.get(f"{model.get_absolute_url()}?metric=test/loss")
    assert by_loss.context["chosen_label"] == "Test: loss"
    assert client.get(f"{model.get_absolute_url()}?metric=nonsense").context["chosen"] == "test/accuracy"


def test_more_versions_take_no_more_queries(aurora):
    client = as_(aurora.lead)
    version = registered(aurora)
    registered(aurora)
    pages = [version.model.get_absolute_url(), version.get_absolute_url()]
    few = [queries(client, page) for page in pages]
    for _ in range(4):
        registered(aurora)
    assert [queries(client, page) for page in pages] == few


# --- version
def test_the_page_tells_where_it_comes_from_and_how_good_it_is(aurora):
    terms = aurora.cover(reference="DUA-1")
    data = aurora.dataset().latest()
    version = registered(aurora, dataset_versions=[data], terms=[terms])
    seen = text(as_(aurora.engineer).get(version.get_absolute_url()))
    for part in (
        data.get_absolute_url(),
        f"/jobs/{version.job_id}/",
        terms.get_absolute_url(),
        "Reads digits",
        "&lt;script&gt;",
        "model.safetensors",
        "ab" * 32,
        f"/mlflow/{aurora.project.slug}",
        version.mlflow_run_id,
        "0.1",
    ):
        assert part in seen
    assert "<script>alert" not in seen


REPORT = {
    "primary": {"name": "accuracy", "value": 0.9, "interval": [0.8125, 0.96875]},
    "probe": {"metrics": {"accuracy": 0.84375}},
    "slices": {"region": {"metric": "accuracy", "values": [{"value": "north", "rows": 9, "metric": 0.5}], "gap": None}},
    "cleaned": {"duplicates": 3, "pii": 2, "rows": {"duplicates": [7, 8, 11]}, "pii_found": {"email": 4}},
    "detail": {
        "labels": ["a", "b"],
        "confusion": [[4, 1], [0, 5]],
        "calibration": {"ece": 0.0625, "bins": [{"rows": 0}, {"rows": 8, "surety": 0.15, "accuracy": 0.25}]},
    },
}


def test_the_page_tells_what_the_report_found(aurora, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(REPORT))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    put_blob(path, digest)
    version = registered(aurora, manifest={"files": {"report.json": {"sha256": digest, "size_bytes": 9}}})
    seen = text(as_(aurora.engineer).get(version.get_absolute_url()))
    assert "95 % interval by bootstrap 0.8125 to 0.9688" in seen
    assert "frozen features of the model it starts from: 0.8438" in seen
    assert "By “region”" in seen and "What it takes for what" in seen
    assert "Expected calibration error: 0.0625" in seen
    assert '<rect x="11" y="75.0" width="8" height="25.0"/>' in seen and seen.count("<rect x=") == 1
    assert "Point to a person" in seen and "7, 8, 11" in seen and "e-mail addresses 4" in seen
    assert "On the held-out test part: rows are the truth" in seen
    version = registered(aurora, manifest={"files": {"report.json": {"sha256": "0" * 64, "size_bytes": 9}}})
    assert "By “region”" not in text(as_(aurora.engineer).get(version.get_absolute_url()))


@pytest.mark.parametrize(("rows", "part"), [(10_000, True), (12_345, False)])
def test_the_page_tells_of_how_many_rows_a_confusion_is(aurora, tmp_path, rows, part):
    path = tmp_path / "report.json"
    told = {"rows": 12_345, "confusion_rows": rows}
    path.write_text(json.dumps(REPORT | {"detail": REPORT["detail"] | told}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    put_blob(path, digest)
    version = registered(aurora, manifest={"files": {"report.json": {"sha256": digest, "size_bytes": 9}}})
    seen = text(as_(aurora.engineer).get(version.get_absolute_url()))
    assert ("On 10,000 of the 12,345 examples of the held-out test part: rows are" in seen) is part
    assert ("On the held-out test part: rows are" in seen) is not part


def test_terms_are_shown_as_they_stand_today(aurora):
    terms = aurora.cover(reference="DUA-1")
    version = registered(aurora, terms=[terms])
    AgreementVersion.objects.filter(pk=terms.pk).update(expires_on=timezone.localdate())
    assert "Expired" in text(as_(aurora.lead).get(version.get_absolute_url()))


def test_an_observer_gets_no_address_of_the_client_and_no_pencil(aurora):
    seen = text(as_(aurora.observer).get(registered(aurora).get_absolute_url()))
    assert "MLFLOW_TRACKING_URI" not in seen
    assert "/card/" not in seen


def test_others_find_nothing(aurora, borealis):
    version = registered(aurora)
    client = as_(borealis.lead)
    for page in (version.model.get_absolute_url(), version.get_absolute_url(), f"{version.get_absolute_url()}card/"):
        assert client.get(page).status_code == 404
    assert client.get(f"/projects/{aurora.project.slug}/models/").status_code == 404


# --- card
def test_a_card_is_rewritten(aurora):
    version = registered(aurora)
    form = {"card": "# Better\r\nwords", "seen_card": version.card.replace("\n", "\r\n")}
    response = as_(aurora.researcher).post(f"{version.get_absolute_url()}card/", form)
    assert response.status_code == 302
    assert ModelVersion.objects.get(pk=version.pk).card == "# Better\nwords"


def test_a_card_changed_by_another_is_not_overwritten(aurora):
    version = registered(aurora)
    seen = version.card
    edit_card(version=version, card="# By another", seen_card=seen, by=aurora.lead)
    form = {"card": "# Mine", "seen_card": seen}
    response = as_(aurora.researcher).post(f"{version.get_absolute_url()}card/", form)
    assert response.status_code == 412
    assert "Somebody changed this card" in text(response)
    assert ModelVersion.objects.get(pk=version.pk).card == "# By another"


def test_an_empty_card_is_told_at_its_field(aurora):
    version = registered(aurora)
    response = as_(aurora.researcher).post(
        f"{version.get_absolute_url()}card/", {"card": "  \n", "seen_card": version.card}
    )
    assert response.status_code == 422
    assert response.context["form"].errors["card"]


def test_an_observer_does_not_edit(aurora):
    assert as_(aurora.observer).get(f"{registered(aurora).get_absolute_url()}card/").status_code == 403
