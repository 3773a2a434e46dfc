"""Starting from a model that was trained before: its weights and tokenizer, and which of its layers go on learning."""

import dataclasses
import hashlib
import json
import logging
from operator import attrgetter
from pathlib import Path

from torch import nn

from training.engine import package
from training.engine.catalogue import Sizes
from training.engine.checkpoint import file_sha256
from training.engine.checks import reading_issues, start_issues
from training.engine.errors import Check, EngineError, unasked
from training.engine.protocol import InputStart, Reason
from training.engine.registry import net_module
from training.engine.spec import Spec

TOKENIZER = "tokenizer.json"
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Start:
    """A package whose every file is what its manifest says."""

    folder: Path
    spec: Spec
    net: nn.Module
    labels: list[str]
    sizes: Sizes

    @property
    def tokenizer(self) -> Path:
        """The file of its tokenizer; absent for images."""
        return self.folder / TOKENIZER


def open_start(found: InputStart | None, spec: Spec, check: Check = unasked) -> Start | None:
    """The model that a spec starts from, or None; `check` as of a hash.

    Raises EngineError(bad_spec) when it is not there or does not fit.
    """
    if spec.model.start is None:
        return None
    if found is None:
        raise EngineError(Reason.BAD_SPEC, "start_gone")
    folder = Path(found.path)
    try:
        same = hashlib.sha256((folder / package.MANIFEST).read_bytes()).hexdigest() == found.manifest_sha256
        net = package.load_net(folder, check) if same else None
        theirs = Spec.from_text((folder / "spec.json").read_bytes())
        config = json.loads((folder / "config.json").read_bytes())
        sizes = Sizes(**json.loads((folder / "resolved.json").read_bytes())["sizes"])
    except (OSError, ValueError, KeyError) as error:
        log.error("%s: %s", folder, error)  # which of its files, for who has them
        raise EngineError(Reason.BAD_SPEC, "start_gone") from error
    if net is None:
        raise EngineError(Reason.BAD_SPEC, "start_changed")
    issues = start_issues(spec, theirs)
    if issues:
        raise EngineError(Reason.BAD_SPEC, "start_unfit", problem=issues[0].text, issues=issues)
    names: dict[str, str] = config.get("id2label") or {}
    return Start(folder, theirs, net, [names[key] for key in sorted(names, key=int)], sizes)


def open_tokenizer(found: InputStart | None, spec: Spec) -> Path | None:
    """The tokenizer that a spec reuses without the weights beside it, or None.

    Raises EngineError(bad_spec) when it is not there, not what was asked for, or does not fit.
    """
    if spec.tokenizer is None or spec.tokenizer.start is None:
        return None
    if found is None:
        raise EngineError(Reason.BAD_SPEC, "reads_gone")
    folder = Path(found.path)
    try:
        manifest = (folder / package.MANIFEST).read_bytes()
        same = hashlib.sha256(manifest).hexdigest() == found.manifest_sha256
        listed = json.loads(manifest)["files"]
        same = same and all(file_sha256(folder / name) == listed[name]["sha256"] for name in (TOKENIZER, "spec.json"))
        theirs = Spec.from_text((folder / "spec.json").read_bytes()) if same else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(Reason.BAD_SPEC, "reads_gone") from error
    if theirs is None:
        raise EngineError(Reason.BAD_SPEC, "reads_changed")
    issues = reading_issues(spec, theirs)
    if issues:
        raise EngineError(Reason.BAD_SPEC, "reads_unfit", problem=issues[0].text, issues=issues)
    return folder / TOKENIZER


def take_over(net: nn.Module, start: Start, labels: list[str]) -> list[str]:
    """Give `net` the weights of the start; its head too when it answers the same. Returns the names that stay fresh.

    A shorter context takes the first places of a longer one. Raises EngineError(bad_spec) when a weight below the head
    has no counterpart.
    """
    theirs, own = start.net.state_dict(), net.state_dict()
    head = net_module(start.spec.model.arch).HEAD
    fresh = []
    for name, tensor in own.items():
        found = theirs.get(name)
        of_head = name.startswith(head)
        if of_head and (found is None or found.shape != tensor.shape or labels != start.labels):
            fresh.append(name)
            continue
        if (
            found is not None
            and (name.startswith("places") or name.endswith("embed_positions.weight"))
            and found.dim() == 2
        ):
            found = found[: len(tensor)]
        if found is None or found.shape != tensor.shape:
            problem = f"its weight {name} has another shape"
            raise EngineError(Reason.BAD_SPEC, "start_unfit", problem=problem)
        own[name] = found
    net.load_state_dict(own)
    return fresh


def freeze(net: nn.Module, arch: str, learn_layers: int | None) -> None:
    """Let only the head and the last `learn_layers` layers learn; everything when it is None."""
    if learn_layers is None:
        return
    module = net_module(arch)
    layers = list(attrgetter(module.LAYERS)(net)) if module.LAYERS else []
    kept = {id(p) for layer in layers[len(layers) - learn_layers :] for p in layer.parameters()}
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(module.HEAD) or id(parameter) in kept)
