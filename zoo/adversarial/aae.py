"""The adversarial autoencoder of Makhzani et al. (2016), https://arxiv.org/abs/1511.05644.

Faithful: each step first lowers the reconstruction error of encoder and decoder, then lets a
discriminator tell codes of images from samples of a prior, then lets the encoder deceive it; the
prior may be any distribution that can be sampled: a normal one, ten Gaussians on a circle, a swiss
roll (the paper's figures 2 to 4); with `conditional` the decoder also takes the label, so that the
code is left with the style (figure 5). The encoder is deterministic; the discriminator has two
hidden layers. `form=prior_labels` ties each class to a part of the prior (section 2.3): the
discriminator is also given a one-hot vector, of the part that a sample of the prior comes from or
of an image's label, with one class more for images without a label, whose sample comes from the
whole prior. `form=semi_supervised` (section 5): the encoder gives a class y beside z, the decoder
takes both, a second discriminator compares y with one-hot vectors of classes that are equally
likely, and a third phase lowers the cross-entropy of the images with a label.
Different: encoder and decoder are convolutional (trunk and generator of `dcgan`) instead of two
layers of 1,000 units; Adam instead of SGD with momentum. Of both forms with labels, one image in
ten of a batch is a labelled one, drawn from the few, and all images of a batch go through the other
phases; in `prior_labels` a sample of the prior is drawn for each image, from the part of its label.
"""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from zoo.adversarial.base import DEFAULT, QUICK, AdversarialModel
from zoo.backend import Batch, noise
from zoo.core.feeding import check_images, check_labels
from zoo.core.model import Encoder, Graph, Inputs, Tensor
from zoo.core.priors import Spec
from zoo.data import mixtures
from zoo.data.batches import Batches, SemiSupervisedBatches
from zoo.data.dataset import Dataset
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeInt, PositiveInt
from zoo.networks.dcgan import Upsampling, convolutions, dcgan_generator, flattened
from zoo.objectives.losses import mean_of
from zoo.objectives.precision import full_precision
from zoo.registry import register

MIXTURES = {
    "mixture": mixtures.ring(count=10, radius=4.0, std=0.5),
    "swiss_roll": mixtures.swiss_roll(radius=4.0, std=0.1),
}
CodePrior = Literal["normal", "uniform", "mixture", "swiss_roll"]
CODES = "its discriminator sees codes, not images"


