"""What people read."""

import pytest

from deploy.tandem import say


def test_a_trouble_is_its_sentence_and_the_remedy_on_stderr(capsys):
    code = say.tell(say.Trouble("The disk is full.", "free 6 GB", lines=["last words"], code=3))

    expected = "  | last words\nThe disk is full.\n  What to do: free 6 GB\n"
    assert (code, capsys.readouterr().err) == (3, expected)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00"), (65.4, "1:05"), (3600, "60:00"), (-3, "0:00"), (None, "?:??")]
)
def test_clock(seconds, expected):
    assert say.clock(seconds) == expected


def test_a_line_that_cannot_repaint_is_printed_only_now_and_then(capsys):
    line = say.Line(every_s=1000)

    for step in range(5):
        line.show(f"step {step}")
    line.restart()
    line.show("the next thing")

    assert capsys.readouterr().out == "step 0\nthe next thing\n"
