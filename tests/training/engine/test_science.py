"""Molecules and proteins: the tasks on text, with tokenizers of their own."""

import json

import numpy as np

from tests.training.engine.conftest import MakeRun, csv_blob, tiny
from training.engine.contract import DONE

NET = {"arch": "lstm", "size": "nano", "width": 32, "context": 48}
LEARN = {"train__max_steps": 200, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 100, "model": NET}
WEIGHTS = {"C": 12.0, "N": 14.0, "O": 16.0, "Cl": 35.5, "Br": 79.9, "[Na+]": 23.0}


def molecules() -> list[tuple[str, float]]:
    """Chains of atoms and their mean weight: Cl is not a C, nor [Na+] an N."""
    chance, atoms = np.random.default_rng(20), list(WEIGHTS)
    chains = [[atoms[i] for i in chance.integers(6, size=chance.integers(3, 9))] for _ in range(250)]
    return [("".join(chain), round(sum(WEIGHTS[atom] for atom in chain) / len(chain), 3)) for chain in chains]


def test_a_property_of_molecules_is_learnt(make_run: MakeRun) -> None:
    spec = tiny("text-regression", tokenizer={"kind": "smiles"}, **LEARN)
    run = make_run("run", spec, blob=csv_blob(["body", "score"], molecules()))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/rmse"] < 0.4 * last["baseline"]["metrics"]["test/rmse"]
    assert last["metrics"]["test/spearman"] > 0.9
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert set(WEIGHTS) == set(vocab) - {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}


def test_a_class_of_proteins_is_learnt(make_run: MakeRun) -> None:
    """A motif of three residues anywhere in the chain."""
    chance, rows = np.random.default_rng(21), []
    for n in range(250):
        chain = [chance.choice(list("ADEGKLSV")) for _ in range(chance.integers(10, 24))]
        if n % 2:
            at = chance.integers(len(chain) - 3)
            chain[at : at + 3] = "HWH"
        rows.append(("".join(chain), "binds" if n % 2 else "free"))
    spec = tiny("text-classification", tokenizer={"kind": "protein"}, **LEARN)
    profile = {"classes": {"topic": {"binds": 125, "free": 125}}}
    run = make_run("run", spec, blob=csv_blob(["body", "topic"], rows), **profile)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/accuracy"] > 0.9 > 0.6 > last["baseline"]["metrics"]["test/accuracy"]
    assert json.loads((run.folder / "out" / "config.json").read_text())["vocab_size"] == 4 + 25


def test_labels_of_residues_are_learnt_without_spaces_between_them(make_run: MakeRun) -> None:
    """A K is a site where the chain begins with a W, and nowhere else: no table of residues can tell."""
    chance, rows = np.random.default_rng(24), []
    for _ in range(200):
        chain = chance.choice(list("AKPV"), size=chance.integers(6, 14)).tolist()
        chain[0] = chance.choice(["W", "G"])
        tags = ["site" if residue == "K" and chain[0] == "W" else "O" for residue in chain]
        rows.append((" ".join(chain), " ".join(tags)))
    net = {"arch": "bert", "size": "nano", "layers": 1, "width": 32, "context": 32, "dropout": 0.0}
    spec = tiny("token-classification", tokenizer={"kind": "protein"}, **LEARN | {"model": net})
    run = make_run("run", spec, blob=csv_blob(["body", "tags"], rows))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/entity_f1"] > 0.95 > 0.85 > last["baseline"]["metrics"]["test/entity_f1"]
    (prepared,) = (run.folder / "prepared").iterdir()
    edges = np.load(prepared / "edges.npy")
    assert edges[1] - edges[0] == len(rows[0][0].split()) + 2
