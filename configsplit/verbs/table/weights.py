"""The record of ``weights``."""

from configsplit.verbs.table.verb import FORCE, JSON, MODEL, OUT, SOURCE, Option, Verb

VERB = Verb(
    name="weights",
    function="configsplit.verbs.weights:weights",
    help="""Write the weights of MODEL alone, under names that stay (`layer/kernel`): byte ranges are copied, and read in again.

    The ending of --out tells the format: .safetensors, .npz, or .weights.h5 as Keras 3 writes it. Any of them goes with the
    architecture as --weights, and gives the same model. Where nobody could tell by its name which weight of a layer one is,
    nothing is written.
    """,
    options=(
        MODEL,
        OUT,
        Option(
            "--format",
            help="What is written.",
            choices=("safetensors", "npz", "weights.h5"),
            default="safetensors",
            only="recipe",
        ),
        *SOURCE,
        FORCE,
        JSON,
    ),
    recipe=True,
    examples=(
        "weights model.keras -o model.safetensors",
        "weights architecture.json --weights model.weights.h5 -o model.npz",
    ),
)
