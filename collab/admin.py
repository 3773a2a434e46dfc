"""Gathers the admin of every slice."""
