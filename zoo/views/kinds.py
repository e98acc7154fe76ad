"""The kinds of picture that `plot` draws. Imported without Keras: the command line lists them."""

from pathlib import Path

from zoo.errors import RequestError, unknown

# Of one run.
RUN_PLOTS = (
    "arithmetic",
    "canvas",
    "history",
    "interpolation",
    "manifold",
    "manifold-grid",
    "neighbours",
    "pca",
    "reconstructions",
    "theory-surface",
    "traversal",
)
# Of one run or of several, side by side.
SEVERAL_PLOTS = ("gradient-norms", "latent-scatter", "rate-distortion", "weight-histogram")
# Of a dataset.
DATA_PLOTS = ("pixels",)
# Computed from nothing.
THEORY_PLOTS = (
    "theory-optimal-discriminator",
    "theory-parallel-lines",
    "theory-ring",
    "theory-saturation",
    "theory-stages",
    "theory-upsampling",
    "theory-value-surfaces",
    "theory-xy-game",
)
PLOTS = (*sorted((*RUN_PLOTS, *SEVERAL_PLOTS, *DATA_PLOTS)), *THEORY_PLOTS)


def check(kind: str, out: Path, sources: int) -> None:
    """Refuses a picture that cannot be drawn, before any work is done for it.

    Args:
        kind: one of `PLOTS`.
        out: the file to write, a .png.
        sources: how many runs or datasets were named.
    """
    if kind not in PLOTS:
        raise unknown("plot", kind, PLOTS)
    if kind in THEORY_PLOTS and sources:
        raise RequestError(f"{kind} is computed from nothing and takes no run")
    if kind not in SEVERAL_PLOTS and sources > 1:
        one = "dataset" if kind in DATA_PLOTS else "run"
        raise RequestError(f"{kind} is a picture of one {one}. Received: {sources} of them")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise RequestError(f"--out must be a .png file. Received: {out}")
