"""The only door to MLflow: the gateway (stock clients, our rules) and the writer (our supervisor, stock client)."""
