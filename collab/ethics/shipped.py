"""The questionnaires that come with Tandem: texts of our own, as data. A changed text is a new version."""

from __future__ import annotations

import tomllib
from pathlib import Path

from django.db import transaction

from collab.ethics.models import EthicsForm
from collab.ethics.questions import check_form
from collab.ethics.services import add_form_version, newest, write_form

TEXTS = Path(__file__).resolve().parent / "texts"


@transaction.atomic
def load_forms() -> int:
    """Write what is missing or has changed; how many versions that were."""
    written = 0
    for path in sorted(TEXTS.glob("*.toml")):
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        form = EthicsForm.objects.filter(code=given["code"]).first()
        if form is None:
            write_form(by=None, **given)
            written += 1
            continue
        questions, rules = check_form(given["questions"], given.get("rules", ()))
        last = newest(form)
        if (last.questions, last.rules) != (questions, rules):
            add_form_version(form=form, questions=given["questions"], rules=given.get("rules", ()), by=None)
            written += 1
    return written
