"""The specs of a search over a few settings: every combination, draws, or draws of which the better ones go on.

Torch-free: the form asks what a search would take. A search is a spec with `search`; its trials are specs without.
"""

import functools
import hashlib
import itertools
import math
import random
import typing
from typing import Any

from training.engine.strict import Issue, SpecError, make_issue, shown

if typing.TYPE_CHECKING:
    from training.engine.spec import Spec

# What may be tried. The architecture, the tokenizer and the data stay: every trial is the same task on the same tokens.
SEARCHABLE = (
    "train.lr",
    "train.batch",
    "train.epochs",
    "train.weight_decay",
    "train.warmup",
    "train.schedule",
    "train.optimizer",
    "train.momentum",
    "train.clip",
    "train.ema_decay",
    "train.seed",
    "model.size",
    "model.layers",
    "model.width",
    "model.heads",
    "model.dropout",
    "model.lora",
    "model.learn_layers",
)
GRID, RANDOM, HALVING = "grid", "random", "halving"
MAX_TRIALS = 64
DRAWS = 20  # for each trial, until one is found that was not there yet
FACTOR = 3  # of the trials of a rung, one in so many goes on, and learns so many times as long
EVALUATIONS = 10  # of a run; a rung ends at one of them
Values = dict[str, Any]


def values_of(spec: "Spec") -> list[Values]:
    """The settings of every trial by path, in order. Raises SpecError for a space that cannot be read."""
    search = spec.search
    if search is None:
        return []
    read = {path: _read(path, text, search.kind) for path, text in sorted(search.space.items())}
    trials: list[Values] = []
    if search.kind == GRID:
        for chosen in itertools.product(*read.values()):
            _add(dict(zip(read, chosen, strict=True)), trials)
        return trials
    for draw in range(DRAWS * search.trials):
        if len(trials) < search.trials:
            _add({path: _draw(path, found, search.seed, draw) for path, found in read.items()}, trials)
    return trials


def _add(values: Values, trials: list[Values]) -> None:
    """One more trial, without a momentum that its optimizer has no use for; nothing is tried twice."""
    if values.get("train.optimizer", "sgd") != "sgd":
        values.pop("train.momentum", None)
    if values not in trials:
        trials.append(values)


def _draw(path: str, found: Any, seed: int, draw: int) -> Any:
    """A function of seed, path and draw alone: more trials leave the first ones as they are."""
    key = hashlib.sha256(f"{seed} {path} {draw}".encode()).digest()
    # Random of the standard library gives the same from a whole number everywhere.
    chance = random.Random(int.from_bytes(key[:8], "big"))  # noqa: S311  draws settings, not secrets
    if isinstance(found, list):
        return chance.choice(found)
    low, high, kind = found
    if low > 0:  # by its logarithm: as many between 0.001 and 0.01 as between 0.01 and 0.1
        drawn = math.exp(chance.uniform(math.log(low), math.log(high)))
    else:
        drawn = chance.uniform(low, high)
    return min(high, max(low, round(drawn) if kind is int else float(f"{drawn:.4g}")))


def _read(path: str, text: str, search: str) -> Any:
    """A list of values, or (low, high, kind) of a range. Raises SpecError at its path."""
    kind = _kind_of(path)
    place = f"search.space.{path}"
    low_text, parted, high_text = text.partition("..")
    try:
        if kind is str or not parted:
            return list(dict.fromkeys(_value(word.strip(), kind) for word in text.split(",")))
        low, high = _value(low_text.strip(), kind), _value(high_text.strip(), kind)
    except ValueError:
        raise SpecError([make_issue(place, "search_unread", text=shown(text))]) from None
    if search == GRID:
        raise SpecError([make_issue(place, "search_range")])
    if not low < high:
        raise SpecError([make_issue(place, "search_unread", text=shown(text))])
    return low, high, kind


def _value(word: str, kind: type) -> Any:
    if kind is float and not math.isfinite(float(word)):
        raise ValueError(word)
    return kind(word)


@functools.cache
def _kind_of(path: str) -> type:
    from training.engine.spec import Spec  # which names this module

    section, _, name = path.partition(".")
    hint = typing.get_type_hints(typing.get_type_hints(Spec)[section])[name]
    return next(kind for kind in (*typing.get_args(hint), hint) if kind in (int, float, str))


def trial_spec(spec: "Spec", values: Values) -> "Spec":
    """The spec of one trial. Raises SpecError when these values do not go together."""
    obj = spec.to_json() | {"search": None}
    for path, value in values.items():
        section, _, name = path.partition(".")
        obj[section] = obj[section] | {name: value}
    if "train.optimizer" in values and values["train.optimizer"] != "sgd":
        obj["train"] = obj["train"] | {"momentum": 0.0}  # it is for those trials that have a use for it
    return type(spec).from_json(obj)


def tries_sgd(optimizer: str, space: dict[str, str]) -> bool:
    """Whether a run with this optimizer, or a trial of it when others are tried, steps by sgd."""
    tried = space.get("train.optimizer", optimizer)
    return isinstance(tried, str) and "sgd" in (word.strip() for word in tried.split(","))


def search_issues(spec: "Spec") -> list[Issue]:
    """What is wrong with a search: a space that cannot be read, too many trials, values that do not go together."""
    search = spec.search
    if search is None:
        return []
    if not search.space:
        return [make_issue("search.space", "search_empty")]
    if search.kind == GRID:
        try:
            count = math.prod(len(_read(path, text, GRID)) for path, text in search.space.items())
        except SpecError as error:
            return error.issues
        if count > MAX_TRIALS:
            return [make_issue("search.space", "search_many", count=count, limit=MAX_TRIALS)]
    try:
        trials = values_of(spec)
    except SpecError as error:
        return error.issues
    found: dict[tuple[str, str], Issue] = {}
    for values in trials:
        try:
            trial_spec(spec, values)
        except SpecError as error:
            for issue in error.issues:
                place = issue.path if issue.path in values else next(iter(values))
                said = ", ".join(f"{path} = {value}" for path, value in values.items())
                told = make_issue(f"search.space.{place}", "search_value", values=shown(said), problem=issue.text)
                found.setdefault((issue.path, issue.code), told)
    return list(found.values())


def trial_specs(spec: "Spec") -> list["Spec"]:
    """The specs of all trials. Raises SpecError."""
    return [trial_spec(spec, values) for values in values_of(spec)]


def rungs(kind: str, trials: int) -> list[tuple[int, float]]:
    """(trials, share of the run that they have learnt at its end) of each rung, the last to the end.

    Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
    """
    if kind != HALVING:
        return [(trials, 1.0)]
    # The first rung ends at the first evaluation at the earliest, and leaves at least two to go on from.
    count = max(0, min(int(math.log(trials, FACTOR) + 1e-9), int(math.log(EVALUATIONS, FACTOR))))
    return [(max(1, trials // FACTOR**n), FACTOR ** (n - count)) for n in range(count + 1)]


def share_learnt(kind: str, trials: int) -> float:
    """How many whole runs the trials of a search are together."""
    total = before = 0.0
    for count, share in rungs(kind, trials):
        total += count * (share - before)
        before = share
    return total


def until_step(steps: int, every: int, share: float) -> int:
    """The step at which a rung ends: the evaluation nearest to its share of the run, and at least the first."""
    if share >= 1:
        return steps
    return min(steps, max(1, round(share * steps / every)) * every)
