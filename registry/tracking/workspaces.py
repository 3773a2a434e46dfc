"""Every project has one MLflow workspace, named by its slug: the wall between tenants inside MLflow."""

import json
import re
import threading
from io import BytesIO
from typing import Final

from django.utils.translation import gettext as _

from collab.kernel.errors import ConflictError, InvalidError
from collab.projects.models import Project
from registry.tracking.upstream import Question, Upstream, UpstreamDownError, upstream

# MLflow's own rule, and the names it keeps for itself. `default` is its root: there every workspace's folder shows.
_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])")
RESERVED: Final = frozenset({"default", "workspaces", "api", "ajax-api", "static-files"})

_known: set[tuple[int, str]] = set()
_making = threading.Lock()


def workspace_name(project: Project) -> str:
    """The project's slug, certain to be taken by MLflow as a workspace of its own. Raises InvalidError."""
    if project.slug in RESERVED or not _NAME.fullmatch(project.slug):
        raise InvalidError(_("“%(slug)s” cannot be the name of a tracking workspace.") % {"slug": project.slug})
    return project.slug


def ensure_workspace(*, project: Project, behind: Upstream | None = None) -> str:
    """Make the project's workspace if it is not there; returns its name.

    Safe to repeat and to race. The gate calls it on a project's first request, so nobody else has to.
    Raises InvalidError for a slug that MLflow cannot take, ConflictError when MLflow refuses, UpstreamDownError.
    """
    name = workspace_name(project)
    behind = behind or upstream()
    key = (id(behind), name)
    if key in _known:
        return name
    with _making:
        if key not in _known:
            _make(name, behind)
            _known.add(key)
    return name


def _make(name: str, behind: Upstream) -> None:
    # `default` always exists; these questions are about workspaces, not inside one.
    path = "/api/3.0/mlflow/workspaces"
    asked = behind.ask(Question("GET", f"{path}/{name}", "default"))
    asked.close()
    if asked.status == 200:
        return
    body = json.dumps({"name": name}).encode()
    made = behind.ask(
        Question("POST", path, "default", "", {"Content-Type": "application/json"}, BytesIO(body), len(body))
    )
    answer = made.json()
    if made.status >= 500:
        raise UpstreamDownError
    if made.status >= 400 and answer.get("error_code") != "RESOURCE_ALREADY_EXISTS":  # another worker was faster
        raise ConflictError(_("MLflow does not take “%(slug)s” as a workspace.") % {"slug": name})
