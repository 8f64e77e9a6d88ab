"""The record of ``remove``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Option, Verb, output

VERB = Verb(
    name="remove",
    function="configsplit.verbs.surgery:remove",
    help="""Take layers out of MODEL: what took their output takes their input instead.

    Only layers that take one tensor and give one of the same shape and dtype can go (Dropout, noise, an activation); together
    several may go of which only the chain keeps the shape.
    """,
    options=(
        MODEL,
        Option(
            "--layer",
            help="What to take out; *, ? and [0-9] work, OUTER/INNER too.",
            required=True,
            repeat=True,
            metavar="LAYER",
        ),
        *SOURCE,
        *output(),
    ),
    gives="file",
    recipe=True,
    live=True,
    examples=(
        "remove model.keras --layer 'dropout*' -o plain.keras",
        "remove model.keras --layer encoder/noise --layer noise -o plain.keras",
    ),
)
