"""Every address × method × persona, on both sides. What is expected is computed from the roles table, then compared.

Every run asks at each address with each method, for every answer that refuses (401, 403, 404, …), one of the personas
who are to get it, and for those who are let in at a third of the addresses. In another turn it is another persona, and
another third (tests/turns.py). Of the methods that an address does not take, one of those who try them takes one.
`make matrix` asks with all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from collab.access.policy import SCOPES
from collab.access.roles import PERSONAL_WORDS, READ_WORDS, SESSION_WORDS, Role
from collab.access.rules import PUBLIC, SIGNED_IN, STAFF
from collab.accounts.models import User
from collab.audit.models import AuditEvent
from collab.internships.models import Application, Cohort, Placement, Posting
from collab.internships.placements.services import onboard
from collab.transfer.models import DeadlineRuleSet, Offer
from collab.web.api import etag_of
from registry.datasets.models import Dataset
from tests.access.addresses import (
    BY_LINK,
    FINER,
    FINER_FOR_ALL,
    FOR_ONE_ADDRESS,
    METHODS,
    MORE_QUERIES,
    NEEDS_WHOLE_TOKEN,
    NEEDS_WRITE_TOKEN,
    OF_PARTY,
    OK,
    OTHERWISE,
    QUERIES,
    READS,
    THEIR_OWN,
    Address,
    Sent,
    address_of,
    own_routes,
    sent,
)
from tests.access.personas import FOREIGN, NAMES, NOT_LET_IN, Persona, Visitor
from tests.access.scene import Scene, Side
from tests.cast import employ, person
from tests.turns import FULL, in_turn, number_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
GOOD = {*range(200, 400), 400, 409, 410, 412, 415, 422, 428}
# How many personas ask for each answer of an address.
EACH = len(NAMES) if FULL else 1
# Whatever those who are let in do there has tests of its own, and takes most of the time.
TURNS_OF_THE_LET_IN = 3
# A method that no rule names is answered before anything of the person counts, so a few are enough to try.
TRY_EVERY_METHOD = {"anonymous", "lead", "read token", "expired token"}
HEADERS = {
    "Content-Security-Policy": "default-src",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=()",
    "Cache-Control": "no-store",
    "X-Request-ID": "",
}


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whatever happens inside leaves no trace, so that requests do not influence each other."""
    cache.clear()  # how often somebody asked is counted there
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def view_word(obj: Model) -> str:
    return SCOPES[type(obj)].view


def expected(persona: Persona, address: Address, method: str, side: Side, about: Model | None) -> str | int:
    """What the rule of the route and the roles of the persona make of it: OK, or a status."""
    rule = address.route.rule
    assert rule is not None, f"{address.route.pattern} has no rule"
    api = address.route.pattern.startswith("api/")
    if not api and method not in rule.methods:
        return 405
    access = rule.word_for(method) if method in rule.methods else ""
    key = f"{address.route.name} {method}"
    if key in FOR_ONE_ADDRESS and persona.known and (api or not persona.secret):
        return 403
    if access == PUBLIC:
        return OK
    if not persona.known or (persona.secret and not api):
        return 401 if api else 302  # tokens open the API, not pages
    if api and method not in rule.methods:
        return 405
    if key in NEEDS_WRITE_TOKEN and persona.scope == "read":
        return 403 if about is None or view_word(about) in persona.words(about, side) else 404
    if key in NEEDS_WHOLE_TOKEN and persona.name == "other project's token":
        return 403
    if access == SIGNED_IN:
        return OK if about is None or view_word(about) in persona.words(about, side) else 404
    if access == STAFF:
        return OK if persona.is_staff else 404
    if access in SESSION_WORDS and persona.secret:
        if about is None or isinstance(about, SCOPES_OF_PERSONS) or view_word(about) in persona.words(about, side):
            return 403
        return 404
    if about is None:
        mine = access in PERSONAL_WORDS or access == "obligation.manage"  # what people do for themselves
        return 403 if mine and not (persona.token_lets(access) and not _too_narrow(persona, access)) else OK
    held = persona.words(about, side)
    if view_word(about) not in held:
        return 404
    finer = FINER.get(key)
    if finer is not None and (
        key in FINER_FOR_ALL or persona.user != side.joint.engineer
    ):  # whose role the address names
        return OK if finer in held else 403
    party = OF_PARTY.get(f"{address.route.name} {method}")
    if party is not None and getattr(side.joint, party).pk not in {post for post, _role in persona.posts}:
        return 403
    return OK if access in held else 403


def _too_narrow(persona: Persona, word: str) -> bool:
    return persona.limited and word not in READ_WORDS


SCOPES_OF_PERSONS = tuple(model for model, scope in SCOPES.items() if scope.person)


