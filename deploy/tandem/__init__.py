"""The parts behind `make run` and `make test`: installing, processes, the demo story. Standard library only."""
