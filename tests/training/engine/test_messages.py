"""Every sentence is said with what it names: held to each place in the engine that says it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.engine import messages
from training.engine.errors import DataError, EngineError
from training.engine.messages import HINTS, MESSAGES
from training.engine.protocol import Reason
from training.engine.strict import make_issue

ENGINE = Path(messages.__file__).parent
# Which argument of each is the code of a sentence.
SAYERS = {"make_issue": 1, "EngineError": 1, "DataError": 0, "StartError": 0}
OWN = {"make_issue": set(), "EngineError": {"step", "issues"}, "DataError": set()}


def places(template: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", template))


def said() -> Iterator[tuple[str, str, str, set[str] | None]]:
    """(where, who says it, code, names that are given; None where not all of them stand in the call)."""
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in OWN:
                continue
            at = SAYERS[node.func.id]
            if len(node.args) > at and isinstance(code := node.args[at], ast.Constant):
                names = {word.arg for word in node.keywords}
                whole = None if None in names else {str(name) for name in names}
                yield f"{path.relative_to(ENGINE)}:{node.lineno}", node.func.id, str(code.value), whole


SAID = list(said())


def test_the_engine_says_most_of_its_sentences_plainly() -> None:
    assert len(SAID) > 150 and {who for _, who, _, _ in SAID} == set(OWN)


@pytest.mark.parametrize(("where", "who", "code", "names"), SAID, ids=[f"{row[0]} {row[2]}" for row in SAID])
def test_a_sentence_is_given_all_that_it_names(where: str, who: str, code: str, names: set[str] | None) -> None:
    assert code in MESSAGES, where
    if names is None:
        return
    assert places(MESSAGES[code]) <= names, where
    if who != "make_issue":  # which leaves a remedy away that it cannot say
        assert places(HINTS.get(code, "")) <= names, where


def test_no_sentence_is_left_that_nobody_says() -> None:
    """A code stands somewhere beside the table, as it is or as the end of one that is put together."""
    text = "\n".join(path.read_text() for path in ENGINE.rglob("*.py") if path.name != "messages.py")
    put_together = {"captions_absent", "boxes_absent", "masks_absent"}
    assert [code for code in MESSAGES if f'"{code}"' not in text and code not in put_together] == []
    assert [code for code in HINTS if code not in MESSAGES] == []


def test_sentences_end_and_begin_as_sentences() -> None:
    for code, text in (MESSAGES | {f"hint of {code}": hint for code, hint in HINTS.items()}).items():
        assert text == text.strip() and "  " not in text, code
        assert text[-1] in ".:?" or text.endswith("%(problem)s"), code
        assert '"' not in text and not re.search(r"(?<!\w)'|'(?!\w)", text), code  # as they are set: “so”


@pytest.mark.parametrize(
    ("error", "text", "hint", "params"),
    [
        (
            DataError("data_row", row=3, problem="it is odd"),
            "Row 3 of the dataset cannot be used: it is odd.",
            "Correct the row in a new version of the dataset.",
            {"row": 3, "problem": "it is odd"},
        ),
        (
            EngineError(Reason.DIVERGED, "diverged", step=7),
            "The loss stopped being a number three times in a row, at step 7.",
            "Start again with a learning rate a third of this one. The last good checkpoint is kept.",
            {"step": 7},
        ),
        (DataError("data_gone"), "The dataset file cannot be read.", "", {}),
    ],
)
def test_an_error_tells_sentence_remedy_and_parameters(
    error: EngineError, text: str, hint: str, params: dict[str, object]
) -> None:
    assert (str(error), error.hint, error.params) == (text, hint, params)
    assert error.issues == [] and error.step == params.get("step")


def test_an_error_holds_its_issues_apart() -> None:
    issues = [make_issue("a", "missing")]
    error = EngineError(Reason.BAD_SPEC, "spec_unfit", issues=issues)
    issues.clear()
    assert [issue.path for issue in error.issues] == ["a"] and "issues" not in error.params
