"""One trainer of `benchmarks.engine_peers`, in a process of its own that waits for its turns.

    python -m benchmarks._peers ORDER.json FD

All of them train nets of the same size from the same first weights on the same batches. A trainer meets the gate
whenever it asks for a batch (the engine: between steps); at the end of a block the gate says how long the block took,
and lets the next one begin when the parent sends a byte. It runs in the environment of the peers, or, for the engine,
in the product's.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LR, DECAY, CLIP, BETAS = 1e-3, 0.1, 1.0, (0.9, 0.99)
ENDLESS = 10**6


class Gate:
    """Stops the clock and the trainer at the end of each block of steps."""

    def __init__(self, order: dict[str, Any], channel: int) -> None:
        self.marks, self.block, self.channel = order["warm"], order["block"], channel
        self.losses: list[Tensor] = []
        self.units = 0  # tokens of this block, where batches differ
        self.step, self._began = 0, time.perf_counter()

    def __call__(self) -> None:
        """To be called before every step."""
        if self.step == self.marks:
            self.tell(seconds=time.perf_counter() - self._began, step=self.step, losses=self._told(), units=self.units)
            self.units = 0
            self.marks += self.block
            if os.read(self.channel, 1) != b"g":
                os._exit(0)
            self._began = time.perf_counter()
        self.step += 1

    def _told(self) -> list[float]:
        return [float(loss) for loss in self.losses]

    def tell(self, **facts: Any) -> None:
        from resource import RUSAGE_SELF, getrusage

        facts["peak_mib"] = getrusage(RUSAGE_SELF).ru_maxrss / 1024
        os.write(self.channel, json.dumps(facts).encode() + b"\n")

    def see(self, loss: Tensor) -> None:
        """Remember the loss of a step, without reading it."""
        self.losses.append(loss.detach())


class Batches:
    """The batches of all steps: `starts` (steps, batch) are places in `tokens`."""

    def __init__(self, order: dict[str, Any]) -> None:
        folder = Path(order["folder"])
        self.context, self.batch = order["context"], order["batch"]
        self.tokens = torch.from_numpy(np.load(folder / "tokens.npy").astype(np.int64))
        self.starts = np.load(folder / "starts.npy").reshape(-1)

    def row(self, number: int) -> Tensor:
        """Row of the whole run: context + 1 tokens."""
        start = int(self.starts[number % len(self.starts)])
        return self.tokens[start : start + self.context + 1]

    def at(self, step: int) -> Tensor:
        """(batch, context + 1)"""
        first = step * self.batch % len(self.starts)
        places = torch.from_numpy(self.starts[first : first + self.batch])[:, None] + torch.arange(self.context + 1)
        return self.tokens[places]


def rows_in_order(batches: Batches, gate: Gate, row_of: Callable[[Tensor], Any]) -> torch.utils.data.Dataset:
    """A map of rows to be read in order; the gate stands before the first of each batch."""

    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return ENDLESS * batches.batch

        def __getitem__(self, number: int) -> Any:
            if number % batches.batch == 0:
                gate()
            return row_of(batches.row(number))

    return Rows()


def plain_net(order: dict[str, Any]) -> nn.Module:
    """The plain block that the engine also trains."""
    from training.engine.catalogue import Shape, Sizes
    from training.engine.nets import gpt

    shape = Shape(layers=order["layers"], heads=order["heads"], width=order["width"], context=order["context"])
    net = gpt.build(shape, Sizes(vocab=order["vocab"]))
    net.load_state_dict(torch.load(Path(order["folder"]) / "ours.pt"))
    return net.train()


def optimizer_of(net: nn.Module, fused: bool) -> torch.optim.Optimizer:
    groups = [[p for p in net.parameters() if p.dim() >= 2], [p for p in net.parameters() if p.dim() < 2]]
    parts = [{"params": groups[0], "weight_decay": DECAY}, {"params": groups[1], "weight_decay": 0.0}]
    return torch.optim.AdamW([part for part in parts if part["params"]], lr=LR, betas=BETAS, fused=fused or None)


def loss_of(logits: Tensor, following: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), following.reshape(-1))


# Trainers


def engine(order: dict[str, Any], gate: Gate) -> None:
    """The engine's own loop with its log of events, its optimizer and its team of processes."""
    from training.engine import device as devices
    from training.engine.catalogue import Sizes
    from training.engine.errors import Stop
    from training.engine.events import EventLog
    from training.engine.listeners import Logger
    from training.engine.loop import Loop
    from training.engine.nets import gpt
    from training.engine.spec import Spec
    from training.engine.tasks import causal_lm

    size = {name: order[name] for name in ("layers", "heads", "width", "context")}
    train = {"max_steps": ENDLESS, "batch": order["batch"], "threads": order["threads"], "lr": LR, "warmup": 0.0}
    train["compile"] = "on" if order.get("compile") else "off"
    spec = Spec.from_json(
        {
            "v": 1,
            "task": "causal-lm",
            "data": {"dataset_version": "00000000-0000-0000-0000-000000000000"},
            "tokenizer": {"kind": "char"},
            "model": {"arch": "gpt", "size": "mini", "dropout": 0.0, **size},
            "train": {**train, "schedule": "constant", "weight_decay": DECAY, "dtype": order["precision"]},
        }
    )
    batches = Batches(order)

    class Task(causal_lm.Task):
        """The order of the other trainers, gathered as the engine's task gathers its own."""

        parts = {"train": batches.tokens.numpy().astype(np.uint16)}
        marks: dict[str, np.ndarray] = {}

        def count(self, part: str) -> int:
            return ENDLESS * spec.train.batch

        def rows_at(self, step: int) -> tuple[int, np.ndarray]:
            first = step * spec.train.batch % len(batches.starts)
            return 0, batches.starts[first : first + spec.train.batch]

        def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> dict[str, Tensor]:
            return self._batch("train", rows[:, None] + np.arange(self.context + 1))

    class Seen(Loop):
        def _count(self, loss: Tensor, good: Tensor) -> None:
            super()._count(loss, good)
            gate.see(loss)

    place, team = devices.choose_device(spec)
    stop = Stop()
    net = gpt.build(spec.shape, Sizes(vocab=order["vocab"]))
    net.load_state_dict(torch.load(Path(order["folder"]) / "ours.pt"))
    dtype = devices.choose_dtype(spec, place)
    loop = Seen(spec=spec, task=Task(spec, stop), net=net, stop=stop, dtype=dtype, device=place, team=team)
    loop.compile(Path(order["own"]))
    loop.split()
    events = EventLog(Path(order["own"]))
    loop.run([Logger(events, ENDLESS // 100), lambda _: gate()], lambda _: None)


def plain(order: dict[str, Any], gate: Gate) -> None:
    """A loop by hand: the plain block, torch's fused AdamW, batches from memory."""
    batches, net = Batches(order), plain_net(order)
    ready = torch.compile(net) if order.get("compile") else net
    optimizer = optimizer_of(net, fused=True)
    for step in range(ENDLESS):
        gate()
        both = batches.at(step)
        with cast(order):
            loss = loss_of(ready(both[:, :-1]), both[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        gate.see(loss)


def cast(order: dict[str, Any]) -> Any:
    if order["precision"] == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def trainer(order: dict[str, Any], gate: Gate) -> None:
    """Hugging Face Trainer with GPT2LMHeadModel."""
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    folder = Path(order["folder"])
    config = json.loads((folder / "config.json").read_text())
    net = GPT2LMHeadModel(GPT2Config(**{k: v for k, v in config.items() if k not in ("architectures", "model_type")}))
    net.load_state_dict(torch.load(folder / "theirs.pt"), strict=False)
    batches = Batches(order)

    class Ordered(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

        def compute_loss(self, model: Any, inputs: Any, *rest: Any, **words: Any) -> Any:
            loss = super().compute_loss(model, inputs, *rest, **words)
            gate.see(loss)
            return loss

    arguments = TrainingArguments(
        output_dir=order["own"], max_steps=ENDLESS, per_device_train_batch_size=order["batch"], use_cpu=True,
        learning_rate=LR, lr_scheduler_type="constant", weight_decay=DECAY, max_grad_norm=CLIP, adam_beta2=BETAS[1],
        save_strategy="no", report_to="none", remove_unused_columns=False, dataloader_pin_memory=False,
        torch_compile=bool(order.get("compile")), bf16=order["precision"] == "bf16",
        **({} if order.get("default") else {"disable_tqdm": True}),
    )  # fmt: skip
    rows = rows_in_order(
        batches, gate, lambda row: {"input_ids": row[:-1], "labels": row[:-1], "shift_labels": row[1:]}
    )
    work = Ordered(model=net, args=arguments, train_dataset=rows)
    work.model_accepts_loss_kwargs = False  # the mean over a batch, like everybody
    work.train()


def lightning(order: dict[str, Any], gate: Gate) -> None:
    """Lightning's Trainer around the plain block."""
    import lightning as L  # noqa: N812

    net = plain_net(order)
    batches = Batches(order)
    ready = torch.compile(net) if order.get("compile") else net

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def training_step(self, batch: Any, _: int) -> Tensor:
            loss = loss_of(ready(batch[0]), batch[1])
            gate.see(loss)
            return loss

        def configure_optimizers(self) -> Any:
            return optimizer_of(net, fused=bool(order.get("fused")))

    rows = rows_in_order(batches, gate, lambda row: (row[:-1], row[1:]))
    loader = torch.utils.data.DataLoader(rows, batch_size=order["batch"])
    words = {} if order.get("default") else {"enable_progress_bar": False, "enable_model_summary": False}
    L.Trainer(
        accelerator="cpu", devices=1, max_steps=ENDLESS, gradient_clip_val=CLIP, logger=False,
        enable_checkpointing=False, default_root_dir=order["own"],
        precision={"fp32": "32-true", "bf16": "bf16-mixed"}[order["precision"]], **words,
    ).fit(Module(), loader)  # fmt: skip


def litgpt(order: dict[str, Any], gate: Gate) -> None:
    """LitGPT's pretraining with a net of the same size; its places are rotations, its head is tied."""
    from litgpt import Config, pretrain
    from litgpt.args import EvalArgs, TrainArgs
    from litgpt.data import DataModule

    batches = Batches(order)
    inner = pretrain.chunked_cross_entropy

    def seen(*words: Any, **more: Any) -> Tensor:
        loss = inner(*words, **more)
        if torch.is_grad_enabled() and not loss.is_meta:  # before it begins, FLOP are counted with an empty net
            gate.see(loss)
        return loss

    pretrain.chunked_cross_entropy = seen

    class Data(DataModule):
        def connect(self, *_: Any, **__: Any) -> None:
            pass

        def train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(rows_in_order(batches, gate, lambda row: row), batch_size=order["batch"])

        def val_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(
                [batches.row(n) for n in range(order["batch"])], batch_size=order["batch"]
            )

    config = Config(
        name="same-size", block_size=order["context"], vocab_size=order["vocab"], padded_vocab_size=order["vocab"],
        n_layer=order["layers"], n_head=order["heads"], n_embd=order["width"], rotary_percentage=1.0, bias=False,
        parallel_residual=False, norm_class_name="LayerNorm", mlp_class_name="GptNeoxMLP", gelu_approximate="tanh",
        intermediate_size=4 * order["width"], lm_head_bias=False,
    )  # fmt: skip
    tokens = order["batch"] * order["context"] * ENDLESS
    words: dict[str, Any] = {"global_batch_size": order["batch"], "micro_batch_size": order["batch"]}
    train = TrainArgs(
        **words, save_interval=None, log_interval=1 if order.get("default") else 100, max_tokens=tokens, max_norm=CLIP,
        lr_warmup_steps=0, min_lr=LR, tie_embeddings=True,
    )  # fmt: skip
    adamw = {"class_path": "torch.optim.AdamW", "init_args": {"lr": LR, "betas": BETAS, "weight_decay": DECAY}}
    if order.get("eager"):
        torch.compile = lambda model, *_, **__: model
    pretrain.setup(
        "same-size", model_config=config, out_dir=Path(order["own"]), data=Data(), train=train, optimizer=adamw,
        precision={"fp32": "32-true", "bf16": "bf16-mixed", "bf16-true": "bf16-true"}[order["precision"]],
        eval=EvalArgs(interval=ENDLESS, max_iters=1, initial_validation=False, final_validation=False),
        devices=1, logger_name="csv", seed=1,
    )  # fmt: skip


# A BERT that learns classes of rows of different length


def bert_spec(order: dict[str, Any]) -> Any:
    """What the engine is told; it also prepares the rows for all."""
    from training.engine.spec import Spec

    size = {name: order[name] for name in ("layers", "heads", "width", "context")}
    train = {"max_steps": ENDLESS, "batch": order["batch"], "threads": order["threads"], "lr": 1e-4, "warmup": 0.0}
    return Spec.from_json(
        {
            "v": 1,
            "task": "text-classification",
            "data": {
                "dataset_version": "00000000-0000-0000-0000-000000000000",
                "columns": {"text": "text", "label": "label"},
            },
            "tokenizer": {"kind": "wordpiece", "vocab": order["vocab"]},
            "model": {"arch": "bert", "size": "mini", "dropout": 0.1, **size},
            "train": {**train, "schedule": "constant", "weight_decay": DECAY, "dtype": order["precision"]},
        }
    )


def bert_engine(order: dict[str, Any], gate: Gate) -> None:
    """The engine's own loop over batches of like length."""
    from training.engine import device as devices
    from training.engine.errors import Stop
    from training.engine.events import EventLog
    from training.engine.listeners import Logger
    from training.engine.loop import Loop
    from training.engine.nets import bert
    from training.engine.tasks import text_classification

    spec, stop = bert_spec(order), Stop()
    task = text_classification.Task(spec, stop)
    task.open(Path(order["prepared"]), order["facts"])

    class Seen(Loop):
        def _count(self, loss: Tensor, good: Tensor) -> None:
            super()._count(loss, good)
            gate.see(loss)
            rows = task.rows_at(self.state.step - 1)[1]
            gate.units += int(task.lengths(task.parts["train"][rows]).sum())

    place, team = devices.choose_device(spec)
    torch.manual_seed(1)
    net = bert.build(spec.shape, task.sizes)
    dtype = devices.choose_dtype(spec, place)
    loop = Seen(spec=spec, task=task, net=net, stop=stop, dtype=dtype, device=place, team=team)
    loop.split()
    loop.run([Logger(EventLog(Path(order["own"])), ENDLESS // 100), lambda _: gate()], lambda _: None)


def bert_trainer(order: dict[str, Any], gate: Gate) -> None:
    """Hugging Face Trainer, every batch padded to its longest row."""
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    folder = Path(order["prepared"])
    tokens, edges = np.fromfile(folder / "tokens.bin", order["facts"]["dtype"]), np.load(folder / "edges.npy")
    targets, chosen = np.load(folder / "targets.npy"), np.load(folder / "train.npy")
    rows = [
        {"input_ids": torch.from_numpy(tokens[edges[i] : edges[i + 1]].astype(np.int64)), "labels": int(targets[i])}
        for i in chosen
    ]

    def together(batch: list[dict[str, Any]]) -> dict[str, Tensor]:
        gate()
        gate.units += sum(len(row["input_ids"]) for row in batch)
        ids = nn.utils.rnn.pad_sequence([row["input_ids"] for row in batch], batch_first=True)
        lengths = torch.tensor([len(row["input_ids"]) for row in batch])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([row["labels"] for row in batch])}

    class Seen(Trainer):
        def compute_loss(self, model: Any, inputs: Any, *rest: Any, **words: Any) -> Any:
            loss = super().compute_loss(model, inputs, *rest, **words)
            gate.see(loss)
            return loss

    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=order["known"], hidden_size=order["width"], num_hidden_layers=order["layers"],
        num_attention_heads=order["heads"], intermediate_size=4 * order["width"], num_labels=int(targets.max()) + 1,
        max_position_embeddings=order["context"], attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    arguments = TrainingArguments(
        output_dir=order["own"], max_steps=ENDLESS, per_device_train_batch_size=order["batch"], use_cpu=True,
        learning_rate=1e-4, lr_scheduler_type="constant", weight_decay=DECAY, max_grad_norm=CLIP,
        adam_beta2=BETAS[1], save_strategy="no", report_to="none", remove_unused_columns=False,
        dataloader_pin_memory=False, disable_tqdm=True, bf16=order["precision"] == "bf16",
        train_sampling_strategy=order.get("sampling", "random"),
    )  # fmt: skip
    Seen(BertForSequenceClassification(config), arguments, train_dataset=rows, data_collator=together).train()


def limit(order: dict[str, Any], gate: Gate) -> None:
    """Matrix products of the size that the net has most of, and nothing else: the step is 32 of them."""
    dtype = torch.bfloat16 if order["precision"] == "bf16" else torch.float32
    rows, width = order["batch"] * order["context"], order["width"]
    a, b = torch.randn(rows, width).to(dtype), torch.randn(4 * width, width).to(dtype)
    products = 32
    gate.tell(flop=products * 2 * rows * width * 4 * width)
    for _ in range(ENDLESS):
        gate()
        for _ in range(products):
            nn.functional.linear(a, b)


TRAINERS = {
    "engine": engine,
    "plain": plain,
    "trainer": trainer,
    "lightning": lightning,
    "litgpt": litgpt,
    "limit": limit,
    "bert_engine": bert_engine,
    "bert_trainer": bert_trainer,
}


def main() -> None:
    order = json.loads(Path(sys.argv[1]).read_text())
    if not order["trainer"].endswith("engine"):  # which forks, and so must not have a pool of threads
        torch.set_num_threads(order["threads"])
    gate = Gate(order, int(sys.argv[2]))
    TRAINERS[order["trainer"]](order, gate)


if __name__ == "__main__":
    main()
