"""The record of ``layers``."""

from configsplit.verbs.table.verb import JSON, MODEL, SIZES, SOURCE, Option, Verb

VERB = Verb(
    name="layers",
    function="configsplit.verbs.marking:layers",
    help="""List the layers of MODEL that lie upstream or downstream of a tensor; all of them without --before and --after.

    A nested model is one line, unless the tensor lies in it. F marks layers that are frozen.
    """,
    options=(
        MODEL,
        Option("--before", help="Upstream: all layers that compute this tensor, its own included.", repeat=True, metavar="REF"),
        Option("--after", help="Downstream: all layers that are computed from this tensor.", repeat=True, metavar="REF"),
        SIZES._replace(help="Size of an input that MODEL leaves open, to count parameters that depend on it."),
        *SOURCE,
        JSON,
    ),
    recipe=True,
    live=True,
)
