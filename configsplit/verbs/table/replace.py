"""The record of ``replace``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Option, Verb, donor, output

VERB = Verb(
    name="replace",
    function="configsplit.verbs.surgery:replace",
    help="""Replace what lies between tensors of MODEL by another model: a block, a branch, a head.

    The donor's inputs take the tensors of --from and its outputs replace those of --to, by position. Shapes and dtypes are
    checked on both sides before anything is written. Layers that are no longer needed are dropped; the donor's weights come
    from its own file.
    """,
    options=(
        MODEL,
        Option("--from", "from_", "What the donor takes; repeat for several.", required=True, repeat=True, metavar="REF"),
        Option("--to", help="What the donor's outputs replace; repeat for several.", required=True, repeat=True, metavar="REF"),
        *donor("donor", "donor"),
        *SOURCE,
        *output("--format"),
    ),
    gives="file",
    recipe="``model`` is a path beside the recipe.",
    live=True,
    examples=(
        "replace resnet.keras --from avg_pool --to predictions --model head.keras -o new.keras",
        "replace model.keras --from block2_in --to block2_out --model block.json -o new.keras",
    ),
)
