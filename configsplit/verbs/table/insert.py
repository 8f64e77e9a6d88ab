"""The record of ``insert``."""

from configsplit.verbs.table.verb import MODEL, SOURCE, Option, Verb, donor, output

VERB = Verb(
    name="insert",
    function="configsplit.verbs.surgery:insert",
    help="""Insert a fragment into MODEL between a tensor and its consumers: noise, quantization, a probe, an adapter.

    The fragment is a model with one input and one output, or a .json file with the config of a single layer
    ({"class_name": ..., "config": ...}). Its layers are added flat; names already taken get the suffix _2, _3, ...
    """,
    options=(
        MODEL,
        Option("--after", help="The tensor that the fragment takes.", required=True, metavar="REF"),
        Option("--before", help="Only for this consumer of it; repeat for several.", repeat=True, metavar="LAYER"),
        *donor("fragment", "fragment"),
        *SOURCE,
        *output(),
    ),
    gives="file",
    recipe="``donor`` is a path beside the recipe.",
    live=True,
    examples=(
        "insert model.keras --after conv1 --donor noise.json -o noisy.keras",
        "insert model.keras --after conv1 --before bn1 --donor probe.keras -o probed.keras",
    ),
)
