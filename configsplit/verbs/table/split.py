"""The record of ``split``."""

from configsplit.verbs.table.verb import (
    FIX_SIZE,
    FORCE,
    FORMATS,
    JSON,
    LIMITS,
    MODEL,
    NO_WEIGHTS,
    OPENED,
    PLUGINS,
    SHAPES,
    SIZES,
    WEIGHTS,
    WHOLE_NESTED,
    Needed,
    Option,
    Verb,
)

PLAN = (
    Option(
        "--stages", help="Instead of --at: the best pipeline of N parts.", kind="whole", least=1, metavar="N", only="command"
    ),
    Option("--stages", kind="whole or text", only="recipe"),
    Option(
        "--balance",
        help="What --stages balances: parameters, multiply-accumulates (default), bytes of weights, measured milliseconds.",
        choices=("params", "macs", "bytes", "latency"),
        goes_with="stages",
    ),
    Option(
        "--profile",
        help="Milliseconds of each layer, as `configsplit profile` writes them; for --balance latency.",
        kind="path",
        goes_with="stages",
    ),
    Option(
        "--devices", help="Memory, speed and link of the device for each stage (JSON or YAML).", kind="path", goes_with="stages"
    ),
    Option(
        "--max-boundary-bytes",
        help="Maximum bytes per sample across a boundary.",
        kind="bytes",
        metavar="BYTES",
        goes_with="stages",
    ),
    Option(
        "--slack",
        help="How much larger than necessary the largest stage may be, to save bytes across.",
        kind="number",
        least=0,
        most=1000,
        metavar="PERCENT",
        goes_with="stages",
    ),
    WHOLE_NESTED._replace(only="command", goes_with="stages"),
    WHOLE_NESTED._replace(only="recipe"),
    Option("--max-stage-bytes", help="Maximum bytes of weights in a stage.", kind="bytes", metavar="BYTES", goes_with="stages"),
)

VERB = Verb(
    name="split",
    function="configsplit.verbs.split:split",
    help="""Cut MODEL at one or several tensors. REF and all it needs go into the head, what consumes REF into the tail.

    With --stages N instead of --at, configsplit finds the best pipeline of N parts: the one whose
    largest part is smallest; of several, the one with the fewest bytes across its boundaries.

    configsplit finds every other tensor that must cross, writes the parts with their weights and a manifest.json that says how
    they are wired, and proves from the files that together they are the original.
    """,
    options=(
        MODEL,
        Option(
            "--at",
            help="Where to cut; repeat, or give a pattern ('block*_out'), for successive cuts.",
            repeat=True,
            metavar="REF",
        ),
        Option("--pick", choices=("all", "first", "middle", "last"), default="all", only="recipe", goes_with="at"),
        Option(
            "--max-tensors",
            help="For shares: at most so many tensors across.",
            kind="whole",
            least=1,
            only="recipe",
            goes_with="at",
        ),
        Option("--out -o", help="The folder to write the parts into.", kind="path", required=True, use="save", only="command"),
        Option(
            "--boundary",
            help="Of the legal cuts through REF: fewest bytes across, smallest head, or largest head.",
            choices=("smallest", "early", "late"),
            default="smallest",
        ),
        WEIGHTS,
        NO_WEIGHTS._replace(help="Cut the architecture only."),
        Option(
            "--format --to",
            help="Format of the parts; that of MODEL by default.",
            choices=FORMATS,
            use="save",
            formerly="to",
        ),
        Option(
            "--verify",
            help="What to check before the parts appear; numeric also runs them in Keras.",
            choices=("none", "proof", "numeric"),
            default="proof",
            use="save",
            only="command",
        ),
        SHAPES,
        OPENED,
        SIZES._replace(help="Size to assume for an input that MODEL leaves open; for prices, unless --fix-size."),
        FIX_SIZE,
        Option(
            "--boundary-dtype",
            help="Hand over narrower floating-point tensors as this wider dtype.",
            choices=("bfloat16", "float16", "float32", "float64"),
        ),
        *PLAN,
        PLUGINS,
        *LIMITS,
        FORCE._replace(help="Replace the output of an earlier split."),
        JSON,
    ),
    recipe="""``at`` or ``stages``.

``at`` lists successive cuts. Each is a reference (``conv4_block18_out``, ``A,B``), a pattern (``block*_out``: a cut at
every layer that matches, in the model's order, unless ``pick`` says which), or a share (``half the MACs``, ``30% of the
params``).
``stages`` is a number, or ``4 by params``.""",
    live=True,
    needed=Needed(("at", "stages"), "give either {at} (where to cut) or {stages} (how many parts)", several=False),
    examples=(
        "split resnet.keras --at conv4_block18_out -o parts",
        "split resnet.keras --stages 4 --balance params -o stages",
    ),
)
