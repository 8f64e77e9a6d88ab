"""The record of ``cuts``."""

from configsplit.verbs.table.verb import JSON, MODEL, PLUGINS, SHAPES, SIZES, WHOLE_NESTED, Option, Verb

ORDERS = ("position", "bytes", "balance", "latency")
SORT = Option("--sort", help="Order of the rows; position by default, latency with two devices.", choices=ORDERS)

VERB = Verb(
    name="cuts",
    function="configsplit.verbs.cuts:cuts",
    help="""List where MODEL can be cut, and what each cut costs.

    One row for each layer call: the smallest boundary through it, each place once. REF is what --at takes to cut exactly there.
    With --head-speed, --tail-speed and --link the places are ranked by the time from input to output on two devices.
    """,
    options=(
        MODEL,
        Option(
            "--max-tensors",
            help="Only cuts crossed by at most K tensors.",
            kind="whole",
            least=0,
            metavar="K",
        ),
        Option("--max-bytes", help="Only cuts with at most this many bytes per sample across.", kind="bytes", metavar="BYTES"),
        Option("--before", help="Only cuts with REF in the tail.", metavar="REF"),
        Option("--after", help="Only cuts with REF in the head.", metavar="REF"),
        SORT._replace(only="command"),
        SORT._replace(only="recipe", choices=ORDERS[:3]),
        Option(
            "--head-speed",
            help="Two devices: speed of the one that runs the head, in multiply-accumulates a second.",
            kind="amount",
            metavar="MACS_PER_S",
            only="command",
        ),
        Option("--tail-speed", help="The same for the tail.", kind="amount", metavar="MACS_PER_S", only="command"),
        Option(
            "--head-profile",
            help="Instead of a speed: what `configsplit profile` measured on that device.",
            kind="path",
            only="command",
        ),
        Option("--tail-profile", help="The same for the tail.", kind="path", only="command"),
        Option(
            "--link", help="Speed of the link between the two devices.", kind="amount", metavar="BYTES_PER_S", only="command"
        ),
        Option(
            "--input-bytes",
            help="Size of an original input as it is sent, e.g. as JPEG.",
            kind="bytes",
            metavar="BYTES",
            only="command",
        ),
        Option(
            "--top",
            help="Show the first N places only; 20 by default on a terminal.",
            kind="whole",
            least=1,
            metavar="N",
            use="show",
            only="command",
        ),
        WHOLE_NESTED,
        SHAPES,
        SIZES,
        PLUGINS,
        JSON,
    ),
    recipe=True,
    live=True,
    skims=True,
    examples=(
        "cuts resnet.keras --max-tensors 1 --sort bytes",
        "cuts resnet.keras --after conv2_block1_out --before 'conv5_*' --top 10",
    ),
)
