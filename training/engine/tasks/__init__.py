"""One task per file: how data becomes batches, what the loss is, how the result is judged and shown."""
