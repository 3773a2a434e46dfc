"""The demo story's sensitive data: codes say for what it may be used, and its owner answers about two jobs."""

from __future__ import annotations

from itertools import product

from django.core.files.uploadedfile import TemporaryUploadedFile

from collab.inbox.services import decide_request
from collab.projects.models import Project
from registry.datasets.models import DatasetVersion
from registry.datasets.services import add_version, create_dataset
from registry.uses.services import CodeTerm, set_uses
from registry.uses.vocabulary import Use
from training.demo_days import Thread
from training.demo_neighbours import Cast
from training.engine.contract import default_spec
from training.jobs.models import Job
from training.jobs.purposes import question_of
from training.jobs.services import submit_job

_PARTS = ("wrist joint", "gripper", "base motor", "cable carrier", "brake", "teach pendant", "encoder", "controller")
_FAULTS = ("stopped in the middle of a shift", "ran hot after an hour", "made a knocking sound", "lost its zero point")
_MENDS = ("cleaned the contacts", "replaced the seal", "set the offset anew", "tightened the screws", "let it cool")


def interviews() -> str:
    """What technicians told, without their names: the same lines every time."""
    told = enumerate(product(_PARTS, _FAULTS, _MENDS), start=1)
    return "".join(f"{n}. The {part} {fault}; I {mend}, and it went on.\n" for n, (part, fault, mend) in told)


def tell_the_uses(cast: Cast, project: Project) -> Thread[None]:
    """Interviews of the university; the company's engineer asks twice, and once it still waits for an answer."""
    yield 9
    version = _interviews(cast, project)
    yield 6
    manual = _submit(cast, project, version, "Help texts for the manual", about="Texts for the robot's manual")
    asked = question_of(manual)
    assert asked is not None  # ethics and topic leave it to the owner
    decide_request(
        request=asked, decision="rejected", by=cast.researcher,
        reason="The technicians agreed to research about repair, not to a manual; ask them first.",
    )  # fmt: skip
    yield 2
    _submit(cast, project, version, "Fault notes from interviews", about="Which repair follows which fault")


def _interviews(cast: Cast, project: Project) -> DatasetVersion:
    dataset = create_dataset(
        project=project,
        name="Interviews with service technicians",
        description="160 answers of technicians about faults and repairs, without names. "
        "技术人员关于故障与维修的 160 条回答，已去除姓名。",
        by=cast.researcher,
    )
    content = interviews().encode()
    file = TemporaryUploadedFile("interviews.txt", "text/plain", len(content), None)
    file.write(content)
    file.flush()
    version = add_version(dataset=dataset, file=file, by=cast.researcher)
    codes = [
        CodeTerm(Use.NON_COMMERCIAL),
        CodeTerm(Use.ETHICS_REQUIRED),
        CodeTerm(Use.TOPIC_SPECIFIC, text="How robots fail and how they are repaired"),
    ]
    set_uses(dataset=dataset, codes=codes, version=0, by=cast.researcher)
    return version


def _submit(cast: Cast, project: Project, version: DatasetVersion, name: str, *, about: str) -> Job:
    """A job small enough for any machine: once the owner says yes, it is trained."""
    spec = default_spec("causal-lm", version.profile, str(version.pk)).to_json()
    purpose = {"commercial": False, "ethics": "ETH-2026-017", "about": about}
    return submit_job(project=project, name=name, spec=spec, purpose=purpose, by=cast.engineer)
