"""What model cards are made of, and the trained models that come with the project.

Each folder with a manifest.json is such a model. A package, so that an installed project finds it.
"""

from pathlib import Path

FOLDER = Path(__file__).parent  # where the bundled models are looked for
