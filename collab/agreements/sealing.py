"""The sealed document: an executed version as a PDF in both languages, made once, kept by its hash, checked when read.

Whatever `AgreementVersion.document()` says appears, by its key, so that nothing signed can be missing from the paper.
"""

from __future__ import annotations

import hashlib
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.agreements.acts import named
from collab.agreements.models import Agreement, AgreementVersion
from collab.agreements.particulars import particulars_of
from collab.agreements.sealed import SealedDocument
from collab.audit.models import AuditEvent
from collab.audit.sentences import say_act
from collab.audit.services import record
from collab.kernel.blobs import blob_path, put_blob
from collab.kernel.errors import ConflictError
from collab.kernel.paper import LANGUAGES, Paper, both, each

# What the keys of a document are called. A key that is a field of an agreement's table has the name of the field,
# any other is called by itself.
LABELS: dict[str, Promise] = {
    "agreement": _("Reference"),
    "kind": _("Kind"),
    "project": _("Project"),
    "version": _("Version"),
    "title": _("Title"),
    "text": _("Text"),
    "effective_on": _("In force from"),
    "expires_on": _("Expires on"),
    "parties": _("Parties"),
    "party": _("Party"),
    "coverage": _("Coverage"),
    "format": _("Form of the document"),
    "each_person_accepts": _("Each person must accept the terms"),
    "under": _("Under the agreement"),
    "amends": _("Amends"),
    "renewal": _("Renewal"),
    "signing_order": _("Order of signing"),
    "ip": _("Intellectual property"),
    "background": _("Background"),
    "duties": _("Duties that survive the end"),
    "template": _("Template"),
    "particulars": _("Particular terms"),
    "asset": _("Dataset"),
}
_HEAD = ("agreement", "kind", "project", "version", "effective_on", "expires_on")  # shown in the first table
_ELSEWHERE = {*_HEAD, "title", "text", "parties", "names"}
_LISTS = {  # lists whose places mean something
    "coverage": ("party", "purpose", "asset"),
    "signing_order": ("party", "signing_order"),
    "renewal": ("auto_renews", "renewal_months", "notice_days"),
    "template": ("code", "number", "template_values"),
}


# --- verbs
def ensure_sealed(version: AgreementVersion) -> SealedDocument:
    """The sealed document of an executed version, made now if it was not yet. Never made twice.

    Raises ConflictError for a version that no party is bound by, or whose stored text is not what was signed.
    """
    kept = SealedDocument.objects.filter(version=version).first()
    if kept is not None:
        return kept
    if version.executed_at is None:
        raise ConflictError(_now("Only a version that all parties signed has a sealed document."))
    if version.document_hash() != version.document_sha256:
        raise ConflictError(_now("What is stored is not what was signed: its hash differs. Nothing was sealed."))
    content = render(version)
    sha256 = hashlib.sha256(content).hexdigest()
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        put_blob(Path(file.name), sha256)
    with transaction.atomic():
        AgreementVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
        kept = SealedDocument.objects.filter(version=version).first()
        if kept is None:
            kept = SealedDocument.objects.create(version=version, sha256=sha256, size_bytes=len(content))
            record(
                verb="agreement.seal_document",
                subject=version,
                by=None,
                project_id=version.agreement.project_id,
                data=named(version.agreement) | {"number": version.number, "sha256": sha256},
            )
    return kept


def open_sealed(*, version: AgreementVersion, by: User) -> tuple[SealedDocument, bytes]:
    """The sealed document and its bytes, compared with their hash; who took it is history."""
    require(by, "agreement.view", version)
    sealed, content = sealed_content(version)
    with transaction.atomic():
        record(
            verb="agreement.download_sealed",
            subject=version,
            by=by,
            project_id=version.agreement.project_id,
            data=named(version.agreement) | {"number": version.number, "sha256": sealed.sha256},
        )
    return sealed, content


def sealed_content(version: AgreementVersion) -> tuple[SealedDocument, bytes]:
    """The sealed document and its bytes, for whoever has asked the policy. Raises ConflictError when it is damaged."""
    sealed = ensure_sealed(version)
    path = blob_path(sealed.sha256)
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != sealed.sha256:
        raise ConflictError(
            _now("The stored file is damaged: its hash is not the one it was sealed with. Ask the platform's admin."),
            code="damaged",
        )
    return sealed, content


def seal_waiting(limit: int = 20) -> int:
    """Make the documents of versions executed since; how many."""
    rows = AgreementVersion.objects.filter(executed_at__isnull=False, sealed=None).select_related("agreement__project")
    made = 0
    for version in rows.order_by("executed_at")[:limit]:
        try:
            ensure_sealed(version)
        except ConflictError:
            continue  # what is stored is not what was signed: whoever asks for the document is told
        made += 1
    return made


