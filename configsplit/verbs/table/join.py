"""The record of ``join``."""

from configsplit.verbs.table.verb import PLUGINS, Option, Verb, output

VERB = Verb(
    name="join",
    function="configsplit.verbs.join:join",
    help="""Undo a split: DIR gives back the original model, with its graph, names, weights and nested models.

    Or compose models: A's outputs feed B, B's outputs feed C, all in one flat graph. A name that is taken gets the suffix _2,
    _3, ... With --by name, an input with no output of its name remains an input of the whole.
    """,
    options=(
        Option("models", kind="path", required=True, repeat=True, metavar="DIR | A B [C...]", only="command", fetched=True),
        Option("models", kind="path", repeat=True, only="recipe"),
        Option(
            "--by",
            help="Match outputs with the next model's inputs by position or by name.",
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
