"""Nets that transformers builds itself from a config. It is imported by the runs that need it and by no other.

The file of such an architecture says which class and which numbers; the weights keep the names that the class gives.
"""

import importlib
from typing import Any

from torch import Tensor, nn


def borrow(module: str, name: str, fields: dict[str, Any]) -> nn.Module:
    """The class `name` of a module of transformers' models with fresh weights from torch's random generator."""
    kind = getattr(importlib.import_module(f"transformers.models.{module}.modeling_{module}"), name)
    return kind(kind.config_class(**fields))


def give_back(net: Any) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of a borrowed net."""
    config = net.config.to_diff_dict() | {"architectures": [type(net).__name__]}
    # How many answers there are says the list of their names, which the task adds.
    for name in ("transformers_version", "dtype", "id2label", "label2id"):
        config.pop(name, None)
    return dict(net.state_dict()), config
