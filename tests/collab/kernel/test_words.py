"""Every word of a text is looked for in every field, and in what else is said."""

import pytest
from django.db.models import Q

from collab.accounts.models import Organisation
from collab.kernel.words import WORDS_MAX, with_words
from tests.cast import organisation

pytestmark = pytest.mark.django_db
NAMES = ("name", "slug")


def test_all_words_somewhere_in_any_order_and_capitals():
    for name in ("Riverside University", "Riverside Works", "Harbour University"):
        organisation(name)

    def found(text: str, **more) -> list[str]:
        rows = with_words(Organisation.objects.order_by("name"), text, NAMES, **more)
        return [row.name for row in rows]

    assert found("university RIVER") == ["Riverside University"]
    assert len(found("  ")) == 3
    assert found("harbour x", also=lambda word: Q(kind=word)) == []
    assert found("harbour university", also=lambda word: Q(kind=word)) == ["Harbour University"]
    assert found("river company", also=lambda word: Q(kind="university") if word == "company" else Q(pk=None)) == [
        "Riverside University", "Riverside Works",
    ]  # fmt: skip
    assert found("riverside " * WORDS_MAX + "nowhere") == ["Riverside University", "Riverside Works"]
