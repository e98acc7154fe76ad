"""How far apart two sets of feature vectors are. numpy, float64.

- `frechet_distance`: Heusel et al. (2017), https://arxiv.org/abs/1706.08500, of two Gaussians
  (Dowson and Landau 1982).
- `kernel_distance`: Binkowski et al. (2018), https://arxiv.org/abs/1801.01401.
- `neighbourhood_scores`: precision and recall of Kynkäänniemi et al. (2019),
  https://arxiv.org/abs/1904.06991, density and coverage of Naeem et al. (2020),
  https://arxiv.org/abs/2002.09797.
"""

from collections.abc import Iterator

import numpy as np

NEIGHBOURS = 5  # of Naeem et al. (2020); Kynkäänniemi et al. take 3
SUBSETS, SUBSET = 100, 1_000  # of Binkowski et al. (2018)
AT_ONCE = 2**24  # distances in memory


def frechet_distance(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """|m - n|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) of N(m, A) and N(n, B), 0 for the same ones.

    Args:
        mean_a, mean_b: (d,).
        covariance_a, covariance_b: (d, d).
    """
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    between = np.linalg.eigvalsh(root @ covariance_b @ root)
    shared = np.sqrt(np.maximum(between, 0.0)).sum()
    apart = np.sum((mean_a - mean_b) ** 2)
    return float(apart + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * shared)


def kernel_distance(
    a: np.ndarray, b: np.ndarray, subsets: int = SUBSETS, subset: int = SUBSET, seed: int = 0
) -> tuple[float, float]:
    """The squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, without bias.

    Args:
        a, b: features (n, d) and (m, d), at least 2 of each.
        subsets: how many random subsets the mean is over.
        subset: size of each; at most all are taken.
        seed: of the subsets.

    Returns:
        (mean, standard error) over the subsets. May be below 0, by chance.
    """
    rng = np.random.default_rng(seed)
    size = min(subset, len(a), len(b))
    values = [
        _unbiased_mmd(
            *(x[rng.choice(len(x), size, replace=False)].astype("float64") for x in (a, b))
        )
        for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values) / np.sqrt(subsets))


def _unbiased_mmd(a: np.ndarray, b: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        k = x @ y.T / x.shape[1] + 1.0
        return k * k * k  # a power takes ten times as long

    def mean_of_pairs(k: np.ndarray) -> float:  # an example and itself are no pair
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    return mean_of_pairs(kernel(a, a)) + mean_of_pairs(kernel(b, b)) - 2.0 * kernel(a, b).mean()


class Neighbourhoods:
    """Balls around real examples, each of which reaches to its example's k-th neighbour.

    Args:
        real: features (n, d), more than `neighbours`.
        neighbours: k.
    """

    def __init__(self, real: np.ndarray, neighbours: int = NEIGHBOURS) -> None:
        self.real, self.neighbours = real.astype("float64"), neighbours
        self.radii = _squared_radii(self.real, neighbours)

    def scores(self, generated: np.ndarray) -> dict[str, float]:
        """Dict of the scores of generated features (m, d), more than k of them.

        "precision", the share of generated examples inside a ball around a real one; "recall", of
        real ones inside such a ball around a generated one; "density", the mean number of real
        balls a generated one is in, over k; "coverage", the share of real balls with a generated
        one inside.
        """
        generated = generated.astype("float64")
        radii = _squared_radii(generated, self.neighbours)
        inside_real = np.zeros(len(generated), dtype="int64")  # balls that a generated one is in
        recalled, covered = [], []
        for rows, squared in _squared_distances(self.real, generated):
            within = squared <= self.radii[rows, None]
            inside_real += within.sum(axis=0)
            covered.append(within.any(axis=1))
            recalled.append((squared <= radii).any(axis=1))
        return {
            "precision": float((inside_real > 0).mean()),
            "recall": float(np.concatenate(recalled).mean()),
            "density": float(inside_real.mean() / self.neighbours),
            "coverage": float(np.concatenate(covered).mean()),
        }


def nearest(a: np.ndarray, b: np.ndarray, rows: int = 5_000) -> tuple[np.ndarray, np.ndarray]:
    """For each of `a` its Euclidean distance to the nearest of `b`, and which that is.

    Args:
        a, b: arrays (n, ...) and (m, ...) of any numbers, images for example.
        rows: of `b`, that are in memory as floats at once.

    Returns:
        (distances (n,), exactly 0 for copies, indices into `b` (n,)).
    """
    a = a.reshape(len(a), -1).astype("float64")  # float32 has too few digits for squares of uint8
    least, index = np.full(len(a), np.inf), np.zeros(len(a), dtype="int64")
    for start in range(0, len(b), rows):
        part = b[start : start + rows].reshape(-1, a.shape[1]).astype("float64")
        for chosen, squared in _squared_distances(a, part):
            nearer = squared.min(axis=1) < least[chosen]
            best = start + squared.argmin(axis=1)
            index[chosen] = np.where(nearer, best, index[chosen])
            least[chosen] = np.minimum(squared.min(axis=1), least[chosen])
    # The products of `_squared_distances` leave a rest where images are equal, the difference none.
    apart = a - b[index].reshape(a.shape)
    return np.sqrt(np.square(apart).sum(axis=1)), index


def _squared_radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """The squared distance of each example to its k-th neighbour among the others."""
    return np.concatenate(
        [np.partition(d, neighbours, axis=1)[:, neighbours] for _, d in _squared_distances(x, x)]
    )


def _squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (slice of rows of `a`, their squared distances to all of `b`), some at a time."""
    squares = np.sum(b**2, axis=1)
    rows = max(1, AT_ONCE // len(b))
    for start in range(0, len(a), rows):
        part = a[start : start + rows]
        products = part @ b.T
        products *= -2.0
        products += squares
        products += np.sum(part**2, axis=1)[:, None]
        yield slice(start, start + len(part)), products
