"""The record of ``freeze``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Needed, Option, Verb, output

VERB = Verb(
    name="freeze",
    function="configsplit.verbs.marking:freeze",
    help="""Freeze layers of MODEL, so that training leaves their weights alone. Say which with --before, --after or --layer.

    `trainable` is set in each layer and all that it wraps or nests; weights stay where the loader looks for them.
    """,
    options=(
        MODEL,
        Option("--before", help="All layers that compute this tensor, its own included.", repeat=True, metavar="REF"),
        Option("--after", help="All layers that are computed from this tensor.", repeat=True, metavar="REF"),
        Option("--layer", help="Layers by name; *, ? and [0-9] work, OUTER/INNER too.", repeat=True, metavar="GLOB"),
        Option("--unfreeze", help="Unfreeze them instead.", kind="flag"),
        *SOURCE,
        *output(),
    ),
    gives="file",
    recipe=True,
    live=True,
    needed=Needed(("before", "after", "layer"), "say which layers: {before}, {after} or {layer}"),
    examples=(
        "freeze resnet.keras --before conv4_block6_out -o frozen.keras",
        "freeze resnet.keras --layer 'conv[1-3]_*' -o frozen.keras",
    ),
)
