"""Canonical names of series: one metric over one slice and window has one name, whoever writes it and in whatever order."""

from collections.abc import Mapping

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def series_name(metric: str, slice: Mapping[str, str], window: str) -> str:
    """`nps{channel="phone",product="card"}[1h]`; the total, an empty slice, is `nps[1h]`.

    Dimensions are sorted, values escaped as in Prometheus' text format, so that equal names mean equal series.
    """
    labels = ",".join(f'{dimension}="{value.translate(_ESCAPES)}"' for dimension, value in sorted(slice.items()))
    return f"{metric}{{{labels}}}[{window}]" if labels else f"{metric}[{window}]"
