"""Commands about what can be picked: encoders and data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Column, Table

from backend.cli.frame import JsonFile, console, errors, stop, told, write
from backend.schemas import ITEM_WORDS, DatasetInfo, DatasetReport, EncoderInfo, Modality
from backend.settings import Settings
from backend.terminal import Listener

app = typer.Typer()

#: findings of each kind that are printed
_SHOWN = 10


@app.command()
def encoders(
    encoder: Annotated[
        str | None, typer.Argument(help="Look at this one: a name, a folder, a file or a Hub id.")
    ] = None,
    modality: Annotated[str, typer.Option(help="image, audio, text, code or features")] = "image",
    json_file: JsonFile = None,
) -> None:
    """List the encoders of a modality, or look one up without loading it."""
    with told():
        from backend.services import Services

        chosen = _modality(modality)
        services = Services(Settings())
        found = [services.check_encoder(encoder, chosen)] if encoder else services.encoders(chosen)
        console.print(_encoder_table(found))
        write(json_file, [info.model_dump(mode="json") for info in found])


@app.command()
def datasets(
    dataset: Annotated[
        str | None,
        typer.Argument(
            help="Look at this one in full: a name, a folder or file, a zip, hf://owner/name."
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """List the data sets, or look at one in full: counts, duplicates, leaks, broken items."""
    with told():
        from backend.services import Services

        if dataset is None:
            listed = Services(Settings()).datasets()
            console.print(_dataset_table(listed))
            write(json_file, [info.model_dump(mode="json") for info in listed])
            return
        services = Services(Settings())
        with Listener(errors) as listener:
            file = Path(dataset)
            if file.suffix.lower() == ".zip" and file.is_file():
                dataset = services.import_zip(
                    file, file.stem, lambda done, total, unit: listener("Unpack", done, total, unit)
                )
            report = services.look_at_dataset(
                dataset, lambda done, total, unit: listener("Look", done, total, unit)
            )
        _print_report(report)
        write(json_file, report.model_dump(mode="json"))


def _modality(name: str) -> Modality:
    if name not in get_args(Modality):
        stop(f"--modality is {name!r}; allowed: {', '.join(get_args(Modality))}", 2)
    return name  # type: ignore[return-value]


def _encoder_table(found: list[EncoderInfo]) -> Table:
    names = ("dim", "layers", "parameters", "download", "licence", "input", "here")
    # ids are copied into the next command: folded, never cut
    table = Table(Column("encoder", overflow="fold", min_width=20), *names, box=None)
    for info in found:
        table.add_row(
            info.id,
            str(info.dimension or ""),
            str(info.layers or ""),
            f"{info.parameters / 1e6:,.1f} M" if info.parameters else "",
            f"{info.download_bytes / 1e6:,.0f} MB" if info.download_bytes else "",
            f"{info.licence or ''}{', gated' if info.gated else ''}",
            info.input_size,
            "yes" if info.available else "no",
        )
    return table


def _dataset_table(listed: list[DatasetInfo]) -> Table:
    names = ("items", "train", "val", "test", "set aside")
    table = Table(Column("data set", overflow="fold"), *names, box=None)
    for info in listed:
        counts = [info.splits[name].images if name in info.splits else 0 for name in _SPLITS]
        table.add_row(
            info.id,
            ITEM_WORDS[info.modality][1],
            *(f"{count:,}" for count in counts),
            f"{len(info.set_aside):,}",
        )
    return table


_SPLITS = ("train", "val", "test")


def _print_report(report: DatasetReport) -> None:
    info = report.info
    console.print(f"{info.name}: {info.layout or info.description}", highlight=False)
    console.print(f"  address: {info.id}", markup=False, highlight=False, soft_wrap=True)
    for name, split in info.splits.items():
        items = ITEM_WORDS[info.modality][1]
        console.print(f"  {name}: {split.images:,} {items}, {split.captions:,} captions")
    spread = ", ".join(
        f"{items:,} with {captions}" for captions, items in sorted(report.captions_per_item.items())
    )
    console.print(f"  captions per item: {spread}", highlight=False)
    for kind, count in report.counts.items():
        console.print(f"{kind}: {count:,}", style="yellow", highlight=False)
        for finding in [each for each in report.findings if each.kind == kind][:_SHOWN]:
            fate = "set aside" if finding.set_aside else "used"
            console.print(f"  {finding.where}: {finding.what} ({fate})", markup=False)
    if not report.counts:
        console.print("Nothing is wrong with it.", style="green")
    if report.listing:
        console.print(f"All findings: {report.listing}", highlight=False)
