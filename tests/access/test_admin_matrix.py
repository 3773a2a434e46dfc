"""The admin, table by table: staff see what their memberships show, a superuser sees all, nobody rewrites history.

At each table every run tries all that one of those who may come in can do there, and with the others whether the table
and a row of another project open; in another turn it is another one (tests/turns.py), by `make matrix` all of them.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import ForeignKey, Model
from django.urls import reverse

from collab.transfer.models import Statement
from tests.access.books import OF_BOOKS, OF_LICENCE
from tests.access.personas import Visitor
from tests.access.scene import Scene, Side
from tests.access.test_matrix import content_of, may_see, missing_headers, rolled_back
from tests.turns import FULL, number_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NAMES = ["anonymous", "lead", "write token", "staff", "staff member", "superuser"]
TABLES = sorted(admin.site._registry, key=lambda model: model._meta.label)
# Seen by those who take part, or by one's own person.
PERSONAL = {"request", "reviewer", "comment", "condition", "handover", "delegation"} | {
    "notification",
    "notificationsettings",
    "calendarlink",
    "trial",
}
ADMINS_OWN = {"invitation", "membershipreview", "reviewitem", "approvalstep"}
# Seen by the office of technology transfer, and the inventors.
OFFICE = {"transfercase", "disclosure", "inventor", "disclosuresignature", "funding", "priorart"} | {
    "disclosedresult",
    "casestage",
    "criterion",
    "assessment",
    "assessmentscore",
}
# Seen by the student, those who guide them, and whoever runs internships for the university.
OF_INTERNSHIPS = {"application", "applicationdocument", "applicationevent", "boardreview", "interview", "pairrule"} | {
    "matchround",
    "placement",
    "studentsignature",
    "logentry",
    "placementnote",
    "evaluation",
    "movedcheckpoint",
}
# Seen by those who teach, and by the person whom they are about.
TEACHERS = {"coursemodule", "quizquestion", "enrolment", "moduledone", "quizattempt"} | {
    "trainingrecord",
    "certificate",
    "certificatebatch",
}
BOOKS = {model._meta.model_name for model in (*OF_LICENCE, *OF_BOOKS, Statement)}
SEES = {"staff": (), "staff member": ("a",), "superuser": ("a", "b")}


def address(model: type[Model], what: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def row_of(side: Side, model: type[Model]) -> Model | None:
    return side.objects.get(model)


def visible(name: str, side: str, obj: Model, scene: Scene) -> bool:
    """Whether staff see the row, by hand: organisations are everybody's, tokens their owner's, history needs a word."""
    model = obj._meta.model_name
    if name == "superuser":
        return True
    if model in {
        "organisation",
        "organisationunit",
        "noveltyrule",
        "issuerkey",
        "resource",
        "programme",
        "cohort",
        "checkpoint",
        "deadlinerule",
        "deadlineruleset",
        "fieldofuse",
        "territory",
        "offer",
    }:
        return True
    if model in {"budget", "budgetline", "budgetalert", "costentry", "trainingrate"}:
        return False  # an observer sees no money
    if model in {"reviewstep", "review", "conflictofinterest"}:
        return False  # … and no review
    if model in {"ethicsform", "ethicsformversion", "ethicscommittee"}:
        return True
    if model in {"agreementtemplate", "templateversion"}:
        return side in SEES[name]  # the own text of a house is seen by those who belong to it
    if model.startswith("ethics"):
        return False  # … nor what is laid before an ethics committee
    if model in {"apitoken", "user", "emailaddress", "auditevent", *PERSONAL, *ADMINS_OWN, *OFFICE, *TEACHERS, *BOOKS}:
        return False  # the staff member is an observer: no history, and no token of their own here
    if model in OF_INTERNSHIPS:
        return False  # the staff member is an observer: no history, and no token of their own here
    if type(obj).__module__.startswith("collab.transfer."):
        return False  # … nor what is the office's
    return side in SEES[name]


@pytest.fixture
def one_menu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The menu of all tables, a hundred milliseconds on each page, is made once for a person."""
    made: dict[object, Any] = {}
    make = admin.site.get_app_list

    def get_app_list(request: Any, app_label: str | None = None) -> Any:
        key = (request.user.pk, app_label)
        return made[key] if key in made else made.setdefault(key, make(request, app_label))

    monkeypatch.setattr(admin.site, "get_app_list", get_app_list)


