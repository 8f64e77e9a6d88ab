"""The colours of a picture, as one style sheet for SVG and page. No variables: not every viewer of SVG knows them."""

from __future__ import annotations

from configsplit.catalog.table import FAMILIES

_PALETTE = {
    "input": "#64748b",
    "convolution": "#2563eb",
    "pooling": "#0891b2",
    "dense": "#7c3aed",
    "embedding": "#0f766e",
    "activation": "#ea580c",
    "dropout": "#94a3b8",
    "normalization": "#65a30d",
    "merging": "#db2777",
    "reshaping": "#a16207",
    "recurrent": "#be123c",
    "attention": "#c026d3",
    "preprocessing": "#15803d",
    "operation": "#475569",
    "model": "#1e3a8a",
    "other": "#78716c",
    "custom": "#dc2626",
}
"""The colour of each family of the catalog."""

PARTS = ("#3b82f6", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#06b6d4", "#84cc16", "#ec4899")
"""The colours of parts, in turn."""

FONT = "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

_BASE = f"""
svg.picture{{font-family:{FONT}}}
.paper{{fill:#fff}}
.t{{font-size:17px;font-weight:600;fill:#0f172a}}
.u{{font-size:12px;fill:#64748b}}
.s{{stroke:#cbd5e1;stroke-width:1}}
.n{{font-size:12px;font-weight:600;fill:#0f172a}}
.c,.d,.p{{font-size:10.5px;fill:#475569}}
.d,.p{{text-anchor:end}}
.times{{font-size:12px;font-weight:700;fill:#0f172a;text-anchor:end}}
.l{{fill:none;stroke:#94a3b8;stroke-linecap:round;stroke-linejoin:round}}
.x{{stroke:#e11d48}}
.again{{fill:none;stroke:#94a3b8;stroke-dasharray:2 4}}
.link{{fill:none;stroke:#94a3b8;stroke-dasharray:1 5;stroke-linecap:round}}
.link.ruled{{stroke:#7c3aed;stroke-width:1.5;stroke-dasharray:none}}
.rule rect{{fill:#f5f3ff;stroke:#a78bfa}}
.rule text{{font-size:10.5px;fill:#5b21b6;text-anchor:middle}}
.frame{{fill:#f8fafc;fill-opacity:.75;stroke:#94a3b8;stroke-dasharray:5 4}}
.cut{{stroke:#e11d48;stroke-width:1.5;stroke-dasharray:7 5}}
.pill{{fill:#fff1f2;stroke:#e11d48}}
.pt{{font-size:11px;fill:#9f1239;font-weight:600;text-anchor:middle}}
.band{{opacity:.07}}
.bt{{font-size:12px;font-weight:600;fill:#334155;paint-order:stroke;stroke:#fff;stroke-opacity:.7;stroke-width:5px;stroke-linejoin:round}}
.bt .q{{font-size:10.5px;font-weight:400}}
.added .s{{stroke:#16a34a;stroke-width:2.5}}
.gone .s{{stroke:#dc2626;stroke-width:2.5;stroke-dasharray:6 4}}
.gone .n{{text-decoration:line-through}}
.changed .s{{stroke:#d97706;stroke-width:2.5}}
.hazard .s{{stroke:#dc2626;stroke-width:2.5}}
.hazard .n{{fill:#dc2626}}
.l.added{{stroke:#16a34a}}
.l.gone{{stroke:#dc2626;stroke-dasharray:6 4}}
"""

_DARK = """
.paper{fill:#0b1220}
.t,.n,.times{fill:#f1f5f9}
.u,.c,.d,.p{fill:#a8b3c4}
.s{stroke:#334155}
.l,.again{stroke:#64748b}
.x,.cut{stroke:#fb7185}
.link{stroke:#64748b}
.link.ruled{stroke:#a78bfa}
.rule rect{fill:#1e1b3a;stroke:#7c5cd6}
.rule text{fill:#ddd6fe}
.frame{fill:#111a2e;stroke:#475569}
.pill{fill:#3f0d1c;stroke:#fb7185}
.pt{fill:#fecdd3}
.hazard .n{fill:#f87171}
.bt{fill:#cbd5e1;stroke:#0b1220}
.band{opacity:.16}
"""


def style_sheet() -> str:
    """All of it: light, and dark where the reader's device asks for that."""
    families = "".join(
        f".f-{name} .k{{fill:{_PALETTE[name]}}}.f-{name} .s{{fill:{_mixed(_PALETTE[name], '#ffffff', 0.9)}}}\n"
        for name in FAMILIES
    )
    dark = "".join(f".f-{name} .s{{fill:{_mixed(_PALETTE[name], '#0b1220', 0.78)}}}\n" for name in FAMILIES)
    return f"{_BASE}{families}{part_colours()}@media (prefers-color-scheme:dark){{{_DARK}{dark}}}\n"


def part_colours() -> str:
    """The colours of parts."""
    return "".join(f".part-{number}{{fill:{colour}}}\n" for number, colour in enumerate(PARTS))


def _mixed(colour: str, other: str, share: float) -> str:
    """Two colours mixed, so much of the other."""
    pairs = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(one * (1 - share) + two * share):02x}" for one, two in pairs)
