"""The model card: what a person should know before trusting a model, beside its file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from digits_export.export import Exported
from digits_export.page import ExportedPage
from digits_runtime.errors import InputError
from digits_runtime.files import check_target
from digits_runtime.pairs import PAIRS

_NOTES = {
    "mnist": "MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0",
    "unipen": "UNIPEN train_r01_v07 (Guyon et al. 1994), CC BY 4.0",
    "synth": "digits-edge's own procedural handwriting, Apache-2.0",
    "print": "print in DejaVu, STIX and Computer Modern faces, as matplotlib brings them under "
    "their own free licences, and in Roboto (Apache-2.0) and Manrope (OFL-1.1)",
    "pairs": "two digits that touch, put together from those of MNIST (LeCun, Cortes, Burges; "
    "CC BY-SA 3.0), UNIPEN train_r01_v07 (Guyon et al. 1994; CC BY 4.0) and digits-edge's own "
    "procedural handwriting (Apache-2.0)",
}

_LIMITS = (
    "Names one glyph at a time; digits-cam and digits-read find glyphs and take touching pairs "
    "apart, which loses some."
)
_LIMITS_OF_PAIRS = (
    "Names two digits that touch, in ink narrowed to 0.6 (`pairs.squeezed`); digits-cam and "
    "digits-read ask it where a broad glyph has no name, and believe it where it is sure of both. "
    "Where a 1 crosses its neighbour it is often wrong."
)


def check_outputs(model: Path) -> None:
    """Make sure, before long work, that a model and its card can be written.

    Raises:
        InputError: The model's name does not end in .onnx or .ort, its folder cannot be written to,
            or something that is no card is where the card goes.
    """
    if model.suffix not in (".onnx", ".ort"):
        raise InputError(f"{model} must end in .onnx or .ort; the card goes beside it as .md")
    check_target(model)
    beside = model.with_suffix(".md")
    if beside.exists() and not beside.read_text(errors="replace").startswith(f"# {model.name}\n"):
        raise InputError(f"{beside} is not this model's card; move it or choose another --output")


def card(name: str, exported: Exported) -> str:
    """Write the card of a model as Markdown.

    Args:
        name: Of the model's file.
        exported: The model.
    """
    contract = exported.contract
    lines = [
        f"# {name}",
        "",
        f"Reads {len(contract.labels)} glyph classes: {' '.join(contract.labels)}"
        + (", and tells what is none of them." if contract.rejects else "."),
        "",
        f"- precision: {contract.precision}, {len(exported.content):,} bytes",
        f"- SHA-256: `{hashlib.sha256(exported.content).hexdigest()}`",
        f"- made by `{exported.training}` and `digits-export"
        + ("`" if contract.precision == "float" else f" --{contract.precision}`"),
        f"- made with {_code()} from the tensors with SHA-256 `{contract.parent}`",
        f"- temperature {contract.temperature:g}; named from probability {contract.threshold:g} on",
        *(
            f"- {precision}: {100 * share:.3f} % of {exported.validated} validation glyphs right"
            for precision, share in contract.accuracy.items()
        ),
    ]
    if exported.parity is not None:
        parity = exported.parity
        lines.append(
            f"- {contract.precision} against float: {parity.changed} of {parity.n} "
            f"validation answers changed, {parity.drop:+.3f} points lost"
        )
    lines += [f"- {key}: {value}" for key, value in contract.recipe.items()]
    if exported.speed is not None:
        before, after = exported.speed
        lines.append(
            f"- speed where it was exported, one glyph, one thread: {before / after:.2f} times "
            f"float's ({after:.1f} against {before:.1f} µs)"
        )
    lines += ["", "## Training data", ""]
    lines += [
        f"- {_NOTES.get(source, source)}, SHA-256 `{digest}`"
        for source, digest in contract.data.items()
    ]
    lines += [
        "",
        "## Limits",
        "",
        _LIMITS_OF_PAIRS if contract.labels == PAIRS else _LIMITS,
        "Not for cursive words, and not where a misread glyph does harm unseen. The figures above "
        "are of validation splits, which helped to choose the recipe: other hands, cameras and "
        "papers must be measured (docs/benchmarks.md has sets never trained or chosen on).",
        "",
    ]
    return "\n".join(lines)


def page_card(name: str, exported: ExportedPage) -> str:
    """Write the card of a page network as Markdown.

    Args:
        name: Of the model's file.
        exported: The model.
    """
    contract = exported.contract
    int8 = contract.precision == "int8"
    lines = [
        f"# {name}",
        "",
        f"Finds all glyphs of a page, of the classes {' '.join(contract.labels)}.",
        "",
        f"- precision: {contract.precision}, {len(exported.content):,} bytes",
        f"- SHA-256: `{hashlib.sha256(exported.content).hexdigest()}`",
        f"- made by `{exported.training}` and `digits-export{' --int8' if int8 else ''}`",
        f"- made with {_code()} from the tensors with SHA-256 `{contract.parent}`",
        f"- float, generated validation pages: {exported.before}",
        *([f"- int8: {exported.after}"] if int8 else []),
        *(f"- {key}: {value}" for key, value in contract.recipe.items()),
        "",
        "## Training data",
        "",
        "- generated pages (`digits_train.pages`), with glyphs written over them:",
        *(
            f"- {_NOTES.get(source, source)}, SHA-256 `{digest}`"
            for source, digest in contract.data.items()
        ),
        "",
        "## Limits",
        "",
        "Digits from about 12 to 150 pixels high. It has seen generated pages only: what it does "
        "on other papers and cameras must be measured there.",
        "",
    ]
    return "\n".join(lines)


def _code() -> str:
    """Version of the code, and its commit where it runs from a checkout of the project."""
    release = f"digits-edge {version('digits-edge')}"
    git, here = shutil.which("git"), Path(__file__).parent
    if git is None:
        return release
    # Only a file that git tracks here says that the checkout around it is this project's.
    asked = [
        subprocess.run(  # noqa: S603 - git itself, with our own arguments
            [git, "-C", str(here), *arguments], capture_output=True, text=True, check=False
        )
        for arguments in (
            ["ls-files", "--error-unmatch", __file__],
            ["rev-parse", "HEAD"],
        )
    ]
    if any(answer.returncode for answer in asked):
        return release
    return f"{release}, commit {asked[1].stdout.strip()}"
