"""UCUM units that health data use, as a factor and dimensions (https://ucum.org/ucum).

Not the whole of UCUM: temperatures with an offset and logarithmic units compare with themselves only, and so does an
atom that is not in the table.
"""

import re
from fractions import Fraction
from functools import lru_cache

Dimensions = tuple[tuple[str, int], ...]
Measure = tuple[Fraction, Dimensions]

_PREFIXES = {"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1}
_PREFIXES |= {"d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24}
# Atoms that take a prefix: factor and term in other atoms; a base atom has no term.
_METRIC: dict[str, tuple[str, str]] = {
    "m": ("1", ""),
    "s": ("1", ""),
    "g": ("1", ""),
    "K": ("1", ""),
    "C": ("1", ""),
    "cd": ("1", ""),
    "mol": ("1", ""),
    "rad": ("1", "1"),
    "sr": ("1", "1"),
    "L": ("1", "dm3"),
    "l": ("1", "dm3"),
    "t": ("1000", "kg"),
    "Hz": ("1", "s-1"),
    "N": ("1", "kg.m/s2"),
    "Pa": ("1", "N/m2"),
    "J": ("1", "N.m"),
    "W": ("1", "J/s"),
    "A": ("1", "C/s"),
    "V": ("1", "J/C"),
    "F": ("1", "C/V"),
    "Ohm": ("1", "V/A"),
    "S": ("1", "Ohm-1"),
    "Wb": ("1", "V.s"),
    "T": ("1", "Wb/m2"),
    "H": ("1", "Wb/A"),
    "lm": ("1", "cd.sr"),
    "lx": ("1", "lm/m2"),
    "Bq": ("1", "s-1"),
    "Gy": ("1", "J/kg"),
    "Sv": ("1", "J/kg"),
    "kat": ("1", "mol/s"),
    "U": ("1/60000000", "mol/s"),
    "bar": ("100000", "Pa"),
    "m[Hg]": ("133322.387415", "Pa"),
    "m[H2O]": ("9806.65", "Pa"),
    "cal": ("4.184", "J"),
    "eq": ("1", "mol"),
    "osm": ("1", "mol"),
    "[iU]": ("1", ""),
    "[IU]": ("1", "[iU]"),
    "Cel": ("1", ""),
    "dyn": ("1/100000", "N"),
    "P": ("1/10", "Pa.s"),
    "Ci": ("37000000000", "Bq"),
}
_PLAIN: dict[str, tuple[str, str]] = {
    "min": ("60", "s"),
    "h": ("3600", "s"),
    "d": ("86400", "s"),
    "wk": ("604800", "s"),
    "mo": ("2629800", "s"),
    "a": ("31557600", "s"),
    "%": ("1/100", "1"),
    "[ppth]": ("1/1000", "1"),
    "[ppm]": ("1/1000000", "1"),
    "[pi]": ("3.14159265358979323846", "1"),
    "deg": ("3.14159265358979323846/180", "1"),
    "[in_i]": ("2.54", "cm"),
    "[ft_i]": ("30.48", "cm"),
    "[yd_i]": ("91.44", "cm"),
    "[mi_i]": ("160934.4", "cm"),
    "[lb_av]": ("453.59237", "g"),
    "[oz_av]": ("28.349523125", "g"),
    "[stone_av]": ("6350.29318", "g"),
    "[gr]": ("0.06479891", "g"),
    "[gal_us]": ("3785.411784", "cm3"),
    "[foz_us]": ("29.5735295625", "cm3"),
    "[cup_us]": ("236.5882365", "cm3"),
    "[tbs_us]": ("14.78676478125", "cm3"),
    "[tsp_us]": ("4.92892159375", "cm3"),
    "[drp]": ("1/20", "mL"),
    "[psi]": ("6894.757293168361", "Pa"),
    "atm": ("101325", "Pa"),
    "[degF]": ("1", ""),
    "[pH]": ("1", ""),
    "[arb'U]": ("1", ""),
    "[CFU]": ("1", ""),
    "[Cal]": ("4184", "J"),
}
_ATOM = re.compile(r"(?P<unit>(?:[a-zA-Z%]|\[[^\]\s]+\]|')+)(?P<power>[+-]?\d+)?|(?P<number>\d+)")
_SPLIT = re.compile(r"([./()])")


@lru_cache(maxsize=4096)
def measure(unit: str) -> Measure | None:
    """The unit as (factor, dimensions) over base units; None when it is not understood."""
    if len(unit) > 100:
        return None
    try:
        return _term(re.sub(r"\{[^{}]*\}", lambda found: "" if found.start() else "1", unit) or "1")
    except (ValueError, KeyError, ZeroDivisionError, RecursionError):
        return None


def _term(text: str) -> Measure:
    """Components joined by `.` and `/`, from left to right."""
    parts = [part for part in _SPLIT.split(text) if part]
    found, left = _product(parts, 0)
    if left != len(parts):
        raise ValueError(text)
    return found


def _product(parts: list[str], at: int) -> tuple[Measure, int]:
    factor, powers = Fraction(1), dict[str, int]()
    sign = 1
    while at < len(parts) and parts[at] != ")":
        if parts[at] in "./":
            sign = -1 if parts[at] == "/" else 1
            at += 1
            continue
        if parts[at] == "(":
            (size, dimensions), at = _product(parts, at + 1)
            if at >= len(parts):
                raise ValueError("unbalanced")
        else:
            size, dimensions = _component(parts[at])
        at += 1
        factor *= size**sign
        for name, power in dimensions:
            powers[name] = powers.get(name, 0) + sign * power
    return (factor, tuple(sorted((name, power) for name, power in powers.items() if power))), at


def _component(text: str) -> Measure:
    if text.startswith(("10*", "10^")):
        return Fraction(10) ** _power(text[3:]), ()
    found = _ATOM.fullmatch(text)
    if found is None:
        raise ValueError(text)
    if found["number"]:
        return Fraction(int(found["number"])), ()
    size, dimensions = _atom(found["unit"])
    power = _power(found["power"])
    return size**power, tuple((name, value * power) for name, value in dimensions)


def _power(text: str | None) -> int:
    power = int(text) if text else 1
    if abs(power) > 30:
        raise ValueError(text)
    return power


def _atom(name: str) -> Measure:
    if name in _METRIC or name in _PLAIN:
        number, term = _METRIC.get(name) or _PLAIN[name]
        if not term:
            return Fraction(1), ((name, 1),)
        size, dimensions = _term(term)
        upper, _, lower = number.partition("/")
        return Fraction(upper) / Fraction(lower or 1) * size, dimensions
    for length in (2, 1):
        prefix, rest = name[:length], name[length:]
        if prefix in _PREFIXES and rest in _METRIC:
            size, dimensions = _atom(rest)
            return size * Fraction(10) ** _PREFIXES[prefix], dimensions
    raise KeyError(name)
