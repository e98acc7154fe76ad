"""The examples of a model card: code that draws with numpy and onnxruntime, or in a browser.

Each input of the graph is drawn from its prior by one expression.
"""

import math
from collections.abc import Mapping

from export import runtime

HOME = "https://huggingface.co"
DRAWN = 16  # images
# The expression for each prior, in Python and in JavaScript.
PYTHON = {
    "normal": 'rng.standard_normal({shape}, dtype="float32")',
    "uniform": '2 * rng.random({shape}, dtype="float32") - 1',
    "category": 'rng.integers({classes}, size={shape}, dtype="{dtype}")',
    "class": 'np.arange({count}, dtype="{dtype}") % {classes}',
    "mask": '(rng.random({shape}) < {keep}).astype("float32") / np.float32({keep})',
    "mixture": "np.float32({means})[rng.integers({kinds}, size={count})] "
    '+ np.float32({std}) * rng.standard_normal({shape}, dtype="float32")',
    "image": 'np.asarray(photo, "float32").reshape({shape}) / 255',
}
PHOTO = {"image": 'Image.open("photo.png").convert("{mode}").resize(({width}, {height}))'}
BROWSER = {
    "normal": "Float32Array.from({{ length: {size} }}, normal)",
    "uniform": "Float32Array.from({{ length: {size} }}, () => 2 * Math.random() - 1)",
    "category": "Int32Array.of(Math.floor({classes} * Math.random()))",
    "class": "Int32Array.of(0)",
    "mask": "Float32Array.from({{ length: {size} }}, () => (Math.random() < {keep}) / {keep})",
    "mixture": "Float32Array.from({means}[Math.floor({kinds} * Math.random())], "
    "(mean) => mean + {std} * normal())",
    "image": "pixels",
}
NORMAL = """const normal = () =>
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
"""


def python_example(repository: str, graph: runtime.Graph, file: str = "model.onnx") -> str:
    """Python code that draws with numpy and onnxruntime alone."""
    translator = runtime.image_input(graph.inputs)
    count = 1 if translator else DRAWN
    shape = ", ".join(map(str, (count, *graph.metadata["image_shape"])))
    return "\n".join(
        [
            "import numpy as np, onnxruntime",
            "from huggingface_hub import hf_hub_download",
            *(["from PIL import Image"] if translator else []),
            "",
            "rng = np.random.default_rng(0)",
            *([f"photo = {_expression(PHOTO, graph.inputs[translator], 1)}"] if translator else []),
            "inputs = {",
            *(f'    "{n}": {_expression(PYTHON, s, count)},' for n, s in graph.inputs.items()),
            "}",
            f'file = hf_hub_download("{repository}", "onnx/{file}")',
            f'images = onnxruntime.InferenceSession(file).run(["{graph.output}"], inputs)[0]',
            f"# images: float32 ({shape}) in [0, 1]",
        ]
    )


def browser_example(repository: str, graph: runtime.Graph, file: str = "model.onnx") -> str:
    """The script of a web page that draws one image with onnxruntime-web."""
    tensors = [
        f'const {name} = new ort.Tensor("{spec["dtype"]}", {_expression(BROWSER, spec, 1)}, '
        f"{[1, *spec['shape']]});"
        for name, spec in graph.inputs.items()
    ]
    noise = any(spec["prior"] in ("normal", "mixture") for spec in graph.inputs.values())
    given = ["// pixels: Float32Array, rows of RGB or grey in [0, 1]"]
    return "\n".join(
        [
            '<script type="module">',
            'import * as ort from "onnxruntime-web";',
            *([NORMAL.rstrip()] if noise else []),
            "const session = await ort.InferenceSession.create(",
            f'    "{HOME}/{repository}/resolve/main/onnx/{file}");',
            *(given if runtime.image_input(graph.inputs) else []),
            *tensors,
            f"const {{ {graph.output} }} = await session.run({{ {', '.join(graph.inputs)} }});",
            f"// {graph.output}.data: Float32Array, {graph.metadata['image_shape']}, in [0, 1]",
            "</script>",
        ]
    )


def _expression(language: Mapping[str, str], spec: runtime.Spec, count: int) -> str:
    """The code that draws an input of `count` examples."""
    shape = (count, *spec["shape"])
    values = {**spec, "shape": shape, "count": count, "size": math.prod(spec["shape"])}
    if spec["prior"] == "image":
        height, width, channels = spec["shape"]
        values |= {"height": height, "width": width, "mode": "L" if channels == 1 else "RGB"}
    if spec["prior"] == "mixture":
        values["kinds"] = len(spec["means"])
    return language[spec["prior"]].format(**values)
