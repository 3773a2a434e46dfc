"""The plain nets are the classes of transformers: equal logits from exported weights, and back again."""

from types import ModuleType
from typing import Any

import pytest
import torch

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.attention import attention
from training.engine.package import import_tensors
from training.engine.registry import net_module

SHAPES = {
    "gpt": (Shape(layers=2, heads=2, width=16, context=12, dropout=0.1), Sizes(vocab=23)),
    "biased-gpt": (Shape(layers=2, heads=2, width=16, context=12, dropout=0.1), Sizes(vocab=23, biased=True)),
    "llama": (Shape(layers=2, heads=2, width=16, context=12), Sizes(vocab=23)),
    "lstm": (Shape(layers=2, width=16, context=12, dropout=0.1), Sizes(vocab=23)),
    "bert": (Shape(layers=2, heads=2, width=16, context=12, dropout=0.1), Sizes(vocab=23, classes=3)),
    "masked-bert": (Shape(layers=2, heads=2, width=16, context=12, dropout=0.1), Sizes(vocab=23)),
    "each-bert": (Shape(layers=2, heads=2, width=16, context=12, dropout=0.1), Sizes(vocab=23, classes=3, each=True)),
    "span-bert": (
        Shape(layers=2, heads=2, width=16, context=12, dropout=0.1),
        Sizes(vocab=23, classes=2, each=True, head="span"),
    ),
    "vector-bert": (Shape(layers=2, heads=2, width=16, context=12, dropout=0.1), Sizes(vocab=23, head="vector")),
    "t5": (Shape(layers=2, heads=2, width=16, context=40, dropout=0.1), Sizes(vocab=23)),
    "patchtst": (Shape(layers=2, heads=2, width=16, context=24, patch=4, horizon=5, dropout=0.1), Sizes()),
    "masked-vit": (
        Shape(layers=2, heads=2, width=16, image=16, patch=4, dropout=0.1),
        Sizes(channels=3),
    ),
    "resnet": (Shape(layers=2, width=8, image=32), Sizes(channels=3, classes=3)),
    "vit": (Shape(layers=2, heads=2, width=16, image=16, patch=8, dropout=0.1), Sizes(channels=1, classes=3)),
}


def module_of(name: str) -> ModuleType:
    return net_module(name.rpartition("-")[2])


def scrambled(arch: str) -> torch.nn.Module:
    """A net whose every number is random, running means included."""
    torch.manual_seed(4)
    net = module_of(arch).build(*SHAPES[arch])
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.copy_(torch.randn_like(tensor) * 0.4)
        for tensor in net.buffers():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    return net.eval()


