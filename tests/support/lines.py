"""A verb's line for tests that put every verb to one trial, made of its record: a new verb is tried without being named."""

from __future__ import annotations

from collections.abc import Mapping

from configsplit.verbs.table import record


def line_of(verb: str, model: str, out: str, words: Mapping[str, str]) -> list[str]:
    """``verb MODEL --out OUT`` with all that it cannot do without; ``words`` has a value for the keyword of each such option.

    Raises:
        LookupError: a word is missing: say it there, or give the verb a line of its own in the table of the test.
    """
    known = {"model": model, "models": model, "out": out, **words}
    told = record(verb)
    options = {option.keyword: option for option in told.command_options()}
    wanted = [name for name, option in options.items() if option.required or name == "out"]
    if told.needed is not None and not {*told.needed.names} & {*wanted}:
        wanted.append(next((name for name in told.needed.names if name in known), told.needed.names[0]))
    if missing := [name for name in wanted if name not in known]:
        raise LookupError(f"{verb} cannot do without {', '.join(missing)}")
    line = [verb]
    for name in wanted:
        line += [known[name]] if options[name].argument else [options[name].flags.split()[0], known[name]]
    return line
