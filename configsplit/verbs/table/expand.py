"""The record of ``expand``."""

from configsplit.verbs.table.verb import FORCE, JSON, LIMITS, OUT, Option, Verb

VERB = Verb(
    name="expand",
    function="configsplit.verbs.expand:expand",
    help="""Write the graph of MODEL, whose file holds only hyperparameters: a KerasHub preset, or a .keras of such a class.

    The library that you name builds the model once, in a confined process and without weights; then every weight in the file is
    assigned to its layer. The result is a document that all verbs read, with MODEL as its weights: `configsplit split
    graph.json --weights MODEL --at LAYER --out parts`. MODEL may use classes of that library and of Keras, and no others.
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
            help="Open nested models only, or also layers made of layers, if their call can be traced.",
            choices=("models", "all"),
            default="models",
        ),
        Option(
            "--size",
            "sizes",
            "Build the graph for this size of an input that the library leaves open; the batch stays open.",
            repeat=True,
            metavar="INPUT=1,224,224,3",
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
