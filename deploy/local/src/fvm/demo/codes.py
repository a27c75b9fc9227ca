"""The few codes that the demo's histories use, each with its Swedish display; no code system is copied (TRM-20, \
-21)."""

from dataclasses import dataclass
from typing import Any

ICD = "urn:oid:1.2.752.116.1.1.1.1.3"  # ICD-10-SE, as RIV-TA and our HL7 v2 translation name it
KVA = "urn:oid:1.2.752.116.1.3.2.1.4"
ATC = "http://www.whocc.no/atc"
NPU = "urn:oid:1.2.752.108.1"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem/"

DIAGNOSES = {
    "A09.9": "Gastroenterit och kolit, ospecificerad",
    "C18.9": "Malign tumör i kolon, ospecificerad lokalisation",
    "C50.9": "Malign tumör i bröstkörtel, ospecificerad lokalisation",
    "C61.9": "Malign tumör i prostata",
    "D50.9": "Järnbristanemi, ospecificerad",
    "E03.9": "Hypotyreos, ospecificerad",
    "E10.9": "Diabetes mellitus typ 1 utan komplikationer",
    "E11.9": "Diabetes mellitus typ 2 utan komplikationer",
    "E78.5": "Hyperlipidemi, ospecificerad",
    "F32.1": "Medelsvår depressiv episod",
    "F41.1": "Generaliserat ångestsyndrom",
    "F43.8A": "Utmattningssyndrom",
    "G30.9": "Alzheimers sjukdom, ospecificerad",
    "G43.9": "Migrän, ospecificerad",
    "H66.9": "Mellanöreinflammation, ospecificerad",
    "I10.9": "Essentiell hypertoni",
    "I25.2": "Gammal hjärtinfarkt",
    "I48.9": "Förmaksflimmer, ospecificerat",
    "I50.9": "Hjärtsvikt, ospecificerad",
    "I63.9": "Cerebral infarkt, ospecificerad",
    "J06.9": "Akut övre luftvägsinfektion, ospecificerad",
    "J18.9": "Pneumoni, ospecificerad",
    "J30.1": "Allergisk rinit orsakad av pollen",
    "J44.1": "Kroniskt obstruktiv lungsjukdom med akut exacerbation, ospecificerad",
    "J44.9": "Kroniskt obstruktiv lungsjukdom, ospecificerad",
    "J45.0": "Huvudsakligen allergisk astma",
    "K35.8": "Akut appendicit, ospecificerad",
    "L20.9": "Atopiskt eksem, ospecificerat",
    "M17.9": "Knäartros, ospecificerad",
    "M54.5": "Lumbago",
    "M81.9": "Osteoporos, ospecificerad",
    "N10.9": "Akut pyelonefrit",
    "N30.0": "Akut cystit",
    "O26.9": "Graviditetsrelaterat tillstånd, ospecificerat",
    "O30.0": "Tvillinggraviditet",
    "R07.4": "Bröstsmärtor, ospecificerade",
    "R40.0": "Somnolens",
    "R55.9": "Svimning och kollaps",
    "S52.5": "Fraktur på nedre delen av radius",
    "S72.0": "Fraktur på lårbenshals",
    "Z34.9": "Övervakning av normal graviditet, ospecificerad",
    "Z38.0": "Enkelbarn, fött på sjukhus",
    "Z38.3": "Tvilling, född på sjukhus",
    "Z39.2": "Rutinmässig eftervård efter förlossning",
    "Z51.5": "Palliativ vård",
}

# Procedures with a code that is certain; the others are told in words (`procedure` takes any text).
PROCEDURES = {
    "CJE20": "Fakoemulsifikation med implantation av bakre kammarlins",
    "DU011": "Psykologisk behandling, kognitiv-beteendeterapeutisk",
    "DV112": "Rådgivande samtal om tobaksbruk",
    "DV132": "Rådgivande samtal om fysisk aktivitet",
    "DV142": "Rådgivande samtal om matvanor",
    "DV200": "Utfärdande av recept på fysisk aktivitet",
    "JEA01": "Laparoskopisk appendektomi",
    "JFB30": "Högersidig hemikolektomi",
    "NFB19": "Primär delprotes i höftled med cement",
    "NGB49": "Primär total knäprotes med cement",
    "UJF32": "Koloskopi",
}

