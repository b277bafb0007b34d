"""What a quantization is made of: ranges, granularity, weights, and what stays in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from digits_calibration.ranges import METHODS, Method
from digits_runtime.errors import InputError

Granularity = Literal["channel", "tensor"]
Weights = Literal["s7", "s8", "u8"]

_MEANINGS = {
    "s7": "int8 kept to 7 bits: the same answers on every processor",
    "s8": "int8 in full: saturates on x86 without VNNI",
    "u8": "uint8, asymmetric",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to quantize a model; activations are uint8 per tensor in all of them.

    Attributes:
        ranges: How activation ranges are chosen.
        granularity: One weight scale an output channel, or one a layer.
        weights: `s7`, int8 kept to 7 bits, so that products of uint8 and int8 cannot saturate at
            16 bits on x86 without VNNI; `s8`, int8 in full; `u8`, uint8.
        left: Numbers of the layers (convolutions and classifier, from 1) left in float.
    """

    ranges: Method = "mse"
    granularity: Granularity = "channel"
    weights: Weights = "s7"
    left: tuple[int, ...] = ()

    def __str__(self) -> str:
        text = f"{self.ranges}:{self.granularity}:{self.weights}"
        return text + (f":float={'+'.join(map(str, self.left))}" if self.left else "")

    @property
    def portable(self) -> bool:
        """Whether its integers are the same on every processor."""
        return self.weights != "s8"

    def to_dict(self) -> dict[str, str]:
        """For the model's metadata."""
        document = {
            "recipe": str(self),
            "format": "QDQ",
            "activations": f"uint8 per tensor, ranges by {self.ranges}",
            "weights": f"per {self.granularity}, {_MEANINGS[self.weights]}",
            "rounding": "input after input, each makes up for the errors before it (GPTQ)",
        }
        if self.left:
            document["in float"] = "layers " + ", ".join(map(str, self.left))
        return document


def parse(text: str) -> Recipe:
    """Read a recipe as `--recipe` takes it and reports write it: `mse:channel:s7:float=1+6`.

    Raises:
        InputError: It is not one.
    """
    ranges, granularity, weights, *rest = [*text.split(":"), "", ""]
    rest = [part for part in rest if part]
    left: tuple[int, ...] = ()
    try:
        if rest:
            (numbers,) = rest
            left = tuple(int(number) for number in numbers.removeprefix("float=").split("+"))
        known = (ranges in METHODS, granularity in get_args(Granularity), weights in _MEANINGS)
        if not all(known) or (rest and not rest[0].startswith("float=")):
            raise ValueError
    except ValueError:
        raise InputError(
            f"--recipe {text!r}: give RANGES:GRANULARITY:WEIGHTS, such as mse:channel:s7; ranges "
            f"{', '.join(METHODS)}; {' or '.join(get_args(Granularity))}; weights "
            f"{', '.join(_MEANINGS)}; :float=1+6 leaves layers 1 and 6 in float"
        ) from None
    return Recipe(ranges, granularity, weights, left)  # type: ignore[arg-type]
