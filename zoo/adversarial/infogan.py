"""The InfoGAN of Chen et al. (2016), https://arxiv.org/abs/1606.03657.

Faithful: the generator draws from noise, one categorical code and continuous codes uniform on
[-1, 1]; Q shares the discriminator's layers up to its own hidden layer, gives a softmax for the
categorical code and a diagonal Gaussian for the others; both players and Q minimise
- lambda L_I, L_I being the variational lower bound of the mutual information between codes and
image, lambda 1 for the categorical code and 0.1 for continuous ones; Adam with beta_1 0.5, at 2e-4
for the discriminator and 1e-3 for the generator.
Different: the networks are those of `dcgan`; the `paper` preset has the sizes of the paper's for
MNIST, in which a fully connected layer of 1,024 units stands at the narrow end of either, and the
others have smaller ones. The noise is normal unless `prior=uniform`, and the Gaussian's variance is
learned for each image, as the authors' code allows. The reported bound is in nats and contains the
codes' entropy: at most log(categories) for the categorical code.
"""

import math
from typing import Any, Literal

import keras
from keras import ops

from zoo.adversarial.base import BEST, DEFAULT, QUICK
from zoo.adversarial.networks import DENSE, ChosenNetworks
from zoo.backend import Batch
from zoo.core.model import Inputs, Tensor
from zoo.core.priors import Spec
from zoo.hyperparameters import NonNegativeFloat, PositiveFloat, PositiveInt
from zoo.networks.heads import score
from zoo.networks.players import generator_of, trunk_of
from zoo.objectives.likelihoods import gaussian_log_density
from zoo.objectives.losses import categorical_log_likelihood
from zoo.objectives.precision import full_precision
from zoo.registry import register

Q_UNITS = 128  # Q's own hidden layer, as in the paper


