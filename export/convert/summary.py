"""What `export` and `verify` print of a verification's report."""

from collections.abc import Mapping
from typing import Any

from export.convert.verify import parts


def lines_of(report: Mapping[str, Any]) -> list[str]:
    """A line for each comparison with the trained model, and one for each file.

    Args:
        report: as `export.convert.verify.verify` and `export.convert.folder.export_run` return it.
    """
    lines = [
        f"{file} batch {batch}: largest difference {error['max']:.2g}, mean {error['mean']:.2g}"
        for file, errors in report["errors"].items()
        for batch, error in errors.items()
    ]
    lines += [_file_line(file, report) for file in report["sha256"]]
    return lines + [
        f"{file} was kept with --force: {why}" for file, why in report["forced"].items()
    ]


def _file_line(file: str, report: Mapping[str, Any]) -> str:
    """How near a file is to the trained model, its size and its speed."""
    exact = parts(file)[1] == "fp32"
    psnr = min(error["psnr"] for error in report["errors"][file].values())
    line = f"{file} matches the trained model "
    within = max(report["tolerance"], *(e["max"] for e in report["errors"][file].values()))
    line += f"within {within:.2g}" if exact else f"at {psnr:.1f} dB"
    if file in report.get("bytes", {}):
        line += f", {report['bytes'][file]:,} bytes"
    for batch, milliseconds in report.get("milliseconds", {}).get(file, {}).items():
        line += f", batch {batch} in {milliseconds:.2f} ms"
    if file in report.get("fcd", {}):
        line += f", FCD {report['fcd'][file]:.3f}"
    return f"{line}, sha256 {report['sha256'][file]}"