@pytest.mark.parametrize("name", NAMES)
def test_tables(name: str, scene: Scene, visitors: dict[str, Visitor], one_menu: None) -> None:
    visitor = visitors[name]
    wrong: list[str] = []

    def look(method: str, path: str, want: int, *, form: dict[str, Any] | None = None) -> None:
        with rolled_back():
            # As htmx asks: a refusal then comes without the frame of a page, which takes most of its time.
            asking = {"HX-Request": "true"} if want >= 400 else {}
            response = getattr(visitor.client(), method)(path, form or {}, headers=asking)
            text = content_of(response)
        line = f"{method} {path} as {name}: {response.status_code}"
        if response.status_code != want:
            wrong.append(f"{line}, expected {want}: {text[-200:]}")
        for side in (scene.a, scene.b):
            if side.canary in text and name != "superuser" and not may_see(visitor.persona, side):
                wrong.append(f"{line} tells {side.canary}: {text[max(0, text.index(side.canary) - 100) :][:200]}")
        wrong.extend(f"{line} without {lack}" for lack in missing_headers(response, None))

    def want_of(allowed: bool, refused: int = 403) -> int:
        if name in {"anonymous", "write token"}:
            return 302  # to the sign-in page
        if name == "lead":
            return 404
        return 200 if allowed else refused

    is_super = name == "superuser"
    look("get", reverse("admin:index"), want_of(True))
    for label in ("collab", "registry", "training"):
        look("get", reverse("admin:app_list", args=[label]), want_of(True))
    for model in TABLES:
        made: Any = admin.site._registry[model]
        opens = is_super or not made.superuser_only
        changelist = address(model, "changelist")
        look("get", changelist, want_of(opens))
        if name not in SEES:  # turned away before the table or the row matters: one row is enough
            look("post", address(model, "add"), want_of(False))
            if (obj := row_of(scene.a, model)) is not None:
                for what in ("change", "history", "delete"):
                    look("post" if what == "delete" else "get", address(model, what, obj.pk), want_of(False))
            continue
        turn = number_of(model._meta.label)
        whole = FULL or turn % len(SEES) == list(SEES).index(name)
        turn //= len(SEES)  # so that in the end each of them has had each of these turns
        if not whole:
            if (obj := row_of(scene.b, model)) is not None:
                seen = opens and visible(name, "b", obj, scene)
                look("get", address(model, "change", obj.pk), want_of(seen, 302 if opens else 403))
            continue
        more = [
            (f"?q={scene.b.canary[:5]}", want_of(opens)),
            ("?o=1&p=1&_popup=1", want_of(opens)),
            ("?_to_field=password", want_of(False, 400 if opens else 403)),
        ]
        for query, want in more if FULL else more[turn % 3 :][:1]:  # the others at another table, or by `make matrix`
            look("get", f"{changelist}{query}", want)
        look("get", address(model, "add"), want_of(is_super and bool(made.added_fields)))
        look("post", address(model, "add"), want_of(is_super and bool(made.added_fields)))
        for key, side in (("a", scene.a), ("b", scene.b)):
            obj = row_of(side, model)
            if obj is None:
                continue
            seen = opens and name in SEES and visible(name, key, obj, scene)
            refused = 302 if opens else 403  # as for a row that was never there
            look("get", address(model, "change", obj.pk), want_of(seen, refused))
            look("get", address(model, "history", obj.pk), want_of(seen, 302))
            look("post", address(model, "delete", obj.pk), want_of(False), form={"post": "yes"})
            if not FULL and key != "ab"[turn % 2]:
                continue
            look("get", address(model, "delete", obj.pk), want_of(False))
            if not (is_super and made.editable_fields):
                look("post", address(model, "change", obj.pk), want_of(False), form={"title": "x"})
    assert not wrong, "\n".join([f"{len(wrong)} faults", *wrong[:40]])


def test_no_look_up_walks_to_hidden_fields(visitors: dict[str, Visitor], rf) -> None:
    """`?user__password__startswith=a` is a 400, on every table, for every relation."""
    client = visitors["superuser"].client()
    wrong = []
    for model in TABLES:
        made = admin.site._registry[model]
        relations = [field for field in model._meta.fields if isinstance(field, ForeignKey)]
        walks = [
            f"{field.name}__{hidden.name}__{how}"
            for field, how in product(relations, ("startswith", "gt", "regex"))
            for hidden in field.related_model._meta.fields
            if hidden.name != "id"
        ]
        wrong += [f"{model.__name__} {walk}" for walk in walks if made.lookup_allowed(walk, "a", rf.get("/"))]
        lookups = [*walks[:1], "id__startswith", "_connector"]
        for lookup in lookups if FULL else [lookups[number_of(model._meta.label) % len(lookups)]]:
            response = client.get(address(model, "changelist"), {lookup: "a"})
            if response.status_code != 400:
                wrong.append(f"{model.__name__} {lookup}: {response.status_code}")
    assert not wrong, "\n".join(wrong[:40])


