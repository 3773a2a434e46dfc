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
    "project.propose": (gettext_lazy("made the idea a proposal"), "file-earmark-text", "accent"),
    "project.submit": (gettext_lazy("submitted the proposal for review"), "send", "accent"),
    "project.ask_approval": (gettext_lazy("asked every party to approve the project"), "send", "warn"),
    "project.approve": (gettext_lazy("The project was approved by all its parties"), "patch-check", "ok"),
    "project.return": (gettext_lazy("returned the proposal"), "arrow-repeat", "warn"),
    "project.reject": (gettext_lazy("rejected the proposal"), "x-circle", "bad"),
    "project.withdraw": (gettext_lazy("withdrew the proposal"), "archive", "quiet"),
    "project.revise": (gettext_lazy("took the proposal up again"), "pencil", "accent"),
    "project.wind_up": (gettext_lazy("began to close the project"), "hourglass-split", "warn"),
    "project.reopen": (gettext_lazy("went on with the work"), "arrow-repeat", "ok"),
    "project.terminate": (gettext_lazy("terminated the project"), "slash-circle", "bad"),
    "project.party_approve": (gettext_lazy("approved the project for %(party)s"), "check-circle", "ok"),
    "project.party_reject": (gettext_lazy("rejected the project for %(party)s"), "x-circle", "bad"),
    "project.party_return": (gettext_lazy("returned the project for %(party)s"), "arrow-repeat", "warn"),
    "project.edit_party": (gettext_lazy("changed what is known of the party %(party)s"), "pencil", "quiet"),
    "project.remove_party": (gettext_lazy("removed the party %(party)s"), "building", "warn"),
    "project.leave_party": (gettext_lazy("ended the participation of %(party)s"), "box-arrow-right", "warn"),
    "project.contribute": (gettext_lazy("recorded a contribution of %(party)s"), "plus-circle", "accent"),
    "questionnaire.create": (gettext_lazy("wrote the questionnaire “%(name)s”"), "card-list", "accent"),
    "questionnaire.add_version": (gettext_lazy("wrote version %(number)s of a questionnaire"), "card-list", "quiet"),
    "review.add_step": (gettext_lazy("set up the review step “%(name)s”"), "list-check", "accent"),
    "review.edit_step": (gettext_lazy("changed the review step “%(name)s”"), "pencil", "quiet"),
    "review.open": (gettext_lazy("opened the review step “%(name)s”"), "eye", "accent"),
    "review.pass": (gettext_lazy("let the proposal pass the step “%(name)s”"), "check-circle", "ok"),
    "review.refuse": (gettext_lazy("refused the proposal in the step “%(name)s”"), "x-circle", "bad"),
    "review.return": (gettext_lazy("returned the proposal in the step “%(name)s”"), "arrow-repeat", "warn"),
    "review.write": (gettext_lazy("wrote at a review"), "pencil", "quiet"),
    "review.submit": (gettext_lazy("submitted a review"), "send", "accent"),
    "review.declare": (gettext_lazy("declared a conflict of interest"), "exclamation-circle", "warn"),
    "review.waive": (gettext_lazy("waived a conflict of interest with a plan"), "check-circle", "hold"),
    "review.recuse": (gettext_lazy("recused a reviewer"), "dash-circle", "quiet"),
    "review.dismiss": (gettext_lazy("dismissed a declared conflict of interest"), "x-circle", "quiet"),
    "work.plan": (gettext_lazy("planned “%(title)s”"), "calendar-event", "accent"),
    "work.edit": (gettext_lazy("changed “%(title)s”"), "pencil", "quiet"),
    "work.start": (gettext_lazy("began “%(title)s”"), "play-circle", "accent"),
    "work.submit": (gettext_lazy("submitted “%(title)s”"), "send", "warn"),
    "work.accept": (gettext_lazy("accepted “%(title)s”"), "check-circle", "ok"),
    "work.return": (gettext_lazy("returned “%(title)s”"), "arrow-repeat", "warn"),
    "work.drop": (gettext_lazy("dropped “%(title)s”"), "slash-circle", "quiet"),
    "budget.set": (gettext_lazy("changed the settings of the budget"), "sliders", "quiet"),
    "budget.add_line": (gettext_lazy("added a line to the budget"), "plus-circle", "accent"),
    "budget.edit": (gettext_lazy("changed the budget"), "pencil", "quiet"),
    "budget.rate": (gettext_lazy("set the price of training from %(from)s"), "cpu", "quiet"),
    "budget.book": (gettext_lazy("booked a cost of %(amount)s"), "receipt", "quiet"),
    "budget.book_training": (gettext_lazy("The cost of a training run was booked: %(amount)s"), "cpu", "quiet"),
    "report.schedule": (gettext_lazy("set the schedule of reports"), "calendar3", "quiet"),
    "report.write": (gettext_lazy("wrote at a report"), "pencil", "quiet"),
    "report.submit": (gettext_lazy("submitted a report"), "send", "warn"),
    "report.accept": (gettext_lazy("accepted a report"), "check-circle", "ok"),
    "report.return": (gettext_lazy("returned a report"), "arrow-repeat", "warn"),
    "output.record": (gettext_lazy("recorded the output “%(title)s”"), "award", "ok"),
    "output.edit": (gettext_lazy("changed the output “%(title)s”"), "pencil", "quiet"),
    "closure.attest": (gettext_lazy("attested for %(party)s: %(what)s"), "patch-check", "ok"),
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
    "dataset.set_uses": (gettext_lazy("said anew what a dataset may be used for"), "sliders", "warn"),
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
