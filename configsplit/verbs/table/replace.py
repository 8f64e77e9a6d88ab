"""The record of ``replace``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Option, Verb, donor, output

VERB = Verb(
    name="replace",
    function="configsplit.verbs.surgery:replace",
    help="""Replace what lies between tensors of MODEL with another model: a block, a branch, a head.

    The donor's inputs take the tensors of --from and its outputs replace those of --to, by position. Shapes and dtypes are
    checked on both sides before anything is written. Layers that are no longer needed are dropped; the donor's weights come
    from its own file.
    """,
    options=(
        MODEL,
        Option(
            "--from", "from_", "A tensor that the donor takes; repeat for several.", required=True, repeat=True, metavar="REF"
        ),
        Option(
            "--to",
            help="A tensor that an output of the donor replaces; repeat for several.",
            required=True,
            repeat=True,
            metavar="REF",
        ),
        *donor("donor", "donor"),
        *SOURCE,
        *output("--format"),
    ),
    gives="file",
    recipe="``donor`` is a path beside the recipe.",
    live=True,
    examples=(
        "replace resnet.keras --from avg_pool --to predictions --donor head.keras -o new.keras",
        "replace model.keras --from block2_in --to block2_out --donor block.json -o new.keras",
    ),
)