def loaded(arch: str, theirs: Any, config: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    """(our net, their net with our weights)."""
    ours = scrambled(arch)
    tensors, fields = module_of(arch).export(ours)
    fields |= {"id2label": {n: str(n) for n in range(SHAPES[arch][1].classes or 3)}}
    other = theirs(config(**{k: v for k, v in fields.items() if k not in ("architectures", "model_type")}))
    missing = other.load_state_dict(tensors, strict=False)
    assert missing.unexpected_keys == []
    tied = {"lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
    tied |= {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    assert set(missing.missing_keys) <= tied
    return ours, other.eval()


def same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.std() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", ["gpt", "biased-gpt"])
def test_gpt_is_gpt2(name: str) -> None:
    from transformers.models.gpt2.modeling_gpt2 import GPT2Config, GPT2LMHeadModel

    ours, theirs = loaded(name, GPT2LMHeadModel, GPT2Config)
    ids = torch.randint(23, (2, 12))
    same(ours(ids), theirs(ids).logits)


@torch.no_grad()
def test_span_bert_is_bert() -> None:
    from transformers.models.bert.modeling_bert import BertConfig, BertForQuestionAnswering

    ours, theirs = loaded("span-bert", BertForQuestionAnswering, BertConfig)
    ids, kinds = torch.randint(23, (2, 9)), torch.tensor([[0] * 4 + [1] * 5] * 2)
    found = theirs(ids, token_type_ids=kinds)
    same(ours(ids, None, None, kinds), torch.stack([found.start_logits, found.end_logits], -1))


@torch.no_grad()
def test_vector_bert_is_the_mean_of_a_bert() -> None:
    from functools import partial

    from transformers.models.bert.modeling_bert import BertConfig, BertModel

    ours, theirs = loaded("vector-bert", partial(BertModel, add_pooling_layer=False), BertConfig)
    ids, mask = torch.randint(23, (2, 9)), torch.tensor([[True] * 9, [True] * 5 + [False] * 4])
    whole, short = theirs(ids, attention_mask=mask).last_hidden_state
    means = torch.stack([whole.mean(0), short[:5].mean(0)])
    same(ours(ids, mask), means / means.norm(dim=-1, keepdim=True))


@torch.no_grad()
def test_bert_is_bert() -> None:
    from transformers.models.bert.modeling_bert import BertConfig, BertForSequenceClassification

    ours, theirs = loaded("bert", BertForSequenceClassification, BertConfig)
    ids, mask = torch.randint(23, (2, 9)), torch.ones(2, 9, dtype=torch.bool)
    mask[1, 5:] = False
    same(ours(ids), theirs(ids).logits)
    same(ours(ids, mask), theirs(ids, attention_mask=mask.long()).logits)


@torch.no_grad()
def test_bert_without_classes_is_the_masked_one() -> None:
    from transformers.models.bert.modeling_bert import BertConfig, BertForMaskedLM

    ours, theirs = loaded("masked-bert", BertForMaskedLM, BertConfig)
    ids = torch.randint(23, (2, 9))
    same(ours(ids), theirs(ids).logits)


@torch.no_grad()
def test_bert_with_classes_of_each_token_is_the_tagger() -> None:
    from transformers.models.bert.modeling_bert import BertConfig, BertForTokenClassification

    ours, theirs = loaded("each-bert", BertForTokenClassification, BertConfig)
    ids = torch.randint(23, (2, 9))
    same(ours(ids), theirs(ids).logits)


@torch.no_grad()
def test_t5_is_t5() -> None:
    from transformers.models.t5.modeling_t5 import T5Config, T5ForConditionalGeneration

    ours, theirs = loaded("t5", T5ForConditionalGeneration, T5Config)
    ids, before = torch.randint(23, (2, 40)), torch.randint(23, (2, 30))  # far enough for the wide buckets
    mask = torch.ones(2, 40, dtype=torch.bool)
    mask[1, 25:] = False
    same(ours(ids, before), theirs(ids, decoder_input_ids=before).logits)
    same(ours(ids, before, mask), theirs(ids, attention_mask=mask.long(), decoder_input_ids=before).logits)


@torch.no_grad()
def test_patchtst_is_patchtst() -> None:
    from transformers.models.patchtst.modeling_patchtst import PatchTSTConfig, PatchTSTForPrediction

    ours, theirs = loaded("patchtst", PatchTSTForPrediction, PatchTSTConfig)
    series = torch.randn(3, 24) * 5 + 40
    same(ours(series), theirs(series[:, :, None]).prediction_outputs[:, :, 0])


@torch.no_grad()
def test_vit_without_classes_is_the_masked_autoencoder() -> None:
    from transformers.models.vit_mae.modeling_vit_mae import ViTMAEConfig, ViTMAEForPreTraining

    ours, theirs = loaded("masked-vit", ViTMAEForPreTraining, ViTMAEConfig)
    pixels = torch.randn(2, 3, 16, 16)
    order = torch.stack([torch.randperm(16) for _ in range(2)])
    found = theirs(pixels, noise=order.argsort(1).float())
    same(ours(pixels, order, 4), found.logits)


@torch.no_grad()
def test_resnet_is_resnet() -> None:
    from transformers.models.resnet.modeling_resnet import ResNetConfig, ResNetForImageClassification

    ours, theirs = loaded("resnet", ResNetForImageClassification, ResNetConfig)
    pixels = torch.randn(2, 3, 32, 32)
    same(ours(pixels), theirs(pixels).logits)


def test_one_small_image_alone_is_learnt_from_too() -> None:
    """A single value has no deviation: it is normed as when the net is used, and changes no running mean."""
    ours = scrambled("resnet").train()
    alone, more = torch.randn(1, 3, 16, 16), torch.randn(2, 3, 16, 16)
    last, first = ours.stages[2][0].layer[1].normalization, ours.stem.normalization
    before = [norm.running_mean.clone() for norm in (last, first)]
    ours(alone).sum().backward()
    assert torch.equal(last.running_mean, before[0]) and not torch.equal(first.running_mean, before[1])
    assert last.num_batches_tracked == 0 and all(weight.grad.isfinite().all() for weight in ours.parameters())
    assert ours.stem.convolution.weight.grad.abs().max() > 0
    ours(more)
    assert not torch.equal(last.running_mean, before[0])
    x = torch.randn(1, 32, 1, 1)
    assert torch.equal(last(x), last.eval()(x))


@torch.no_grad()
def test_vit_is_vit() -> None:
    from transformers.models.vit.modeling_vit import ViTConfig, ViTForImageClassification

    ours, theirs = loaded("vit", ViTForImageClassification, ViTConfig)
    pixels = torch.randn(2, 1, 16, 16)
    same(ours(pixels), theirs(pixels).logits)


@pytest.mark.parametrize("arch", SHAPES)
def test_export_can_be_undone(arch: str) -> None:
    ours = scrambled(arch)
    tensors, _ = module_of(arch).export(ours)
    again = module_of(arch).build(*SHAPES[arch])
    import_tensors(again, module_of(arch).export, tensors)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.parametrize("arch", SHAPES)
def test_import_takes_little_memory_beside_the_net(arch: str) -> None:
    ours = scrambled(arch)
    tensors = {name: tensor.clone() for name, tensor in module_of(arch).export(ours)[0].items()}
    again = module_of(arch).build(*SHAPES[arch])
    size = sum(tensor.numel() * tensor.itemsize for tensor in again.state_dict().values())
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as told:
        import_tensors(again, module_of(arch).export, tensors)
    claimed = sum(max(0, event.self_cpu_memory_usage) for event in told.events())
    assert claimed < size / 2


def test_import_refuses_an_export_that_hides_a_weight() -> None:
    ours, export = scrambled("gpt"), net_module("gpt").export

    def hiding(net: torch.nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors, config = export(net)
        return tensors | {"transformer.wpe.weight": tensors["transformer.wpe.weight"].clone()}, config

    with pytest.raises(ValueError, match="a weight is missing"):
        import_tensors(ours, hiding, export(ours)[0])


def test_import_refuses_missing_and_misshapen_weights() -> None:
    ours = scrambled("gpt")
    export = net_module("gpt").export
    tensors, _ = export(ours)
    for bad in ({}, tensors | {"transformer.wte.weight": torch.zeros(2, 2)}):
        with pytest.raises(ValueError, match="missing or has another shape"):
            import_tensors(ours, export, bad)


@torch.no_grad()
def test_padding_does_not_change_an_answer() -> None:
    """A row alone and the same row beside a longer one, for the nets that read rows of different lengths."""
    for arch in ("bert", "lstm"):
        shape, sizes = SHAPES[arch]
        torch.manual_seed(1)
        net = net_module(arch).build(shape, Sizes(vocab=sizes.vocab, classes=3)).eval()
        row = torch.randint(1, 23, (1, 5))
        padded = torch.cat([row, torch.zeros(1, 4, dtype=torch.long)], 1)
        mask = torch.tensor([[True] * 5 + [False] * 4])
        torch.testing.assert_close(net(row, None), net(padded, mask), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mask", ["none", "padding", "causal"])
def test_attention_of_products_is_the_fused_one(mask: str) -> None:
    """In bf16 a processor learns with products; values and gradients are those of the fused operator in fp32."""
    torch.manual_seed(1)
    qkv, seen = torch.randn(3, 2, 2, 6, 8), torch.arange(6) < torch.tensor([[6], [4]])
    words: dict[str, Any] = {"mask": seen[:, None, None, :]} if mask == "padding" else {"causal": mask == "causal"}
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        q, k, v = (each.to(dtype).requires_grad_() for each in qkv)
        mixed = attention(q, k, v, **words)
        found.append([mixed, *torch.autograd.grad((mixed.float() ** 2).sum(), (q, k, v))])
    for fused, products in zip(*found, strict=True):
        assert products.dtype == torch.bfloat16
        torch.testing.assert_close(products.float(), fused, atol=0.1, rtol=0.05)
