"""Reads an uploaded file without trusting it: what kind it is, whether it is sound, what is in it.

`run.inspect` is the one call for the rest of the system. It starts a capped child process; only the child parses.
Nothing here knows Django, and the calling process never loads an image library.
"""
