"""The record of ``weights``."""

from configsplit.verbs.table.verb import FORCE, JSON, MODEL, OUT, SOURCE, Option, Verb

VERB = Verb(
    name="weights",
    function="configsplit.verbs.weights:weights",
    help="""Write the weights of MODEL alone, under stable names (`layer/kernel`), bit for bit.

    The suffix of --out decides the format: .safetensors, .npz, or .weights.h5 as Keras 3 writes it. Given with the architecture
    as --weights, any of them restores the same model. If a weight's name would not say which weight of its layer it is,
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