# A word of the histories → ATC code and what it is.
DRUGS = {
    "alendronsyra": ("M05BA04", "Alendronsyra veckotablett"),
    "amlodipin": ("C08CA01", "Amlodipin tablett"),
    "anastrozol": ("L02BG03", "Anastrozol filmdragerad tablett"),
    "apixaban": ("B01AF02", "Apixaban filmdragerad tablett"),
    "atorvastatin": ("C10AA05", "Atorvastatin filmdragerad tablett"),
    "bisoprolol": ("C07AB07", "Bisoprolol tablett"),
    "budesonid": ("R03BA02", "Budesonid inhalationspulver"),
    "budesonid-formoterol": ("R03AK07", "Budesonid/formoterol inhalationspulver"),
    "desloratadin": ("R06AX27", "Desloratadin tablett"),
    "d-vitamin": ("A11CC05", "Kolekalciferol, D-vitamindroppar"),
    "donepezil": ("N06DA02", "Donepezil filmdragerad tablett"),
    "empagliflozin": ("A10BK03", "Empagliflozin filmdragerad tablett"),
    "enalapril": ("C09AA02", "Enalapril tablett"),
    "fenoximetylpenicillin": ("J01CE02", "Fenoximetylpenicillin filmdragerad tablett"),
    "flukloxacillin": ("J01CF05", "Flukloxacillin kapsel"),
    "furosemid": ("C03CA01", "Furosemid tablett"),
    "goserelin": ("L02AE03", "Goserelin implantat"),
    "insulin aspart": ("A10AB05", "Insulin aspart injektionsvätska"),
    "insulin glargin": ("A10AE04", "Insulin glargin injektionsvätska"),
    "järn": ("B03AA07", "Järnsulfat depottablett"),
    "kalcium och d-vitamin": ("A12AX", "Kalcium/kolekalciferol tuggtablett"),
    "kandesartan": ("C09CA06", "Kandesartan tablett"),
    "klopidogrel": ("B01AC04", "Klopidogrel filmdragerad tablett"),
    "levotyroxin": ("H03AA01", "Levotyroxin tablett"),
    "makrogol": ("A06AD65", "Makrogol pulver till oral lösning"),
    "metformin": ("A10BA02", "Metformin filmdragerad tablett"),
    "metoprolol": ("C07AB02", "Metoprolol depottablett"),
    "mirtazapin": ("N06AX11", "Mirtazapin munsönderfallande tablett"),
    "morfin": ("N02AA01", "Morfin depottablett"),
    "omeprazol": ("A02BC01", "Omeprazol enterokapsel"),
    "oxikodon": ("N02AA05", "Oxikodon depottablett"),
    "paracetamol": ("N02BE01", "Paracetamol tablett"),
    "pivmecillinam": ("J01CA08", "Pivmecillinam filmdragerad tablett"),
    "prednisolon": ("H02AB06", "Prednisolon tablett"),
    "salbutamol": ("R03AC02", "Salbutamol inhalationspulver"),
    "sertralin": ("N06AB06", "Sertralin filmdragerad tablett"),
    "spironolakton": ("C03DA01", "Spironolakton filmdragerad tablett"),
    "sumatriptan": ("N02CC01", "Sumatriptan tablett"),
    "tiotropium": ("R03BB04", "Tiotropium inhalationspulver"),
}

_ATC_NAMES = {
    "budesonid-formoterol": "Formoterol och budesonid",
    "d-vitamin": "Kolekalciferol",
    "järn": "Järn(II)sulfat",
    "kalcium och d-vitamin": "Kalcium i kombination med vitamin D",
    "makrogol": "Makrogol, kombinationer",
}

VACCINES = {
    "influensa": ("J07BB02", "Vaccin mot influensa"),
    "covid": ("J07BN01", "Vaccin mot covid-19"),
    "sexvalent": ("J07CA09", "Vaccin mot difteri, stelkramp, kikhosta, polio, Hib och hepatit B"),
    "pneumokock": ("J07AL02", "Vaccin mot pneumokocker, konjugerat"),
    "rotavirus": ("J07BH01", "Vaccin mot rotavirus"),
    "mpr": ("J07BD52", "Vaccin mot mässling, påssjuka och röda hund"),
    "tbe": ("J07BA01", "Vaccin mot fästingburen encefalit (TBE)"),
}


@dataclass(frozen=True, slots=True)
class Analysis:
    """A quantity with its code, UCUM unit, reference limits and how many decimals it is told with."""

    name: str
    system: str
    code: str
    unit: str
    low: float | None = None
    high: float | None = None
    decimals: int = 0


