"""A tiny trained model whose files are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collab.kernel.blobs import put_blob
from registry.catalog.models import ModelVersion
from tests.licensing import trained
from tests.training.engine.conftest import KINDS, Run, blob_of, profile_for, tiny
from training.engine.contract import DONE

TASK = "text-classification"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of a second leaves behind."""
    folder = tmp_path_factory.mktemp("tiny")
    run = Run(folder / "run", tiny(TASK, train__max_steps=2), blob_of(TASK), KINDS[TASK], profile_for(TASK))
    assert run.go() == DONE, run.log
    return run.folder / "out"


@pytest.fixture
def keep(package: Path):
    """Registers a version of this package for a project, its bytes kept as publishing keeps them."""

    def make(joint: Any, task: str = TASK) -> ModelVersion:
        files = json.loads((package / "MANIFEST.json").read_bytes())["files"]
        for name, facts in files.items():
            put_blob(package / name, facts["sha256"])
        version = trained(joint, joint.researcher, f"Topics {task}", manifest={"files": files})
        version.model.task = task
        version.model.save()
        return version

    return make


@pytest.fixture
def version(keep, aurora) -> ModelVersion:
    return keep(aurora)
