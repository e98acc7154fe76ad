"""Every model, trained on every backend, in both formats: the README's table of exports.

    python benchmarks/exports.py --data-dir DIR [--runs-dir FOLDER] [--readme README.md]

Two steps of training on Fashion-MNIST (pix2pix: CIFAR-10, coloured), so that the weights come from
the backend, then `export --format all`, each a process. What has been exported in the folder is not
done again. With --readme the table between the file's two marks is replaced; else it is printed.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from zoo import BACKENDS  # noqa: E402

MARKS = "<!-- exports: made by benchmarks/exports.py -->\n", "<!-- end of exports -->\n"
FORMATS = ("onnx", "tflite")


def export(model, backend, data_dir, runs_dir):
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
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return json.loads(report.read_text())


def row(model, reports):
    """A line of the table."""
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
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/exports"))
    parser.add_argument("--readme", type=Path)
    options = parser.parse_args()
    from zoo import registry

    heads = ["model", "ONNX", "ms (batch)", "TFLite", "ms (batch)", *BACKENDS]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for model in registry.entries():
        reports = {}
        for backend in BACKENDS:
            reports[backend] = export(model, backend, options.data_dir, options.runs_dir)
            said = reports[backend] if isinstance(reports[backend], str) else "verified"
            print(f"{model} on {backend}: {said}", file=sys.stderr, flush=True)
        lines.append(row(model, reports))
    table = "\n".join(lines) + "\n"
    if options.readme is None:
        print(table, end="")
    else:
        begin, end = MARKS
        before, rest = options.readme.read_text().split(begin)
        after = rest.split(end)[1]
        options.readme.write_text(f"{before}{begin}\n{table}\n{end}{after}")


if __name__ == "__main__":
    main()
