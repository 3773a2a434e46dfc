"""Architectures that are taken from transformers as they are: built from a config, exported by their own names.

Importing transformers costs seconds at every start, so only nets that are not worth writing again come this way.
"""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Wrapped(nn.Module):
    """A model of transformers as a net of ours. `body` names the module that holds its `layers`.

    A weight that has several names there, such as a table of tokens that is the head too, has the first of them here.
    """

    def __init__(self, model: Any, body: str) -> None:
        super().__init__()
        self.model = model
        self._body = body
        first = {id(p): name for name, p in reversed(list(self.named_parameters(remove_duplicate=False)))}
        self._again = {n for n, p in self.named_parameters(remove_duplicate=False) if first[id(p)] != n}

    @property
    def layers(self) -> Any:
        """Its layers from first to last."""
        return self.model.get_submodule(self._body).layers

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """What the model reads, and where it is real -> logits."""
        return self.model(values, attention_mask=mask).logits if mask is not None else self.model(values).logits

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Every weight by one name."""
        return {name: tensor for name, tensor in super().state_dict(*args, **kwargs).items() if name not in self._again}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """The inverse of `state_dict`."""
        found = super().load_state_dict(state_dict, strict=False, assign=assign)
        missing = set(found.missing_keys) - self._again
        if strict and (missing or found.unexpected_keys):
            raise RuntimeError(f"missing {sorted(missing)}, unexpected {found.unexpected_keys}")
        return found


def export(net: Wrapped) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and config under the names that transformers gives them."""
    config = json.loads(net.model.config.to_json_string(use_diff=False))
    for name in ("_name_or_path", "transformers_version", "dtype", "id2label", "label2id"):
        config.pop(name, None)
    tensors = {name.removeprefix("model."): tensor for name, tensor in net.state_dict().items()}
    return tensors, config | {"architectures": [type(net.model).__name__]}
