"""Figures: what colours are in them, and what `plot` takes."""

import functools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image, ImageColor

from tests.test_cli import done, genzoo, small_settings
from zoo import theory
from zoo.pictures import figures, proofs
from zoo.theory import critics, equilibrium, lines, xy_game
from zoo.theory.ring import bend
from zoo.views.kinds import THEORY_PLOTS

pytestmark = pytest.mark.once

BACKEND = keras.backend.backend()
KINDS = ("theory-surface", *THEORY_PLOTS)
RNG = np.random.default_rng(0)
LEFT, RIGHT = RNG.normal((-2, 0), 0.1, (300, 2)), RNG.normal((2, 0), 0.1, (300, 2))


def where(picture, color, tolerance=40):
    """The (row, column) of every pixel of about this colour, (n, 2)."""
    distance = np.abs(np.asarray(picture, int) - ImageColor.getrgb(color)).max(axis=-1)
    return np.argwhere(distance < tolerance)


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_scatter_in_two_dimensions():
    picture = figures.scatter(LEFT, RIGHT, title="two")
    assert (picture.mode, picture.size) == ("RGB", (480, 440))
    fake, real = (np.median(where(picture, c)[:, 1]) for c in (figures.FAKE, figures.REAL))
    assert fake < 200 < 280 < real, "each on its side"


def test_scatter_in_one_dimension():
    picture = figures.scatter(LEFT[:, :1], RIGHT[:, :1])
    assert (picture.mode, picture.size) == ("RGB", (480, 440))
    # The bars are translucent: half white.
    fake, real = (np.median(where(picture, c)[:, 1]) for c in ("#e39399", "#c3c9d0"))
    assert fake < 200 < 280 < real


def test_a_surface_is_drawn_behind_the_points():
    picture = figures.scatter(LEFT, RIGHT, surface=lambda points: points[:, 0])
    dark, light = "#440154", "#fde725"  # the ends of the colour map
    # The colour bar stands at the right of the axes.
    dark, light = (
        np.median([column for _, column in where(picture, c, 30) if column < 380])
        for c in (dark, light)
    )
    assert dark < light
    assert len(where(picture, figures.FAKE)) > 100


def test_the_span_of_a_surface():
    half = {"surface": lambda points: np.full(len(points), 0.5), "span": (0.0, 1.0)}
    middle = where(figures.scatter(LEFT, RIGHT, **half), "#21918c", 12)  # of the colour map
    assert (middle[:, 1] < 380).sum() > 3000
    on_the_line = where(figures.scatter(LEFT[:, :1], RIGHT[:, :1], **half), "black")
    rows, counts = np.unique(on_the_line[:, 0], return_counts=True)
    assert 200 < rows[(counts > 300) & (rows > 60) & (rows < 380)].mean() < 240, "half way up"


def test_a_surface_on_the_line_is_a_curve():
    points = (LEFT[:, :1], RIGHT[:, :1])
    plain, curved = figures.scatter(*points), figures.scatter(*points, lambda x: np.sin(x[:, 0]))
    black = [len(where(picture, "black")) for picture in (plain, curved)]
    assert black[1] > black[0] + 200


def test_optimal_discriminator():
    x = np.linspace(-3, 3, 50)
    p, q = np.exp(-((x - 1) ** 2)), np.exp(-(x**2))
    plain = equilibrium.LearnedDiscriminator(x, p, q, p / (p + q), p / (p + q))
    game = SimpleNamespace(
        steps=np.arange(1, 11),
        values=np.linspace(-1, -1.4, 10),
        generated=LEFT[:, :1],
        real=LEFT[:, 1:],
        discriminator=lambda points: np.full(len(points), 0.5),
    )
    picture = proofs.optimal_discriminator(plain, plain, game)
    assert (picture.mode, picture.size) == ("RGB", (1440, 440))
    columns = where(picture, figures.LEARNED)[:, 1]
    assert all(((columns > low) & (columns < low + 480)).any() for low in (0, 480, 960))
    # p is larger on the right, so D rises on the left axes; the game's value falls on the middle.
    assert slope(picture, figures.LEARNED, 60, 460) < 0 < slope(picture, figures.LEARNED, 560, 940)


