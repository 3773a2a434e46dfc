"""Architectures that are taken from transformers as they are: built from a config, exported by their own names.

Importing transformers costs seconds at every start, so only nets that are not worth writing again come this way.
"""

import json
from typing import Any

from torch import Tensor, nn


class Wrapped(nn.Module):
    """A model of transformers as a net of ours. `body` names the module that holds its `layers`."""

    def __init__(self, model: Any, body: str) -> None:
        super().__init__()
        self.model = model
        self._body = body

    @property
    def layers(self) -> Any:
        """Its layers from first to last."""
        return self.model.get_submodule(self._body).layers

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """What the model reads, and where it is real -> logits."""
        return self.model(values, attention_mask=mask).logits if mask is not None else self.model(values).logits


def export(net: Wrapped) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and config under the names that transformers gives them."""
    config = json.loads(net.model.config.to_json_string(use_diff=False))
    for name in ("_name_or_path", "transformers_version", "dtype", "id2label", "label2id"):
        config.pop(name, None)
    return dict(net.model.state_dict()), config | {"architectures": [type(net.model).__name__]}
