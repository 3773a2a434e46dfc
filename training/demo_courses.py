"""The demo story's learning: one course, who takes it, a certificate to check, and data that asks for the course."""

from __future__ import annotations

from collab.accounts.models import User
from collab.courses.conditions import set_condition
from collab.courses.editing import create_course, publish_version, save_module, save_question, set_terms
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
    """The engineer has passed; the researcher is half through; the interviews ask for the course."""
    course = _course(cast, coordinator)
    passed = enrol(course=course, by=cast.engineer)
    for module in left_to_study(passed):
        finish_module(enrolment=passed, module=module, by=cast.engineer)
    attempt = begin_quiz(enrolment=passed, by=cast.engineer)
    answer_quiz(attempt=attempt, answers=_right(passed), by=cast.engineer)
    under_way = enrol(course=course, by=cast.researcher)
    finish_module(enrolment=under_way, module=left_to_study(under_way)[0], by=cast.researcher)
    enrol(course=course, by=cast.professor)
    interviews = Dataset.objects.filter(project=project).order_by("created_at").first()
    assert interviews is not None
    set_condition(project=project, course=course, needed_for="data", asset=interviews.pk, by=cast.lead)
    posting = Posting.objects.filter(organisation=cast.lakeside).order_by("-created_at").first()
    for kind, title, title_zh, authors, year, link, topics in _LIBRARY:
        resource = add_resource(
            organisation=cast.lakeside, kind=kind, title=title, title_zh=title_zh, authors=authors, year=year,
            link=link, topics=topics, by=coordinator,
        )  # fmt: skip
        if kind in {"book", "paper"}:
            attach_resource(resource=resource, subject=project, note="", by=cast.lead)
        elif posting is not None:
            attach_resource(resource=resource, subject=posting, note="", by=coordinator)


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


def _right(enrolment: Enrolment) -> dict[str, list[int]]:
    return {str(row.pk): sorted(row.right) for row in enrolment.edition.questions.all()}
