"""The inbox of the demo story: questions in several states, dates near and past, somebody who goes on leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from collab.accounts.models import Organisation, User
from collab.inbox.absences import begin_absence
from collab.inbox.services import QUESTION, advise, ask, comment_on, decide_request, meet_condition, set_obligation


def tell_inbox(
    *, project: Any, lead: User, researcher: User, engineer: User, company: Organisation, director: User
) -> None:
    """Add it to a project whose lead, researcher and engineer these are."""
    given = {"topic": QUESTION, "subject": project, "project": project}
    waiting = ask(
        **given,
        title="May the robot team fine-tune on the manuals of 2024 as well?",
        title_zh="机器人团队是否也可以用 2024 年的手册进行微调？",
        by=engineer,
        word="project.edit",
        reviewers=[researcher],
        data={"text": "They are ours, 1,200 pages, and COL-1 covers training. The texts name two customers."},
    )
    advise(request=waiting, by=researcher, opinion="conditions", text="Fine, once the customers' names are out.")
    comment_on(request=waiting, by=engineer, text="We can mask the names within a day.")
    published = ask(
        **given,
        title="May we show the first results at the spring workshop?",
        title_zh="是否可以在春季研讨会上展示初步结果？",
        by=researcher,
        word="project.edit",
    )
    published = decide_request(
        request=published,
        decision="approved_with_conditions",
        reason="Good for both sides; the slides speak for both.",
        conditions=["Both parties are named on the first slide.", "Northwind sees the slides a week before."],
        by=lead,
    )
    meet_condition(condition=published.conditions.get(number=1), by=lead, evidence="Slide 1 of the draft of Monday.")
    ask(  # nobody at the company holds the word, so that it climbs
        **given,
        title="Who at Northwind answers questions about customer data?",
        title_zh="北风机器人由谁回答有关客户数据的问题？",
        by=researcher,
        organisation=company,
        word="organisation.manage",
    )
    today = timezone.localdate()
    for kind, days, title, title_zh in (
        ("report", 12, "First progress report to both parties", "向双方提交首份进展报告"),
        ("milestone", 40, "A small model that passes the reading test", "小模型通过阅读测试"),
    ):
        day = today + timedelta(days=days)
        page = project.get_absolute_url()
        set_obligation(source=project, kind=kind, title=title, title_zh=title_zh, due_on=day, url=page, project=project)
    now = timezone.now()
    begin_absence(
        by=director,
        delegate=engineer,
        starts_at=now + timedelta(days=5),
        ends_at=now + timedelta(days=12),
        reason="Trade fair",
    )
