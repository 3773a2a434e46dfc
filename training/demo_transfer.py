"""The demo story's technology transfer: a model of the joint project is disclosed, assessed, and decided on."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.projects.models import Project
from collab.transfer.disclosures.assessing import ask_assessor, declare_conflict, write_assessment
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.novelty import load_rules
from collab.transfer.disclosures.prefill import prefill_of
from collab.transfer.disclosures.services import (
    decide_case,
    pass_check,
    propose_decision,
    return_case,
    submit_disclosure,
    take_up,
)
from collab.transfer.disclosures.writing import InventorTerm, PriorArtTerm, disclose, set_prior_art, sign_disclosure
from registry.catalog.models import ModelVersion
from registry.catalog.services import TrainedModel, register_version
from training.demo_days import Thread
from training.demo_neighbours import Cast

MODEL = "Technical English, 4M"
_CARD = """# Technical English, 4M

A small GPT, pretrained on technical manuals in the joint project. This entry belongs to the demo story: it was recorded
from a run elsewhere and brings no files. Train one yourself to see files, curves and a package.

这是演示故事的一部分：记录自他处的运行，不含文件。"""


def tell_the_disclosures(
    cast: Cast, project: Project, officer: User, second: User, expert: User
) -> Thread[TransferCase]:
    """A model is disclosed, assessed, and will be protected."""
    load_rules()
    terms = AgreementVersion.objects.get(agreement__project=project, agreement__reference="COL-1")
    yield 36
    version = _model(cast, project, terms)
    yield 34
    case = _disclosed(cast, version)
    yield 32
    case = take_up(case=case, by=officer, version=case.version, decide_by=timezone.localdate() + timedelta(days=90))
    yield 29
    case = pass_check(case=case, by=officer, version=case.version)
    asked = ask_assessor(case=case, assessor=expert, due_on=timezone.localdate() + timedelta(days=14), by=officer)
    yield 21
    asked = declare_conflict(assessment=asked, conflict="", by=expert)
    marks = dict(zip((row.criterion_id for row in asked.scores.all()), (8, 6, 7, 8, 7, 6), strict=True))
    write_assessment(
        assessment=asked,
        scores={key: (mark, "") for key, mark in marks.items()},
        recommendation="protect",
        comment="Small enough for a robot's own processor, and better than what is sold. File before the paper.",
        submit=True,
        version=asked.version,
        by=expert,
    )
    yield 19
    propose_decision(
        case=case, decision="protect", by=officer, version=case.version,
        reason="Wanted by robot makers, and the paper is planned: file first, then offer it in one field.",
    )  # fmt: skip
    yield 18
    case.refresh_from_db()
    case = decide_case(case=case, agrees=True, by=second, version=case.version, reason="")
    return case


def _model(cast: Cast, project: Project, terms: AgreementVersion) -> ModelVersion:
    return register_version(
        project=project,
        name=MODEL,
        job_id=None,  # type: ignore[arg-type]  # it was trained elsewhere
        by=cast.researcher,
        trained=TrainedModel(
            task="causal-lm",
            architecture="gpt",
            parameters=4_194_304,
            metrics={"test/loss": 2.31, "test/perplexity": 10.07},
            primary_metric="test/perplexity",
            baseline={"name": "character frequencies", "metrics": {"test/perplexity": 19.6}},
            card=_CARD,
            manifest={"files": {}},
            manifest_sha256="9f2c1b7e5d3a48069f2c1b7e5d3a48069f2c1b7e5d3a48069f2c1b7e5d3a4806",
            size_bytes=0,
            terms=[terms],
        ),
    )


def _disclosed(cast: Cast, version: ModelVersion) -> TransferCase:
    """From the model version, as “Disclose this model” does it; all three sign."""
    known = prefill_of(cast.researcher, "registry.modelversion", version.pk)
    people = [
        InventorTerm(Decimal(50), person=cast.lead, contribution="The curriculum, and why it works at this size"),
        InventorTerm(Decimal(30), person=cast.researcher, contribution="The tokeniser for part numbers"),
        InventorTerm(Decimal(20), person=cast.engineer, contribution="Running it on the robot's own processor"),
    ]
    case = disclose(
        organisation=cast.lakeside,
        project=known.project,
        kind="trained_model",
        title="A small language model for help texts on robots",
        title_zh="用于机器人帮助文本的小型语言模型",
        summary="A language model of four million parameters that writes usable technical English on a robot's own "
        "processor, without a data centre.",
        description="Manuals are ordered from short to long sentences, and part numbers are single tokens. At this "
        "size that halves the perplexity.\n\n" + known.description,
        conception_on=timezone.localdate() - timedelta(days=40),
        planned_disclosure_on=timezone.localdate() + timedelta(days=79),
        public_disclosure_note="Workshop on Efficient Models",
        inventors=people,
        results=known.results,
        by=cast.researcher,
    )
    case = set_prior_art(
        case=case, by=cast.researcher, version=case.version,
        prior_art=[
            PriorArtTerm("publication", "Small language models from short stories (2023)", difference="No part "
                         "numbers, and no order by length."),
        ],
    )  # fmt: skip
    for user in (cast.lead, cast.researcher, cast.engineer):
        _sign(case, user)
    return submit_disclosure(case=case, by=cast.researcher)


def _sign(case: TransferCase, user: User) -> None:
    fresh = TransferCase.objects.with_all().get(pk=case.pk)
    sign_disclosure(case=fresh, typed_name=user.name, document_sha256=fresh.disclosure.document_sha256(), by=user)


def tell_other_disclosures(cast: Cast, project: Project, officer: User) -> Thread[None]:
    """One that the office returned, and one that waits for a signature."""
    yield 12
    tool = disclose(
        organisation=cast.lakeside,
        project=project,
        kind="software",
        title="A tool that finds part numbers in manuals",
        title_zh="在手册中查找零件号的工具",
        summary="Finds and normalises part numbers in scanned manuals.",
        description="A small tagger and a table of makers' formats.",
        conception_on=date(timezone.localdate().year, 1, 15),
        public_disclosure_on=timezone.localdate() - timedelta(days=20),
        public_disclosure_note="A talk at the spring school",
        by=cast.researcher,
    )
    _sign(tool, cast.researcher)
    tool = submit_disclosure(case=tool, by=cast.researcher)
    yield 10
    tool = take_up(case=tool, by=officer, version=tool.version)
    return_case(
        case=tool, by=officer, version=tool.version,
        reason="Which slides were shown at the spring school, and who else wrote the table of formats?",
    )  # fmt: skip
    yield 3
    disclose(
        organisation=cast.lakeside,
        project=project,
        kind="know_how",
        title="How to order manuals for small models",
        title_zh="如何为小模型编排手册",
        inventors=[
            InventorTerm(Decimal(50), person=cast.lead),
            InventorTerm(Decimal(50), person=cast.researcher),
        ],
        by=cast.researcher,
    )
