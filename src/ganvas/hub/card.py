"""The model card: README.md, which the hub shows as the page of a model.

A card is public, so it holds names of files and folders, and no paths (`reports.local_paths`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ganvas
from ganvas.command_line import ganvas_command
from ganvas.data.hub import DataAddress
from ganvas.data.stacking import STACKED
from ganvas.diagnosis import Diagnosis
from ganvas.formatting import format_count, format_first, format_number
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.hub_files import DISCRIMINATOR_FILE, RECIPE_FILE, HubAddress, is_hub, page_of
from ganvas.recipes import Recipe, recipe_toml
from ganvas.reports.commands import training_command
from ganvas.reports.local_paths import LocalPaths, shorten_location
from ganvas.reports.provenance import paths_in
from ganvas.reports.scores import newest_scores, protocols, warnings_of
from ganvas.reports.texts import as_sentence, better_word, symptom_name
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.runs.tables import DataTable

PICTURE = "samples.png"
TASK = "unconditional-image-generation"
MOST_ROWS = 10
"""Labels that have a row each in the picture."""
MOST_LABELS = 20
"""Labels that are listed by name."""


@dataclass(frozen=True)
class CardContent:
    """What a card is made from.

    seed: of the samples in the picture.
    has_discriminator: whether it is pushed too.
    """

    address: HubAddress
    license: str
    run: Run
    recipe: Recipe
    generator: TrainedGenerator
    diagnosis: Diagnosis
    seed: int
    has_discriminator: bool


def model_card(content: CardContent) -> str:
    """The README.md: metadata as YAML, then the text as Markdown."""
    data = content.run.read_data()
    scores = scores_of(content)
    hidden = LocalPaths.of([content.run.directory, *paths_in(data["location"])])
    sections = (
        introduction(content, data),
        loading(content),
        quality(scores),
        health(content.diagnosis),
        training_data(data),
        recipe_and_command(content),
    )
    text = "\n\n".join("\n".join(lines) for lines in map(list, sections))
    return f"---\n{metadata(content, data, scores)}\n---\n\n{hidden.hide(text)}\n"


def scores_of(content: CardContent) -> list[Record]:
    """The newest score of each metric at the pushed checkpoint, one for each."""
    seen = content.generator.images_seen
    records = [record for record in content.run.scores.records() if record["images_seen"] == seen]
    scores: dict[str, Record] = {}
    for record in newest_scores(records):  # those on request come first
        scores.setdefault(record["metric"], record)
    return list(scores.values())


def metadata(content: CardContent, data: DataTable, scores: Sequence[Record]) -> str:
    """What the hub reads, as YAML."""
    from huggingface_hub import EvalResult, ModelCardData

    source = data_set_of(data)
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=source.repository.repo if source else data["name"],
            dataset_name=data["name"],
            metric_type=score["metric"],
            metric_name=f"{score['metric']} ({better_word(score['metric'])} is better)",
            metric_value=round(score["value"], 4),
        )
        for score in scores
        if math.isfinite(score["value"])
    ]
    card = ModelCardData(
        license=content.license,
        library_name="ganvas",
        pipeline_tag=TASK,
        tags=["gan", content.recipe.generator.network.name],
        datasets=[source.repository.repo] if source else None,
        model_name=content.address.name if results else None,
        eval_results=results or None,
    )
    return str(card.to_yaml())


def data_set_of(data: DataTable) -> DataAddress | None:
    """The data set of the hub that a run was trained on; None for any other data."""
    location = data["location"].removeprefix(STACKED)
    return DataAddress.parse(location) if is_hub(location) else None


def introduction(content: CardContent, data: DataTable) -> Iterator[str]:
    """What it is, and what it makes."""
    generator = content.generator
    things = "points" if generator.makes_points else "images"
    kind = "conditional GAN" if generator.label_names else "GAN"
    outputs = "points in the plane" if generator.makes_points else f"images ({generator.shape})"
    yield f"# {content.address.name}"
    yield ""
    yield (
        f"A {kind} for {outputs}, trained with ganvas {ganvas.__version__} on "
        + code(data["name"])
        + f": recipe `{content.recipe.name}`, {generator.images_seen:,} {things} seen."
    )
    yield ""
    yield f"![Samples]({PICTURE})"
    yield ""
    yield f"Samples of seed {content.seed}: the first ones, not a selection."
    if has_rows(generator):
        rows = ", ".join(map(code, generator.label_names))
        yield f"Each row has one label, from the top: {rows}."


def code(name: str) -> str:
    """A name as code in Markdown: on one line, and whole if it has backticks itself."""
    line = " ".join(name.split())
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence, blank = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{blank}{line}{blank}{fence}"


def has_rows(generator: TrainedGenerator) -> bool:
    """Whether the picture has a row for each label."""
    return not generator.makes_points and 0 < len(generator.label_names) <= MOST_ROWS


def loading(content: CardContent) -> Iterator[str]:
    """How to use it."""
    generator, address = content.generator, content.address
    labels = f", labels={generator.label_names[0]!r}" if generator.label_names else ""
    shape = generator.shape
    samples = f"uint8 (16, {shape.height}, {shape.width}, {shape.channels})"
    yield from ("## Use it", "", "```bash", "pip install 'ganvas[hf]'")
    yield ganvas_command("sample", str(address))
    yield from ("```", "", "```python", "import ganvas", "")
    yield f'generator = ganvas.load("{address}")'
    samples = "float32 (16, 2)" if generator.makes_points else samples
    yield f"samples = generator.sample(16, seed=0{labels})  # numpy, {samples}"
    yield from ("```", "")
    if content.has_discriminator:
        yield (
            f"`{DISCRIMINATOR_FILE}` holds the discriminator and the raw generator of the same "
            f"moment, to train on from here with other images and `{RECIPE_FILE}`:"
        )
    else:
        yield (
            "The discriminator is not here. Training can begin from the generator alone, with "
            f"`{RECIPE_FILE}` and a discriminator that begins untrained:"
        )
    command = ganvas_command("train", RECIPE_FILE, "DATA", "--from", str(address))
    yield from ("", "```bash", command, "```")


def quality(scores: Sequence[Record]) -> Iterator[str]:
    """The scores beside those of real images, and how they were measured."""
    yield "## Scores"
    yield ""
    if not scores:
        yield "This generator was not scored."
        return
    yield "| metric | samples | 95 % interval | real images | better |"
    yield "|---|---|---|---|---|"
    for score in scores:
        low, high = map(format_number, score["interval"])
        yield (
            f"| {score['metric']} | {format_number(score['value'])} | {low} to {high} | "
            f"{format_number(score['floor'])} | {better_word(score['metric'])} |"
        )
    yield ""
    yield (
        "Real images: what other real images score in place of the samples. No generator can "
        "honestly be better. Only scores with the same protocol can be compared."
    )
    yield from (f"\nCaution: {warning}." for warning in warnings_of(scores))
    shared, own = protocols(scores)
    yield from ("", "<details><summary>Protocol</summary>", "")
    yield from (f"- {name}: {text}" for name, text in [*shared, *own] if text)
    yield from ("", "</details>")


def health(diagnosis: Diagnosis) -> Iterator[str]:
    """What ganvas found in the run."""
    yield "## Health of the training"
    yield ""
    yield f"{diagnosis.verdict.capitalize()} at {diagnosis.images_seen:,} images."
    for finding in diagnosis.findings:
        yield (
            f"- {finding.verdict}: {symptom_name(finding.symptom)}, since {finding.since:,} "
            f"images. {as_sentence(finding.meaning)}"
        )


def training_data(data: DataTable) -> Iterator[str]:
    """What it was trained on."""
    source = data_set_of(data)
    yield "## Training data"
    yield ""
    held_out, images = data["held_out"], data["images"]
    name = (
        f"[`{source}`]({page_of(source.repository.repo, 'dataset')})"
        if source
        else code(data["name"])
    )
    yield f"{name}: {images - held_out:,} to train on, {held_out:,} held out for the scores."
    if data["labels"]:
        listed = format_first(list(map(code, data["labels"])), MOST_LABELS)
        yield f"{format_count(len(data['labels']), 'label')}: {listed}."
    yield ""
    yield (
        "The licence above is that of these weights; it says nothing of the images. A GAN that saw "
        "few images can repeat them."
    )


def recipe_and_command(content: CardContent) -> Iterator[str]:
    """How to train it again."""
    command = training_command(content.run, content.recipe, "", "runs/again")
    location = shorten_location(content.run.read_data()["location"])
    yield from ("## Recipe", "", "```bash", command.line, "```", "")
    yield f"on the same images (`{location}`). The complete recipe, also in `{RECIPE_FILE}`:"
    yield from ("", "```toml", recipe_toml(content.recipe).strip(), "```")