LABS = {
    "hb": Analysis("B-Hemoglobin", NPU, "NPU28309", "g/L", 117, 153),
    "lpk": Analysis("B-Leukocyter", NPU, "NPU02593", "10*9/L", 3.5, 8.8, 1),
    "tpk": Analysis("B-Trombocyter", NPU, "NPU03568", "10*9/L", 165, 387),
    "crp": Analysis("P-CRP", NPU, "NPU19748", "mg/L", None, 5),
    "na": Analysis("P-Natrium", NPU, "NPU03429", "mmol/L", 137, 145),
    "k": Analysis("P-Kalium", NPU, "NPU03230", "mmol/L", 3.5, 4.4, 1),
    "krea": Analysis("P-Kreatinin", NPU, "NPU18016", "umol/L", 45, 100),
    "egfr": Analysis("Pt-eGFR (kreatinin), relativ", LOINC, "62238-1", "mL/min/{1.73_m2}", 60, None),
    "hba1c": Analysis("B-HbA1c (IFCC)", NPU, "NPU27300", "mmol/mol", 31, 46),
    "glukos": Analysis("P-Glukos", NPU, "NPU02192", "mmol/L", 4.0, 6.0, 1),
    "ldl": Analysis("P-LDL-kolesterol", NPU, "NPU01568", "mmol/L", 1.4, 4.7, 1),
    "hdl": Analysis("P-HDL-kolesterol", NPU, "NPU01567", "mmol/L", 0.8, 2.1, 1),
    "kol": Analysis("P-Kolesterol", NPU, "NPU01566", "mmol/L", 3.3, 6.9, 1),
    "ualb": Analysis("U-Albumin/kreatinin", NPU, "NPU28842", "g/mol", None, 3.0, 1),
    "alat": Analysis("P-ALAT", NPU, "NPU19651", "ukat/L", 0.15, 0.75, 2),
    "tsh": Analysis("P-TSH", NPU, "NPU03577", "m[IU]/L", 0.4, 4.0, 1),
    "t4": Analysis("P-T4, fritt", NPU, "NPU03579", "pmol/L", 12, 22),
    "ferritin": Analysis("P-Ferritin", NPU, "NPU19763", "ug/L", 15, 150),
    "probnp": Analysis("P-NT-proBNP", NPU, "NPU21571", "ng/L", None, 300),
    "tnt": Analysis("P-Troponin T", NPU, "NPU27501", "ng/L", None, 15),
    "psa": Analysis("P-PSA", NPU, "NPU08669", "ug/L", None, 4.0, 1),
}

VITALS = {
    "pulse": Analysis("Puls", LOINC, "8867-4", "/min", 50, 100),
    "resp": Analysis("Andningsfrekvens", LOINC, "9279-1", "/min", 12, 20),
    "sat": Analysis("Syremättnad (SpO2)", LOINC, "59408-5", "%", 95, None),
    "temp": Analysis("Kroppstemperatur", LOINC, "8310-5", "Cel", 36.0, 37.8, 1),
    "weight": Analysis("Kroppsvikt", LOINC, "29463-7", "kg", None, None, 1),
    "height": Analysis("Kroppslängd", LOINC, "8302-2", "cm"),
    "bmi": Analysis("BMI", LOINC, "39156-5", "kg/m2", 18.5, 25.0, 1),
    "head": Analysis("Huvudomfång", LOINC, "9843-4", "cm", None, None, 1),
    "fev1": Analysis("FEV1", LOINC, "20150-9", "L", None, None, 2),
    "fvc": Analysis("FVC", LOINC, "19868-9", "L", None, None, 2),
    "pef": Analysis("PEF", LOINC, "33452-4", "L/min"),
    "phq9": Analysis("PHQ-9, summa", LOINC, "44261-6", "{score}", None, 4),
    "sf": Analysis("Symfys–fundusmått", LOINC, "11881-0", "cm"),
    "fetal": Analysis("Fosterhjärtfrekvens", LOINC, "55283-6", "/min", 110, 160),
    "apgar1": Analysis("Apgar 1 minut", LOINC, "9272-6", "{score}", 7, None),
    "apgar5": Analysis("Apgar 5 minuter", LOINC, "9274-2", "{score}", 7, None),
    "apgar10": Analysis("Apgar 10 minuter", LOINC, "9271-8", "{score}", 7, None),
}


def concept(system: str, code: str, display: str, text: str = "") -> dict[str, Any]:
    """A CodeableConcept of one coding, read as `text` or its display."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": text or display}


def diagnosis(code: str, text: str = "") -> dict[str, Any]:
    """A diagnosis of the table. Raises KeyError for another one."""
    return concept(ICD, code, DIAGNOSES[code], text)


def drug(word: str, strength: str) -> dict[str, Any]:
    """A medicine of the table with its strength in words: Metformin filmdragerad tablett 500 mg."""
    code, name = DRUGS[word]
    return concept(ATC, code, _ATC_NAMES.get(word, word.capitalize()), f"{name} {strength}".strip())
