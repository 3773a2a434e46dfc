"""The demo story's learning: one course, who takes it, a certificate to check, and data that asks for the course."""

from __future__ import annotations

from io import BytesIO

from django.core.files.uploadedfile import TemporaryUploadedFile

from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.courses.conditions import set_condition
from collab.courses.editing import (
    create_course,
    draft_version,
    publish_version,
    save_module,
    save_question,
    set_terms,
)
from collab.courses.library.services import add_resource, attach_resource
from collab.courses.models import Course, Enrolment
from collab.courses.taking import answer_quiz, begin_quiz, enrol, finish_module, left_to_study
from collab.internships.models import Posting
from collab.projects.models import Project
from registry.datasets.models import Dataset
from training.demo_neighbours import Cast

_MODULES = [
    (
        "What is personal data?", "什么是个人数据？",
        "Personal data is whatever tells something of a living person who can be found out: a name, a voice, a way of "
        "walking, or three answers that together only one technician can have given.\n\nA text without names may still "
        "be personal. Ask who could know the person from it.",
        "凡能说明某个可被识别的在世者的信息，都是个人数据：姓名、声音、步态，或者只有一位技术人员才可能同时给出的三个回答。\n\n没有姓名的文本仍可能是个人数据。请想一想谁能从中认出当事人。",
    ),
    (
        "Before you train", "训练之前",
        "Read what the owner lets the data be used for. Take the least that does. Keep it where the project keeps it, "
        "and tell nobody outside what stands in it.\n\nWhat a model has learnt by heart it may say again: look at its "
        "samples.",
        "请先了解数据所有者允许的用途。只取够用的部分，存放在项目存放之处，不向外人透露内容。\n\n模型背下来的内容可能会再说出来：请检查其样例。",
    ),
]  # fmt: skip
_QUESTIONS = [
    (
        "Interviews were stripped of all names. Are they still personal data?",
        "访谈已去除全部姓名。它们仍是个人数据吗？",
        [
            ("They may be: somebody may be known by what they tell.", "有可能：从所述内容仍可能认出某人。", True),
            ("No, without names nothing is personal.", "不是，没有姓名就不是个人数据。", False),
            ("Only if the interviews are recordings.", "只有录音才是。", False),
        ],
        "Three answers together may be those of one person alone, and whoever knows that person finds them.",
        "几个回答合在一起可能只对应一个人，认识此人者便能认出。",
    ),
    (
        "Which of these do you do before you train on them?", "用其训练之前，应做哪些事？",
        [
            ("Read what the owner lets them be used for.", "了解所有者允许的用途。", True),
            ("Take only what is needed.", "只取所需部分。", True),
            ("Copy them to your own computer, to be safe.", "为保险起见复制到自己的电脑。", False),
        ],
        "The owner says what they may be used for, and a copy elsewhere is out of the owner's hands.",
        "用途由所有者决定；副本一旦存到别处，所有者便无法管控。",
    ),
]  # fmt: skip
_LIBRARY = [
    ("book", "Dive into Deep Learning", "动手学深度学习", "Aston Zhang and others", 2023, "https://d2l.ai/",
     "deep learning, PyTorch"),
    ("paper", "Attention Is All You Need", "注意力就是你所需要的一切", "Ashish Vaswani and others", 2017,
     "https://arxiv.org/abs/1706.03762", "transformers"),
    ("course", "Neural Networks: Zero to Hero", "神经网络：从零开始", "Andrej Karpathy", 2022,
     "https://karpathy.ai/zero-to-hero.html", "language models, training"),
    ("tool", "PyTorch", "", "PyTorch Foundation", None, "https://pytorch.org/", "training, tensors"),
]  # fmt: skip


def tell_the_courses(cast: Cast, project: Project, coordinator: User) -> None:
    """The engineer has passed; the researcher is half through, and a newer version is out; data asks for the course."""
    course = _course(cast, coordinator)
    passed = enrol(course=course, by=cast.engineer)
    for module in left_to_study(passed):
        finish_module(enrolment=passed, module=module, by=cast.engineer)
    attempt = begin_quiz(enrolment=passed, by=cast.engineer)
    answer_quiz(attempt=attempt, answers=_right(passed), by=cast.engineer)
    under_way = enrol(course=course, by=cast.researcher)
    finish_module(enrolment=under_way, module=left_to_study(under_way)[0], by=cast.researcher)
    enrol(course=course, by=cast.professor)
    _second_version(course, coordinator)
    interviews = Dataset.objects.filter(project=project).order_by("created_at").first()
    assert interviews is not None
    set_condition(project=project, course=course, needed_for="data", asset=interviews.pk, by=cast.lead)
    # of a host, for a university offers no places in its own programme
    posting = Posting.objects.filter(organisation=cast.northwind, state="published").order_by("-created_at").first()
    assert posting is not None
    host = Membership.objects.active().get(organisation=cast.northwind, project=None, role=Role.COORDINATOR).user
    for kind, title, title_zh, authors, year, link, topics in _LIBRARY:
        resource = add_resource(
            organisation=cast.lakeside, kind=kind, title=title, title_zh=title_zh, authors=authors, year=year,
            link=link, topics=topics, by=coordinator,
        )  # fmt: skip
        if kind in {"book", "paper"}:
            attach_resource(resource=resource, subject=project, note="", by=cast.lead)
        else:
            attach_resource(resource=resource, subject=posting, note="", by=host)


