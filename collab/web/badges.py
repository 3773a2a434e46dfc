"""Every state that people meet: the same word, colour and icon everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Badge:
    """How a state is drawn; `live` moves while something goes on by itself."""

    word: StrOrPromise
    tone: str
    icon: str
    live: bool = False


# A state that means something else in one room has a line with the name of the room before it.
STATES: dict[str, Badge] = {
    "queued": Badge(pgettext_lazy("state", "Queued"), "quiet", "hourglass"),
    "starting": Badge(pgettext_lazy("state", "Starting"), "accent", "rocket-takeoff", live=True),
    "running": Badge(pgettext_lazy("state", "Running"), "accent", "play-circle", live=True),
    "stopping": Badge(pgettext_lazy("state", "Stopping"), "warn", "hourglass-split", live=True),
    "pausing": Badge(pgettext_lazy("state", "Pausing"), "warn", "hourglass-split", live=True),
    "paused": Badge(pgettext_lazy("state", "Paused"), "hold", "pause-circle"),
    "done": Badge(pgettext_lazy("state", "Done"), "ok", "check-circle"),
    "answered": Badge(pgettext_lazy("state", "Answered"), "ok", "check-circle"),
    "failed": Badge(pgettext_lazy("state", "Failed"), "bad", "x-octagon"),
    "stopped": Badge(pgettext_lazy("state", "Stopped"), "quiet", "stop-circle"),
    "lost": Badge(pgettext_lazy("state", "Lost"), "bad", "plug"),
    "draft": Badge(pgettext_lazy("state", "Draft"), "quiet", "pencil"),
    "in_review": Badge(pgettext_lazy("state", "In review"), "accent", "eye"),
    "out_for_signature": Badge(pgettext_lazy("state", "Out for signature"), "warn", "pen"),
    "internal_review": Badge(pgettext_lazy("state", "Internal review"), "accent", "clipboard-check"),
    "negotiation": Badge(pgettext_lazy("state", "Negotiation"), "accent", "chat-left-text"),
    "agreed": Badge(pgettext_lazy("state", "Agreed"), "ok", "hand-thumbs-up"),
    "waiting": Badge(pgettext_lazy("state", "Waiting"), "quiet", "hourglass"),
    "voided": Badge(pgettext_lazy("state", "Voided"), "quiet", "slash-circle"),
    "term_sheet": Badge(pgettext_lazy("state", "Term sheet"), "quiet", "pencil"),
    "in_breach": Badge(pgettext_lazy("state", "In breach"), "bad", "exclamation-octagon"),
    "executed": Badge(pgettext_lazy("state", "Executed"), "ok", "patch-check"),
    "expired": Badge(pgettext_lazy("state", "Expired"), "warn", "clock-history"),
    "terminated": Badge(pgettext_lazy("state", "Terminated"), "bad", "slash-circle"),
    "superseded": Badge(pgettext_lazy("state", "Superseded"), "quiet", "archive"),
    "proposal": Badge(pgettext_lazy("state", "Proposal"), "quiet", "file-earmark-text"),
    "invited": Badge(pgettext_lazy("state", "Invited"), "warn", "envelope"),
    "active": Badge(pgettext_lazy("state", "Active"), "ok", "check-circle"),
    "founded": Badge(pgettext_lazy("state", "Founded"), "accent", "rocket-takeoff"),
    "acquired": Badge(pgettext_lazy("state", "Acquired"), "accent", "briefcase"),
    "suspended": Badge(pgettext_lazy("state", "Suspended"), "hold", "pause-circle"),
    "closing": Badge(pgettext_lazy("state", "Closing"), "warn", "hourglass-split"),
    "closed": Badge(pgettext_lazy("state", "Closed"), "quiet", "lock"),
    "ended": Badge(pgettext_lazy("state", "Ended"), "quiet", "dash-circle"),
    "left": Badge(pgettext_lazy("state", "Left"), "quiet", "box-arrow-right"),
    "moved": Badge(pgettext_lazy("state", "Moved on"), "quiet", "arrow-repeat"),
    "revoked": Badge(pgettext_lazy("state", "Revoked"), "bad", "slash-circle"),
    "uploading": Badge(pgettext_lazy("state", "Uploading"), "accent", "cloud-arrow-up", live=True),
    "validating": Badge(pgettext_lazy("state", "Checking"), "accent", "search", live=True),
    "ready": Badge(pgettext_lazy("state", "Ready"), "ok", "check-circle"),
    "refused": Badge(pgettext_lazy("state", "Refused"), "bad", "x-octagon"),
    "withdrawn": Badge(pgettext_lazy("state", "Withdrawn"), "quiet", "archive"),
    "candidate": Badge(pgettext_lazy("state", "Candidate"), "quiet", "box-seam"),
    "registered": Badge(pgettext_lazy("state", "Registered"), "accent", "box-seam"),
    "released": Badge(pgettext_lazy("state", "Released"), "ok", "award"),
    "retired": Badge(pgettext_lazy("state", "Retired"), "quiet", "archive"),
    "pending": Badge(pgettext_lazy("state", "Pending"), "warn", "clock"),
    "approved": Badge(pgettext_lazy("state", "Approved"), "ok", "check-circle"),
    "accepted": Badge(pgettext_lazy("state", "Accepted"), "ok", "check-circle"),
    "application:accepted": Badge(pgettext_lazy("state", "Place accepted"), "ok", "check-circle"),
    "declined": Badge(pgettext_lazy("state", "Declined"), "quiet", "x-circle"),
    "rejected": Badge(pgettext_lazy("state", "Rejected"), "bad", "x-circle"),
    "idea": Badge(pgettext_lazy("state", "Idea"), "quiet", "stars"),
    "under_review": Badge(pgettext_lazy("state", "Under review"), "accent", "eye"),
    "in_approval": Badge(pgettext_lazy("state", "In approval"), "warn", "clock"),
    "contracting": Badge(pgettext_lazy("state", "Contracting"), "warn", "pen"),
    "open": Badge(pgettext_lazy("state", "Open"), "warn", "clock"),
    "passed": Badge(pgettext_lazy("state", "Passed"), "ok", "check-circle"),
    "asked": Badge(pgettext_lazy("state", "Asked"), "warn", "envelope"),
    "recused": Badge(pgettext_lazy("state", "Recused"), "quiet", "dash-circle"),
    "declared": Badge(pgettext_lazy("state", "Declared"), "warn", "exclamation-circle"),
    "due": Badge(pgettext_lazy("state", "Due"), "warn", "calendar-event"),
    "invoiced": Badge(pgettext_lazy("state", "Invoiced"), "accent", "receipt"),
    "written_off": Badge(pgettext_lazy("state", "Written off"), "", "x-circle"),
    "part_paid": Badge(pgettext_lazy("state", "Paid in part"), "warn", "receipt"),
    "paid": Badge(pgettext_lazy("state", "Paid"), "ok", "box-arrow-in-right"),
    "credit_note": Badge(pgettext_lazy("state", "Credit note"), "quiet", "arrow-counterclockwise"),
    "announced": Badge(pgettext_lazy("state", "Announced"), "accent", "calendar-event"),
    "under_way": Badge(pgettext_lazy("state", "Under way"), "accent", "search"),
    "reported": Badge(pgettext_lazy("state", "To be answered"), "warn", "file-earmark-text"),
    "disputed": Badge(pgettext_lazy("state", "Objected to"), "bad", "x-circle"),
    "posted": Badge(pgettext_lazy("state", "Posted"), "ok", "journal-text"),
    "waived": Badge(pgettext_lazy("state", "Waived"), "hold", "check-circle"),
    "dismissed": Badge(pgettext_lazy("state", "Dismissed"), "quiet", "x-circle"),
    "planned": Badge(pgettext_lazy("state", "Planned"), "quiet", "calendar-event"),
    "in_progress": Badge(pgettext_lazy("state", "In progress"), "accent", "play-circle"),
    "submitted": Badge(pgettext_lazy("state", "Submitted"), "warn", "send"),
    "returned": Badge(pgettext_lazy("state", "Returned"), "warn", "arrow-repeat"),
    "dropped": Badge(pgettext_lazy("state", "Dropped"), "quiet", "slash-circle"),
    "approved_with_conditions": Badge(pgettext_lazy("state", "Approved with conditions"), "accent", "list-check"),
    "notified": Badge(pgettext_lazy("state", "Notified"), "accent", "clock"),
    "filed": Badge(pgettext_lazy("state", "Filed"), "accent", "send"),
    "granted": Badge(pgettext_lazy("state", "Granted"), "ok", "patch-check"),
    "in_force": Badge(pgettext_lazy("state", "In force"), "ok", "shield-check"),
    "lapsed": Badge(pgettext_lazy("state", "Lapsed"), "bad", "clock-history"),
    "abandoned": Badge(pgettext_lazy("state", "Abandoned"), "quiet", "archive"),
    "overdue": Badge(pgettext_lazy("state", "Overdue"), "bad", "exclamation-octagon"),
    "gone_by": Badge(pgettext_lazy("state", "Gone by when entered"), "bad", "clock-history"),
    "met": Badge(pgettext_lazy("state", "Met"), "ok", "check-circle"),
    "void": Badge(pgettext_lazy("state", "No longer asked"), "quiet", "slash-circle"),
    "new": Badge(pgettext_lazy("state", "New"), "accent", "stars"),
    "in_contact": Badge(pgettext_lazy("state", "In contact"), "accent", "chat-left-text"),
    "under_nda": Badge(pgettext_lazy("state", "Under NDA"), "ok", "lock"),
    "in_negotiation": Badge(pgettext_lazy("state", "In negotiation"), "warn", "people"),
    "objected": Badge(pgettext_lazy("state", "Objected"), "bad", "exclamation-octagon"),
    "delayed": Badge(pgettext_lazy("state", "Delayed"), "hold", "pause-circle"),
    "free": Badge(pgettext_lazy("state", "Free to publish"), "ok", "check-circle"),
    "published": Badge(pgettext_lazy("state", "Published"), "ok", "award"),
    "revised": Badge(pgettext_lazy("state", "Revised"), "ok", "check-circle"),
    "course:published": Badge(pgettext_lazy("state of a course", "Published"), "ok", "patch-check"),
    "course:retired": Badge(pgettext_lazy("state of a course", "Retired"), "quiet", "archive"),
    "attempt:open": Badge(pgettext_lazy("state of an attempt", "Under way"), "accent", "play-circle"),
    "enrolled": Badge(pgettext_lazy("state", "Under way"), "accent", "play-circle"),
    "issued": Badge(pgettext_lazy("state", "Valid"), "ok", "patch-check"),
    "completeness_check": Badge(pgettext_lazy("state", "Completeness check"), "accent", "list-check"),
    "under_assessment": Badge(pgettext_lazy("state", "Under assessment"), "accent", "eye"),
    "decided": Badge(pgettext_lazy("state", "Decided"), "ok", "patch-check"),
    "secured": Badge(pgettext_lazy("state", "Secured"), "ok", "shield-lock"),
    "marketed": Badge(pgettext_lazy("state", "Marketed"), "accent", "send"),
    "optioned": Badge(pgettext_lazy("state", "Optioned"), "accent", "hourglass"),
    "licensed": Badge(pgettext_lazy("state", "Licensed"), "ok", "file-earmark-text"),
    "income": Badge(pgettext_lazy("state", "Income"), "ok", "receipt"),
    "conflict": Badge(pgettext_lazy("state", "Conflict"), "warn", "exclamation-circle"),
    "changes_requested": Badge(pgettext_lazy("state", "Changes requested"), "warn", "arrow-repeat"),
    "appealed": Badge(pgettext_lazy("state", "Appealed"), "warn", "exclamation-circle"),
    "signed": Badge(pgettext_lazy("state", "Signed"), "accent", "pen"),
    "proposed": Badge(pgettext_lazy("state", "Proposed"), "warn", "send"),
    "applied": Badge(pgettext_lazy("state", "Applied"), "accent", "send"),
    "shortlisted": Badge(pgettext_lazy("state", "Shortlisted"), "accent", "list-check"),
    "interviewing": Badge(pgettext_lazy("state", "Interviewing"), "accent", "calendar-event"),
    "offered": Badge(pgettext_lazy("state", "Offered"), "warn", "award"),
    "placed": Badge(pgettext_lazy("state", "Placed"), "ok", "check-circle"),
    "offer_expired": Badge(pgettext_lazy("state", "Offer expired"), "quiet", "clock-history"),
    "host_approved": Badge(pgettext_lazy("state", "Host approved"), "accent", "check-circle"),
    "onboarded": Badge(pgettext_lazy("state", "Onboarded"), "ok", "check-circle"),
    "evaluation": Badge(pgettext_lazy("state", "Evaluation"), "warn", "award"),
    "completed": Badge(pgettext_lazy("state", "Completed"), "ok", "award"),
    "cancelled": Badge(pgettext_lazy("state", "Cancelled"), "quiet", "slash-circle"),
    "confirmed": Badge(pgettext_lazy("state", "Confirmed"), "ok", "check-circle"),
    "matched": Badge(pgettext_lazy("state", "Matched"), "ok", "people"),
}


def badge_of(state: str, room: str = "") -> Badge:
    """The badge of a state; one that the table lacks is shown as it is, in grey."""
    found = STATES.get(f"{room}:{state}") if room else None
    return found or STATES.get(state) or Badge(state, "quiet", "circle")
