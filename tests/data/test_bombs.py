"""Small files that ask for much: memory, time, or a wait without end. Each is one line at once."""

import bz2
import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.data.build import idx_bytes, png, write_archive, write_folder, write_mnist
from zoo import data
from zoo.data import archive as archives
from zoo.data import images as decoding
from zoo.errors import RequestError

pytestmark = pytest.mark.once

MEBI = 1 << 20


def refused(path, match, **options):
    """One line, at a cost of few megabytes."""
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match=match) as caught:
            data.load(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value) and peak < 8 * MEBI, peak


def header(name=b"cat/1.png", size=0, kind=b"0", prefix=b""):
    """One block of a tar."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:136] = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content):
    return content + bytes(-len(content) % 512)


def tar(path, *blocks):
    path.write_bytes(b"".join(blocks) + bytes(1024))
    return path


IMAGE = (header(size=len(png())), padded(png()))


def test_the_tar_made_by_hand_is_one(tmp_path):
    long = b"././@LongLink", b"cat/" + b"x" * 200 + b".png\0"
    member = (header(long[0], len(long[1]), b"L"), padded(long[1]), *IMAGE)
    assert len(data.load(tar(tmp_path / "set.tar", *member)).images) == 1


def test_names_that_begin_with_nul(tmp_path):
    for name in (b"\0cat/1.png", b"\0"):
        refused(tar(tmp_path / "set.tar", header(name), *IMAGE), "inside the archive. Received: ''")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("Xcat/1.png", png())
    content = (tmp_path / "set.zip").read_bytes().replace(b"Xcat/1.png", b"\0cat/1.png")
    (tmp_path / "set.zip").write_bytes(content)
    refused(tmp_path / "set.zip", "inside the archive. Received: ")


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_thousands_of_headers_in_a_row(tmp_path, kind):
    content = b"12 path=abc\n" if kind in b"xg" else b"cat/1.png\0"
    one = header(b"name", len(content), kind) + padded(content)
    refused(tar(tmp_path / "set.tar", one * 3000, *IMAGE), "header of more than 64 KiB")


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_header_that_inflates(tmp_path, kind):
    with gzip.open(tmp_path / "set.tar.gz", "wb") as file:
        file.write(header(b"name", 64 * MEBI, kind))
        for _ in range(64):
            file.write(bytes(MEBI))
    refused(tmp_path / "set.tar.gz", "header of more than 64 KiB")


@pytest.mark.parametrize("record", [
    b"GNU.sparse.map=a,b\n", b"GNU.sparse.major=1\n", b"GNU.sparse.size=words\n",
])  # fmt: skip
def test_sparse_maps_of_words(tmp_path, record):
    length = len(record) + 3
    records = b"%d " % length + record
    if b"major" in record:
        records += b"22 GNU.sparse.minor=0\n"
        data_blocks = header(size=512), padded(b"words\nwords\n")
    else:
        data_blocks = IMAGE
    path = tar(tmp_path / "set.tar", header(b"x", len(records), b"x"), padded(records),
               *data_blocks)  # fmt: skip
    refused(path, "readable to its end|not links or special files")


def test_sparse_members(tmp_path):
    block = bytearray(header(kind=b"S"))
    block[386:410] = b"%011o\0%011o\0" % (0, 0)
    block[483:495] = b"%011o\0" % (1 << 32)  # the size when it is read
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    refused(tar(tmp_path / "set.tar", bytes(block)), "not links or special files")


def test_no_list_of_what_is_not_an_image(tmp_path):
    """Ten thousand empty files cost no memory; millions fit in megabytes of gzip."""
    with gzip.open(tmp_path / "set.tar.gz", "wb") as file:
        file.write(header(b"notes.txt") * 10_000 + bytes(1024))
    tracemalloc.start()
    with pytest.raises(RequestError, match="which holds none"):
        data.load(tmp_path / "set.tar.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MEBI, peak


def test_more_images_than_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_IMAGES", 2)
    path = write_archive(tmp_path / "set.tar", {f"{i}.png": png() for i in range(3)})
    with pytest.raises(RequestError, match="at most 2 images"):
        data.load(path)


def test_a_zip_member_of_another_compression(tmp_path):
    """bzip2 stops nowhere: 100 bytes by the directory, 64 MiB in truth."""
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("cat/1.png", bytes(64 * MEBI))
    assert len(bz2.compress(bytes(64 * MEBI))) < 100
    content = (tmp_path / "set.zip").read_bytes()
    content = content.replace((64 * MEBI).to_bytes(4, "little"), b"\x64\0\0\0")
    (tmp_path / "set.zip").write_bytes(content)
    refused(tmp_path / "set.zip", "must be stored or deflated. Received: .* with cat/1.png")


def test_an_idx_of_zeros(tmp_path):
    write_mnist(tmp_path / "mnist")
    with gzip.open(tmp_path / "mnist" / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(struct.pack(">4I", 0x803, 5_000_000, 28, 28))
        for _ in range(64):
            file.write(bytes(MEBI))
    refused("mnist", "not hold more than 1024 MiB. Received: .*5000000, 28", data_dir=tmp_path)
    assert idx_bytes(np.zeros((1, 28, 28), np.uint8))[:4] == struct.pack(">I", 0x803)


def test_many_large_images(tmp_path, monkeypatch):
    """All of them together are refused when the first is read: 200 of 64 megapixels in 4 GB."""
    monkeypatch.setattr(decoding, "_memory", lambda: 4e9)
    one = png(0, 2000, 2000)
    path = write_archive(tmp_path / "set.zip", {f"{i}.png": one for i in range(800)})
    read = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda *args: read.append(args[1]) or decode(*args))
    with pytest.raises(RequestError, match="fit in memory together.*: 800 images of 2000x2000"):
        data.load(path)
    assert len(read) == 1
    # Grey ones that would fit, until one in colour makes all of them three times as large.
    contents = {f"{i}.png": one for i in range(400)} | {"z.png": png((1, 2, 3), 2000, 2000)}
    path = write_archive(tmp_path / "mixed.zip", dict(reversed(contents.items())))
    with pytest.raises(RequestError, match="fit in memory together.*: 401 images of 2000x2000"):
        data.load(path)


def test_this_machine_says_how_much_memory_it_has():
    assert 1e8 < decoding._memory() < 1e15


@pytest.mark.parametrize("name", ["x.tar", "x.zip", "cifar10.tar"])
def test_pipes_and_devices_are_not_opened(tmp_path, name):
    os.mkfifo(tmp_path / name)
    refused(tmp_path / name, "An archive must be a regular file")
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    refused(tmp_path / name, "An archive must be a regular file")


def test_named_datasets_open_no_pipes(tmp_path):
    from zoo.data import celeba, cifar

    names = (cifar.OFFICIAL, celeba.IMAGES, celeba.PARTITION, "facades.tar")
    for name in names:
        os.mkfifo(tmp_path / name)
    assert data.locate("cifar10", tmp_path) is data.locate("celeba", tmp_path) is None
    refused("facades", "must be a regular file", data_dir=tmp_path)


def test_thirty_links_to_the_folder_itself(tmp_path):
    folder = write_folder(tmp_path / "set", {"1.png": png()})
    for i in range(30):
        (folder / f"link{i:02}").symlink_to(folder)
    refused(folder, "reached only once. Received: .*/link00, a link to .*set")


def test_links_across(tmp_path):
    folder = write_folder(tmp_path / "set", {f"{i:02}/1.png": png() for i in range(30)})
    for i in range(30):
        for j in range(30):
            (folder / f"{i:02}" / f"to{j:02}").symlink_to(folder / f"{j:02}")
    refused(folder, "reached only once")


def test_tars_of_every_format_are_still_read(tmp_path):
    name = "cat/" + "é" * 120 + ".png"  # too long for the header itself
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "set.tar", "w", format=form) as archive:
            member = tarfile.TarInfo(name)
            member.size = len(png(5))
            archive.addfile(member, io.BytesIO(png(5)))
        assert data.load(tmp_path / "set.tar").images.max() == 5
