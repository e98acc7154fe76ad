"""The one file that knows the backend: gradients, and the form of the step Keras expects.

A model writes one imperative `train_step(self, batch)`. TensorFlow and PyTorch run it as it
stands; JAX needs it pure, so there every variable's value is threaded through a `StatelessScope`.
Four functions hide the difference:

- `minimize(loss_fn, variables, optimizer)`: one optimizer step on some of the variables;
- `input_gradient(function, x)`: a gradient that can be differentiated again (gradient penalties);
- `adapt_step(step)`: turns `train_step(self, batch)` into what `keras.Model.fit` calls;
- `fit_data(stream, steps)`: turns an endless stream of batches into what `fit` takes.

Two properties hold on every backend: a weight the loss does not reach gets a zero gradient, and
state that a loss updates on the way (batch-norm statistics, random seeds, metrics) is kept.
"""

import functools
import itertools
import math
from typing import NamedTuple

import keras
import numpy as np

BACKEND = keras.backend.backend()


class Batch(NamedTuple):
    """What a `train_step` receives.

    images: tensor (batch, height, width, channels), in the model's value range, or points
        (batch, dimensions).
    labels: int32 tensor (batch,) of class indices, or None when the data has none. For a model
        that translates, `images` are what it is given and these the images that it should draw.
    """

    images: object
    labels: object = None

    def split(self, parts):
        """The batch as `parts` equal ones, in order."""
        size = keras.ops.shape(self.images)[0] // parts
        slices = [slice(i * size, (i + 1) * size) for i in range(parts)]
        return [
            Batch(self.images[s], None if self.labels is None else self.labels[s]) for s in slices
        ]


def as_batch(data) -> Batch:
    """The data Keras hands to a step as a `Batch`; sample weights are refused, not ignored."""
    if isinstance(data, Batch):
        return data
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is not None:
        raise ValueError(
            "fit() takes images and labels, no sample or class weights. "
            f"Received: weights of shape {tuple(sample_weight.shape)}"
        )
    images = keras.ops.convert_to_tensor(images)
    return Batch(images, None if labels is None else keras.ops.convert_to_tensor(labels))