def test_parallel_lines():
    thetas = np.array([-1.0, 0.0, 1.0])
    distances = (lines.line_wasserstein, lines.line_js, lines.line_total_variation)
    picture = proofs.parallel_lines(thetas, *distances, [1, 0.1, 1], [1, 0, 1])
    assert (picture.mode, picture.size) == ("RGB", (960, 440))
    points = where(picture, figures.LEARNED)
    assert points[:, 1].max() < 480
    exact = where(picture.crop((200, 250, 300, 440)), figures.FAKE)
    assert len(exact) and exact[:, 0].max() < points[:, 0].max() - 250, "above 0"
    # |theta| of the critic: high at the ends and low in the middle, below the legend's mark.
    rows, columns = points.T
    middle = rows[(columns > 130) & (columns < 400) & (rows > 120)]
    assert rows[columns < 100].max() < 80 and rows[columns > 420].max() < 80 < 350 < middle.min()


def test_xy_game():
    out = xy_game.simultaneous((1, 0), 0.1, 100)
    picture = proofs.xy_game({"out": out, "round": xy_game.alternating((1, 0), 0.1, 100)})
    assert (picture.mode, picture.size) == ("RGB", (960, 440))
    for color in (figures.FAKE, figures.REAL):
        columns = where(picture, color)[:, 1]
        assert columns.min() < 480 < columns.max()


def slope(picture, color, left=0, right=10_000):
    """By how much a line of this colour goes down per column between two columns."""
    rows, columns = where(picture, color).T
    inside = (columns > left) & (columns < right)
    return np.polyfit(columns[inside], rows[inside], 1)[0]


def test_history_has_axes_for_each_number():
    rows = [{"epoch": e, "step": e, "up": float(e), "down": float(-e)} for e in range(1, 6)]
    picture = figures.history(rows)
    assert picture.size == (640, 260)  # "step" has none
    assert slope(picture, figures.LEARNED, 0, 320) < 0 < slope(picture, figures.LEARNED, 320, 640)


def test_curves_of_runs():
    """The lines of two runs, each in a colour of its own, and in the colour of their setting."""
    epochs = np.arange(1.0, 6)
    runs = [
        ("one", 0.1, np.stack([epochs, epochs], axis=1)),
        ("two", 0.1, np.stack([epochs, 6 - epochs], axis=1)),
    ]
    picture = figures.curves(runs, "fid", "rate")
    assert picture.size == (1280, 480)
    plot = picture.crop((60, 150, 580, 420))  # without the legend
    assert slope(plot, "#1f77b4") < 0 < slope(plot, "#ff7f0e")
    assert len(where(picture.crop((640, 0, 1280, 480)), "#440154")) > 500
    assert not len(where(picture.crop((640, 0, 1280, 480)), "#1f77b4", 20))


def test_a_ring_is_coloured_by_the_direction_before():
    south, east, north = RNG.normal([[[0, -2]], [[2, 0]], [[0, 2]]], 0.05, (3, 200, 2))
    before = np.concatenate([south, east, north])
    picture = proofs.ring(before, -before)
    columns = where(picture, "#2f1436", 25)[:, 1]  # of the middle direction, east
    left, right = columns[columns < 480], columns[columns >= 480]
    assert len(left) > 100 and np.median(left) > 300
    assert len(right) > 100 and np.median(right) < 480 + 180


# ---- the command


