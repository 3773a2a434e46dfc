"""Registering versions and editing their cards."""

from __future__ import annotations

import uuid

import pytest

from collab.audit.models import AuditEvent
from collab.kernel.errors import InvalidError, RefusedError, StaleError
from registry.catalog.models import ModelVersion
from registry.catalog.services import TrainedModel, edit_card, register_version

pytestmark = pytest.mark.django_db


def trained(**changes) -> TrainedModel:
    facts = {
        "task": "causal-lm",
        "architecture": "gpt",
        "parameters": 1000,
        "metrics": {"test/perplexity": 7.5, "test/loss": 2.0},
        "primary_metric": "test/perplexity",
        "baseline": {"name": "unigram", "metrics": {"test/perplexity": 300.0}},
        "card": "# Small",
        "manifest": {"files": {}},
        "manifest_sha256": "0" * 64,
        "size_bytes": 10,
    }
    return TrainedModel(**facts | changes)


def register(joint, **changes) -> ModelVersion:
    facts = {"project": joint.project, "name": "Small", "trained": trained(), "job_id": uuid.uuid4(), "by": joint.lead}
    return register_version(**facts | changes)


def test_versions_are_numbered_and_their_metrics_are_rows(aurora):
    first, second = register(aurora), register(aurora)

    assert (first.number, second.number, first.model_id == second.model_id) == (1, 2, True)
    assert first.primary_value == 7.5
    assert dict(first.metrics.values_list("name", "value")) == {"test/perplexity": 7.5, "test/loss": 2.0}


def test_a_job_registers_once(aurora):
    job_id = uuid.uuid4()

    assert register(aurora, job_id=job_id) == register(aurora, job_id=job_id)
    assert AuditEvent.objects.filter(verb="model.register").count() == 1


def test_a_metric_that_is_no_number_is_left_out(aurora):
    version = register(aurora, trained=trained(metrics={"test/perplexity": float("nan"), "test/loss": 2.0}))

    assert version.primary_value is None
    assert [m.name for m in version.metrics.all()] == ["test/loss"]


def test_a_card_is_edited_from_what_was_seen(aurora):
    version = edit_card(version=register(aurora), card="# Better", seen_card="# Small", by=aurora.lead)

    assert version.card == "# Better"
    with pytest.raises(StaleError):
        edit_card(version=version, card="# Mine", seen_card="# Small", by=aurora.researcher)


def test_an_empty_card_is_refused(aurora):
    with pytest.raises(InvalidError):
        edit_card(version=register(aurora), card="  ", seen_card="# Small", by=aurora.lead)


def test_an_observer_may_not_edit(aurora):
    with pytest.raises(RefusedError):
        edit_card(version=register(aurora), card="# X", seen_card="# Small", by=aurora.observer)