def test_choices_are_only_those_one_sees(scene: Scene, visitors: dict[str, Visitor]) -> None:
    """Autocomplete and list filters of staff offer nothing of other projects."""
    client = visitors["staff member"].client()
    url = reverse("admin:autocomplete")
    query = {"app_label": "collab", "model_name": "membership", "term": ""}
    assert client.get(url, query | {"field_name": "user"}).status_code == 403
    names = [row["text"] for row in client.get(url, query | {"field_name": "organisation"}).json()["results"]]
    assert "Hillside University" in names  # organisations are everybody's
    page = client.get(
        address(admin.site._registry[type(scene.a.object(type(scene.a.joint.project)))].model, "changelist")
    )
    assert scene.a.canary in page.content.decode() and scene.b.canary not in page.content.decode()
    filtered = client.get(reverse("admin:registry_dataset_changelist"))
    assert scene.a.joint.project.title in filtered.content.decode()
    assert scene.b.joint.project.title not in filtered.content.decode()


def test_view_on_site_is_gone(scene: Scene, visitors: dict[str, Visitor]) -> None:
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(type(scene.b.joint.project))
    response = visitors["staff member"].client().get(f"/admin/r/{kind.pk}/{scene.b.joint.project.pk}/")
    assert response.status_code == 404


def test_examples_of_rows_are_not_shown(scene: Scene, visitors: dict[str, Visitor]) -> None:
    """An observer on the staff sees the profile of a version, not its rows."""
    from registry.datasets.models import DatasetVersion

    obj: Any = scene.a.object(DatasetVersion)
    page = visitors["staff member"].client().get(address(DatasetVersion, "change", obj.pk)).content.decode()
    assert obj.sha256 in page
    assert f"{scene.a.canary} line" not in page


def test_a_superuser_founds_and_appoints_through_the_verbs(scene: Scene, visitors: dict[str, Visitor]) -> None:
    from collab.accounts.models import Membership, Organisation
    from collab.audit.models import AuditEvent

    client = visitors["superuser"].client()
    form = {"name": "Lakeside", "name_zh": "", "kind": "company", "country": "DE", "_save": "1"}
    assert client.post(reverse("admin:collab_organisation_add"), form).status_code == 302
    made = Organisation.objects.get(name="Lakeside")
    assert made.slug == "lakeside"
    assert AuditEvent.objects.filter(verb="organisation.found", subject_id=str(made.pk)).count() == 1

    appointed = {"user": str(scene.a.newcomer.pk), "organisation": str(made.pk), "role": "signatory", "ends_at_0": ""}
    assert client.post(reverse("admin:collab_membership_add"), appointed).status_code == 302
    assert Membership.objects.filter(user=scene.a.newcomer, organisation=made, role="signatory").count() == 1
    again = client.post(reverse("admin:collab_membership_add"), appointed, follow=True)
    assert "already holds this role" in again.content.decode()

    person = reverse("admin:collab_user_change", args=[scene.a.newcomer.pk])
    assert client.post(person, {"name": "New Name", "language": scene.a.newcomer.language}).status_code == 302
    scene.a.newcomer.refresh_from_db()
    assert (scene.a.newcomer.name, scene.a.newcomer.is_active) == ("New Name", False)
    act = AuditEvent.objects.get(verb="admin.change", subject_id=str(scene.a.newcomer.pk))
    assert act.data == {"fields": ["name"]}
    assert AuditEvent.objects.filter(verb="person.deactivate", subject_id=str(scene.a.newcomer.pk)).count() == 1


def test_signing_in_and_passwords_have_one_place(visitors: dict[str, Visitor]) -> None:
    anonymous, superuser = visitors["anonymous"].client(), visitors["superuser"].client()
    assert anonymous.get(reverse("admin:login")).url.startswith("/accounts/login/")
    assert superuser.get(reverse("admin:password_change")).url == reverse("account_change_password")