if BACKEND == "tensorflow":
    import tensorflow as tf

    def _value_and_gradients(function, variables):
        values = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss = function()
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        # An embedding's gradient arrives sparse, and optimizers update sparse rows differently.
        return loss, [tf.convert_to_tensor(g) for g in gradients]

    def _input_gradient(function, x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            total = tf.reduce_sum(function(x))
        return tape.gradient(total, x, unconnected_gradients="zero")

    # Steps that the graph takes, and batches that cross from Python, at once: the way to and from
    # Python costs as much as a small step.
    STEPS_PER_EXECUTION = 8

    def _fit_data(stream, steps):
        def groups():
            epoch = itertools.islice(stream, steps)
            while group := list(itertools.islice(epoch, STEPS_PER_EXECUTION)):
                yield tuple(map(np.stack, zip(*group, strict=True)))

        # What Keras makes of a generator tunes itself in a thread that sleeps ever longer, up to a
        # minute, and the end of fit() waits until it wakes.
        options = tf.data.Options()
        options.autotune.enabled = False
        first = next(stream)
        stream = itertools.chain([first], stream)
        signature = tuple(tf.TensorSpec((None, *array.shape), array.dtype) for array in first)
        dataset = tf.data.Dataset.from_generator(groups, output_signature=signature).unbatch()
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
        return dataset.prefetch(2).with_options(options)

elif BACKEND == "torch":
    import torch

    STEPS_PER_EXECUTION = 1  # Keras has no more here

    class _Stream(torch.utils.data.DataLoader):
        """The batches as they come: Keras puts a generator behind a loader of several layers."""

        def __init__(self, stream):
            super().__init__((), batch_size=None)
            self.stream = stream

        def __iter__(self):
            return (tuple(map(torch.from_numpy, batch)) for batch in self.stream)

    def _fit_data(stream, steps):
        return _Stream(stream)

    def _gradients(total, inputs, create_graph=False):
        if not total.requires_grad:  # autograd refuses a total that depends on nothing
            return [torch.zeros_like(x) for x in inputs]
        # Not backward(): nothing may accumulate in the weights of the other players.
        return torch.autograd.grad(
            total, inputs, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )

    def _value_and_gradients(function, variables):
        loss = function()
        return loss.detach(), _gradients(loss, [v.value for v in variables])

    def _quicken(optimizer):
        plain = type(optimizer).__name__ == "Adam" and not optimizer.amsgrad
        if plain and all(v.dtype == "float32" for v in optimizer._momentums):
            optimizer._parallel_update_step = functools.partial(_fused_adam, optimizer)

    def _fused_adam(optimizer, gradients, variables, learning_rate):
        """Keras' Adam in one pass over the weights; Keras' own takes ten, a third of a small step.

        PyTorch adds epsilon once the second moment is corrected for its bias, Keras before.
        """
        step = int(optimizer.iterations.value) + 1
        places = [optimizer._get_variable_index(v) for v in variables]
        count = torch.tensor(float(step), device=gradients[0].device)
        torch._fused_adam_(
            [v.value for v in variables],
            [g.contiguous() for g in gradients],  # else it takes them for what they are not
            [optimizer._momentums[i].value for i in places],
            [optimizer._velocities[i].value for i in places],
            [],
            [count] * len(places),
            lr=float(learning_rate),
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            weight_decay=0.0,
            eps=optimizer.epsilon / math.sqrt(1.0 - optimizer.beta_2**step),
            amsgrad=False,
            maximize=False,
        )

    def _input_gradient(function, x):
        x = x if x.requires_grad else x.detach().requires_grad_()
        (gradient,) = _gradients(torch.sum(function(x)), [x], create_graph=True)
        return gradient

elif BACKEND == "jax":
    import jax

    STEPS_PER_EXECUTION = 1  # each would be compiled anew

    def _fit_data(stream, steps):
        return stream

    class _Scope(keras.StatelessScope):
        """A scope that nests: it starts from the values of the scope around it.

        Keras' own scope hides the one outside, so code inside a gradient would read the weights
        of the last synchronisation instead of this step's. `updated` lists what was assigned.
        """

        def __init__(self, state_mapping=()):
            super().__init__(state_mapping)
            self.updated = {}

        def __enter__(self):
            super().__enter__()
            if self.original_scope is not None:
                self.state_mapping = {**self.original_scope.state_mapping, **self.state_mapping}
            return self

        def add_update(self, update):
            super().add_update(update)
            self.updated[id(update[0])] = update[0]

    def _lifted(function, variables=()):
        """`function` as a pure `(values, *args) -> (result, new values)`.

        `values` stand in for `variables`; the new values belong to the variables that the second
        return value lists once the function has run.
        """
        updated = []

        def pure(values, *args):
            with _Scope(list(zip(variables, values, strict=True))) as scope:
                result = function(*args)
            updated[:] = scope.updated.values()
            return result, [scope.get_current_value(v) for v in updated]

        return pure, updated

    def _assign(variables, values):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def _value_and_gradients(function, variables):
        pure, updated = _lifted(function, variables)
        values = [v.value for v in variables]
        (loss, new_values), gradients = jax.value_and_grad(pure, has_aux=True)(values)
        _assign(updated, new_values)
        return loss, gradients

    def _input_gradient(function, x):
        pure, updated = _lifted(lambda x: jax.numpy.sum(function(x)))
        gradient, new_values = jax.grad(pure, argnums=1, has_aux=True)([], x)
        _assign(updated, new_values)
        return gradient


def minimize(loss_fn, variables, optimizer):
    """One optimizer step: d loss_fn() / d variables, applied by `optimizer`.

    Args:
        loss_fn: function of no arguments that returns a scalar tensor.
        variables: the `keras.Variable`s to update, all of them known to `optimizer`.
        optimizer: a built `keras.optimizers.Optimizer`.

    Returns:
        The loss before the step, a scalar tensor without gradient.
    """
    loss, gradients = _value_and_gradients(loss_fn, variables)
    optimizer.apply(gradients, variables)
    return loss


def quicken(optimizer):
    """Lets the backend do in one pass what a built optimizer of Keras does in several."""
    if BACKEND == "torch":
        _quicken(optimizer)


def input_gradient(function, x):
    """The gradient of `function` at each example of `x`, itself differentiable.

    Args:
        function: maps a batch (batch, ...) to one value per example, (batch,) or (batch, 1).
            Examples must not depend on each other (no batch norm in training mode).
        x: float tensor (batch, ...).

    Returns:
        A tensor of the shape of `x`: d function(x)[i] / d x[i].
    """
    return _input_gradient(function, keras.ops.convert_to_tensor(x))


def accumulate(variable, value):
    """Adds a scalar, without its gradient, to a variable of the same type that has none."""
    if BACKEND == "torch":  # Keras' assign costs as much as five such additions
        variable.value.add_(value.detach() if torch.is_tensor(value) else value)
    else:
        variable.assign_add(keras.ops.stop_gradient(value))


def fit_data(stream, steps):
    """What `fit` takes, with `steps_per_epoch`, for batches that go on without end.

    Args:
        stream: iterator of tuples of arrays, all of the same shapes; each epoch takes the next.
        steps: batches of an epoch.
    """
    return _fit_data(stream, steps)


def adapt_step(step):
    """`train_step(self, batch)`, as Keras' trainer of the running backend calls it.

    TensorFlow and PyTorch call `step(data)`. JAX calls `step(state, data)` under `jit` and takes
    back `(logs, new state)`; there the whole step runs inside one scope that holds the state.
    Called with a batch alone, the step runs eagerly on every backend.
    """

    @functools.wraps(step)
    def adapted(self, *args):
        if len(args) == 1:
            return step(self, as_batch(args[0]))
        state, data = args
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        mapping = [
            pair
            for variables, values in zip(groups, state, strict=True)
            for pair in zip(variables, values, strict=True)
        ]
        with _Scope(mapping) as scope:
            logs = step(self, as_batch(data))
        new_state = tuple([scope.get_current_value(v) for v in group] for group in groups)
        return logs, new_state

    return adapted
