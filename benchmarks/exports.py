"""Every model, trained on every backend, in both formats: the table of exports in docs/export.md.

    python benchmarks/exports.py --data-dir DIR [--runs-dir FOLDER] [--write]

Two steps of training on Fashion-MNIST (pix2pix: CIFAR-10, colourised), so that the weights come
from the backend, then `export --format all`, each in a process of its own. What has already been
exported in the folder is not done again. With --write the table in docs/export.md is replaced;
otherwise it is printed.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.tables import markdown_table, write_between_markers  # noqa: E402
from zoo import BACKENDS  # noqa: E402
from zoo.start import TENSORFLOW  # noqa: E402

FORMATS = ("onnx", "tflite")


def export(model: str, backend: str, data_dir: str, runs_dir: Path) -> dict[str, Any] | str:
    """The report of a model's export, or why there is none, as a text."""
    run = runs_dir / f"{model}-{backend}"
    report = run / "export" / "verification.json"
    dataset = ["--dataset=fashion_mnist"]
    if model == "pix2pix":
        dataset = ["--dataset=cifar10", "--task=colorize", "--batch-size=8"]
    train = ["train", model, *dataset, f"--data-dir={data_dir}", "--steps=2", "--preset=quick"]
    commands = [
        [*train, f"--backend={backend}", f"--runs-dir={runs_dir}", f"--name={run.name}"],
        ["export", str(run), "--format=all"],
    ]
    for arguments in commands[run.is_dir() :] if not report.is_file() else []:
        done = subprocess.run(
            [sys.executable, ROOT / "cli.py", *arguments],
            env={**TENSORFLOW, **os.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return json.loads(report.read_text())


def row(model: str, reports: dict[str, dict[str, Any] | str]) -> list[str]:
    """The cells of a model in the table."""
    known = [report for report in reports.values() if isinstance(report, dict)]
    cells = [f"`{model}`"]
    for format_ in FORMATS:
        name = f"model.{format_}"
        sizes = {report["bytes"][name] for report in known}
        times = [list(report["milliseconds"][name].items())[-1] for report in known]
        batch = {batch for batch, _ in times}
        cells.append(f"{max(sizes) / 1e3:,.0f} kB" if sizes else "")
        cells.append(f"{min(ms for _, ms in times):.1f} ({', '.join(batch)})" if times else "")
    for report in reports.values():
        if isinstance(report, dict):
            worst = [
                max(
                    error["max"]
                    for file, cases in report["errors"].items()
                    for error in cases.values()
                    if file.endswith(format_)
                )
                for format_ in FORMATS
            ]
            cells.append(", ".join(f"{error:.0e}".replace("e-0", "e-") for error in worst))
        else:
            cells.append(report)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/exports"))
    parser.add_argument("--write", action="store_true", help="Write the table into docs/export.md.")
    options = parser.parse_args()
    from zoo import registry

    heads = ["model", "ONNX", "ms (batch)", "TFLite", "ms (batch)", *BACKENDS]
    rows = []
    for model in registry.entries():
        reports: dict[str, dict[str, Any] | str] = {}
        for backend in BACKENDS:
            reports[backend] = export(model, backend, options.data_dir, options.runs_dir)
            report = reports[backend]
            said = report if isinstance(report, str) else "verified"
            print(f"{model} on {backend}: {said}", file=sys.stderr, flush=True)
        rows.append(row(model, reports))
    table = markdown_table(heads, rows)
    if options.write:
        write_between_markers(ROOT / "docs" / "export.md", "exports", table)
    else:
        print(table, end="")


if __name__ == "__main__":
    main()
