"""The demo story, told through the verbs: what a newcomer finds after the first `make run`."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation, OrganisationUnit, User
from collab.accounts.services import found_organisation, grant_organisation_role
from collab.agreements.models import AgreementVersion, Purpose
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    send_for_signature,
    sign_version,
)
from collab.inbox.demo import tell_inbox
from collab.projects.models import Project
from collab.projects.services import add_member, answer_approval, create_project, move_project
from collab.publications.services import give_notice
from collab.transfer.protection.demo import tell_protection
from training.demo_courses import tell_the_courses
from training.demo_days import Thread, days_ago, tell, together
from training.demo_ethics import tell_the_ethics
from training.demo_internships import MENTOR_EMAIL, STUDENT_EMAIL, tell_the_internships
from training.demo_neighbours import (
    Cast,
    tell_the_main_project_on,
    tell_the_neighbours,
    tell_the_past,
    tell_this_year,
)
from training.demo_royalties import tell_the_royalties, tell_the_startup
from training.demo_transfer import tell_other_disclosures, tell_the_disclosures
from training.demo_uses import tell_the_uses

PASSWORD = "tandem-demo"  # noqa: S105  the demo's, printed by make run; production never seeds it
PROJECT_SLUG = "small-models-for-technical-language"
LEAD_EMAIL = "lin.mei@lakeside.example"

ACCOUNTS = [
    ("Principal investigator, leads the project", LEAD_EMAIL),
    ("Researcher at the university", "tomas.vega@lakeside.example"),
    ("Engineer at the company", "chen.yu@northwind.example"),
    ("Signatory of the university", "amara.osei@lakeside.example"),
    ("Signatory of the company, has one to sign", "wei.zhang@northwind.example"),
    ("Technology-transfer officer of the university", "elin.berg@lakeside.example"),
    (
        "Technology-transfer officer of the company, has a part to book",
        "maya.lin@northwind.example",
    ),
    ("Professor at the second university, whose projects are on their way", "ines.duarte@meridian.example"),
    ("Coordinator of internships, courses and certificates", "nora.lind@lakeside.example"),
    ("Student, applies for an internship", STUDENT_EMAIL),
    ("Mentor of an intern at the company", MENTOR_EMAIL),
    ("Platform admin", "admin@tandem.example"),
]

_COLLABORATION = """1. Purpose. The parties pretrain and evaluate small models on technical text and on scanned digits.

2. Data. Each party may read the datasets of the project and train models on them, for this project only.

3. Results. Model versions made in the project belong to both parties. Neither hands them to others without the other's consent.

4. Publication. A manuscript is shown to the other party thirty days before it is submitted.

5. End. When this agreement expires or is terminated, reading, training and downloading end on the same day."""  # noqa: E501

_COLLABORATION_ZH = """一、目的。双方共同在技术文本和数字扫描图像上预训练并评测小型模型。

二、数据。各方可读取本项目的数据集并据此训练模型，仅限用于本项目。

三、成果。项目中产生的模型版本归双方共有；未经对方同意，任何一方不得提供给他人。

四、发表。稿件应在投稿前三十日交对方审阅。

五、终止。本协议到期或终止之日起，读取、训练和下载权限同时终止。"""

_NDA = """1. What one party shows the other about its products stays confidential for three years.

2. What was public, or was known before, is not confidential."""

_NDA_ZH = """一、一方向另一方披露的产品信息，应保密三年。

