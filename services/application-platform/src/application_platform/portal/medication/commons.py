"""Common medicines in Swedish care, offered while one writes: substance, form, strength, and ATC code (WHO, atcddd.fhi.no).

What is not here is prescribed as well; it only has no code, and then its checks say so.
"""

from collections.abc import Mapping
from typing import NamedTuple

ATC = "http://www.whocc.no/atc"


class Common(NamedTuple):
    """A substance in one form, and the strengths it is often given in."""

    substance: str
    form: str
    strengths: tuple[str, ...]
    atc: str


COMMONS = (
    Common("Acetylsalicylsyra", "tablett", ("75 mg",), "B01AC06"),
    Common("Alendronsyra", "tablett", ("70 mg",), "M05BA04"),
    Common("Alimemazin", "orala droppar", ("40 mg/ml",), "R06AD01"),
    Common("Amlodipin", "tablett", ("5 mg", "10 mg"), "C08CA01"),
    Common("Amoxicillin", "tablett", ("500 mg", "750 mg"), "J01CA04"),
    Common("Apixaban", "tablett", ("2,5 mg", "5 mg"), "B01AF02"),
    Common("Atorvastatin", "tablett", ("20 mg", "40 mg", "80 mg"), "C10AA05"),
    Common("Bisoprolol", "tablett", ("2,5 mg", "5 mg", "10 mg"), "C07AB07"),
    Common("Budesonid", "inhalationspulver", ("200 mikrogram", "400 mikrogram"), "R03BA02"),
    Common("Cetirizin", "tablett", ("10 mg",), "R06AE07"),
    Common("Cyanokobalamin", "tablett", ("1 mg",), "B03BA01"),
    Common("Dapagliflozin", "tablett", ("10 mg",), "A10BK01"),
    Common("Desloratadin", "tablett", ("5 mg",), "R06AX27"),
    Common("Empagliflozin", "tablett", ("10 mg", "25 mg"), "A10BK03"),
    Common("Enalapril", "tablett", ("5 mg", "10 mg", "20 mg"), "C09AA02"),
    Common("Esomeprazol", "enterotablett", ("20 mg", "40 mg"), "A02BC05"),
    Common("Fenoximetylpenicillin", "tablett", ("1 g", "800 mg"), "J01CE02"),
    Common("Flukloxacillin", "tablett", ("500 mg", "1 g"), "J01CF05"),
    Common("Folsyra", "tablett", ("5 mg",), "B03BB01"),
    Common("Furosemid", "tablett", ("20 mg", "40 mg"), "C03CA01"),
    Common("Hydrokortison", "kräm", ("1 %",), "D07AA02"),
    Common("Ibuprofen", "tablett", ("200 mg", "400 mg"), "M01AE01"),
    Common("Insulin glargin", "injektionsvätska", ("100 enheter/ml",), "A10AE04"),
    Common("Järnsulfat", "depottablett", ("100 mg",), "B03AA07"),
    Common("Kandesartan", "tablett", ("4 mg", "8 mg", "16 mg"), "C09CA06"),
    Common("Kolekalciferol", "tablett", ("800 enheter", "2 000 enheter"), "A11CC05"),
    Common("Laktulos", "oral lösning", ("670 mg/ml",), "A06AD11"),
    Common("Levotyroxin", "tablett", ("25 mikrogram", "50 mikrogram", "75 mikrogram", "100 mikrogram"), "H03AA01"),
    Common("Losartan", "tablett", ("50 mg", "100 mg"), "C09CA01"),
    Common("Melatonin", "tablett", ("2 mg", "3 mg"), "N05CH01"),
    Common("Metformin", "tablett", ("500 mg", "850 mg"), "A10BA02"),
    Common("Metoprolol", "depottablett", ("25 mg", "50 mg", "100 mg"), "C07AB02"),
    Common("Mirtazapin", "tablett", ("15 mg", "30 mg"), "N06AX11"),
    Common("Morfin", "tablett", ("10 mg",), "N02AA01"),
    Common("Naproxen", "tablett", ("250 mg", "500 mg"), "M01AE02"),
    Common("Omeprazol", "enterokapsel", ("20 mg",), "A02BC01"),
    Common("Oxazepam", "tablett", ("5 mg", "10 mg"), "N05BA04"),
    Common("Paracetamol", "tablett", ("500 mg", "1 g"), "N02BE01"),
    Common("Prednisolon", "tablett", ("2,5 mg", "5 mg"), "H02AB06"),
    Common("Propiomazin", "tablett", ("25 mg",), "N05CM06"),
    Common("Salbutamol", "inhalationspulver", ("200 mikrogram",), "R03AC02"),
    Common("Sertralin", "tablett", ("50 mg", "100 mg"), "N06AB06"),
    Common("Simvastatin", "tablett", ("20 mg", "40 mg"), "C10AA01"),
    Common("Spironolakton", "tablett", ("25 mg", "50 mg"), "C03DA01"),
    Common("Warfarin", "tablett", ("2,5 mg",), "B01AA03"),
    Common("Zopiklon", "tablett", ("5 mg", "7,5 mg"), "N05CF01"),
)
OFFERED = tuple(f"{one.substance} {one.form} {strength}" for one in COMMONS for strength in one.strengths)


def concept(written: str) -> Mapping[str, object]:
    """The medicine as it was written, with the ATC code of its substance where that is known."""
    words = " ".join(written.split())
    known = known_as(words)
    coded = {"coding": [{"system": ATC, "code": known.atc, "display": known.substance}]} if known else {}
    return {**coded, "text": words}


def known_as(written: str) -> Common | None:
    """The substance that what is written begins with; the longest name where one begins another."""
    folded = f"{written.casefold()} "
    found = [
        one for one in COMMONS if folded.startswith((f"{one.substance.casefold()} ", f"{one.substance.casefold()},"))
    ]
    return max(found, key=lambda one: len(one.substance), default=None)
