"""The record of ``profile``."""

from configsplit.verbs.table.verb import JSON, LIMITS, MODEL, PLUGINS, SIZES, WEIGHTS, Option, Verb

VERB = Verb(
    name="profile",
    function="configsplit.verbs.profile:profile",
    help="Measure how many milliseconds each layer of MODEL takes on this machine, one sample at a time. Needs Keras.",
    options=(
        MODEL,
        Option("--out -o", help="Write the profile there; `split --stages` takes it as --profile.", kind="path", use="save"),
        WEIGHTS,
        Option("--samples", help="Samples in one batch.", kind="whole", default=1, least=1),
        Option("--rounds", help="How often the model is run; the median counts.", kind="whole", default=5, least=1),
        SIZES._replace(help="Size of an input that MODEL leaves open."),
        Option("--force -f", help="Replace an earlier profile.", kind="flag", use="save"),
        PLUGINS,
        *LIMITS,
        JSON,
    ),
    live=True,
    examples=(
        "profile resnet.keras -o profile.json",
        "profile resnet.keras --rounds 20 --json",
    ),
)