二、已公开或此前已知悉的信息不属于保密信息。"""


@transaction.atomic
def seed() -> bool:
    """Add the story. False when it is there already."""
    if Project.objects.filter(slug=PROJECT_SLUG).exists():
        return False
    with days_ago(800):
        cast = _everybody()
    tell_the_past(cast)
    tell_this_year(cast)
    university, company, lead, director = cast.lakeside, cast.northwind, cast.lead, cast.director
    with days_ago(60):
        officers = [
            _person("Elin Berg", "elin.berg@lakeside.example", university, Role.TRANSFER_OFFICER),
            _person("Omar Haddad", "omar.haddad@lakeside.example", university, Role.TRANSFER_OFFICER),
            _person("Ingrid Solberg", "ingrid.solberg@lakeside.example", university),
        ]
        _person("Maya Lin", "maya.lin@northwind.example", company, Role.TRANSFER_OFFICER)
        coordinator = _person("Nora Lind", "nora.lind@lakeside.example", university, Role.COORDINATOR)

    with days_ago(45):
        project = create_project(
            title="Small models for technical language",
            title_zh="面向技术语言的小模型",
            summary="How small can a language model be and still write usable technical English? Lakeside brings the "
            "texts and the method, Northwind the use: help on its robots without a data centre.",
            summary_zh="语言模型能小到什么程度，仍能写出可用的技术英语？湖畔大学提供文本与方法，北风机器人提供应用场景：无需数据中心即可在机器人上提供帮助。",
            lead_organisation=university,
            partners=[company],
            ends_on=timezone.localdate() + timedelta(days=2 * 365),
            by=lead,
        )
        for move in ("submit", "ask_approval"):
            project = move_project(project=project, move=move, by=lead)
        for approval, by in zip(project.approvals.order_by("party__role"), (cast.chancellor, director), strict=True):
            answer_approval(approval=approval, decision="approve", by=by)
        add_member(project=project, user=cast.researcher, organisation=university, role=Role.RESEARCHER, by=lead)
        add_member(project=project, user=cast.engineer, organisation=company, role=Role.ENGINEER, by=lead)

        terms = [CoverageTerm(party, purpose) for party in (university, company) for purpose in Purpose.values]
        collaboration = _sent(
            project, "COL-1", "collaboration", ("Collaboration and data use", "合作与数据使用协议"),
            (_COLLABORATION, _COLLABORATION_ZH), lead, terms,
            ip={"results_owner": "joint", "publication_notice_days": 30, "publication_delay_days": 90},
        )  # fmt: skip
        for signer, party, capacity in (
            (cast.chancellor, university, "Vice-Chancellor"),
            (director, company, "Managing director"),
        ):
            _sign(collaboration, signer, party, capacity)
        project = move_project(project=project, move="begin", by=lead)
    tell(
        tell_the_uses(cast, project),
        _transfer(cast, project, officers),
        tell_other_disclosures(cast, project, officers[0]),
        tell_the_internships(cast, project, coordinator, _person),
        _today(cast, project, coordinator),
    )
    return True


def _transfer(cast: Cast, project: Project, officers: list[User]) -> Thread[None]:
    """A model of the project becomes a case of the office, which then is protected, offered, licensed and paid for."""
    officer, second, expert = officers
    case = yield from tell_the_disclosures(cast, project, officer, second, expert)
    tell_more = tell_protection(case, officer)
    yield from together(
        tell_more, tell_the_royalties(cast, project, case, officer, second), tell_the_startup(cast, case, officer)
    )


def _today(cast: Cast, project: Project, coordinator: User) -> Thread[None]:
    """What is as it is when the newcomer comes."""
    yield 0
    lead, university = cast.lead, cast.lakeside
    nda = _sent(project, "NDA-2", "nda", ("Mutual non-disclosure", "双方保密协议"), (_NDA, _NDA_ZH), lead, [])
    _sign(nda, cast.chancellor, university, "Vice-Chancellor")
    tell_inbox(
        project=project, lead=lead, researcher=cast.researcher, engineer=cast.engineer, company=cast.northwind,
        director=cast.director,
    )  # fmt: skip
    tell_the_main_project_on(cast, project)
    tell_the_neighbours(cast)
    give_notice(
        project=project, organisation=university, title="How small can a language model for technical English be?",
        title_zh="面向技术英语的语言模型可以有多小？", authors="Lin Mei\nTomás Vega\nChen Yu", kind="conference",
        venue="Workshop on Efficient Models", submit_on=timezone.localdate() + timedelta(days=45),
        link="https://preprints.example/small-models", by=cast.researcher,
        abstract="We pretrain models of one to ten million parameters on technical manuals and ask at which size "
        "engineers stop noticing the difference.",
    )  # fmt: skip
    tell_the_courses(cast, project, coordinator)
    tell_the_ethics(cast, PASSWORD)


def _everybody() -> Cast:
    """Two universities, two companies, and who is in them."""
    university = found_organisation(
        name="Lakeside University", name_zh="湖畔大学", kind="university", country="SE", by=None,
        email_domains=["lakeside.example"],
    )  # fmt: skip
    company = found_organisation(
        name="Northwind Robotics", name_zh="北风机器人", kind="company", country="CN", by=None,
        email_domains=["northwind.example"],
    )  # fmt: skip
    meridian = found_organisation(
        name="Meridian Institute of Technology", name_zh="子午线理工学院", kind="university", country="PT", by=None,
        email_domains=["meridian.example"],
    )  # fmt: skip
    harbour = found_organisation(
        name="Harbour Speech", name_zh="海港语音", kind="company", country="NL", by=None,
        email_domains=["harbour.example"],
    )  # fmt: skip
    lead = _person("Lin Mei", LEAD_EMAIL, university)
    researcher = _person("Tomás Vega", "tomas.vega@lakeside.example", university)
    engineer = _person("Chen Yu", "chen.yu@northwind.example", company, language="zh-hans")
    chancellor = _person("Amara Osei", "amara.osei@lakeside.example", university, Role.SIGNATORY)
    institute = OrganisationUnit.objects.create(
        organisation=university, name="Institute of Language Technology", name_zh="语言技术研究所"
    )
    held = Membership.objects.filter(organisation=university, project=None, user__in=[lead, researcher])
    held.update(unit=institute)  # what they disclose counts for it
    director = _person("Zhang Wei", "wei.zhang@northwind.example", company, Role.SIGNATORY)
    User.objects.create_superuser("admin@tandem.example", PASSWORD, name="Platform Admin")
    _person("Rita Alves", "rita.alves@meridian.example", meridian, Role.ORGANISATION_ADMIN)
    return Cast(
        university, company, meridian, harbour, lead, researcher, engineer, chancellor, director,
        professor=_person("Inês Duarte", "ines.duarte@meridian.example", meridian),
        rector=_person("Paul Adeyemi", "paul.adeyemi@meridian.example", meridian, Role.SIGNATORY),
        speech_engineer=_person("Kenji Mori", "kenji.mori@harbour.example", harbour),
        counsel=_person("Sara Lindqvist", "sara.lindqvist@harbour.example", harbour, Role.SIGNATORY),
    )  # fmt: skip


def _person(
    name: str, email: str, organisation: Organisation, role: Role = Role.EMPLOYEE, language: str = "en"
) -> User:
    user = User.objects.create_user(email, None, name=name, language=language)
    user.password = _hash()
    user.save(update_fields=["password"])
    grant_organisation_role(organisation=organisation, user=user, role=role, by=None)
    return user


@cache
def _hash() -> str:
    """One for everybody, who all have the same password: to make it takes a third of a second."""
    return make_password(PASSWORD)


def _sent(
    project: Project,
    reference: str,
    kind: str,
    title: tuple[str, str],
    text: tuple[str, str],
    by: User,
    terms: list[CoverageTerm],
    ip: dict[str, Any] | None = None,
) -> AgreementVersion:
    agreement = draft_agreement(
        project=project, reference=reference, kind=kind, title=title[0], title_zh=title[1], by=by
    )
    version = draft_version(
        agreement=agreement,
        text=text[0],
        text_zh=text[1],
        effective_on=timezone.localdate(),
        expires_on=timezone.localdate() + timedelta(days=2 * 365),
        coverage=terms,
        ip=ip,
        by=by,
    )
    return send_for_signature(version=version, by=by)


def _sign(version: AgreementVersion, signer: User, party: Organisation, capacity: str) -> None:
    sign_version(
        version=version,
        party=party,
        typed_name=signer.name,
        capacity=capacity,
        document_sha256=version.document_sha256,
        by=signer,
    )
