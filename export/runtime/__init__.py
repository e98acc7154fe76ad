"""Pictures from an exported generator, with numpy and onnxruntime or LiteRT and nothing else.

    generator = load("model.onnx")
    images = generator.generate(16, classes="Sneaker", seed=0)  # float32 (16, h, w, c) in [0, 1]
    images = load("pix2pix/model.onnx").translate(images)       # with an image-to-image model

This folder needs nothing else of the project: copy it, as `export/runtime`, to wherever the
exported files are used. `export.sources.load` also opens runs and models on the Hugging Face Hub.

    noise.py     the inputs, drawn from their priors
    metadata.py  what a file says about itself, checked
    anatomy.py   what an ONNX file consists of, checked before its runtime opens it
    shapes.py    the shapes that its operators make
    work.py      how much it computes, checked before it does
    lite.py      what a TFLite file consists of
    graphs.py    a file, opened by its runtime
    sampler.py   what draws pictures, whatever is behind it
    files.py     what draws the pictures of a file
"""

from export.runtime.files import FileSampler, load
from export.runtime.graphs import FILES, GRAPHS, Graph, check_installed, is_installed, open_graph
from export.runtime.noise import Noise, Spec, follows_size, image_input, input_shape
from export.runtime.sampler import Sampler

__all__ = [
    "FILES",
    "GRAPHS",
    "FileSampler",
    "Graph",
    "Noise",
    "Sampler",
    "Spec",
    "check_installed",
    "follows_size",
    "image_input",
    "input_shape",
    "is_installed",
    "load",
    "open_graph",
]
