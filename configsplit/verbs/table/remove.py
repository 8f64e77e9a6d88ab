"""The record of ``remove``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Option, Verb, output

VERB = Verb(
    name="remove",
    function="configsplit.verbs.surgery:remove",
    help="""Remove layers from MODEL: their consumers take their input instead.

    Only layers with one input and one output of the same shape and dtype can be removed (Dropout, noise, an activation);
    several in a row count as one.
    """,
    options=(
        MODEL,
        Option(
            "--layer",
            help="What to remove; *, ? and [0-9] work, OUTER/INNER too.",
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
