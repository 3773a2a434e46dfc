"""Trying models: who may, for how long, within which limits, and what comes back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import can, decide
from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.kernel.blobs import blob_path
from collab.kernel.errors import (
    InvalidError,
    NotReadyError,
    QuotaExceededError,
    RefusedError,
    TooLargeError,
    UnsupportedKindError,
)
from collab.transfer.licences.models import LicensedAsset
from collab.transfer.licences.services import give_breach
from registry.catalog.models import ModelVersion
from tests.cast import person, token_for
from tests.licensing import asset
from training.playground import answering, services
from training.playground.child import NoAnswerError, predict
from training.playground.inputs import given_for
from training.playground.models import Trial
from training.playground.services import ask_licensed, ask_model, eta_s
from training.runner.confined import Limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("warm_engine")]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture(autouse=True)
def rings(monkeypatch) -> list[str]:
    """Nobody listens here; how often it rings is noted."""
    heard: list[str] = []
    monkeypatch.setattr("training.playground.answering.ring", lambda: heard.append("ring"))
    monkeypatch.setattr("training.playground.doorbell.ring", lambda: heard.append("ring"))
    return heard


def ask(version: ModelVersion, by, text: str = "ball goal") -> Trial:
    return ask_model(version=version, given=given_for(version, text=text), by=by)


# --- asking and answering
def test_a_question_is_answered_by_the_model_itself(version, aurora, client):
    client.force_login(aurora.engineer)
    url = reverse("training:model_try", args=[version.model_id, version.number])
    assert url in client.get(version.get_absolute_url()).content.decode()
    sent = client.post(url, {"text": "ball goal team"})
    assert sent.status_code == 302
    trial = Trial.objects.get()
    assert "Waiting for a free place" in client.get(sent.url).content.decode()

    assert answering.answer_next()

    trial.refresh_from_db()
    assert trial.state == "answered", (trial.reason, trial.reason_detail)
    assert trial.answer["label"] in {"sport", "food", "sky"} and len(trial.answer["probabilities"]) == 3
    panel = client.get(reverse("training:trial_panel", args=[trial.pk])).content.decode()
    assert trial.answer["label"] in panel and "hx-get" not in panel and panel.count("<progress") == 3
    acts = AuditEvent.objects.filter(verb="model.try")
    assert acts.get().actor_id == aurora.engineer.pk and "ball" not in str(acts.get().data)
    assert not answering.answer_next()


@pytest.mark.parametrize(
    ("answer", "shown", "not_shown"),
    [
        ({"text": "and so on"}, "and so on", "The numbers that follow"),
        ({"values": [1.5, 2.25]}, "2.25", "None of its labels"),
        ({"boxes": [{"label": "cat", "probability": 0.9, "box": [1, 2, 30, 40]}]}, "1, 2, 30, 40", "found nothing"),
        ({"likeness": 0.5}, "Likeness", "found nothing"),
        (
            {"shares": {"sky": 0.75, "sea": 0.25}, "colours": {"sky": "#e63939", "sea": "#39e6a1"}, "overlay": "QQ=="},
            'src="data:image/jpeg;base64,QQ=="',
            "found nothing",
        ),
        ({"boxes": []}, "It found nothing of what it knows", "The numbers that follow"),
        ({"labels": [], "probabilities": {"a": 0.1}}, "None of its labels", "found nothing"),
    ],
)
def test_an_answer_is_shown_as_what_it_is(version, aurora, client, answer, shown, not_shown):
    trial = ask(version, aurora.engineer)
    Trial.objects.filter(pk=trial.pk).update(state="answered", answer=answer, ended_at=timezone.now())
    client.force_login(aurora.engineer)
    panel = client.get(reverse("training:trial_panel", args=[trial.pk])).content.decode()
    assert shown in panel and not_shown not in panel
    page = client.get(trial.get_absolute_url()).content.decode()
    assert "ball goal" not in page.partition("Asked before")[2]  # what is shown is not listed beside itself


def test_what_cannot_be_tried_here_is_not_offered(version, aurora, client):
    client.force_login(aurora.engineer)
    url = reverse("training:model_try", args=[version.model_id, version.number])
    version.model.task = "audio-generation"
    version.model.save()
    assert url not in client.get(version.get_absolute_url()).content.decode()
    assert client.get(url).status_code == 409


def test_bytes_that_were_changed_are_not_run(version, aurora):
    ask(version, aurora.engineer)
    weights = blob_path(version.manifest["files"]["model.safetensors"]["sha256"])
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.chmod(0o600)
    weights.write_bytes(data)

    assert answering.answer_next()

    trial = Trial.objects.get()
    assert (trial.state, trial.reason) == ("failed", "not_as_registered") and trial.remedy


def test_a_model_that_takes_too_long_is_ended(package, tmp_path):
    given = tmp_path / "input.jsonl"
    given.write_text('"ball"\n')
    with pytest.raises(NoAnswerError, match="too_slow"):
        predict(package, given, limits=Limits(wall_s=0.001, memory_bytes=1 << 32))


def test_a_model_that_wants_too_much_memory_is_ended(package, tmp_path):
    given = tmp_path / "input.jsonl"
    given.write_text('"ball"\n')
    with pytest.raises(NoAnswerError):
        predict(package, given, limits=Limits(wall_s=40, memory_bytes=1 << 26))


# --- limits
def test_what_is_sent_suits_the_task_and_the_limits(keep, aurora, settings):
    text, image = keep(aurora), keep(aurora, "image-classification")
    numbers = keep(aurora, "forecasting")
    settings.PLAYGROUND_TEXT_MAX_CHARS, settings.PLAYGROUND_IMAGE_MAX_BYTES = 5, 40
    with pytest.raises(TooLargeError, match="5 characters"):
        given_for(text, text="too long")
    with pytest.raises(InvalidError, match="reads a text"):
        given_for(text, image=PNG)
    with pytest.raises(TooLargeError):
        given_for(image, image=PNG * 2)
    with pytest.raises(UnsupportedKindError):
        given_for(image, image=b"GIF89a")
    assert given_for(image, image=PNG).file == PNG
    least = given_for(numbers, numbers="1, 2;3 " * 20)
    assert least.text.startswith("[1.0, 2.0, 3.0")
    with pytest.raises(InvalidError, match="“x” is no number"):
        given_for(numbers, numbers="1 x")
    with pytest.raises(InvalidError, match="at least 32 numbers; these are 2"):
        given_for(numbers, numbers="1 2")
    with pytest.raises(NotReadyError, match="cannot be tried"):
        given_for(keep(aurora, "protein"), text="x")


WAV, FLAC = b"RIFF\x00\x00\x00\x00WAVEfmt ", b"fLaC" + b"0" * 20


def test_recordings_questions_pairs_and_captions_are_read_within_the_limits(keep, aurora, settings, tmp_path):
    sound, asked = keep(aurora, "speech-to-text"), keep(aurora, "extractive-qa")
    pair, both = keep(aurora, "sentence-embedding"), keep(aurora, "image-text")
    assert given_for(sound, audio=WAV).file == WAV and given_for(sound, audio=FLAC).kind == "audio"
    for wrong in (PNG, b"ID3", b"RIFF\x00\x00\x00\x00WEBP"):
        with pytest.raises(UnsupportedKindError, match="WAV or FLAC"):
            given_for(sound, audio=wrong)
    with pytest.raises(UnsupportedKindError, match="PNG, JPEG"):
        given_for(keep(aurora, "image-segmentation"), image=WAV)
    settings.PLAYGROUND_AUDIO_MAX_BYTES = 20
    with pytest.raises(TooLargeError):
        given_for(sound, audio=FLAC)
    with pytest.raises(InvalidError) as refused:
        given_for(asked, question="who?")
    assert refused.value.field == "context"
    with pytest.raises(InvalidError, match="Write a text") as refused:
        given_for(pair, text="a", other=" ")
    assert refused.value.field == "other"
    with pytest.raises(InvalidError, match="at least two different"):
        given_for(both, image=PNG, texts="a cat\n\na cat\n")
    with pytest.raises(TooLargeError, match="at most 20 texts"):
        given_for(both, image=PNG, texts="\n".join(map(str, range(21))))

    def asks(version: ModelVersion, **sent) -> tuple[Trial, str]:
        trial = ask_model(version=version, given=given_for(version, **sent), by=aurora.engineer)
        folder = tmp_path / str(trial.pk)
        folder.mkdir()
        return trial, answering.write_input(trial, folder).read_text()

    trial, line = asks(both, image=PNG, texts="a cat\na dog\n")
    found = json.loads(line)
    assert found["texts"] == ["a cat", "a dog"] and Path(found["image"]).read_bytes() == PNG
    assert trial.asked == "a cat\na dog"
    trial, line = asks(asked, question="谁?", context="It was Ada.")
    assert json.loads(line) == {"question": "谁?", "context": "It was Ada."} and trial.asked == "谁?\nIt was Ada."
    assert json.loads(asks(pair, text="a", other="b")[1]) == {"text": "a", "other": "b"}


def test_a_question_shows_its_answer_in_the_text(keep, aurora, client):
    version = keep(aurora, "extractive-qa")
    client.force_login(aurora.engineer)
    url = reverse("training:model_try", args=[version.model_id, version.number])
    page = client.get(url).content.decode()
    assert 'name="question"' in page and 'name="context"' in page
    assert client.post(url, {"question": "who?", "context": "It was <b>Ada</b> then."}).status_code == 302
    answer = {"text": "Ada", "start": 10, "end": 13, "probability": 0.5}
    Trial.objects.update(state="answered", answer=answer, ended_at=timezone.now())
    panel = client.get(reverse("training:trial_panel", args=[Trial.objects.get().pk])).content.decode()
    assert "It was &lt;b&gt;<mark>Ada</mark>&lt;/b&gt; then." in panel


def test_who_asks_too_often_waits(version, aurora, settings):
    settings.PLAYGROUND_PER_HOUR = 2
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask(version, aurora.engineer)
        ask(version, aurora.engineer)
        with pytest.raises(QuotaExceededError, match="2 times"):
            ask(version, aurora.engineer)
        ask(version, aurora.lead)
        clock.shift(timedelta(hours=1))
        ask(version, aurora.engineer)


def test_files_that_are_not_kept_are_named(version, aurora):
    blob_path(version.manifest["files"]["config.json"]["sha256"]).unlink()
    with pytest.raises(NotReadyError, match=r"config\.json"):
        ask(version, aurora.engineer)


def test_only_so_many_answer_at_once_and_the_oldest_first(version, aurora):
    first, second = ask(version, aurora.engineer), ask(version, aurora.lead)
    assert services.claim().pk == first.pk
    assert services.claim() is None
    Trial.objects.filter(pk=first.pk).update(ends_by=timezone.now() - timedelta(seconds=1))
    assert answering.sweep() == {"lost": 1, "forgotten": 0}
    first.refresh_from_db()
    assert (first.state, first.reason) == ("failed", "lost")
    assert services.claim().pk == second.pk


def test_answers_are_forgotten(version, aurora, settings):
    settings.PLAYGROUND_KEEP_HOURS = 2
    trial = ask(version, aurora.engineer)
    Trial.objects.filter(pk=trial.pk).update(created_at=timezone.now() - timedelta(hours=2, seconds=1))
    ask(version, aurora.engineer)
    assert answering.sweep()["forgotten"] == 1
    assert Trial.objects.count() == 1


def test_the_time_is_told_from_the_latest_answers(version, aurora):
    now = timezone.now()
    trial = ask(version, aurora.engineer)
    assert eta_s(trial) is None
    for seconds in (4, 6, 8):
        Trial.objects.create(version=version, asked_by=aurora.lead, kind="text", state="answered", answer={},
                             started_at=now - timedelta(seconds=seconds), ended_at=now)  # fmt: skip
    assert eta_s(trial) == 6
    assert eta_s(ask(version, aurora.engineer)) == 12


# --- who
def test_roles_say_who_tries_and_the_refusal_names_them(version, aurora, client):
    for role, may in ((Role.RESEARCHER, True), (Role.INTERN, True), (Role.OBSERVER, False)):
        Membership.objects.filter(user=aurora.observer, project=aurora.project).update(role=role)
        assert can(aurora.observer, "model.try", version) is may, role
    client.force_login(aurora.observer)
    url = reverse("training:model_try", args=[version.model_id, version.number])
    refused = client.get(url)
    assert refused.status_code == 403 and "Researcher" in refused.content.decode()
    client.force_login(person("Nobody"))
    assert client.get(url).status_code == 404


def test_what_one_asked_is_for_oneself_and_only_while_one_may(version, aurora, client):
    trial = ask(version, aurora.engineer)
    url = reverse("training:trial_panel", args=[trial.pk])
    client.force_login(aurora.lead)
    assert client.get(url).status_code == 404
    client.force_login(aurora.engineer)
    assert client.get(url).status_code == 200
    Membership.objects.filter(user=aurora.engineer, project=aurora.project).update(role=Role.OBSERVER)
    assert client.get(url).status_code == 403

    assert answering.answer_next()  # the role is asked again when it is taken up
    trial.refresh_from_db()
    assert (trial.state, trial.reason) == ("failed", "access_lost") and "Engineer" in trial.reason_detail


def test_a_licence_opens_exactly_its_version_to_the_second(office, keep, client):
    model, other = keep(office.joint), keep(office.joint, "text-regression")
    today = timezone.localdate()
    begins, ends = today + timedelta(days=3), today + timedelta(days=30)
    office.execute(assets=[asset(model)], effective_on=begins, expires_on=ends)
    mine, user = LicensedAsset.objects.get(), office.firm_engineer
    zone = timezone.get_current_timezone()
    midnight = [timezone.datetime(day.year, day.month, day.day, tzinfo=zone) for day in (begins, ends)]
    second = timedelta(seconds=1)
    for at, may in (
        (midnight[0] - second, False),
        (midnight[0], True),
        (midnight[1] - second, True),
        (midnight[1], False),
    ):
        with time_machine.travel(at, tick=False):
            assert can(user, "release.try", mine) is may is can(user, "release.download", mine), at
            assert not can(user, "model.try", model) and not can(user, "model.try", other)
    with time_machine.travel(midnight[1] - second, tick=False):
        trial = ask_licensed(asset=mine, given=given_for(model, text="ball"), by=user)
        assert can(user, "trial.view", trial)
    with time_machine.travel(midnight[1], tick=False):
        assert not can(user, "trial.view", trial)
        refusal = decide(user, "release.try", mine)
        assert "expired" in str(refusal.missing[0].sentence)
        with pytest.raises(RefusedError, match="expired"):
            ask_licensed(asset=mine, given=given_for(model, text="ball"), by=user)


def test_a_breach_closes_at_once(office, keep, client):
    office.execute(assets=[asset(keep(office.joint))])
    mine = LicensedAsset.objects.get()
    client.force_login(office.firm_engineer)
    url = reverse("training:release_try", args=[mine.pk])
    assert url in client.get(reverse("registry:release", args=[mine.pk])).content.decode()
    assert client.get(url).status_code == 200
    give_breach(
        licence=mine.licence, reason="No report", cure_by=timezone.localdate() + timedelta(days=9), by=office.officer
    )
    refused = client.post(url, {"text": "ball"})
    assert refused.status_code == 403 and "No report" in refused.content.decode()
    client.force_login(office.rival_signatory)
    assert client.get(url).status_code == 404


def test_an_option_opens_nothing_to_try(office, keep):
    office.execute(assets=[asset(keep(office.joint))], kind="option")
    assert not can(office.firm_engineer, "release.try", LicensedAsset.objects.get())


# --- programs
def test_programs_ask_and_read(version, aurora, client):
    write = {"Authorization": f"Bearer {token_for(aurora.engineer)}"}
    made = client.post(
        "/api/v1/trials/", {"version": str(version.pk), "text": "soup"}, "application/json", headers=write
    )
    assert made.status_code == 201, made.content
    assert made.json()["state"] == "waiting" and made.json()["version"]["id"] == str(version.pk)
    wrong = {"version": str(version.pk), "numbers": [1, 2]}
    refused = client.post("/api/v1/trials/", wrong, "application/json", headers=write)
    assert refused.status_code == 422 and "reads a text" in refused.content.decode()
    read = {"Authorization": f"Bearer {token_for(aurora.engineer, scope='read')}"}
    assert client.get(f"/api/v1/trials/{made.json()['id']}/", headers=read).json()["text"] == "soup"
    assert client.post("/api/v1/trials/", wrong, "application/json", headers=read).status_code == 403
    assert (
        client.get("/api/v1/trials/", headers={"Authorization": f"Bearer {token_for(aurora.lead)}"}).json()["results"]
        == []
    )
