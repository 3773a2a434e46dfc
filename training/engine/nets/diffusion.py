"""What the nets of diffusers share. It is imported by the runs that draw images, and by no other."""

import json
from typing import Any

from torch import Tensor


def give_back(net: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and config of a net of diffusers."""
    config = json.loads(net.to_json_string())
    return dict(net.state_dict()), {name: value for name, value in config.items() if name != "_name_or_path"}
