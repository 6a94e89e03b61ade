"""Images unlike those that the table of choices was measured on, for `auto.py`.

    .venv/bin/python benchmarks/unseen.py FOLDER --cifar10 cifar10.npz --font FONT.ttc
    .venv/bin/python benchmarks/unseen.py FOLDER --openmoji PACKAGE

characters.npy   6,763 Chinese characters (GB 2312), 32x32 grey, drawn in a font that has them, such
                 as that of Debian's fonts-wqy-microhei; characters64.npy: at 64x64
dogs.npy         6,000 dogs of CIFAR-10, of `fetch.py cifar10`
pets.npz         900 cats and 900 dogs of them, with labels
drawings/        1,378 emojis in the folders of seven groups, 72x72 pixels, of npm's openmoji 15.0.0
                 as unpacked; needs cairosvg

The fifth data set of `auto.py`, MNIST, is that of `fetch.py mnist`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDES = {"characters": 32, "characters64": 64}
CHARACTER = 7 / 8
"""Font size as a fraction of the side."""
ROWS, COLUMNS = range(0xB0, 0xF8), range(0xA1, 0xFF)
"""The bytes of GB 2312's characters; the last five of row 0xD7 are not assigned."""
CATS, DOGS = 3, 5
PETS = 900
"""Of each of two labels."""
DRAWING = 72
GROUPS = (
    *("smileys-emotion", "people-body", "animals-nature", "food-drink"),
    *("travel-places", "activities", "objects"),
)


def main() -> None:
    """Write what the arguments give the means for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cifar10", type=Path, help="cifar10.npz of fetch.py")
    parser.add_argument("--openmoji", type=Path, help="the unpacked npm package")
    parser.add_argument("--font", type=Path, help="a font with Chinese characters")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.font:
        for name, side in SIDES.items():
            np.save(options.folder / f"{name}.npy", characters(options.font, side))
    if options.cifar10:
        with np.load(options.cifar10) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        np.save(options.folder / "dogs.npy", images[labels == DOGS])
        pets, names = cats_and_dogs(images, labels)
        np.savez(options.folder / "pets.npz", images=pets, labels=names)
    if options.openmoji:
        draw_emojis(options.openmoji, options.folder / "drawings")


def characters(font: Path, side: int) -> np.ndarray:
    """White characters on black: uint8 (6763, side, side, 1)."""
    face = ImageFont.truetype(font, CHARACTER * side)
    return np.stack([draw_character(text, face, side) for text in gb2312()])[..., None]


def gb2312() -> Iterator[str]:
    """The Chinese characters of GB 2312, in its order."""
    for row in ROWS:
        for column in COLUMNS:
            try:
                yield bytes([row, column]).decode("gb2312")
            except UnicodeDecodeError:
                continue


def draw_character(text: str, face: ImageFont.FreeTypeFont, side: int) -> np.ndarray:
    """One character in the middle of its image: uint8 (side, side)."""
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text((side / 2, side / 2), text, fill=255, font=face, anchor="mm")
    return np.asarray(image)


def cats_and_dogs(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first images of either label, and their names."""
    indices = [np.flatnonzero(labels == label)[:PETS] for label in (CATS, DOGS)]
    return images[np.concatenate(indices)], np.repeat(["cat", "dog"], PETS)


def draw_emojis(package: Path, folder: Path) -> None:
    """PNG files of the package's colour drawings without skin tones, in folders of their groups."""
    import cairosvg

    emojis = json.loads((package / "data" / "openmoji.json").read_text(encoding="utf-8"))
    for emoji in emojis:
        source = package / "color" / "svg" / f"{emoji['hexcode']}.svg"
        if emoji["skintone"] or emoji["group"] not in GROUPS or not source.exists():
            continue
        target = folder / emoji["group"] / f"{emoji['hexcode']}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        cairosvg.svg2png(
            url=str(source), write_to=str(target), output_width=DRAWING, output_height=DRAWING
        )


if __name__ == "__main__":
    main()