def _course(cast: Cast, coordinator: User) -> Course:
    course = create_course(
        organisation=cast.lakeside, title="Handling personal data", title_zh="个人数据的处理",
        summary="What personal data is, and what one does before one trains a model on it.",
        summary_zh="什么是个人数据，以及用其训练模型之前应做什么。", audience="everyone", by=coordinator,
    )  # fmt: skip
    edition = course.versions.get()
    for title, title_zh, body, body_zh in _MODULES:
        save_module(
            edition=edition, kind="text", title=title, title_zh=title_zh, body=body, body_zh=body_zh, by=coordinator
        )
    for text, text_zh, options, why, why_zh in _QUESTIONS:
        told = [{"text": one, "text_zh": zh, "right": right} for one, zh, right in options]
        save_question(edition=edition, text=text, text_zh=text_zh, options=told, why=why, why_zh=why_zh, by=coordinator)
    edition.refresh_from_db()
    set_terms(
        edition=edition, version=edition.version, pass_mark=100, attempts_max=3, minutes=30, valid_months=12,
        by=coordinator,
    )  # fmt: skip
    publish_version(edition=edition, by=coordinator)
    return Course.objects.get(pk=course.pk)


def _second_version(course: Course, coordinator: User) -> None:
    """One module says more and a picture is new: those under way see what changed, and may move on."""
    draft = draft_version(course=course, by=coordinator)
    title, title_zh, body, body_zh = _MODULES[1]
    module = draft.modules.get(title=title)
    save_module(
        edition=draft, module=module, version=module.version, kind="text", title=title, title_zh=title_zh,
        body=f"{body}\n\nWrite down where the data went: who asks to be forgotten asks about every copy.",
        body_zh=f"{body_zh}\n\n请记录数据的去向：要求被遗忘的人，要求的是每一份副本。", by=coordinator,
    )  # fmt: skip
    with TemporaryUploadedFile("least.png", "image/png", 0, None) as file:
        file.write(_picture())
        file.flush()
        save_module(
            edition=draft, kind="image", title="The least that does", title_zh="够用即可", file=file,
            body="Of all that was collected only the marked part is needed: take that, and leave the rest where it is.",
            body_zh="收集到的内容中，只有标出的部分是需要的：只取这一部分，其余留在原处。", by=coordinator,
        )  # fmt: skip
    draft.refresh_from_db()
    set_terms(
        edition=draft, version=draft.version, by=coordinator,
        note="Where copies go, and a picture of the least that does.",
        note_zh="新增副本去向的说明，以及“够用即可”的图示。",
    )  # fmt: skip
    publish_version(edition=draft, by=coordinator)


def _picture() -> bytes:
    """Many squares, of which a few are taken out."""
    from PIL import Image, ImageDraw  # here, because only whoever tells the story draws

    picture = Image.new("RGB", (560, 240), "#ffffff")
    draw = ImageDraw.Draw(picture)
    taken = {(2, 1), (3, 1), (3, 2), (5, 3)}
    for x in range(8):
        for y in range(5):
            corner = (24 + 38 * x, 28 + 38 * y)
            fill = "#2457c5" if (x, y) in taken else "#d5dae3"
            draw.rounded_rectangle((*corner, corner[0] + 30, corner[1] + 30), 5, fill=fill)
    draw.line((346, 120, 410, 120), fill="#4a5568", width=5)
    draw.polygon([(408, 106), (434, 120), (408, 134)], fill="#4a5568")
    for place in range(4):
        corner = (456 + 38 * (place % 2), 86 + 38 * (place // 2))
        draw.rounded_rectangle((*corner, corner[0] + 30, corner[1] + 30), 5, fill="#2457c5")
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _right(enrolment: Enrolment) -> dict[str, list[int]]:
    return {str(row.pk): sorted(row.right) for row in enrolment.edition.questions.all()}