def executed_on(sha256: str) -> date | None:
    """The day on which the document with this hash was executed, be it the document signed or the sealed file."""
    row = (
        AgreementVersion.objects.filter(executed_at__isnull=False)
        .filter(models.Q(document_sha256=sha256) | models.Q(sealed__sha256=sha256))
        .order_by("executed_at")
        .values_list("executed_at", flat=True)
        .first()
    )
    return row.astimezone(_UTC).date() if row else None


def verify_url(sha256: str) -> str:
    return f"{settings.BASE_URL}{reverse('collab:verify')}?sha256={sha256}"


# --- the paper
_UTC = timezone.get_fixed_timezone(0)


def render(version: AgreementVersion) -> bytes:
    """The PDF of an executed version: the same bytes whenever it is made from the same rows."""
    agreement = version.agreement
    document = version.document()
    reading = _Reading(version)
    paper = Paper(title=f"{agreement.reference} v{version.number}", footer=f"sha256 {version.document_sha256}")
    paper.heading(f"{agreement.reference} · {agreement.title}", level=1)
    if agreement.title_zh:
        paper.heading(agreement.title_zh, level=1)
    paper.note(both(_("Sealed document. It was signed by all parties; every signature binds to the hash below.")))
    facts = [(reading.label(key), reading.say(key, document[key])) for key in _HEAD if key in document]
    facts += [
        (both(_("Executed")), _moment(version.executed_at)),
        (both(_("Hash of the document (SHA-256)")), version.document_sha256),
    ]
    paper.facts(facts)
    _parties(paper, version)
    rest = {key: value for key, value in document.items() if key not in _ELSEWHERE and value not in (None, "", [], {})}
    single = {key: value for key, value in rest.items() if not isinstance(value, list | dict)}
    if single:
        paper.heading(both(_("Further terms")))
        paper.facts((reading.label(key), reading.say(key, value)) for key, value in single.items())
    for key, value in rest.items():
        if key not in single:
            paper.heading(reading.label(key))
            if key == "particulars":
                paper.facts(_particulars(version))
            else:
                _section(paper, key, value, reading)
    texts = document.get("text")
    if isinstance(texts, list):
        for text, language in zip(texts, ("English", "简体中文"), strict=False):
            if text:
                paper.heading(f"{both(LABELS['text'])} ({language})")
                paper.text(str(text))
    _signatures(paper, version)
    paper.next_page()
    _trail(paper, version)
    paper.heading(both(_("Check this document")))
    paper.code(
        verify_url(version.document_sha256),
        "\n".join(
            each(_("Scan or open this address: it says whether a document with this hash was executed, and when."))
        ),
    )
    return paper.render()


def _parties(paper: Paper, version: AgreementVersion) -> None:
    paper.heading(both(LABELS["parties"]))
    rows = []
    for party in sorted(version.parties.select_related("organisation"), key=lambda row: row.organisation.slug):
        organisation = party.organisation
        kind = both(organisation._meta.get_field("kind").choices and _choice(organisation, "kind"))
        name, name_zh = _signed_name(version, organisation)
        rows.append((name, name_zh or "–", kind))
    paper.table([both(_("Name")), both(_("Chinese name")), both(_("Kind"))], rows, widths=(0.42, 0.3, 0.28))


def _signed_name(version: AgreementVersion, organisation: Organisation) -> list[str]:
    """What it was called when this was sent; today's name where none was kept."""
    return version.names.get("parties", {}).get(str(organisation.pk)) or [organisation.name, organisation.name_zh]


def _particulars(version: AgreementVersion) -> list[tuple[str, str]]:
    """The terms that a room above adds, said in both languages."""
    room = particulars_of(version.agreement)
    told = []
    for language in LANGUAGES:
        with override(language):
            told.append(
                room.said(version.particulars) if room else [(k, str(v)) for k, v in version.particulars.items()]
            )
    return [(_in_both(a, b), c if c == d else f"{c}\n{d}") for (a, c), (b, d) in zip(*told, strict=True)]


def _choice(row: models.Model, name: str) -> Any:
    return dict(row._meta.get_field(name).flatchoices).get(getattr(row, name), getattr(row, name))  # type: ignore[union-attr]


def _section(paper: Paper, key: str, value: Any, reading: _Reading) -> None:
    """Anything a document says, in rows."""
    rows = value if isinstance(value, list) else [value]
    places = _LISTS.get(key)
    if places and rows and not all(isinstance(row, list) for row in rows):
        rows = [rows]  # one row, not a list of them
    if places and len({len(row) for row in rows} | {len(places)}) == 1 and len(rows) > 1:
        said = [[reading.say(name, one) for name, one in zip(places, row, strict=True)] for row in rows]
        paper.table([reading.label(name) for name in places], said, widths=[1 / len(places)] * len(places))
        return
    for row in rows:
        if places and isinstance(row, list):
            row = dict(zip(places, row, strict=False)) | {str(n): more for n, more in enumerate(row[len(places) :], 1)}
        if isinstance(row, dict):
            shown = {name: one for name, one in row.items() if name != "id"}
            paper.facts((reading.label(str(name)), reading.say(str(name), one)) for name, one in shown.items())
        else:
            paper.text(reading.say(key, row))


