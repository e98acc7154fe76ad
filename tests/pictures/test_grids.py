import numpy as np
import pytest

from zoo.pictures import grids

pytestmark = pytest.mark.once


def test_to_uint8_rounds_and_clips():
    values = np.array([-0.1, 0.0, 0.5 / 255 + 1e-6, 0.25, 1.0, 2.0])
    np.testing.assert_array_equal(grids.to_uint8(values), [0, 0, 1, 64, 255, 255])


def test_tiles_lie_row_by_row():
    images = np.stack([np.full((60, 60, 1), value, np.float32) for value in (0.0, 0.4, 1.0)])
    grid = np.asarray(grids.image_grid(images, columns=2))
    side = 60 + grids.GAP
    assert grid.shape == (side + 60, side + 60, 3)
    assert grid[30, 30, 0] == 0 and grid[30, side + 30, 0] == 102
    assert (grid[side + 30, 30] == 255).all()
    assert (grid[30, 60] == 255).all()  # the gap


def test_small_images_are_enlarged_by_a_whole_factor():
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    grid = np.asarray(grids.image_grid(image))
    assert grid.shape == (56, 56, 3)
    np.testing.assert_array_equal(grid[::7, ::7, 0], image[0, :, :, 0])


def test_colour_and_names():
    images = np.zeros((4, 56, 56, 3), np.float32)
    images[..., 1] = 1.0
    plain = grids.image_grid(images, columns=2)
    named = grids.image_grid(images, columns=2, row_names=("T-shirt/top", "Bag"))
    margin = named.width - plain.width
    assert margin > 60 and named.height == plain.height
    assert named.getpixel((margin + 1, 1)) == (0, 255, 0)
    text = np.asarray(named)[:, : margin - 2]
    assert text[:56].min() < 100 and text[58:].min() < 100  # dark letters beside both rows
