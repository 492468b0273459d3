"""People who do not exist: a seed gives the parameters of a head, and they never change.

Lengths are in head units: half the width of an average skull. X runs to the right of the picture,
Y down, Z towards the camera; the origin is the middle of the skull. Colours are linear RGB
reflectances in [0, 1].
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

Colour = tuple[float, float, float]

_LIGHT_SKIN = np.array([0.70, 0.42, 0.31])
_DARK_SKIN = np.array([0.095, 0.052, 0.035])
_HAIR = (
    (0.010, 0.008, 0.007),
    (0.022, 0.014, 0.010),
    (0.060, 0.030, 0.016),
    (0.120, 0.060, 0.028),
    (0.300, 0.170, 0.070),
    (0.160, 0.045, 0.018),
    (0.280, 0.265, 0.250),
)
_IRIS = (
    (0.045, 0.022, 0.012),
    (0.090, 0.045, 0.020),
    (0.120, 0.110, 0.050),
    (0.100, 0.160, 0.110),
    (0.110, 0.190, 0.280),
    (0.220, 0.250, 0.270),
)
_CLOTHES = (
    (0.02, 0.02, 0.03),
    (0.55, 0.55, 0.52),
    (0.04, 0.07, 0.20),
    (0.30, 0.03, 0.04),
    (0.05, 0.16, 0.09),
    (0.28, 0.22, 0.14),
    (0.12, 0.12, 0.13),
    (0.40, 0.12, 0.20),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that identifies one generated person."""

    seed: int
    axes: tuple[float, float, float]  # half width, half height and half depth of the skull
    eye_x: float
    eye_y: float
    eye_width: float  # half width
    eye_open: float
    eye_cant: float  # radians, outer corner up
    brow_lift: float
    brow_thickness: float
    brow_arch: float
    nose_y: float
    nose_width: float
    nose_height: float
    nose_bend: float
    mouth_y: float
    mouth_width: float  # half width
    upper_lip: float
    lower_lip: float
    jaw: float
    chin: float
    cheek: float
    brow_ridge: float
    hairline: float  # height of the hairline above the eyes
    hair_volume: float
    hair_length: float  # 0 short, 1 over the shoulders
    fringe: float
    parting: float
    beard: float
    freckles: float
    blotches: float
    wrinkles: float
    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    clothes: Colour


def make_person(seed: int) -> Person:
    """Draw a person; equal seeds give equal people."""
    rng = np.random.default_rng([seed, 1])
    pick = partial(_pick, rng)
    masculine = rng.random() < 0.5
    melanin = float(rng.beta(1.0, 1.9))
    skin, lips = _complexion(rng, melanin, masculine=masculine)
    shades = max(2, round(len(_HAIR) * (1 - 1.4 * melanin)))  # dark skin goes with dark hair, eyes
    return Person(
        seed=seed,
        axes=(pick(0.93, 1.07), pick(1.26, 1.42), pick(1.08, 1.22)),
        eye_x=pick(0.375, 0.45),
        eye_y=pick(-0.08, 0.03),
        eye_width=pick(0.185, 0.225),
        eye_open=pick(0.40, 0.62),
        eye_cant=pick(-0.08, 0.14),
        brow_lift=pick(0.20, 0.29),
        brow_thickness=pick(0.028, 0.045) + 0.018 * masculine,
        brow_arch=pick(0.01, 0.10),
        nose_y=pick(0.40, 0.52),
        nose_width=pick(0.13, 0.21),
        nose_height=pick(0.16, 0.26),
        nose_bend=pick(-0.03, 0.035),
        mouth_y=pick(0.74, 0.84),
        mouth_width=pick(0.29, 0.38),
        upper_lip=pick(0.05, 0.095),
        lower_lip=pick(0.07, 0.12),
        jaw=pick(-0.02, 0.05) + 0.04 * masculine,
        chin=pick(-0.02, 0.05) + 0.02 * masculine,
        cheek=pick(-0.02, 0.05),
        brow_ridge=pick(0.0, 0.02) + 0.02 * masculine,
        hairline=pick(0.62, 0.86),
        hair_volume=pick(0.03, 0.16),
        hair_length=0.0 if masculine and rng.random() < 0.9 else pick(0.0, 1.0),
        fringe=pick(0.0, 1.0) if rng.random() < 0.3 else 0.0,
        parting=pick(-0.5, 0.5),
        beard=pick(0.1, 1.0) if masculine and rng.random() < 0.6 else 0.0,
        freckles=pick(0.0, 1.0) ** 3,
        blotches=pick(0.2, 1.0),
        wrinkles=pick(0.0, 1.0) ** 2,
        skin=skin,
        lips=lips,
        hair=_jitter(rng, _HAIR[rng.integers(shades)]),
        iris=_jitter(rng, _IRIS[rng.integers(min(shades, len(_IRIS)))]),
        clothes=_jitter(rng, _CLOTHES[rng.integers(len(_CLOTHES))]),
    )


def _pick(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _jitter(rng: np.random.Generator, colour: Colour) -> Colour:
    shade = rng.uniform(0.7, 1.3) * rng.uniform(0.93, 1.07, 3)
    return _colour(np.array(colour) * shade)


def _complexion(
    rng: np.random.Generator, melanin: float, *, masculine: bool
) -> tuple[Colour, Colour]:
    skin = _LIGHT_SKIN ** (1 - melanin) * _DARK_SKIN**melanin
    skin = skin * rng.uniform(0.95, 1.05, 3)
    redness = rng.uniform(0.3, 0.6) if masculine else rng.uniform(0.4, 1.0)
    lips = skin * np.array([1.0, 1 - 0.6 * redness, 1 - 0.45 * redness]) * rng.uniform(0.65, 0.88)
    return _colour(skin), _colour(lips)


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(values, 0.003, 0.9)
    return float(red), float(green), float(blue)
