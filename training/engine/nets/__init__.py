"""One architecture per file: `build(shape, sizes)` makes the net, `export(net)` gives it in transformers' format.

`HEAD` names the weights that belong to what it answers, `LAYERS` the list of its layers from first to last.

The nets are plain torch and never import transformers, which costs seconds at every start; tests hold their logits
equal to the class of the same name there. Those whose speed does not hang on it are `borrowed` from transformers.
"""
