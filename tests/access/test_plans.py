"""What was made ready answers, for everybody in the scene about every row in it, as the query that is built each time.

Each run asks a tenth of the words of each table, in turns; `make matrix` asks all.
"""

from __future__ import annotations

import pytest

from collab.access.policy import SCOPES, can, requirements_of, visible_to
from collab.access.roles import WORDS
from tests.access.scene import Scene
from tests.turns import in_turn

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
TURNS = 10
ROWS = 6  # of a table


def words_about(model) -> list[str]:
    """The words that mean something on rows of the table."""
    kind = SCOPES[model].view.split(".")[0]
    return [
        word
        for word in WORDS
        if word.startswith(f"{kind}.") or any(need.model is model for need in requirements_of(word, model))
    ]


def test_a_decision_on_a_row_is_that_of_the_list(scene: Scene, visitors) -> None:
    people = {
        visitor.persona.name: visitor.persona.user
        for visitor in visitors.values()
        if visitor.persona.user is not None and not visitor.persona.secret
    }
    wrong, asked, seen = [], 0, set()
    for model in SCOPES:
        rows = list(model._default_manager.order_by("pk")[:ROWS])
        for word in words_about(model):
            if not rows or not in_turn(f"{model._meta.label} {word}", of=TURNS):
                continue
            for name, user in people.items():
                held = set(visible_to(user, word, model._default_manager.all()).values_list("pk", flat=True))
                for row in rows:
                    asked += 1
                    answer = can(user, word, row)
                    seen.add(answer)
                    if answer != (row.pk in held):
                        wrong.append(f"{name} {word} {row!r}: {answer}")

    assert not wrong, "\n".join(wrong[:40])
    assert asked > 500 and seen == {True, False}
