"""What `evaluate` prints of the scores it found, and what a model card says of them."""

from collections.abc import Mapping
from typing import Any

Receipt = Mapping[str, Any]  # a score, and what it was measured on and how


def lines_of(found: Mapping[str, Receipt]) -> list[str]:
    """A line or two for each score, then what they were measured on.

    Args:
        found: receipts by name of the metric, as `evaluate` returns them.
    """
    lines = [line for name, receipt in found.items() for line in in_words(name, receipt)]
    return lines + [f"  {line}" for line in dict.fromkeys(map(on_what, found.values()))]


def in_words(name: str, receipt: Receipt) -> list[str]:
    """A score as lines of text."""
    if name == "nll":
        return [
            f"nll {receipt['nll']:.2f} nats per image (standard error "
            f"{receipt['standard_error']:.2f}), {receipt['importance_samples']} importance "
            f"samples; ELBO {receipt['elbo']:.2f}; {receipt['likelihood']} likelihood, "
            f"{receipt['binarization']} binarization"
        ]
    if name == "error":
        return [f"error {100 * receipt['error']:.2f} % with {receipt['labels']} labels"]
    if name == "category_error":
        return [
            f"category_error {100 * receipt['category_error']:.2f} %, each of "
            f"{receipt['categories']} categories matched with a class"
        ]
    if name == "anomaly":
        other = receipt["against"]
        return [
            f"anomaly {receipt['anomaly']:.4f} (AUROC by the {receipt['anomaly_score']}), against "
            f"{other['images']} test images of {other['dataset']}"
        ]
    if name == "parts":
        real = {"parts of real photographs": receipt["of_real"]} if "of_real" in receipt else {}
        return [
            f"{title}: {100 * scores['pixel_accuracy']:.1f} % of pixels right, "
            f"{100 * scores['class_accuracy']:.1f} % in the mean over parts, "
            f"intersection over union {100 * scores['iou']:.1f} %"
            for title, scores in {"parts": receipt, **real}.items()
        ]
    line = f"{name} {receipt[name]:.4g}"
    if "standard_error" in receipt:
        line += f" (standard error {receipt['standard_error']:.2g})"
    if "floor" in receipt:
        others = "training" if receipt.get("split") == "validation" else "test"
        line += f", of real {others} images {receipt['floor']:.4g}"
    if name == "balance":
        line += f"; {receipt['covered']} of {receipt['classes']} classes drawn"
    if name == "neighbours":
        line += f"; {100 * receipt['nearer_than_real']:.1f} % nearer than 99 % of real ones are"
    return [line]


def on_what(receipt: Receipt) -> str:
    """What a score was taken of, as a line of text."""
    if "samples" not in receipt:
        images = f"{receipt['images']} {receipt['split']} images of {receipt['dataset']}"
        return f"{images}, step {receipt['step']}"
    of = f"step {receipt['step']}" if "step" in receipt else receipt["folder"]
    warning = f"; {receipt['warning']}" if "warning" in receipt else ""
    real = "validation" if receipt.get("split") == "validation" else "training"
    return (
        f"{receipt['samples']} samples, {of}, against {receipt['images']} {real} images of "
        f"{receipt['dataset']}, through {receipt['extractor']} {receipt['extractor_sha256'][:8]}"
        + warning
    )