class _Reading:
    """What keys, ids and codes of a document stand for. Words that people wrote are never taken for a code."""

    def __init__(self, version: AgreementVersion) -> None:
        self.fields: dict[str, Any] = {}
        for model in (Agreement, AgreementVersion, *apps.get_app_config("collab").get_models()):
            if model.__module__.startswith("collab.agreements."):
                for field in model._meta.fields:
                    self.fields.setdefault(field.name, field)
        keys = {row.organisation_id for row in version.parties.all()} | {row.party_id for row in version.coverage.all()}
        self.parties = {
            str(row.pk): _in_both(*_signed_name(version, row)) for row in Organisation.objects.filter(pk__in=keys)
        }
        project = version.agreement.project
        called = version.names.get("project") or [project.title, project.title_zh]
        self.project = {project.slug: _in_both(*called)}

    def label(self, key: str) -> str:
        if key in LABELS:
            return both(LABELS[key])
        name = getattr(self.fields.get(key), "verbose_name", None)
        said = both(name) if name is not None else key.replace("_", " ")
        return said[:1].upper() + said[1:]

    def say(self, key: str, value: Any) -> str:
        if isinstance(value, bool):
            return both(_("yes") if value else _("no"))
        if value is None or value == "":
            return both(_("every dataset of the project")) if key == "asset" else "–"
        if isinstance(value, dict):
            return "\n".join(f"{self.label(str(name))}: {self.say(str(name), one)}" for name, one in value.items())
        if isinstance(value, list):
            return "\n".join(self.say(key, one) for one in value if one not in (None, ""))
        if key in {"party", "owner", "organisation"}:
            return self.parties.get(str(value), str(value))
        if key == "project":
            return self.project.get(str(value), str(value))
        chosen = dict(getattr(self.fields.get(key), "flatchoices", None) or ())
        return both(chosen[value]) if value in chosen else str(value)


def _in_both(text: str, text_zh: str) -> str:
    return " · ".join(filter(None, (text, text_zh)))


def _signatures(paper: Paper, version: AgreementVersion) -> None:
    paper.heading(both(_("Signatures")))
    for row in version.signatures.select_related("party").order_by("signed_at", "pk"):
        paper.facts(
            [
                (both(_("Party")), _in_both(*_signed_name(version, row.party))),
                (both(_("Name as typed")), row.typed_name),
                (both(_("Capacity")), row.capacity),
                (both(_("Time (UTC)")), _moment(row.signed_at)),
                (both(_("Hash signed")), row.document_sha256),
            ]
        )


def _trail(paper: Paper, version: AgreementVersion) -> None:
    """Who did what, until the version was executed; each act with its hash in the chain."""
    paper.heading(both(_("Audit trail")), level=1)
    paper.note(
        "\n".join(each(_("Every act was written in the same moment it happened. Each hash contains the one before.")))
    )
    events = list(trail_of(version))
    people = _people(events)
    rows = []
    for event in events:
        who = people.get(str(event.actor_id), "–") if event.actor_id else "Tandem"
        rows.append((str(event.id), _moment(event.at), who, "\n".join(_sentences(event, people)), event.digest))
    head = ["№", both(_("Time (UTC)")), both(_("Who")), both(_("What")), both(_("Hash"))]
    paper.table(head, rows, widths=(0.06, 0.17, 0.17, 0.32, 0.28), mono=(4,))


def trail_of(version: AgreementVersion) -> models.QuerySet[AuditEvent]:
    """The acts on the agreement and this version, up to its execution."""
    mine = models.Q(subject_type=Agreement._meta.label_lower, subject_id=str(version.agreement_id)) | models.Q(
        subject_type=AgreementVersion._meta.label_lower, subject_id=str(version.pk)
    )
    rows = AuditEvent.objects.filter(mine, project_id=version.agreement.project_id).order_by("id")
    sealed = rows.filter(verb="agreement.execute", subject_id=str(version.pk)).first()
    return rows.filter(id__lte=sealed.id) if sealed else rows


def _people(events: list[AuditEvent]) -> dict[str, str]:
    keys: set[UUID] = {event.actor_id for event in events if event.actor_id}
    return {str(user.pk): user.name or user.email for user in User.objects.filter(pk__in=keys)}


def _sentences(event: AuditEvent, people: dict[str, str]) -> list[str]:
    said = []
    for language in LANGUAGES:
        with override(language):
            said.append(say_act(event.verb, event.data)[0])
    return said


def _moment(at: datetime | None) -> str:
    return at.astimezone(_UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"