@pytest.mark.parametrize("line, words", [
    ("plot", ["Missing argument", "kind"]),
    ("plot theory-surfaces", ["plot must be one of", *KINDS, "Nearest: theory-surface"]),
    ("plot theory-xy-game runs/mine", ["takes no run", "theory-"]),
    ("plot theory-parallel-lines runs/mine", ["takes no run", "theory-"]),
    ("plot theory-optimal-discriminator a.png", ["takes no run", "theory-"]),
    ("plot theory-xy-game --out figure.jpg", ["--out must be a .png file", "Received: figure.jpg"]),
    ("plot theory-xy-game --out folder", ["--out must be a .png file", "Received: folder"]),
    ("plot theory-surface", ["No runs in 'runs'. Start one"]),
    ("plot theory-surface nowhere", ["config.json", "Received: nowhere"]),
])  # fmt: skip
def test_a_wrong_request(tmp_path, line, words):
    code, out, err = genzoo(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert all(word in err for word in words), err
    assert not list(tmp_path.iterdir())


def test_the_ring_of_a_gaussian():
    """Every point lies at 1 + |z| / 10 from the origin, in the direction that it had."""
    z = RNG.standard_normal((500, 2))
    bent = bend(z)
    radius = np.linalg.norm(z, axis=1)
    np.testing.assert_allclose(np.linalg.norm(bent, axis=1), 1 + radius / 10)
    np.testing.assert_allclose(bent / (1 + radius / 10)[:, None], z / radius[:, None])
    assert done("plot", "theory-ring") == "theory-ring.png\n"
    with Image.open("theory-ring.png") as picture:
        assert picture.size == (960, 440)


def test_every_kind_is_computed_by_a_function():
    assert {f"theory-{kind}" for kind in theory.PICTURES} == set(THEORY_PLOTS)


def test_plot_a_game():
    assert done("plot", "theory-xy-game") == "theory-xy-game.png\n"
    assert done("plot", "theory-xy-game", "--out=some/where.PNG") == "some/where.PNG\n"
    with Image.open("theory-xy-game.png") as one, Image.open("some/where.PNG") as other:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


SHORTLY = {
    "theory-optimal-discriminator": [(theory, "learn_discriminator", 3), (theory, "play_game", 20)],
    "theory-parallel-lines": [(lines, "estimate_wasserstein", 3)],
    "theory-saturation": [(critics, "answer", 3)],
    "theory-value-surfaces": [(critics, "value_surfaces", 3)],
}


@pytest.mark.parametrize("kind", SHORTLY)
def test_plot_what_is_learned(monkeypatch, kind):
    for module, name, steps in SHORTLY[kind]:
        learn = getattr(module, name)
        monkeypatch.setattr(module, name, functools.partial(learn, steps=steps))
    assert done("plot", kind) == f"{kind}.png\n"
    color = figures.FAKE if kind == "theory-value-surfaces" else figures.LEARNED
    with Image.open(f"{kind}.png") as picture:
        assert len(where(picture.convert("RGB"), color)) > 100


def trained(dataset, model="gan", *options):
    done("train", model, f"--dataset={dataset}", "--steps=1", f"--name={dataset}", *options,
         *small_settings(model))  # fmt: skip
    return f"runs/{dataset}"


@pytest.mark.parametrize(
    "dataset, model, options",
    [
        ("gaussian", "gan", []),
        ("ring", "gan", ["--set=conditional=true"]),
        ("swiss_roll", "wgan_gp", ["--set=networks=mlp"]),
    ],
)
def test_plot_the_surface_of_a_run(dataset, model, options):
    run = trained(dataset, model, *options)
    assert done("plot", "theory-surface", run, "--out=one.png") == "one.png\n"
    assert done("plot", "theory-surface", "--out=newest.png") == "newest.png\n"
    with Image.open("one.png") as one, Image.open("newest.png") as newest:
        assert (one.mode, one.size) == ("RGB", (480, 440))
        np.testing.assert_array_equal(np.asarray(one), np.asarray(newest))


def test_no_surface_of_images():
    run = trained("digits")
    code, out, err = genzoo("plot", "theory-surface", run)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "needs a run on points: gaussian, ring, grid, swiss_roll" in err
    assert f"Received: {run} on digits" in err
