"""The record of ``plot``."""

from configsplit.verbs.table.verb import FORCE, JSON, OUT, PLUGINS, SIZES, Option, Verb

VERB = Verb(
    name="plot",
    function="configsplit.verbs.plot:plot",
    help="""Draw MODEL, the folder of PARTS that `configsplit split` wrote, or how model B differs from model A.

    The suffix of --out decides the format: .html is a self-contained page with search, unfolding, and the price of each place
    to cut at; .svg and .png are pictures, .mmd Mermaid, .dot Graphviz, .json the graph format of Model Explorer. Consecutive
    blocks of the same form are drawn as one box. Nothing in the file is run, and weights are not read.
    """,
    options=(
        Option("models", kind="path", required=True, repeat=True, metavar="MODEL | PARTS | A B", only="command", fetched=True),
        Option(
            "--as",
            "suffix",
            "What to write, by its suffix.",
            choices=("svg", "html", "png", "mmd", "dot", "json"),
            default="svg",
            only="recipe",
            use="save",
        ),
        OUT,
        Option("--unfold", help="Draw every layer: do not fold repeated blocks.", kind="flag", default=False),
        Option("--convert", help="Draw MODEL beside what `configsplit convert` makes of it.", kind="flag", default=False),
        Option(
            "--near",
            help="Draw only what lies within N lines of a cut, a difference or a hazard.",
            kind="whole",
            least=0,
            metavar="N",
        ),
        Option(
            "--stages", help="On pages, also show the best pipelines of up to N stages.", kind="whole", least=1, metavar="N"
        ),
        SIZES,
        PLUGINS,
        FORCE,
        JSON,
    ),
    recipe="Draws the model, or what an earlier step (``of``) has written: a model, or the parts of a split.",
    skims=True,
    examples=(
        "plot model.keras -o model.html",
        "plot before.h5 after.keras -o difference.svg",
    ),
)
