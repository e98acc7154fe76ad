"""IDX files: bytes worked by hand, every way to be wrong, and random damage."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.data.build import idx_bytes, write_idx, write_mnist
from zoo import data
from zoo.data.idx import read_idx
from zoo.errors import RequestError

pytestmark = pytest.mark.once

# Two images of two rows and three columns, byte by byte.
IMAGES = bytes.fromhex("00000803 00000002 00000002 00000003 000102 0a0b0c 101112 fdfeff")
LABELS = bytes.fromhex("00000801 00000003 07 00 09")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_bytes_worked_by_hand(tmp_path, suffix):
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(IMAGES) if suffix else IMAGES)
    images = read_idx(path)
    assert images.dtype == np.uint8
    assert images.tolist() == [[[0, 1, 2], [10, 11, 12]], [[16, 17, 18], [253, 254, 255]]]

    path.write_bytes(gzip.compress(LABELS) if suffix else LABELS)
    assert read_idx(path).tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "truncated: 0 bytes where 4 were due"),
        (b"\0\0\x08", "truncated: 3 bytes where 4 were due"),
        (b"\0\0\x09\x03" + IMAGES[4:], "must start with 0x00000803 .* 0x00000903"),
        (b"\0\0\x08\x02" + IMAGES[4:], "must start with 0x00000803 .* 0x00000802"),
        (IMAGES[:10], "truncated: 6 bytes where 12 were due"),
        (IMAGES[:-1], "truncated: 11 bytes where 12 were due"),
        (IMAGES + b"\0", "must end where its header .* trailing bytes"),
        (LABELS[:4] + b"\0\0\0\0", "dimensions must be positive"),
        # 2**30 bytes claimed: nothing is allocated for them.
        (IMAGES[:4] + b"\0\0\4\0" * 3 + b"\0", "truncated: 1 bytes where 1073741824 were due"),
        (IMAGES[:4] + b"\0\0\4\0" * 2 + b"\0\0\4\1", "not hold more than 1024 MiB"),
        (IMAGES[:4] + b"\xff" * 12 + b"\0", "not hold more than 1024 MiB"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_wrong_files_are_named(tmp_path, content, rule, suffix):
    path = tmp_path / f"wrong{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(RequestError, match=rule) as caught:
        read_idx(path)
    assert "Received: " in str(caught.value)
    assert str(path) in str(caught.value)


def test_damaged_gzip_is_named(tmp_path):
    path = tmp_path / "labels.gz"
    whole = gzip.compress(LABELS)
    wrong_checksum = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
    for content in (LABELS, whole[:-4], whole[:12], wrong_checksum):
        path.write_bytes(content)
        with pytest.raises(RequestError, match=r"readable to its end. Received: .*labels.gz \("):
            read_idx(path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    array=st.one_of(
        arrays(np.uint8, st.tuples(st.integers(1, 40))),
        arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3)),
    ),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_read_undoes_write(scratch, array, suffix):
    path = scratch / f"same{suffix}"
    write_idx(path, array)
    np.testing.assert_array_equal(read_idx(path), array)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(data=st.data(), packed=st.booleans())
def test_damage_raises_request_errors_only(scratch, data, packed):
    content = gzip.compress(IMAGES, mtime=0) if packed else IMAGES
    damaged = bytearray(content[: data.draw(st.integers(0, len(content)), "length")])
    for _ in range(data.draw(st.integers(0, 3), "mutations") if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = scratch / ("damaged.gz" if packed else "damaged")
    path.write_bytes(damaged)
    try:
        array = read_idx(path)
    except RequestError as error:
        assert "Received: " in str(error) and "\n" not in str(error)
    else:
        assert array.dtype == np.uint8


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_named_datasets_read_their_four_files(tmp_path, name, suffix):
    files = write_mnist(tmp_path / name, suffix=suffix)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        dataset = data.load(name, split=split, data_dir=tmp_path)
        np.testing.assert_array_equal(
            dataset.images[..., 0], files[f"{prefix}-images-idx3-ubyte{suffix}"]
        )
        assert dataset.image_shape == data.DATASETS[name].image_shape == (28, 28, 1)
        assert dataset.labels.tolist() == [0, 1, 2, 3, 4] and dataset.labels.dtype == np.int32
        assert dataset.num_classes == 10
        assert dataset.source == data.locate(name, tmp_path) == str(tmp_path / name)


@pytest.mark.parametrize(
    ("file", "array", "rule"),
    [
        ("train-labels-idx1-ubyte.gz", np.zeros(4, np.uint8), "one label for each image"),
        ("train-labels-idx1-ubyte.gz", np.full(5, 10, np.uint8), "labels must be 0 to 9"),
        ("train-images-idx3-ubyte.gz", np.zeros((5, 2, 3), np.uint8), r"shape \(n, 28, 28\)"),
        ("train-images-idx3-ubyte.gz", np.zeros(5, np.uint8), r"shape \(n, 28, 28\)"),
    ],
)
def test_files_that_do_not_agree(tmp_path, file, array, rule):
    write_mnist(tmp_path / "mnist")
    write_idx(tmp_path / "mnist" / file, array)
    with pytest.raises(RequestError, match=f"{rule}.*Received: .*{file}"):
        data.load("mnist", data_dir=tmp_path)


def test_large_values_are_read_in_pieces(tmp_path):
    array = np.arange(3 << 20, dtype=np.uint32).astype(np.uint8).reshape(3, 1024, 1024)
    path = tmp_path / "large"
    path.write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(read_idx(path), array)
