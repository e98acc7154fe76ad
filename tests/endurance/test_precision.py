"""Under mixed precision every objective, penalty and likelihood is computed in float32."""

import functools
import inspect
import sys

import keras
import pytest
from keras import ops

from tests.helpers import MIXED, MODELS, own_options, small_arrays, small_model
from zoo import backend
from zoo.adversarial import base as adversarial
from zoo.backend import Batch
from zoo.objectives import likelihoods, losses

pytestmark = pytest.mark.once

mixed = pytest.mark.parametrize("policy", MIXED)
OBJECTIVES = [
    function
    for module in (losses, likelihoods)
    for _, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__
]


def watched(function, seen):
    """The function, which also notes the types of the floats that it takes and gives."""

    @functools.wraps(function)
    def watching(*arguments, **options):
        result = function(*arguments, **options)
        for tensor in keras.tree.flatten((arguments, options, result)):
            if ops.is_tensor(tensor):
                dtype = keras.backend.standardize_dtype(tensor.dtype)
                if "float" in dtype:
                    seen.append((function.__name__, dtype))
        return result

    return watching


@pytest.fixture
def seen(monkeypatch):
    """What each objective was given, wherever a model has imported it to."""
    seen = []
    replaced = {f: watched(f, seen) for f in (*OBJECTIVES, backend.input_gradient)}
    namespaces = [vars(module) for name, module in sys.modules.items() if name.startswith("zoo.")]
    namespaces += [adversarial.OBJECTIVES]
    for namespace in namespaces:
        for name, value in list(namespace.items()):
            if inspect.isfunction(value) and value in replaced:
                monkeypatch.setitem(namespace, name, replaced[value])
    return seen


def one_step(name, options, policy):
    model = small_model(name, dtype=policy, **options)
    model.compile()
    pairs = {"pairs": model.translates, "value_range": model.value_range}
    images, labels = small_arrays(8 * model.step_parts, **pairs)
    model.train_step(Batch(ops.convert_to_tensor(images), ops.convert_to_tensor(labels)))


@pytest.mark.parametrize("options", [False, True], ids=["defaults", "options"])
@pytest.mark.parametrize("name", MODELS)
@mixed
def test_objectives_of_a_model(seen, name, options, policy):
    one_step(name, own_options(name) if options else {}, policy)
    assert seen and {dtype for _, dtype in seen} == {"float32"}, sorted(set(seen))


RARE = [
    ("gan", {"objective": "minimax"}, "minimax_loss"),
    ("dcgan", {"r1": 1.0, "discriminator_norm": "none"}, "r1_penalty"),
    ("dcgan", {"feature_matching": True, "matched_statistic": "median"}, "median"),
    ("vae", {"likelihood": "laplace"}, "laplace_log_density"),
]


@pytest.mark.parametrize(("name", "options", "objective"), RARE)
@mixed
def test_objectives_that_are_options(seen, name, options, objective, policy):
    one_step(name, options, policy)
    assert (objective, "float32") in seen and {dtype for _, dtype in seen} == {"float32"}
