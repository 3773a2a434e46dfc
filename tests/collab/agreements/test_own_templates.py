"""Templates of one's own house: written in a file, published, offered first, and seen by nobody else."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from collab.access.roles import Role
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.own_templates import publish_own, read_template, write_template
from collab.agreements.services import draft_agreement, draft_from_template
from collab.audit.models import AuditEvent
from collab.kernel.errors import FaultyInputError, RefusedError
from tests.cast import employ, person, upload
from tests.pages import as_, text

pytestmark = pytest.mark.django_db

OWN = {
    "code": "talks", "kind": "nda", "name": "Talks", "name_zh": "商谈", "text": 'Of "{{ purpose }}".\nC:\\x """',
    "text_zh": "关于{{ purpose }}\"",
    "fields": [{"name": "purpose", "type": "text", "label": "Purpose", "label_zh": "目的", "required": True}],
}  # fmt: skip
URL = "/agreements/templates/"


@pytest.fixture
def registrar(aurora):
    return employ(person("Registrar"), aurora.university, Role.ORGANISATION_ADMIN)


def publish(aurora, registrar, **changes) -> TemplateVersion:
    return publish_own(organisation=aurora.university, by=registrar, **OWN | changes)


def test_its_own_house_drafts_from_it_and_no_other_sees_it(aurora, registrar, borealis):
    call_command("load_templates", verbosity=0)
    version = publish(aurora, registrar)
    assert (version.template.code, version.number) == (f"{aurora.university.slug}-talks", 1)
    agreement = draft_agreement(project=aurora.project, reference="T-1", kind="nda", title="T", by=aurora.lead)
    page = text(as_(aurora.lead).get(f"/agreements/{agreement.pk}/template/"))
    assert page.index("Talks") < page.index("Mutual non-disclosure agreement") and "Purpose" in page
    drafted = draft_from_template(
        agreement=agreement, template_version=version, values={"purpose": "ice"}, by=aurora.lead,
        parties=[aurora.university, aurora.company], effective_on=agreement.created_at.date(),
    )  # fmt: skip
    assert drafted.text.startswith('Of "ice".') and drafted.text_zh == '关于ice"'
    for stranger in (aurora.engineer, borealis.lead):
        assert "Talks" not in text(as_(stranger).get(URL))
        assert as_(stranger).get(f"{URL}{version.template.code}/").status_code == 404
        listed = as_(stranger).get("/api/v1/agreement-templates/").json()["results"]
        assert listed and version.template.code not in {row["code"] for row in listed}
    assert "Talks" in text(as_(aurora.lead).get(URL))


def test_a_file_that_was_downloaded_is_published_again_as_the_next_version(aurora, registrar):
    first = publish(aurora, registrar)
    client = as_(registrar)
    file = client.get(f"{URL}{first.template.code}/file/")
    assert read_template(file.content) == OWN | {"code": first.template.code}
    changed = file.content.replace("商谈".encode(), "会谈".encode()).replace(b"Of ", b"About ")
    form = {"organisation": aurora.university.pk, "file": upload(changed, "own.toml")}
    assert client.post(f"{URL}new/", form)["Location"] == f"{URL}{first.template.code}/"
    newest = TemplateVersion.objects.filter(template=first.template).first()
    assert (newest.number, newest.template.name_zh, newest.text[:5]) == (2, "会谈", "About")
    same = client.post(f"{URL}new/", form | {"file": upload(changed, "own.toml")})
    assert same.status_code == 302 and TemplateVersion.objects.count() == 2
    assert AuditEvent.objects.filter(verb="template.publish", organisation_id=aurora.university.pk).count() == 2


def test_every_text_that_comes_along_survives_its_file(db):
    call_command("load_templates", verbosity=0)
    for version in TemplateVersion.objects.select_related("template"):
        read = read_template(write_template(version).encode())
        assert (read["text"], read["text_zh"], read["fields"]) == (version.text, version.text_zh, version.fields)


def test_it_is_offered_no_more(aurora, registrar):
    template = publish(aurora, registrar).template
    page = f"{URL}{template.code}/"
    assert as_(aurora.lead).post(f"{page}retire/").status_code == 403
    assert as_(registrar).post(f"{page}retire/").status_code == 302
    assert "Talks" not in text(as_(aurora.lead).get(URL)) and "no longer offered" in text(as_(aurora.lead).get(page))
    as_(registrar).post(f"{page}retire/")
    assert AuditEvent.objects.filter(verb="template.retire").count() == 1
    publish(aurora, registrar, text="New {{ purpose }}")
    assert AgreementTemplate.objects.get(pk=template.pk).is_active


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b'code = "a"\nkind = nda', "line 2"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"x" * 1_000_001, "1 MB"),
        (b'code = "a"\nkind = "nda"\nname = "N"\ntext = "T"', "text_zh"),
        (b'code = "a"\nkind = "poem"\nname = "N"\ntext = "T"\ntext_zh = "T"', "Choose one of: nda"),
        (b'code = "a"\nkind = "nda"\nname = "N"\ntext = "T"\ntext_zh = "T"\nowner = "me"', "owner"),
        (b'code = "a"\nkind = "nda"\nname = "N"\ntext = "{{ x }}"\ntext_zh = "T"\n[[fields]]\nname = 3', "fields.3"),
        (b'code = "a"\nkind = "nda"\nname = "N"\ntext = "{{ x }}"\ntext_zh = "T"', "The blank “x”"),
        (b'code = "a b"\nkind = "nda"\nname = "N"\ntext = "T"\ntext_zh = "T"', "slug"),
    ],
)
def test_a_file_that_is_no_template_is_told_where(aurora, registrar, file, said):
    form = {"organisation": aurora.university.pk, "file": upload(file, "own.toml")}
    answer = as_(registrar).post(f"{URL}new/", form)
    assert answer.status_code == 422 and said in text(answer)
    assert not AgreementTemplate.objects.exists()


def test_only_whoever_manages_the_house_publishes(aurora, registrar, borealis):
    with pytest.raises(RefusedError):
        publish_own(organisation=aurora.university, by=aurora.lead, **OWN)
    assert "Publish your own" not in text(as_(aurora.lead).get(URL))
    client = as_(registrar)
    body = {key: value for key, value in OWN.items() if key != "fields"} | {"blanks": OWN["fields"]}
    sent = {"content_type": "application/json"}
    foreign = client.post("/api/v1/agreement-templates/", body | {"organisation": borealis.university.slug}, **sent)
    assert foreign.status_code == 403
    made = client.post("/api/v1/agreement-templates/", body | {"organisation": aurora.university.slug}, **sent)
    assert made.status_code == 201 and made.json()["blanks"] == OWN["fields"]
    wrong = body | {"organisation": aurora.university.slug, "blanks": [OWN["fields"][0] | {"minimum": True}]}
    assert "fields.purpose.minimum" in client.post("/api/v1/agreement-templates/", wrong, **sent).content.decode()
    with pytest.raises(FaultyInputError):
        publish(aurora, registrar, fields=[{"name": "purpose"}])
    retired = client.post(f"/api/v1/agreement-templates/{made.json()['code']}/retire/", **sent)
    assert retired.json()["is_active"] is False
