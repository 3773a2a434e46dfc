"""YOLOS: a vision transformer whose further tokens each become a class and a box."""

import math
from typing import Any

import torch
from torch import nn

from training.engine.catalogue import Shape, Sizes, boxes_of
from training.engine.nets.borrowed import borrow, give_back

HEAD = ("class_labels_classifier.",)
LAYERS = "vit.encoder.layer"


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """A YOLOS with fresh weights from torch's random generator."""
    fields = {
        "num_channels": sizes.channels,
        "num_labels": sizes.classes,
        "image_size": [shape.image, shape.image],
        "patch_size": shape.patch,
        "num_detection_tokens": boxes_of(shape),
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": 4 * shape.width,
        "hidden_dropout_prob": shape.dropout or 0.0,
        "use_mid_position_embeddings": False,
    }
    net: Any = borrow("yolos", "YolosForObjectDetection", fields | sizes.told)
    _begin(net)
    if "image_size" not in sizes.told:
        _begin_places(net, shape)
    return net


def _begin(net: Any) -> None:
    """Fresh weights that learn soon: the class begins with zeros and small numbers, for weights from elsewhere."""
    embeddings = net.vit.embeddings
    for tokens in (embeddings.cls_token, embeddings.detection_tokens, embeddings.position_embeddings):
        nn.init.normal_(tokens, std=0.5)
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
    weight = embeddings.patch_embeddings.projection.weight
    nn.init.xavier_uniform_(weight.view(len(weight), -1))


def _begin_places(net: Any, shape: Shape) -> None:
    """Patches begin with waves of their row and column (Vaswani et al. 2017), so that places need not be found out."""
    embeddings, side = net.vit.embeddings, (shape.image or 32) // (shape.patch or 4)
    quarter = shape.width // 4
    speed = 10.0 ** (-torch.arange(quarter) * 2 / quarter) * math.pi
    angle = (torch.arange(side) / side * 2 - 1)[:, None] * speed * 2
    waves = torch.cat([angle.sin(), angle.cos()], 1)
    grid = torch.cat([waves[:, None].expand(-1, side, -1), waves[None].expand(side, -1, -1)], 2)
    with torch.no_grad():
        embeddings.position_embeddings[0, 1 : 1 + side * side, : 4 * quarter] = grid.flatten(0, 1)


export = give_back
