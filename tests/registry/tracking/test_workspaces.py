"""One workspace per project, made when it is first needed."""

import threading

import pytest

from collab.kernel.errors import ConflictError, InvalidError
from collab.projects.models import Project
from registry.tracking import workspaces
from registry.tracking.upstream import UpstreamDownError
from tests.registry.tracking.test_upstream import Scripted


def named(slug: str) -> Project:
    return Project(slug=slug, title="Speech")


@pytest.mark.parametrize(
    "slug", ["default", "workspaces", "api", "Speech", "a", "-a", "a-", "a_b", "a" * 64, "a/b", ""]
)
def test_names_that_mlflow_would_not_wall_off_are_refused(slug):
    with pytest.raises(InvalidError):
        workspaces.ensure_workspace(project=named(slug), behind=Scripted())


def test_it_is_made_once():
    behind = Scripted((404, b"{}"), (201, b"{}"))
    for _ in range(3):
        assert workspaces.ensure_workspace(project=named("speech"), behind=behind) == "speech"
    assert [(question.method, question.path.rpartition("/")[2]) for question in behind.asked] == [
        ("GET", "speech"),
        ("POST", "workspaces"),
    ]


def test_one_that_is_there_is_left_alone():
    behind = Scripted((200, b'{"workspace": {"name": "speech"}}'))
    workspaces.ensure_workspace(project=named("speech"), behind=behind)
    assert len(behind.asked) == 1


def test_another_process_may_be_faster():
    behind = Scripted((404, b"{}"), (400, b'{"error_code": "RESOURCE_ALREADY_EXISTS"}'))
    assert workspaces.ensure_workspace(project=named("speech"), behind=behind) == "speech"


def test_a_refusal_or_breakdown_is_not_taken_for_success():
    with pytest.raises(ConflictError):
        workspaces.ensure_workspace(project=named("speech"), behind=Scripted((404, b"{}"), (400, b"{}")))
    behind = Scripted((404, b"{}"), (500, b"{}"), (404, b"{}"), (201, b"{}"))
    with pytest.raises(UpstreamDownError):
        workspaces.ensure_workspace(project=named("speech"), behind=behind)
    assert workspaces.ensure_workspace(project=named("speech"), behind=behind) == "speech"


class Patient(Scripted):
    """Answers only when everybody is about to ask."""

    def __init__(self, people: int) -> None:
        super().__init__(*[(404, b"{}"), (201, b"{}")] * people)
        self.everybody_came = threading.Barrier(people)
        self.waited = threading.Event()

    def ask(self, question):
        self.waited.wait(0.1)  # time for others to slip in, were there no lock
        return super().ask(question)


def test_many_at_once_make_one():
    behind = Patient(8)

    def come():
        behind.everybody_came.wait()
        workspaces.ensure_workspace(project=named("speech"), behind=behind)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(behind.asked) == 2
