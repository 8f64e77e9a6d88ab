"""The record of ``extract``."""

from configsplit.verbs.table.verb import FIX_SIZE, MODEL, OPENED, SHAPES, SIZES, SOURCE, Needed, Option, Verb, output

VERB = Verb(
    name="extract",
    function="configsplit.verbs.surgery:extract",
    help="""Extract the sub-network between any tensors of MODEL: features at many layers (--to A --to B), a block, a tail.

    Tensors in --from become inputs. If they do not suffice to compute --to, the missing tensors are named.
    """,
    options=(
        MODEL,
        Option("--from", "from_", "Start here; repeat for several. The model's inputs by default.", repeat=True, metavar="REF"),
        Option("--to", help="End here; repeat for several. The model's outputs by default.", repeat=True, metavar="REF"),
        SHAPES,
        OPENED,
        SIZES._replace(help="Size of an input that MODEL leaves open, for --fix-size.", goes_with="fix_size"),
        FIX_SIZE,
        Option(
            "--calls",
            help="Which calls a layer takes, where the release that wrote MODEL lost their numbers.",
            repeat=True,
            metavar="LAYER=GIVER@CALL,...",
            use="load",
            only="command",
        ),
        *SOURCE,
        *output("--format"),
    ),
    gives="file",
    recipe=True,
    live=True,
    needed=Needed(("from_", "to"), "say where to start or to end: {from_}, {to}"),
    examples=(
        "extract resnet.keras --to avg_pool -o features.keras",
        "extract resnet.keras --from conv2_block3_out --to conv4_block6_out -o middle.keras",
    ),
)
