"""The record of ``explore``."""

from configsplit.verbs.table.verb import FORCE, JSON, OUT, PLUGINS, SIZES, Option, Verb

VERB = Verb(
    name="explore",
    function="configsplit.verbs.explore:explore",
    help="""Open the page of MODEL, of the PARTS of a split, or of how model B differs from A, in a browser.

    It is the self-contained page that `configsplit plot --out FILE.html` writes. Without --out it is left in a temporary
    folder of its own.
    """,
    options=(
        Option("models", kind="path", required=True, repeat=True, metavar="MODEL | PARTS | A B", fetched=True),
        OUT._replace(help="The page to write, instead of a temporary one.", required=False),
        Option("--no-open", "opens", "Write the page, and say where; open no browser.", kind="off", use="show"),
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
            "--stages",
            help="Show the best pipelines of up to N stages; 16 by default, 8 in a model of more than 800 layer calls.",
            kind="whole",
            least=1,
            metavar="N",
        ),
        SIZES,
        PLUGINS,
        FORCE,
        JSON,
    ),
    skims=True,
    examples=(
        "explore resnet.keras",
        "explore parts --no-open -o parts.html",
    ),
)