@register(
    "infogan",
    paper="Chen et al. 2016, InfoGAN: Interpretable Representation Learning by Information "
    "Maximizing Generative Adversarial Nets, arXiv:1606.03657",
    presets={
        "quick": {**QUICK, **DENSE},
        "default": {**DEFAULT, **DENSE},
        "best": {**BEST, **DENSE},
        "paper": {
            "steps": 50_000,
            "batch_size": 128,
            "width": 64,
            "latent_dim": 62,
            "generator_dense": 1024,
            "discriminator_dense": 1024,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class InfoGAN(ChosenNetworks):
    """GAN with codes that can be read off the image.

    Besides `z` it draws from "category", integers (batch,) below `categories`, and "code",
    (batch, continuous) in [-1, 1].

    Args:
        image_shape, num_classes, seed and others: see `ChosenNetworks`; `learning_rate` is the
            discriminator's and Q's.
        generator_learning_rate: of the generator's optimizer.
        categories: values of the categorical code, at least 2.
        continuous: number of continuous codes, at least 1.
        category_weight, code_weight: lambda of the two kinds of code.
        q_network: Q is "shared" with the discriminator up to its own hidden layer; or "separate",
            with layers of its own like the discriminator's, which its part of the loss alone moves.
    """

    generator_learning_rate: PositiveFloat = 1e-3
    categories: PositiveInt = 10
    continuous: PositiveInt = 2
    category_weight: NonNegativeFloat = 1.0
    code_weight: NonNegativeFloat = 0.1
    q_network: Literal["shared", "separate"] = "shared"

    def build_networks(self) -> None:
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        self.track("category_information", "code_information")
        self.set_networks(
            generator=self._with_category(
                generator_of(
                    self,
                    {"z": self.latent_dim, "category": self.categories, "code": self.continuous},
                )
            ),
            discriminator=self._discriminator(),
        )

    def _with_category(self, generator: keras.Model) -> keras.Model:
        """The generator, with the category as an integer where it has a one-hot vector."""
        inputs = {
            name: keras.Input(tuple(spec["shape"]), dtype=spec["dtype"], name=name)
            for name, spec in self.inputs_spec.items()
        }
        one_hot = ops.one_hot(inputs["category"], self.categories)
        return keras.Model(inputs, generator({**inputs, "category": one_hot}), name="generator")

    def _discriminator(self) -> keras.Model:
        """The discriminator's "logit" and Q's outputs for the codes.

        A separate Q is a part of this network too: with losses that share no weight, one step of
        the optimizer on their sum is a step on each.
        """
        inputs, features = trunk_of(self)
        q = features
        if self.q_network == "separate":
            q = keras.Model(*trunk_of(self), name="q")(inputs)
        q = keras.layers.Dense(Q_UNITS, use_bias=False)(q)
        q = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(q)
        q = keras.layers.LeakyReLU(0.2)(q)
        classes = self.label_classes if self.label_input == "projection" else 0
        outputs = {
            "logit": score(inputs, features, self.minibatch_discrimination, classes),
            "category": keras.layers.Dense(self.categories, name="category")(q),
            "mean": keras.layers.Dense(self.continuous, name="mean")(q),
            "log_variance": keras.layers.Dense(self.continuous, name="log_variance")(q),
        }
        return keras.Model(inputs, outputs, name="discriminator")

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        codes: dict[str, Spec] = {
            "category": {
                "shape": [],
                "dtype": "int32",
                "prior": "category",
                "classes": self.categories,
            },
            "code": {"shape": [self.continuous], "dtype": "float32", "prior": "uniform"},
        }
        return {**self.noise_spec, **codes, **self.label_spec}

    def initial_rate(self, name: str) -> float:
        return self.generator_learning_rate if name == "generator" else self.learning_rate

    def information(self, outputs: dict[str, Tensor], inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Lower bounds of the mutual information of image and codes.

        L_I = E[log Q(c | x)] + H(c); H is log(categories), and log 2 for a uniform on [-1, 1].

        Args:
            outputs: Q's "category", (batch, categories) logits, "mean" and "log_variance",
                (batch, continuous).
            inputs: the generator's "category" (batch,) and "code" (batch, continuous).

        Returns:
            Two scalars in nats: of the categorical code, and of the continuous ones together.
        """
        category = categorical_log_likelihood(outputs["category"], inputs["category"])
        code = ops.mean(
            gaussian_log_density(inputs["code"], outputs["mean"], outputs["log_variance"])
        )
        return category + math.log(self.categories), code + self.continuous * math.log(2.0)

    def categorize(self, inputs: Inputs) -> Tensor:
        """Q's probabilities (batch, categories) of the images in {"image": (batch, *image_shape)}.

        The images are in [0, 1]. Batch norm takes its moving statistics.
        """
        images = self.from_unit(inputs["image"])
        outputs = self.discriminator({"image": images}, training=False)
        return ops.softmax(full_precision(outputs["category"]))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        def weighted(category: Tensor, code: Tensor) -> Tensor:
            return self.category_weight * category + self.code_weight * code

        for part in self.parts(batch):
            images, labels = part
            inputs = self.sample_inputs(ops.shape(images)[0], labels)
            fakes = ops.stop_gradient(full_precision(self.generator(inputs, training=True)))

            def objective(part: Batch = part, fakes: Tensor = fakes, codes: Inputs = inputs) -> Any:
                real_logits = self.discriminate(part.images, part.labels)["logit"]
                outputs = self.discriminate(fakes, part.labels)
                self.record_accuracy(real_logits, outputs["logit"])
                category, code = self.information(outputs, codes)
                self.record(category_information=category, code_information=code)
                loss = self.smoothed_loss(real_logits, outputs["logit"])
                return loss + self.penalty_at(part) - weighted(category, code)

            self.record(discriminator_loss=self.minimize(objective, "discriminator"))

        def generator_objective() -> Tensor:
            inputs = self.sample_inputs(ops.shape(images)[0], labels)
            generated = full_precision(self.generator(inputs, training=True))
            outputs = self.discriminate(generated, labels)
            loss = self.feature_matching_or(
                part, generated, lambda: self.fooling_loss(outputs["logit"])
            )
            return loss - weighted(*self.information(outputs, inputs))

        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()
