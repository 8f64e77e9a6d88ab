"""The record of ``explore``."""

from configsplit.verbs.table.verb import FORCE, JSON, OUT, PLUGINS, SIZES, Option, Verb

VERB = Verb(
    name="explore",
    function="configsplit.verbs.explore:explore",
    help="""Open the page of MODEL, of the PARTS of a split, or of how model B differs from A, in a browser.

    The page is what `configsplit plot --out FILE.html` writes, and loads nothing. Without --out it lies in a folder of its own
    among the temporary files, and stays there.
    """,
    options=(
        Option("models", kind="path", required=True, repeat=True, metavar="MODEL | PARTS | A B", fetched=True),
        OUT._replace(help="The page to write, instead of a temporary one.", required=False),
        Option("--no-open", "opens", "Write the page, and say where; open no browser.", kind="off", use="show"),
        Option("--unfold", help="Draw every layer: nothing that repeats is folded.", kind="flag", default=False),
        Option("--convert", help="Draw MODEL beside what `configsplit convert` makes of it.", kind="flag", default=False),
        Option(
            "--near",
            help="Draw only what lies within N lines of a cut, a difference or a hazard.",
            kind="whole",
            least=0,
            metavar="N",
        ),
        Option(
            "--stages", help="The best pipelines of up to N stages; 1: none.", kind="whole", default=8, least=1, metavar="N"
        ),
        SIZES,
        PLUGINS,
        FORCE,
        JSON,
    ),
    examples=(
        "explore resnet.keras",
        "explore parts --no-open -o parts.html",
    ),
)
