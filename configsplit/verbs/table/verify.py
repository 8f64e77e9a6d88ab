"""The record of ``verify``."""

from configsplit.verbs.table.verb import JSON, LIMITS, PLUGINS, Option, Verb

VERB = Verb(
    name="verify",
    function="configsplit.verbs.verify:verify",
    help="""Prove that the parts in DIRECTORY equal the model that they were cut from; or check a file that surgery has written.

    From the files on disk and without Keras: nothing was changed since, the parts recompose to the original graph, and every
    weight is bit for bit the original's. With --numeric original and parts are also run, fed through numpy; a mask that was
    never on or never off is named. A file is held against the provenance record beside it (FILE.provenance.json).
    """,
    options=(
        Option("directory", kind="path", required=True, only="command"),
        Option("--source", help="The original, if it is not where it was.", kind="path", only="command"),
        Option("--numeric", help="Also run original and parts in Keras and compare bit for bit.", kind="flag"),
        Option("--samples", help="Samples of random input.", kind="whole", default=4, least=1),
        Option("--seed", help="Seed of the random input.", kind="whole", default=0),
        PLUGINS,
        *LIMITS,
        JSON,
    ),
    recipe="It holds the output of an earlier step (``of``) against the model.",
)
