"""Oxford Flowers-102: photographs of 102 species, from the three official files.

The official split is made for classification: 10 images a class to train on (`trnid`), 10 to
validate (`valid`), and the other 6,149 to test (`tstid`). A generative model needs the many, so
here the sets change places, each of them whole: "train" is `tstid`, and "test" is `trnid` and
`valid` together, 2,040 images, 20 of every class.

Source: Nilsback and Zisserman, "Automated Flower Classification over a Large Number of Classes"
(2008), https://www.robots.ox.ac.uk/~vgg/data/flowers/102/.
"""

from pathlib import Path

import numpy as np

from zoo.data.archive import Parts, open_images
from zoo.data.download import fetch, verify
from zoo.data.images import read_chosen
from zoo.errors import FailedError

IMAGE_SHAPE = (48, 48, 3)  # unless another size is asked for; the photographs have 500 pixels
NAME = "flowers102"  # the folder in the data directory
IMAGES, LABELS, SETS = "102flowers.tgz", "imagelabels.mat", "setid.mat"
URL = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
SHA256 = {
    IMAGES: "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
    LABELS: "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
    SETS: "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
}
SPLITS = {"train": ("tstid",), "test": ("trnid", "valid")}

# In the official order of the labels, which count from 1 in the file and from 0 here. The official
# list has "pink-yellow dahlia?", with a question mark that a shell would expand.
_NAMES = """
pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily,
moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea,
spear thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower,
giant white arum lily, fire lily, pincushion flower, fritillary, red ginger, grape hyacinth,
corn poppy, prince of wales feathers, stemless gentian, artichoke, sweet william, carnation,
garden phlox, love in the mist, mexican aster, alpine sea holly, ruby-lipped cattleya, cape flower,
great masterwort, siam tulip, lenten rose, barbeton daisy, daffodil, sword lily, poinsettia,
bolero deep blue, wallflower, marigold, buttercup, oxeye daisy, common dandelion, petunia,
wild pansy, primula, sunflower, pelargonium, bishop of llandaff, gaura, geranium, orange dahlia,
pink-yellow dahlia, cautleya spicata, japanese anemone, black-eyed susan, silverbush,
californian poppy, osteospermum, spring crocus, bearded iris, windflower, tree poppy, gazania,
azalea, water lily, rose, thorn apple, morning glory, passion flower, lotus, toad lily, anthurium,
frangipani, clematis, hibiscus, columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress,
canna lily, hippeastrum, bee balm, ball moss, foxglove, bougainvillea, camellia, mallow,
mexican petunia, bromelia, blanket flower, trumpet creeper, blackberry lily
"""
CLASSES = tuple(name.strip() for name in _NAMES.split(","))


def read(folder: Path, split: str, image_size: int | None) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 images (n, size, size, 3), int32 labels (n,) and the folder they were read from.

    The images come in the order of their numbers, cropped to the centre and resized from the
    photographs themselves. Files that are not in `folder / NAME` are downloaded into it first.
    """
    try:
        from scipy.io import loadmat  # not part of the base install
    except ImportError as error:
        raise FailedError(
            "The lists of flowers102 are read with scipy, which is not installed: "
            "pip install 'genzoo[train]'"
        ) from error
    home = folder / NAME
    for file, sha256 in SHA256.items():
        if (home / file).is_file():
            verify(home / file, sha256)
        else:
            fetch(URL + file, home / file, sha256, by_hand=list(SHA256))

    sets, labels = loadmat(home / SETS), loadmat(home / LABELS)["labels"].ravel()
    numbers = np.sort(np.concatenate([sets[key].ravel() for key in SPLITS[split]]))
    chosen: list[Parts] = [("jpg", f"image_{number:05d}.jpg") for number in numbers]
    with open_images(home / IMAGES) as files:
        images = read_chosen(files, chosen, home / IMAGES, image_size or IMAGE_SHAPE[0], "rgb")
    return images, labels[numbers - 1].astype(np.int32) - 1, str(home)


def locate(folder: Path) -> str | None:
    """The folder of the three files, or None when one of them is missing."""
    home = folder / NAME
    return str(home) if all((home / file).is_file() for file in SHA256) else None
