"""Templates of an organisation's own: read from a file that people write, and written back into one.

The file is TOML, as the texts that come with Tandem are, so that whoever wants their own begins from one of those.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.agreements.library import AgreementTemplate, TemplateVersion, publish_template
from collab.agreements.models import AgreementKind
from collab.audit.services import record
from collab.kernel.errors import ConflictError, Fault, FaultyInputError

FILE_BYTES_MAX = 1_000_000
_TEXTS = ("code", "kind", "name", "name_zh", "text", "text_zh")
_FIELD_KEYS: dict[str, type] = {
    "name": str, "type": str, "label": str, "label_zh": str, "required": bool, "default": str, "help": str,
    "help_zh": str, "minimum": int, "maximum": int, "choices": list,
}  # fmt: skip


@transaction.atomic
def publish_own(*, organisation: Organisation, by: User, **template: Any) -> TemplateVersion:
    """Publish a template, or its next version, for those who draft for the organisation.

    `template`: code, kind, name, name_zh, text, text_zh, fields. The code begins with the organisation's short name, so
    that two houses never meet. Raises FaultyInputError that names each fault.
    """
    require(by, "organisation.manage", organisation)
    faults = shape_faults(template)
    if faults:
        raise FaultyInputError(faults)
    prefix = f"{organisation.slug}-"
    code = template["code"] if template["code"].startswith(prefix) else prefix + template["code"]
    return publish_template(**template | {"code": code}, organisation=organisation, by=by)


@transaction.atomic
def retire_template(*, template: AgreementTemplate, by: User) -> AgreementTemplate:
    """Offer it no more; what was written from it stays. A further version offers it again."""
    require(by, "organisation.manage", template)
    locked = AgreementTemplate.objects.select_for_update().get(pk=template.pk)
    if not locked.is_active:
        raise ConflictError(_("This template is no longer offered."))
    locked.is_active = False
    locked.save(update_fields=["is_active"])
    record(
        verb="template.retire",
        subject=locked,
        by=by,
        organisation_id=locked.organisation_id,
        data={"template": locked.code},
    )
    return locked


def read_template(content: bytes) -> dict[str, Any]:
    """The template in a file. Raises FaultyInputError naming the line where it is no TOML, or each key at fault."""
    if len(content) > FILE_BYTES_MAX:
        raise FaultyInputError([Fault("file", _("This file is longer than any agreement: 1 MB at most."))])
    try:
        found = tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise FaultyInputError([Fault("file", _("This is no text file in UTF-8."))]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        text = _("This is no TOML file as a template is downloaded: %(why)s") % {"why": str(error)[:200]}
        raise FaultyInputError([Fault("file", text)]) from None
    faults = shape_faults(found)
    if faults:
        raise FaultyInputError(faults)
    return {"name_zh": "", "fields": [], **found}


def write_template(version: TemplateVersion) -> str:
    """The file that `read_template` reads."""
    template = version.template
    lines = [f"{name} = {_quoted(getattr(template, name))}" for name in ("code", "kind", "name", "name_zh")]
    lines += [f"{name} = {_long(getattr(version, name))}" for name in ("text", "text_zh")]
    for field in version.fields:
        lines.append("[[fields]]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in field.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _long(text: str) -> str:
    """A text over many lines, which people read and change. TOML drops the first line break."""
    kept = re.sub(r'"(?="|\Z)', r"\"", text.replace("\\", "\\\\"))
    return f'"""\n{kept}"""'


def shape_faults(template: dict[str, Any]) -> list[Fault]:
    """What is missing, unknown or of the wrong kind."""
    faults = [Fault(key, _("There is no such key.")) for key in sorted(set(template) - {*_TEXTS, "fields"})]
    for key in _TEXTS:
        value = template.get(key, "" if key == "name_zh" else None)
        if not isinstance(value, str) or (key != "name_zh" and not value.strip()):
            faults.append(Fault(key, _("Write a text here.")))
    if isinstance(template.get("kind"), str) and template["kind"] not in AgreementKind.values:
        faults.append(Fault("kind", _("Choose one of: %(kinds)s.") % {"kinds": ", ".join(AgreementKind.values)}))
    fields = template.get("fields", [])
    if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
        return [*faults, Fault("fields", _("The blanks are a list of [[fields]]."))]
    for number, field in enumerate(fields, start=1):
        faults += _field_faults(f"fields.{field.get('name') or number}", field)
    return faults


def _field_faults(path: str, field: dict[str, Any]) -> list[Fault]:
    faults = [Fault(f"{path}.{key}", _("There is no such key.")) for key in sorted(set(field) - set(_FIELD_KEYS))]
    for key in ("name", "type", "label", "label_zh"):
        if not field.get(key):
            faults.append(Fault(f"{path}.{key}", _("Write a text here.")))
    for key, kind in _FIELD_KEYS.items():
        if key in field and type(field[key]) is not kind:  # to Python a bool is an int
            faults.append(Fault(f"{path}.{key}", _("This is of the wrong kind; compare it with a template's file.")))
    choices = field.get("choices", [])
    if isinstance(choices, list) and not all(
        isinstance(one, list) and len(one) == 3 and all(isinstance(part, str) for part in one) for one in choices
    ):
        faults.append(Fault(f"{path}.choices", _("Each choice is three texts: value, English, Chinese.")))
    if field.get("type") == "choice" and not choices:
        faults.append(Fault(f"{path}.choices", _("Name the choices.")))
    return faults