def ask(visitor: Visitor, path: str, method: str, what: Sent | None, *, part: bool = False) -> Any:
    """`part`: as htmx asks, so that a refusal comes without the frame of a page, which takes most of its time."""
    client = visitor.client()
    send = getattr(client, method.lower())
    asking = {"HX-Request": "true"} if part else {}
    if what is None or what.body is None or method == "GET":
        return send(path, headers=asking)
    headers = dict(what.headers) | asking
    return (
        send(path, what.body, headers=headers)
        if what.form
        else send(path, what.body, "application/json", headers=headers)
    )


def content_of(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    headers = "\n".join(f"{name}: {value}" for name, value in response.items())
    return f"{headers}\n{response.cookies}\n{body.decode('utf-8', 'replace')}"


def visits(scene: Scene, side: Side) -> Iterator[tuple[Address, str, Sent | None, Model | None]]:
    """(address, method, body, what the word is about) for every route of ours."""
    for route in own_routes():
        address = address_of(route, side)
        rule = route.rule
        assert rule is not None, f"{route.pattern} has no rule"
        for method in METHODS:
            what = sent(route.name, method, side) if method in rule.methods else None
            about = what.about if what is not None and what.about is not None else address.obj
            key = f"{route.name} {method}"
            if key in QUERIES:
                query, about = QUERIES[key](side)
                yield Address(route, address.path + query, about), method, what, about
                continue
            if key in MORE_QUERIES:
                query, asked = MORE_QUERIES[key](side)
                yield Address(route, address.path + query, asked or side.joint.project), method, what, asked
            if what is not None and ("If-Match", "fresh") in what.headers:
                what = Sent(what.body, what.about, (("If-Match", fresh(address.obj)),))
            yield address, method, what, about


def fresh(obj: Any) -> str:
    if isinstance(obj, Dataset):
        return etag_of(obj.pk, obj.use_terms.get(current=True).number)
    return etag_of(obj.pk, obj.version if hasattr(obj, "version") else obj.card)


def acts_so_far() -> int:
    """Asked twice for each of ten thousand requests, so in plain SQL."""
    with connection.cursor() as cursor:
        return cursor.execute(f"SELECT count(*) FROM {AuditEvent._meta.db_table}").fetchone()[0]


def may_see(persona: Persona, side: Side) -> bool:
    return side.canary in persona.roles


def colleagues(persona: Persona) -> list[str]:
    """The names of those who belong to an organisation of this person: that much is told outside of projects too."""
    houses = [organisation for organisation, _role in persona.posts]
    people = User.objects.filter(memberships__organisation__in=houses, memberships__project=None)
    return sorted(people.values_list("name", flat=True).distinct(), key=len, reverse=True)


def asked_beside_absent(address: Address, method: str) -> bool:
    """Whether tests/access/test_foreign.py asks there, for what is on the other side and for what never was."""
    rule = address.route.rule
    assert rule is not None
    if address.route.name in BY_LINK or rule.access in {PUBLIC, STAFF}:
        return False  # whoever has the link knows of the invitation; staff close and open any account
    return bool(address.keys) and method in rule.methods


def published(obj: object) -> bool:
    """Everybody may see it, so for test_foreign it is taken back first."""
    return isinstance(obj, Cohort | Offer | DeadlineRuleSet)


def asked(name: str, scene: Scene, side: Side, address: Address, method: str, about: Model | None) -> bool:
    """Whether the matrix asks; what it leaves out is asked elsewhere, or answered before it matters."""
    taken = address.route.rule.methods  # type: ignore[union-attr]
    if method not in taken:
        if name not in TRY_EVERY_METHOD:
            return False
        refused = [other for other in METHODS if other not in taken]
        if not FULL and (side is not scene.a or method != refused[number_of(address.route.pattern) % len(refused)]):
            return False  # one of them, another one at another address
    if side is scene.a:
        return True
    if about is None and address.obj is None:
        return False  # it names nothing of either side: asked once
    if name in NOT_LET_IN:
        return False
    return name not in FOREIGN or published(address.obj) or not asked_beside_absent(address, method)


def askers(
    scene: Scene, visitors: dict[str, Visitor], side: Side, address: Address, method: str, about: Model | None
) -> set[str]:
    """Who asks there: for each expected answer some of those who are to get it, others in another turn."""
    kept: dict[Any, set[str]] = scene.__dict__.setdefault("askers", {})  # the same for each persona that is tried
    key = (side is scene.a, address.path, method)
    if key in kept:
        return kept[key]
    by_answer: dict[str | int, list[str]] = {}
    for name in NAMES:
        if asked(name, scene, side, address, method, about):
            by_answer.setdefault(wanted(visitors[name].persona, address, method, side, about), []).append(name)
    place = f"{address.route.pattern} {method} {side.canary}"
    some = set()
    for answer, names in by_answer.items():
        first = number_of(place)
        if answer == OK:
            if not in_turn(place, of=TURNS_OF_THE_LET_IN):
                continue
            first //= TURNS_OF_THE_LET_IN  # so that in the end each of them has been let in
        some |= {names[(first + number) % len(names)] for number in range(EACH)}
    return kept.setdefault(key, some)


def wanted(persona: Persona, address: Address, method: str, side: Side, about: Model | None) -> str | int:
    """What the roles make of it, or the table of the addresses that say it otherwise."""
    want = expected(persona, address, method, side, about)
    return OTHERWISE.get((f"{address.route.name} {method}", persona.name), {}).get(want, want)


@pytest.mark.parametrize("name", NAMES)
def test_matrix(name: str, scene: Scene, visitors: dict[str, Visitor]) -> None:
    visitor = visitors[name]
    wrong: list[str] = []
    known = colleagues(visitor.persona)
    for side in (scene.a, scene.b):
        for address, method, what, about in visits(scene, side):
            if name in askers(scene, visitors, side, address, method, about):
                wrong += faults(visitor, scene, side, address, method, what, about, known)[1]
    assert not wrong, "\n".join([f"{len(wrong)} faults", *wrong[:40]])


def faults(
    visitor: Visitor,
    scene: Scene,
    side: Side,
    address: Address,
    method: str,
    what: Sent | None,
    about: Model | None,
    known: list[str],
) -> tuple[Any, list[str]]:
    """Ask once, and compare the answer with what the roles say: the response, and what is wrong with it."""
    persona = visitor.persona
    key, name = f"{address.route.name} {method}", persona.name
    wrong: list[str] = []
    want = wanted(persona, address, method, side, about)
    with rolled_back():
        before = acts_so_far()
        response = ask(visitor, address.path, method, what, part=want != OK)
        acts = acts_so_far() - before
        text = content_of(response)
    status = response.status_code
    line = f"{method} {address.path} as {name}: {status}"
    if status >= 500:
        wrong.append(f"{line}, a fault of ours")
    elif status not in GOOD if want == OK else status != want:
        wrong.append(f"{line}, expected {want}: {text[-300:]}")
    if status >= 400 and acts:
        wrong.append(f"{line}, yet {acts} acts in the history")
    wrote = what is not None and key not in READS
    if wrote and status in range(200, 300) and not acts:
        wrong.append(f"{line}, and no act in the history")
    for name_of_colleague in known:
        text = text.replace(name_of_colleague, "")
    for kept in (scene.a, scene.b):
        if (key, name) in THEIR_OWN:
            continue
        if kept.canary in text and not may_see(persona, kept):
            wrong.append(f"{line} tells {kept.canary}: …{text[max(0, text.index(kept.canary) - 80) :][:200]}")
    wrong += [f"{line} without {lack}" for lack in missing_headers(response, address)]
    return response, wrong


def missing_headers(response: Any, address: Address | None = None) -> list[str]:
    """Headers that a response should have and has not."""
    return [
        f"{name}: {value}"
        for name, value in HEADERS.items()
        if value not in response.get(name, "") or name not in response
    ]


def test_bodies_work(scene: Scene, visitors: dict[str, Visitor]) -> None:
    """The bodies of the matrix are good ones: somebody gets a 2xx with each, so a refusal is about rights.

    Every run tries a third of them; each has to be there in every run.
    """
    impossible_now = {  # the project is under way: not in contracting, approval, review or closing
        "api:cohort-match POST",  # ranking still goes on
        "api:posting-publish POST",  # it is published
        "api:cohort-certificates POST",  # nobody has completed a placement
        "api:placement-certificate POST",
        "api:placement-frame POST",  # host and university are one in the scene
        "api:cohort-move POST",  # an offer is open
        "api:offer-publish POST",  # it is published
        "api:deadline-reopen POST",  # it is open
        "api:funder-rules-list POST",  # they are chosen already
        *(  # the case waits for signatures, or for an assessment
            f"api:transfer-case-{act} POST"
            for act in (
                "complete",
                "decide",
                "move",
                "paper",
                "propose",
                "reconsider",
                "reopen",
                "resume",
                "return-",
                "step-back",
                "submit",
                "take-back",
            )
        ),
        "api:transfer-case-take-up POST",
        "api:transfer-assessment-detail PATCH",  # a conflict of interest has not been declared or denied
        "api:transfer-assessment-waive POST",
        "api:transfer-criterion-retire POST",  # it is the only one
        "api:application-detail PATCH",  # it was sent
        "api:placement-onboard POST",  # it is onboarded
        "api:placement-agreement POST",  # it is not approved
        "api:placement-change POST",  # nothing is signed
        "api:placement-sign POST",
        "api:placement-decline POST",
        "api:placement-take-back POST",  # nothing was written, so nothing came back
        "api:project-begin POST",
        "api:project-resume POST",
        "api:project-close POST",
        "api:approval-answer POST",
        "api:review-step-list POST",
        "api:review-step-decide POST",
        "api:party-remove POST",
        "api:agreement-detail PATCH",  # it was sent for signature
        "api:agreement-version-detail PATCH",
        "api:licensor-payment-book POST",  # whom it was paid to keeps no books
        "api:course-draft POST",  # there is a draft already
        "api:posting-apply POST",  # the one student has applied
        "api:ethics-committee-list POST",  # the university has one
        "api:membership-review-list POST",  # a review of the members is under way
    }
    wrong = []
    for address, method, what, about in visits(scene, scene.a):
        key = f"{address.route.name} {method}"
        rule = address.route.rule
        if not address.route.pattern.startswith("api/") or method == "GET" or method not in rule.methods:  # type: ignore[union-attr]
            continue
        if what is not None and not in_turn(key, of=3):
            continue
        if what is None:
            wrong.append(f"write a body for {key} in tests/access/addresses.py")
            continue
        statuses = []
        for visitor in visitors.values():
            if expected(visitor.persona, address, method, scene.a, about) == OK:
                with rolled_back():
                    response = ask(visitor, address.path, method, what)
                statuses.append((visitor.persona.name, response.status_code, response.content[:200]))
                if response.status_code < 300:
                    break
        else:
            if key not in impossible_now | FOR_ONE_ADDRESS:
                wrong.append(f"{key}: nobody got through: {statuses}")
    assert not wrong, "\n".join(wrong)


def test_an_intern_is_let_in_from_the_first_second_of_the_placement_to_its_last(scene: Scene) -> None:
    """The second before it begins, its first and last seconds, and the second after: as the roles say, and no job ran.

    Asked is some of what the role opens; in the first second also of what a member does there and an intern does not.
    `make matrix` asks for all of it.
    """
    wrong: list[str] = []
    with rolled_back():
        placement = onboarded(scene.a)
        posts = ((scene.a.joint.university.pk, Role.STUDENT),)
        outside = Persona("student", placement.student, posts=posts)
        inside = replace(outside, name="intern", roles={scene.a.canary: (Role.INTERN,)})
        researcher = Persona(
            "member", scene.a.joint.researcher, roles={scene.a.canary: (Role.RESEARCHER,)}, posts=posts
        )
        opened, members = [], []
        for visit in visits(scene, scene.a):
            address, method, _what, about = visit
            turn = zlib.crc32(f"{address.route.pattern} {method}".encode())
            if method not in address.route.rule.methods or not (FULL or turn % 4 == 0):  # type: ignore[union-attr]
                continue
            in_, out, member = (wanted(one, address, method, scene.a, about) for one in (inside, outside, researcher))
            if method == "GET" and in_ != out:
                opened.append(visit)
            elif member == OK and in_ != OK and (FULL or turn % 8 == 0):
                members.append(visit)
        assert len(opened) > 20 and len(members) > 5, (len(opened), len(members))
        second = timedelta(seconds=1)
        for at, persona, asked_then in (
            (placement.begins_at - second, outside, opened),
            (placement.begins_at, inside, [*opened, *members]),
            (placement.is_over_at - second, inside, opened),
            (placement.is_over_at, outside, opened),
        ):
            with time_machine.travel(at, tick=False):
                visitor, known = Visitor(persona), colleagues(persona)
                for visit in asked_then:
                    found = faults(visitor, scene, scene.a, *visit, known)[1]
                    wrong += [f"{at}: {one}" for one in found]
    assert not wrong, "\n".join([f"{len(wrong)} faults", *wrong[:40]])


def onboarded(side: Side) -> Placement:
    """Somebody's placement in the project, from tomorrow for three days, that has everything and was let begin."""
    made, today = side.joint, timezone.localdate()
    student = employ(person("Intern"), made.university, Role.STUDENT)
    posting: Any = side.object(Posting)
    facts = {"posting": posting, "cohort": posting.cohort, "university": made.university}
    application = Application.objects.create(
        candidate=student, state="placed", seat=1, submitted_at=timezone.now(), **facts
    )
    placement = Placement.objects.create(
        application=application, student=student, host=made.university, state="signed", project=made.project,
        gives_access=True, mentor=made.researcher, supervisor=made.lead, approved_by_host=made.lead,
        approved_by_university=side.organisation_admin, starts_on=today + timedelta(days=1),
        ends_on=today + timedelta(days=3), host_agreement=side.versions["executed"].agreement, insurer="Mutual",
        insured_until=today + timedelta(days=9), contact_name="A parent", contact_phone="+44 20 123", **facts,
    )  # fmt: skip
    return onboard(placement=placement, by=side.organisation_admin)
