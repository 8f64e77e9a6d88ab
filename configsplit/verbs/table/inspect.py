"""The record of ``inspect``."""

from configsplit.verbs.table.verb import JSON, MODEL, PLUGINS, SIZES, VERBOSE, WEIGHTS, Option, Verb

VERB = Verb(
    name="inspect",
    function="configsplit.verbs.inspect:inspect",
    help="Describe MODEL: dialect and release, inputs, outputs, layers, parameters, and what would be dangerous to build.",
    options=(
        MODEL,
        WEIGHTS,
        SIZES,
        Option(
            "--hazards",
            "only_hazards",
            "Only list hazards, and what would confine a process that builds models on this machine.",
            kind="flag",
            only="command",
        ),
        PLUGINS,
        VERBOSE._replace(help="Also show the evidence for the dialect."),
        JSON,
    ),
    recipe=True,
    live=True,
    skims=True,
    examples=(
        "inspect model.h5",
        "inspect model.h5 --hazards",
    ),
)
