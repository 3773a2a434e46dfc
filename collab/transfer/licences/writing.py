"""The text of an agreement from the terms of a licence, in both languages, for those who bring no text of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from collab.agreements.models import Agreement


def written_out(agreement: Agreement, terms: Mapping[str, Any]) -> tuple[str, str]:
    """(English, Chinese). What is granted and paid stands in the particular terms, which are signed with the text."""
    made = []
    for language, title in (("en", agreement.title), ("zh-hans", agreement.title_zh or agreement.title)):
        with override(language):
            sentences = [
                title,
                _("1. The licensor grants the licensee the rights that the particular terms of this version name."),
                _("2. The licensee pays and reports as these terms say, and keeps books that show it."),
                _("3. All other rights stay with the licensor; the field and the territory are limits."),
                _("4. The licensee follows the cards of models and datasets and their limits, and the law."),
                _("5. Downloads end by themselves when the licence expires, is in breach or is terminated."),
                _("6. The particular terms are part of this agreement: the hash that the parties sign covers them."),
            ]
            made.append("\n\n".join(sentences))
    return made[0], made[1]
