"""The kinds of picture that `plot` draws. Imported without Keras: the command line lists them."""

from pathlib import Path

from zoo.errors import RequestError, unknown

# Of a run.
RUN_PLOTS = (
    "arithmetic",
    "canvas",
    "history",
    "interpolation",
    "manifold",
    "neighbours",
    "pca",
    "reconstructions",
    "theory-surface",
)
# Computed from nothing.
THEORY_PLOTS = (
    "theory-optimal-discriminator",
    "theory-parallel-lines",
    "theory-ring",
    "theory-xy-game",
)
PLOTS = (*RUN_PLOTS, *THEORY_PLOTS)


def check(kind: str, out: Path, with_run: bool) -> None:
    """Refuses a picture that cannot be drawn, before any work is done for it.

    Args:
        kind: one of `PLOTS`.
        out: the file to write, a .png.
        with_run: whether a run was named.
    """
    if kind not in PLOTS:
        raise unknown("plot", kind, PLOTS)
    if kind in THEORY_PLOTS and with_run:
        raise RequestError(f"{kind} is computed from nothing and takes no run")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise RequestError(f"--out must be a .png file. Received: {out}")
