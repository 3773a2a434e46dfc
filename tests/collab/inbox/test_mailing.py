"""E-mail as people chose it; a dead mail server loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import transaction
from django.utils import timezone

from collab.inbox import doorbell
from collab.inbox.mailing import send_due
from collab.inbox.models import Notification
from collab.inbox.notices import choose_mail, mark_read, notify
from collab.inbox.tasks import send_mail_task
from collab.kernel.errors import InvalidError, StaleError
from tests.cast import person

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def anna():
    return person("Anna")


def tell(user, title: str = "News", **fields) -> Notification:
    return notify(people=[user], **({"kind": "request", "title": title, "url": "/inbox/"} | fields))[0]


def test_mail_says_what_and_where_in_the_persons_language(anna, settings):
    settings.BASE_URL = "https://tandem.example"
    bei = person("Bei", language="zh-hans")
    notify(people=[anna, bei, anna], kind="request", title="Please sign", title_zh="请签署", url="/inbox/")
    assert send_mail_task() == 2 and send_mail_task() == 0
    english, chinese = sorted(mail.outbox, key=lambda sent: sent.to != [anna.email])
    assert (english.to, english.subject) == ([anna.email], "Tandem: Please sign")
    assert "https://tandem.example/inbox/" in english.body and "/account/notifications/" in english.body
    assert chinese.subject == "Tandem: 请签署" and "由您选择" in chinese.body


def test_each_kind_comes_as_it_was_chosen(anna):
    choose_mail(by=anna, choices={"request": "off", "comment": "weekly", "news": "now"}, version=0)
    with time_machine.travel(MONDAY, tick=False):
        for kind in ("request", "comment", "news", "project"):  # project: daily, unless one chooses
            tell(anna, kind, kind=kind)
    sent = {}
    for days in (0, 1, 7):
        with time_machine.travel(MONDAY + timedelta(days=days), tick=False):
            mail.outbox.clear()
            send_due()
            sent[days] = [message.body.split("\n")[0] for message in mail.outbox]
    assert sent == {0: ["- news"], 1: ["- project"], 7: ["- comment"]}


def test_a_summary_is_one_mail_and_leaves_out_what_was_read(anna):
    choose_mail(by=anna, choices={"request": "daily"}, version=0)
    with time_machine.travel(MONDAY):
        rows = [tell(anna, title) for title in ("One", "Two", "Three")]
        mark_read(by=anna, notifications=[rows[1].pk])
        assert send_due() == 0
    with time_machine.travel(MONDAY + timedelta(days=1)):
        assert send_due() == 1 and send_due() == 0
    body = mail.outbox[0].body
    assert mail.outbox[0].subject == "Tandem: 2 notifications" and "One" in body and "Three" in body
    assert "Two" not in body


def test_a_dead_server_is_tried_again_and_nothing_is_sent_twice(anna, monkeypatch):
    tell(anna)
    tell(person("Bea"))

    def dead(self, *args, **kwargs):
        raise ConnectionRefusedError

    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as now, monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", dead)
        assert send_due() == 0
        row = Notification.objects.order_by("-tries").first()
        assert (row.tries, row.fault, row.mailed_at) == (1, "ConnectionRefusedError", None)
        patch.undo()
        now.shift(timedelta(minutes=1))
        send_due()  # too early for the one that failed
        now.shift(timedelta(minutes=20))
        send_due()
        send_due()
    assert len(mail.outbox) == 2
    assert set(Notification.objects.values_list("fault", flat=True)) == {""}


def test_nobody_who_left_gets_mail(anna):
    tell(anna)
    anna.is_active = False
    anna.save()
    assert send_due() == 0
    assert notify(people=[anna], kind="news", title="News", url="/") == []


def test_the_bell_rings_after_the_commit_only(anna, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr("collab.kernel.doorbell.current_app.send_task", lambda name, **options: rung.append(name))
    with django_capture_on_commit_callbacks(execute=True):
        tell(anna)
        assert rung == []
    assert rung == [doorbell.SEND]
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(RuntimeError), transaction.atomic():
        tell(anna)
        raise RuntimeError
    assert rung == [doorbell.SEND] and Notification.objects.count() == 1


def test_a_broker_that_is_away_does_no_harm(anna, monkeypatch, django_capture_on_commit_callbacks):
    def away(name, **options):
        raise OSError

    monkeypatch.setattr("collab.kernel.doorbell.current_app.send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        tell(anna)
    assert send_due() == 1


def test_choosing_is_refused(anna):
    with pytest.raises(InvalidError):
        choose_mail(by=anna, choices={"dreams": "now"}, version=0)
    with pytest.raises(InvalidError):
        choose_mail(by=anna, choices={"news": "hourly"}, version=0)
    choose_mail(by=anna, choices={"news": "now"}, version=0)
    with pytest.raises(StaleError):
        choose_mail(by=anna, choices={"news": "off"}, version=0)
    with pytest.raises(KeyError):
        tell(anna, kind="dreams")


def test_a_title_stays_one_line(anna):
    row = tell(anna, "One\nBcc: everybody@example.org " + "x" * 300)
    assert "\n" not in row.title and len(row.title) == 240
    assert send_due() == 1