@register(
    "aae",
    paper="Makhzani et al. 2016, Adversarial Autoencoders, arXiv:1511.05644",
    presets={
        "quick": QUICK,
        "default": {**DEFAULT, "steps": 6_000, "latent_dim": 16},
        "paper": {"steps": 100_000, "batch_size": 100, "width": 64},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class AAE(Encoder, AdversarialModel):
    """Adversarial autoencoder.

    In the forms with labels a labelled image has a label from 0, an unlabelled one -1; `genzoo
    train` hides all but `labels` of the labels (see `SemiSupervisedBatches`).

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`.
        form: "plain"; "prior_labels", in which each class has a part of the prior; or
            "semi_supervised", which also classifies, and draws images of a class.
        labels: how many images keep their label in the forms with labels, as many of each class.
        latent_dim: length of the code `z`; 2 for the priors in the plane.
        prior: of the code: "normal", "uniform" on [-1, 1], "mixture" (ten Gaussians on a circle) or
            "swiss_roll".
        width: filters of the layer next to the image, doubled at each halving.
        upsampling: fractionally strided convolutions, or resize-convolutions.
        dense: units of a fully connected hidden layer between feature maps and code, in encoder and
            decoder; 0 for none.
        hidden: units of the discriminator's two hidden layers.
    """

    drawing_network = "autoencoder"
    unsupported = {
        "feature_matching": CODES,
        "matched_statistic": CODES,
        "minibatch_discrimination": CODES,
        "r1": CODES,
        "label_input": "its discriminator sees no labels",
        "augment": CODES,
        "virtual_batch_norm": "its decoder learns by reconstruction, not in the game",
        "discriminator_steps": "all of its networks take their step on the same batch",
        "freeze_above": "its encoder must keep learning for the reconstruction",
    }

    form: Literal["plain", "prior_labels", "semi_supervised"] = "plain"
    labels: PositiveInt = 100
    latent_dim: PositiveInt = 8
    prior: CodePrior = "normal"  # type: ignore[assignment]  # more of them
    width: PositiveInt = 32
    upsampling: Upsampling = "transposed"
    dense: NonNegativeInt = 0
    hidden: PositiveInt = 512

    def validate(self) -> None:
        super().validate()
        if self.prior in MIXTURES and self.latent_dim != 2:
            raise RequestError(
                f"With prior={self.prior}, which is a distribution in the plane, latent_dim must "
                f"be 2. Received: {self.latent_dim}"
            )
        if self.form != "plain" and not 0 < self.num_classes <= self.labels:
            raise RequestError(
                f"form={self.form} needs data with classes, and labels of at least one per class. "
                f"Received: {self.num_classes} classes and labels={self.labels}"
            )
        if self.conditional != (self.form == "semi_supervised") and self.form != "plain":
            drawn = "draws" if self.form == "semi_supervised" else "does not draw"
            raise RequestError(
                f"form={self.form} {drawn} images of a class: conditional must be "
                f"{str(not self.conditional).lower()}. Received: conditional={self.conditional}"
            )
        if self.form == "prior_labels":
            self.prior_parts = self._parts_of_the_prior()
        # Of this model and not of the class: the plain form has no classifier.
        self.__dict__["classifies"] = self.form == "semi_supervised"

    def _parts_of_the_prior(self) -> list[np.ndarray]:
        """First Gaussian and number of Gaussians of each class' part of the prior, then of all."""
        if self.prior == "normal" or self.num_classes > len(MIXTURES[self.prior].means):
            raise RequestError(
                "form=prior_labels needs a prior with a part for each class: prior=mixture for up "
                f"to 10 classes, or prior=swiss_roll. Received: prior={self.prior} for "
                f"{self.num_classes} classes"
            )
        count = len(MIXTURES[self.prior].means)
        ends = np.arange(self.num_classes + 1) * count // self.num_classes
        return [np.append(ends[:-1], 0), np.append(np.diff(ends), count)]

    @classmethod
    def batches(cls, dataset: Dataset, settings: dict[str, Any], seed: int) -> Batches:
        plain = super().batches(dataset, settings, seed)
        if settings.get("form", "plain") == "plain":
            return plain
        return SemiSupervisedBatches(plain, settings["labels"])

    def check_data(self, images: Any, labels: Any) -> None:
        if self.form == "plain":
            super().check_data(images, labels)
            return
        check_images(images, self.image_shape, self.value_range, "Images")
        if labels is None:
            raise RequestError(
                f"form={self.form} needs class labels, -1 where there is none: fit(images, labels)"
            )
        check_labels(labels, len(images), -1, self.num_classes)

    def build_networks(self) -> None:
        self.track("reconstruction_loss", "discriminator_loss", "encoder_loss")
        self.track("real_accuracy", "fake_accuracy")
        image, x = convolutions(self.image_shape, self.width)
        features = flattened(x, self.dense)
        code = keras.layers.Dense(self.latent_dim, name="z")(features)
        if self.form == "semi_supervised":
            self._build_semi_supervised(image, features, code)
            return
        encoder = keras.Model(image, code, name="encoder")
        decoder = dcgan_generator(
            self.image_shape,
            {"z": self.latent_dim},
            self.width,
            self.label_classes,
            self.upsampling,
            name="decoder",
            dense_units=self.dense,
        )
        inputs = {"image": keras.Input(self.image_shape, name="image")}
        label = {}
        if self.conditional:
            label["label"] = keras.Input((), dtype="int32", name="label")
        autoencoder = keras.Model(
            {**inputs, **label}, decoder({"z": encoder(inputs), **label}), name="autoencoder"
        )
        parts = self.num_classes + 1 if self.form == "prior_labels" else 0
        self.set_networks(
            autoencoder=autoencoder,
            encoder=encoder,
            discriminator=self._discriminator(self.latent_dim + parts),
        )

    def _discriminator(self, length: int, name: str = "discriminator") -> keras.Model:
        """A network of vectors of a `length` to logits."""
        return keras.Sequential(
            [
                keras.Input((length,)),
                keras.layers.Dense(self.hidden, activation="relu"),
                keras.layers.Dense(self.hidden, activation="relu"),
                keras.layers.Dense(1),
            ],
            name=name,
        )

    def _build_semi_supervised(self, image: Inputs, features: Tensor, code: Tensor) -> None:
        """Networks whose code is "z" and a distribution over the classes, "y"."""
        self.track("label_discriminator_loss", "class_loss")
        logits = keras.layers.Dense(self.num_classes, name="logits")(features)
        encoder = keras.Model(
            image, {"z": code, "y": keras.layers.Softmax(name="y")(logits)}, name="encoder"
        )
        lengths = {"z": self.latent_dim, "y": self.num_classes}
        decoder = dcgan_generator(
            self.image_shape,
            lengths,
            self.width,
            upsampling=self.upsampling,
            name="decoder",
            dense_units=self.dense,
        )
        inputs = {"image": keras.Input(self.image_shape, name="image")}
        self.set_networks(
            autoencoder=keras.Model(inputs, decoder(encoder(inputs)), name="autoencoder"),
            encoder=encoder,
            discriminator=self._discriminator(self.latent_dim),
            label_discriminator=self._discriminator(self.num_classes, "label_discriminator"),
            classifier=keras.Model(image, logits, name="classifier"),
        )

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        prior: Spec = {"prior": self.prior}
        if self.prior in MIXTURES:
            mixture = MIXTURES[self.prior]
            prior = {"prior": "mixture", "means": mixture.means.tolist(), "std": mixture.std}
        code = {"z": {"shape": [self.latent_dim], "dtype": "float32", **prior}}
        return {**code, **self.label_spec}

    @property
    def sampler(self) -> keras.Model:
        """The decoder, or its average."""
        return self._drawing_autoencoder.get_layer("decoder")

    @property
    def _drawing_autoencoder(self) -> keras.Model:
        return self.averages.get("autoencoder", self.autoencoder)

    @property
    def encoder_labels(self) -> dict[str, Spec]:
        return {}  # it sees the image alone

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        if self.form == "semi_supervised":
            inputs = {"z": inputs["z"], "y": ops.one_hot(inputs["label"], self.num_classes)}
        return super().call(inputs, training)

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        return self.codes_of(inputs)["z"]

    def codes_of(self, inputs: Inputs) -> dict[str, Tensor]:
        """The code "z" and, in the semi-supervised form, "y" of an "image" in [0, 1]."""
        images = self.from_unit(inputs["image"])
        encoder = self._drawing_autoencoder.get_layer("encoder")
        return self._named(full_precision(encoder({"image": images}, training=False)))

    def _named(self, codes: Any) -> dict[str, Tensor]:
        """An encoder's output as a dict in every form."""
        return codes if self.form == "semi_supervised" else {"z": codes}

    def classify(self, inputs: Inputs) -> Tensor:
        """Probabilities (batch, classes) of the images in {"image": (batch, *image_shape)}."""
        return self.codes_of(inputs)["y"]

    @property
    def graphs(self) -> dict[str, Graph]:
        graphs = super().graphs
        if self.form == "semi_supervised":
            graphs["classifier"] = Graph({"image": self.image_spec}, self.classify, "probability")
        return graphs

    # ---- training

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, labels = batch
        semi_supervised = self.form == "semi_supervised"

        def reconstruct() -> Tensor:
            inputs = {"image": images} if semi_supervised else self.inputs_of(images, labels)
            outputs = self.autoencoder(inputs, training=True)
            return ops.mean(ops.square(full_precision(outputs) - images))

        self.record(reconstruction_loss=self.minimize(reconstruct, "autoencoder"))

        prior = self.prior_samples(ops.shape(images)[0], labels)

        def encode() -> dict[str, Tensor]:
            return self._named(self.encoder({"image": images}, training=True))

        codes = {name: ops.stop_gradient(code) for name, code in encode().items()}

        def discriminate_codes(codes: Tensor) -> Tensor:
            if self.form == "prior_labels":
                switch = ops.one_hot(self.part_of(labels), self.num_classes + 1)
                codes = ops.concatenate([full_precision(codes), switch], axis=-1)
            return full_precision(self.discriminator(codes, training=True))

        def discriminate_classes(probabilities: Tensor) -> Tensor:
            return full_precision(self.label_discriminator(probabilities, training=True))

        def discriminator_objective() -> Tensor:
            real_logits = discriminate_codes(prior["z"])
            fake_logits = discriminate_codes(codes["z"])
            self.record_accuracy(real_logits, fake_logits)
            return self.smoothed_loss(real_logits, fake_logits)

        def label_discriminator_objective() -> Tensor:
            real_logits = discriminate_classes(prior["y"])
            fake_logits = discriminate_classes(codes["y"])
            return self.smoothed_loss(real_logits, fake_logits)

        def generator_objective() -> Tensor:
            codes = encode()
            loss = self.fooling_loss(discriminate_codes(codes["z"]))
            if semi_supervised:
                loss += self.fooling_loss(discriminate_classes(codes["y"]))
            return loss

        def class_objective() -> Tensor:
            logits = full_precision(self.classifier({"image": images}, training=True))
            return labelled_cross_entropy(logits, labels)

        self.record(discriminator_loss=self.minimize(discriminator_objective, "discriminator"))
        if semi_supervised:
            loss = self.minimize(label_discriminator_objective, "label_discriminator")
            self.record(label_discriminator_loss=loss)
        self.record(encoder_loss=self.minimize(generator_objective, "encoder"))
        if semi_supervised:
            self.record(class_loss=self.minimize(class_objective, "classifier"))
        return self.get_metrics_result()

    def part_of(self, labels: Tensor) -> Tensor:
        """The class of each image's switch: its label, or `num_classes` where that is -1."""
        return ops.where(labels >= 0, labels, self.num_classes)

    def prior_samples(self, count: Any, labels: Tensor) -> dict[str, Tensor]:
        """Samples "z" (count, latent_dim) of the prior and, semi-supervised, "y" (count, classes).

        Args:
            count: of samples, one for each image.
            labels: (count,) of the images, by which "z" is of a part where classes have parts.
        """
        if self.form == "prior_labels":
            mixture = MIXTURES[self.prior]
            first, size = (ops.take(part, self.part_of(labels)) for part in self.prior_parts)
            chosen = noise.uniform((count,), seed=self.noise_seed)
            chosen = ops.cast(chosen * ops.cast(size, "float32"), "int32")
            means = ops.convert_to_tensor(mixture.means, "float32")
            middle = ops.take(means, ops.cast(first, "int32") + chosen, axis=0)
            moved = mixture.std * noise.normal((count, self.latent_dim), self.noise_seed)
            return {"z": middle + moved}
        samples = {"z": self.sample_inputs(count)["z"]}
        if self.form == "semi_supervised":
            label = noise.integers((count,), 0, self.num_classes, self.noise_seed)
            samples["y"] = ops.one_hot(label, self.num_classes)
        return samples


def labelled_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of the examples with a label, a scalar; 0 where there is none.

    Args:
        logits: (batch, classes).
        labels: (batch,), -1 for examples without one.
    """
    known = ops.cast(labels >= 0, logits.dtype)
    targets = ops.one_hot(ops.maximum(labels, 0), logits.shape[-1], dtype=logits.dtype)
    losses = -ops.sum(targets * ops.log_softmax(logits), axis=-1)
    return mean_of(losses, known)
