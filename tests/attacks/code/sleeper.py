"""A program that starts another one and waits: run in place of a worker, to see that both end."""

from attempts import sleep as main

__all__ = ["main"]
