"""The record of ``expand``."""

from configsplit.verbs.table.verb import FORCE, JSON, LIMITS, OUT, Option, Verb

VERB = Verb(
    name="expand",
    function="configsplit.verbs.expand:expand",
    help="""Write the graph of MODEL, whose file holds hyperparameters and none: a KerasHub preset, or a .keras of such a class.

    The library that you name builds the model once, in a confined process and without weights, and every weight of the file is
    placed in its layer. What is written is a document that all verbs read, with the file given as its weights:
    `configsplit split graph.json --weights PRESET --at LAYER --out parts`. The file itself may name classes of that library and
    of Keras, and nothing else.
    """,
    options=(
        Option("model", kind="path", required=True, only="command", fetched=True),
        Option(
            "--library",
            "libraries",
            "The package whose classes MODEL is made of; repeat for several.",
            required=True,
            repeat=True,
            metavar="MODULE",
        ),
        OUT,
        Option(
            "--depth",
            help="Open nested models; or also every layer that is made of layers, where its call can be traced.",
            choices=("models", "all"),
            default="models",
        ),
        *LIMITS,
        FORCE,
        JSON,
    ),
    examples=(
        "expand gemma_preset/ --library keras_hub -o graph.json",
        "expand bert.keras --library keras_hub --depth all -o graph.json",
    ),
)
