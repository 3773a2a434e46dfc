"""The demo story beside the main project: one that closed, and others on their way. Told through the verbs, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Organisation, User
from collab.agreements.background import declare_background
from collab.agreements.models import Agreement, AgreementVersion, Purpose
from collab.agreements.negotiating import comment_on_version
from collab.agreements.services import (
    CoverageTerm,
    counter_version,
    draft_agreement,
    draft_version,
    negotiate_version,
    send_for_signature,
    sign_version,
    suspend_version,
)
from collab.projects.models import ProgressReport, Project, ProjectParty, Review
from collab.projects.services import (
    add_contribution,
    add_line,
    add_member,
    add_step,
    answer_approval,
    attest,
    book_cost,
    create_project,
    create_questionnaire,
    declare_conflict,
    move_project,
    move_report,
    move_work,
    plan_work,
    record_output,
    schedule_reports,
    set_budget,
    set_training_rate,
    write_report,
    write_review,
)
from training.demo_days import days_ago

_BOTH_MAY = """1. Each party may read the data named here and train models on it, for this project only.

2. Nobody hands the data on. When the agreement ends, reading and training end on the same day."""

_BOTH_MAY_ZH = """一、各方可读取本协议列明的数据并据此训练模型，仅限用于本项目。

二、任何一方不得转交数据。协议终止之日起，读取与训练权限同时终止。"""


@dataclass(frozen=True)
class Cast:
    """Everybody in the demo. `lakeside` and `northwind` run the main project."""

    lakeside: Organisation
    northwind: Organisation
    meridian: Organisation
    harbour: Organisation
    lead: User
    researcher: User
    engineer: User
    chancellor: User
    director: User
    professor: User  # of Meridian
    rector: User
    speech_engineer: User  # of Harbour
    counsel: User


def tell_the_past(cast: Cast) -> None:
    """A project of two years ago that was closed, and whose agreement has expired since."""
    with days_ago(730):
        project = _approved(
            "Fault sounds of gearboxes", "齿轮箱故障声音", cast.meridian, [cast.northwind], cast.professor,
            {cast.meridian: cast.rector, cast.northwind: cast.director},
            summary="Can a small model hear a worn gear before it breaks? Meridian recorded, Northwind listened.",
            summary_zh="小模型能否在齿轮损坏之前听出磨损？子午线理工学院录音，北风机器人试听。",
            ends_on=timezone.localdate() + timedelta(days=380),
        )  # fmt: skip
        add_member(
            project=project, user=cast.engineer, organisation=cast.northwind, role=Role.ENGINEER, by=cast.professor
        )
        version = _drafted(
            project, "DUA-1", "data_use", ("Use of the gearbox recordings", "齿轮箱录音使用协议"), cast.professor,
            covers=[cast.meridian, cast.northwind], expires_on=timezone.localdate() + timedelta(days=365),
        )  # fmt: skip
        _executed(version, cast, cast.professor)
        project = move_project(project=project, move="begin", by=cast.professor)
        meridian = _party(project, cast.meridian)
        recordings = plan_work(
            project=project, party=meridian, title="Two hundred hours of recordings", kind="deliverable",
            due_on=timezone.localdate() + timedelta(days=120), by=cast.professor,
        )  # fmt: skip
    with days_ago(600):
        recordings = move_work(item=recordings, move="submit", evidence="214 hours, checked by ear.", by=cast.professor)
        move_work(item=recordings, move="accept", by=cast.engineer)
        record_output(
            project=project, kind="software", title="Listener for gearboxes", by=cast.professor,
            shares={meridian: Decimal(60), _party(project, cast.northwind): Decimal(40)},
        )  # fmt: skip
    with days_ago(360):
        move_project(project=project, move="wind_up", by=cast.professor)
        report = ProgressReport.objects.get(project=project, kind="final")
        report = write_report(
            report=report, by=cast.professor, version=report.version,
            summary="A worn gear is heard nine days before it fails. The listener runs on Northwind's robots.",
        )  # fmt: skip
        report = move_report(report=report, move="submit", by=cast.professor)
        move_report(report=report, move="accept", by=cast.engineer)
        for party, by, ending in ((meridian, cast.rector, "none"), (None, cast.director, "destroyed")):
            here = party or _party(project, cast.northwind)
            attest(party=here, kind="outputs", by=by)
            attest(party=here, kind="data", ending=ending, by=by)
        project.refresh_from_db()
        move_project(project=project, move="close", by=cast.professor)


def tell_this_year(cast: Cast) -> None:
    """A project that began in summer, with two agreements."""
    with days_ago(120):
        project = _approved(
            "Small eyes for small robots", "小型机器人的小型视觉", cast.meridian, [cast.northwind], cast.professor,
            {cast.meridian: cast.rector, cast.northwind: cast.director},
            summary="Recognising handwritten labels on shelves, on the robot itself.",
            summary_zh="在机器人本机上识别货架上的手写标签。",
            ends_on=timezone.localdate() + timedelta(days=2 * 365),
        )  # fmt: skip
        add_member(
            project=project, user=cast.engineer, organisation=cast.northwind, role=Role.ENGINEER, by=cast.professor
        )
        year = timezone.localdate() + timedelta(days=365)
        both = [cast.meridian, cast.northwind]
        use = _drafted(
            project, "DUA-6", "data_use", ("Use of the shelf photographs", "货架照片使用协议"), cast.professor,
            covers=both, expires_on=year,
        )  # fmt: skip
        _executed(use, cast, cast.professor)
        silence = _drafted(
            project, "NDA-7", "nda", ("Confidence about the reader of labels", "标签识别器保密协议"), cast.professor,
            covers=[], expires_on=year,
        )  # fmt: skip
        _executed(silence, cast, cast.professor)
        move_project(project=project, move="begin", by=cast.professor)


def tell_the_main_project_on(cast: Cast, project: Project) -> None:
    """Work, money, reports and results of the main project."""
    today = timezone.localdate()
    project.refresh_from_db()
    lakeside, northwind = _party(project, cast.lakeside), _party(project, cast.northwind)
    add_contribution(party=lakeside, kind="in_kind", amount=Decimal(60_000), by=cast.lead,
                     description="Two researchers, half of their time")  # fmt: skip
    add_contribution(party=northwind, kind="cash", amount=Decimal(90_000), by=cast.lead)
    done = plan_work(project=project, party=lakeside, title="Corpus of technical English, cleaned",
                     title_zh="清洗后的技术英语语料", kind="deliverable", due_on=today + timedelta(days=5),
                     by=cast.lead)  # fmt: skip
    done = move_work(item=done, move="submit", evidence="Dataset “Python language reference”, version 1.", by=cast.lead)
    move_work(item=done, move="accept", by=cast.engineer)
    under_way = plan_work(project=project, party=northwind, title="Model answers on a robot's own processor",
                          title_zh="模型在机器人自带处理器上作答", kind="milestone",
                          due_on=today + timedelta(days=20), by=cast.lead)  # fmt: skip
    move_work(item=under_way, move="start", by=cast.engineer)
    plan_work(project=project, party=lakeside, title="List of technical words", title_zh="技术词汇表",
              kind="deliverable", due_on=today - timedelta(days=4), by=cast.lead)  # fmt: skip
    _budget(cast, project, lakeside, northwind)
    schedule_reports(project=project, every_months=6, due_days=30, by=cast.lead, version=_version(project))
    record_output(project=project, kind="software", title="Preparation of technical texts", by=cast.researcher,
                  shares={lakeside: Decimal(100)}, creators=[cast.researcher])  # fmt: skip
    declare_background(project=project, owner=cast.northwind, title="Manuals of the robots R1 to R4", by=cast.lead,
                       restrictions="Names of customers stay inside Northwind.")  # fmt: skip


def tell_the_neighbours(cast: Cast) -> None:
    """An idea, a proposal in review, one in contracting, and what became of the agreements of the one under way."""
    create_project(
        title="Reading safety data sheets", title_zh="阅读化学品安全说明书", lead_organisation=cast.lakeside,
        by=cast.researcher, state="idea",
    )  # fmt: skip
    _in_review(cast)
    _in_contracting(cast)
    _amend_and_suspend(cast)


# --- the chapters
def _in_review(cast: Cast) -> None:
    project = _proposed(
        "Speech of harbour pilots", "引航员语音识别", cast.meridian, [cast.harbour], cast.professor,
        summary="Radio, wind and five languages: can a small speech model follow a pilot? Harbour records, "
        "Meridian trains.",
        summary_zh="无线电、风声与五种语言：小型语音模型能否听懂引航员？海港语音录音，子午线理工学院训练。",
    )  # fmt: skip
    admin = grant_admin(cast.meridian)
    questionnaire = create_questionnaire(
        organisation=cast.meridian, name="Scientific review", name_zh="学术评审", by=admin,
        questions=[
            {"key": "method", "type": "scale", "label": "How sound is the method?", "label_zh": "方法是否可靠？"},
            {"key": "people", "type": "yes_no", "label": "Are people recorded?", "label_zh": "是否录制个人声音？"},
            {"key": "why", "type": "text", "label": "What should change?", "label_zh": "应作何修改？",
             "required": False},
        ],
    )  # fmt: skip
    add_step(
        project=project, name="Science", chair=cast.rector, reviewers=[cast.lead, cast.researcher], minimum_reviews=2,
        questionnaire=questionnaire.versions.get(), by=cast.professor,
    )  # fmt: skip
    move_project(project=project, move="submit", by=cast.professor)
    mine, other = (Review.objects.get(step__project=project, reviewer=user) for user in (cast.lead, cast.researcher))
    write_review(
        review=mine, by=cast.lead, version=mine.version, answers={"method": 4, "people": True}, score=Decimal("7.5"),
        recommendation="approve_with_changes", submit=True,
        comment="Sound. Say how long the recordings of people are kept, and who hears them.",
    )  # fmt: skip
    declare_conflict(
        review=other, by=cast.researcher, kind="professional", text="I wrote two papers with the applicant last year."
    )


def _in_contracting(cast: Cast) -> None:
    project = _approved(
        "Translating maintenance orders", "维修工单翻译", cast.lakeside, [cast.harbour], cast.lead,
        {cast.lakeside: cast.chancellor, cast.harbour: cast.counsel},
        summary="Orders come in six languages and leave in one. Harbour has ten years of them.",
        summary_zh="工单以六种语言到达，以一种语言发出。海港语音积累了十年的工单。",
    )  # fmt: skip
    add_member(project=project, user=cast.speech_engineer, organisation=cast.harbour, role=Role.ENGINEER, by=cast.lead)
    out = _drafted(
        project, "NDA-4", "nda", ("Mutual non-disclosure", "双方保密协议"), cast.lead, covers=[],
        expires_on=timezone.localdate() + timedelta(days=3 * 365),
    )  # fmt: skip
    out = send_for_signature(version=out, by=cast.lead)
    _sign(out, cast.harbour, cast.counsel)
    talk = _drafted(
        project, "COL-5", "collaboration", ("Collaboration on translation", "翻译合作协议"), cast.lead,
        covers=[cast.lakeside, cast.harbour], expires_on=timezone.localdate() + timedelta(days=365),
    )  # fmt: skip
    talk = negotiate_version(version=talk, by=cast.lead)
    comment_on_version(
        version=talk, party=cast.harbour, by=cast.counsel,
        text="The orders name ships. We need a sentence on masking them before anything is trained.",
    )  # fmt: skip
    counter_version(
        version=talk, proposed_by=cast.lakeside, by=cast.lead,
        text=_BOTH_MAY + "\n\n3. Names of ships are masked before anything is trained.",
        text_zh=_BOTH_MAY_ZH + "\n\n三、训练前须遮蔽船舶名称。",
    )  # fmt: skip


def _amend_and_suspend(cast: Cast) -> None:
    use, silence = (
        AgreementVersion.objects.select_related("agreement__project").get(agreement__reference=reference)
        for reference in ("DUA-6", "NDA-7")
    )
    amended = _drafted(
        use.agreement.project, "DUA-6-A1", "amendment", ("Photographs of this year as well", "增补：今年的照片"),
        cast.professor, covers=[cast.meridian, cast.northwind], amends=use.agreement,
        expires_on=timezone.localdate() + timedelta(days=365),
    )  # fmt: skip
    _executed(amended, cast, cast.professor)
    suspend_version(version=silence, by=cast.professor, reason="The parties talk about a shorter period of secrecy.")


def _budget(cast: Cast, project: Project, lakeside: ProjectParty, northwind: ProjectParty) -> None:
    today = timezone.localdate()
    set_budget(project=project, by=cast.lead, version=1, currency="EUR", thresholds=[80, 100])
    year = {"starts_on": today - timedelta(days=30), "ends_on": today + timedelta(days=335), "by": cast.lead}
    people = add_line(project=project, party=lakeside, category="personnel", planned=Decimal(14_000),
                      committed=Decimal(2_000), note="Two researchers", **year)  # fmt: skip
    add_line(project=project, party=lakeside, category="compute", planned=Decimal(200), note="Training jobs", **year)
    robots = add_line(project=project, party=northwind, category="equipment", planned=Decimal(12_000),
                      note="Four processors", **year)  # fmt: skip
    book_cost(line=people, amount=Decimal(10_600), on=today, note="The first months", by=cast.lead)
    book_cost(line=robots, amount=Decimal(11_200), on=today, note="Four processors and mounts", by=cast.lead)
    set_training_rate(project=project, per_cpu_hour=Decimal("0.04"), valid_from=today, by=cast.lead)


# --- what the chapters share
def grant_admin(organisation: Organisation) -> User:
    """The person who administers it."""
    return User.objects.filter(
        memberships__organisation=organisation, memberships__project=None, memberships__role=Role.ORGANISATION_ADMIN
    ).first()  # type: ignore[return-value]


def _proposed(
    title: str, title_zh: str, home: Organisation, partners: Sequence[Organisation], by: User, **facts: Any
) -> Project:
    return create_project(title=title, title_zh=title_zh, lead_organisation=home, partners=partners, by=by, **facts)


def _approved(
    title: str, title_zh: str, home: Organisation, partners: Sequence[Organisation], by: User,
    answers: dict[Organisation, User], **facts: Any,
) -> Project:  # fmt: skip
    """A project that every party has said yes to."""
    project = _proposed(title, title_zh, home, partners, by, **facts)
    for move in ("submit", "ask_approval"):
        project = move_project(project=project, move=move, by=by)
    for approval in project.approvals.all():
        answer_approval(approval=approval, decision="approve", by=answers[approval.party.organisation])
    project.refresh_from_db()
    return project


def _drafted(
    project: Project, reference: str, kind: str, title: tuple[str, str], by: User, *, covers: Sequence[Organisation],
    expires_on: date, amends: Agreement | None = None,
) -> AgreementVersion:  # fmt: skip
    agreement = draft_agreement(
        project=project, reference=reference, kind=kind, title=title[0], title_zh=title[1], amends=amends, by=by
    )
    return draft_version(
        agreement=agreement, text=_BOTH_MAY, text_zh=_BOTH_MAY_ZH, effective_on=timezone.localdate(),
        expires_on=expires_on, by=by,
        coverage=[CoverageTerm(party, purpose) for party in covers for purpose in Purpose.values],
    )  # fmt: skip


def _executed(version: AgreementVersion, cast: Cast, by: User) -> AgreementVersion:
    """Sent, and signed by whoever binds Meridian and Northwind."""
    version = send_for_signature(version=version, by=by)
    for party, signer in ((cast.meridian, cast.rector), (cast.northwind, cast.director)):
        version = _sign(version, party, signer)
    return version


def _sign(version: AgreementVersion, party: Organisation, signer: User) -> AgreementVersion:
    return sign_version(
        version=version, party=party, typed_name=signer.name, capacity="Authorised signatory",
        document_sha256=version.document_sha256, by=signer,
    )  # fmt: skip


def _party(project: Project, organisation: Organisation) -> ProjectParty:
    return ProjectParty.objects.get(project=project, organisation=organisation)


def _version(project: Project) -> int:
    return Project.objects.values_list("version", flat=True).get(pk=project.pk)
