"""The record of ``layers``."""

from configsplit.verbs.table.verb import JSON, MODEL, SIZES, SOURCE, WHOLE_NESTED, Option, Verb

VERB = Verb(
    name="layers",
    function="configsplit.verbs.marking:layers",
    help="""List the layers of MODEL that lie upstream or downstream of a tensor; all of them without --before and --after.

    Layers inside a nested model are listed after it as OUTER/INNER, the name that --at and other options take. F marks frozen
    layers.
    """,
    options=(
        MODEL,
        Option("--before", help="Upstream: all layers that compute this tensor, its own included.", repeat=True, metavar="REF"),
        Option("--after", help="Downstream: all layers that are computed from this tensor.", repeat=True, metavar="REF"),
        WHOLE_NESTED._replace(help="Leave out what is inside nested models."),
        SIZES._replace(help="Size of an input that MODEL leaves open, to count parameters that depend on it."),
        *SOURCE,
        JSON,
    ),
    recipe=True,
    live=True,
    skims=True,
    examples=(
        "layers resnet.keras",
        "layers resnet.keras --before conv3_block4_out --json",
    ),
)
