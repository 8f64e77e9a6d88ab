"""The record of ``join``."""

from configsplit.verbs.table.verb import PLUGINS, Option, Verb, output

VERB = Verb(
    name="join",
    function="configsplit.verbs.join:join",
    help="""Put together what split has cut: DIR gives back the very model, graph, names and weights; what was opened is closed.

    Or compose models: A's outputs feed B, B's outputs feed C, all in one flat graph. A name that is taken gets the suffix _2,
    _3, ... With --by name an input that no output is named like stays an input of the whole.
    """,
    options=(
        Option("models", kind="path", required=True, repeat=True, metavar="DIR | A B [C...]", only="command", fetched=True),
        Option("models", kind="path", repeat=True, only="recipe"),
        Option(
            "--by",
            help="Whether outputs meet the inputs of the next model by position or by name.",
            choices=("position", "name"),
            default="position",
        ),
        PLUGINS,
        *output(),
    ),
    recipe="Without ``models`` it undoes the split named by ``of``; with them the model feeds these in turn.",
    live=True,
    examples=(
        "join parts -o whole.keras",
        "join encoder.keras decoder.keras -o autoencoder.keras",
    ),
)
