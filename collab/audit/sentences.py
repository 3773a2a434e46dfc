"""The acts of the history in words. One table for all rooms: plain strings, so nothing is imported upward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# verb -> (what happened, icon, tone)
ACTS = {
    "project.create": (gettext_lazy("began the project"), "plus-circle", "accent"),
    "project.edit": (gettext_lazy("changed the description of the project"), "pencil", "quiet"),
    "project.begin": (gettext_lazy("made the project active"), "play-circle", "ok"),
    "project.suspend": (gettext_lazy("suspended the project"), "pause-circle", "hold"),
    "project.resume": (gettext_lazy("made the project active again"), "play-circle", "ok"),
    "project.close": (gettext_lazy("closed the project"), "lock", "quiet"),
    "project.add_party": (gettext_lazy("let another party join"), "building", "accent"),
    "member.add": (gettext_lazy("gave %(person)s the role “%(role)s”"), "person-plus", "accent"),
    "member.end": (gettext_lazy("ended the role “%(role)s” of %(person)s"), "person", "quiet"),
    "agreement.draft": (gettext_lazy("began the agreement %(reference)s"), "file-earmark-text", "accent"),
    "agreement.draft_version": (gettext_lazy("drafted version %(number)s of %(reference)s"), "pencil", "quiet"),
    "agreement.send": (gettext_lazy("sent %(reference)s for signature"), "send", "warn"),
    "agreement.sign": (gettext_lazy("signed %(reference)s"), "pen", "accent"),
    "agreement.execute": (gettext_lazy("%(reference)s was signed by all parties"), "patch-check", "ok"),
    "terms.accept": (gettext_lazy("accepted the terms of %(reference)s version %(number)s"), "check2-all", "ok"),
    "agreement.withdraw": (gettext_lazy("withdrew a version of %(reference)s"), "archive", "quiet"),
    "agreement.terminate": (gettext_lazy("terminated %(reference)s"), "slash-circle", "bad"),
    "dataset.create": (gettext_lazy("announced the dataset “%(name)s”"), "database-add", "accent"),
    "dataset.add_version": (gettext_lazy("added version %(number)s of a dataset"), "cloud-arrow-up", "accent"),
    "dataset.download": (gettext_lazy("downloaded version %(number)s of a dataset"), "download", "quiet"),
    "job.submit": (gettext_lazy("submitted the job “%(name)s”"), "cpu", "accent"),
    "job.stop": (gettext_lazy("asked a job to stop"), "stop-circle", "quiet"),
    "job.kill": (gettext_lazy("ended a job at once"), "x-octagon", "warn"),
    "job.resume": (gettext_lazy("resumed a job"), "play-circle", "accent"),
    "job.end_done": (gettext_lazy("A job was done"), "check-circle", "ok"),
    "job.end_failed": (gettext_lazy("A job failed"), "x-octagon", "bad"),
    "job.end_stopped": (gettext_lazy("A job ended on request"), "stop-circle", "quiet"),
    "job.end_paused": (gettext_lazy("A job was paused: its terms no longer hold"), "pause-circle", "hold"),
    "job.requeue": (gettext_lazy("A job was queued again after an interruption"), "arrow-repeat", "warn"),
    "model.register": (gettext_lazy("registered “%(model)s” version %(number)s"), "box-seam", "ok"),
    "model.edit_card": (gettext_lazy("changed a model card"), "pencil", "quiet"),
    "person.edit": (gettext_lazy("changed their profile"), "person", "quiet"),
    "token.create": (gettext_lazy("made a token"), "key", "quiet"),
    "token.revoke": (gettext_lazy("revoked a token"), "key", "quiet"),
    "request.ask": (gettext_lazy("asked for a decision: %(title)s"), "inbox", "accent"),
    "request.decide": (gettext_lazy("decided: %(title)s"), "check-circle", "ok"),
    "request.withdraw": (gettext_lazy("withdrew the request: %(title)s"), "archive", "quiet"),
    "request.comment": (gettext_lazy("commented on: %(title)s"), "chat-left-text", "quiet"),
    "request.add_reviewer": (gettext_lazy("asked %(person)s for advice on: %(title)s"), "person-plus", "quiet"),
    "request.advise": (gettext_lazy("gave advice on: %(title)s"), "chat-left-text", "quiet"),
    "request.hand_over": (gettext_lazy("handed to %(person)s: %(title)s"), "send", "quiet"),
    "request.meet": (gettext_lazy("met condition %(number)s of: %(title)s"), "check-circle", "ok"),
    "request.escalate": (gettext_lazy("Nobody answered, so others were told: %(title)s"), "bell", "warn"),
    "obligation.add": (gettext_lazy("put a date into the calendar: %(day)s"), "clock-history", "quiet"),
    "obligation.change": (gettext_lazy("moved a date of the calendar to %(day)s"), "pencil", "quiet"),
    "obligation.settle": (gettext_lazy("settled a date of the calendar"), "check-circle", "ok"),
    "notification.choose": (gettext_lazy("chose how notifications come"), "bell", "quiet"),
    "delegation.begin": (gettext_lazy("named somebody to answer during an absence"), "person-plus", "quiet"),
    "delegation.end": (gettext_lazy("ended an absence"), "person", "quiet"),
    "calendar.link": (gettext_lazy("made a private calendar link"), "key", "quiet"),
    "calendar.revoke": (gettext_lazy("revoked a private calendar link"), "key", "quiet"),
    "admin.change": (gettext_lazy("changed a row in the administration"), "gear", "warn"),
}


class _Known(dict):
    """Details for a sentence; one that an older act did not record shows as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def say_act(verb: str, data: Mapping[str, Any]) -> tuple[str, str, str]:
    """(sentence, icon, tone) of an act; one without a sentence of its own is named by its verb."""
    if verb not in ACTS:
        return _("Did “%(verb)s”") % {"verb": verb.replace(".", ": ").replace("_", " ")}, "circle", "quiet"
    template, icon, tone = ACTS[verb]
    text = str(template) % _Known(data)
    return text[:1].upper() + text[1:], icon, tone
