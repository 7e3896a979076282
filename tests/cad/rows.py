"""Hand-made rows of LAPD's file."""

import csv
import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

HEADER = [
    "DR_NO", "Date Rptd", "DATE OCC", "TIME OCC", "AREA", "AREA NAME", "Rpt Dist No", "Part 1-2", "Crm Cd",
    "Crm Cd Desc", "Mocodes", "Vict Age", "Vict Sex", "Vict Descent", "Premis Cd", "Premis Desc", "Weapon Used Cd",
    "Weapon Desc", "Status", "Status Desc", "Crm Cd 1", "Crm Cd 2", "Crm Cd 3", "Crm Cd 4", "LOCATION", "Cross Street",
    "LAT", "LON",
]  # fmt: skip

ROBBERY = {
    "DR_NO": "230100001",
    "Date Rptd": "01/05/2023 12:00:00 AM",
    "DATE OCC": "01/03/2023 12:00:00 AM",
    "TIME OCC": "0930",
    "AREA": "01",
    "AREA NAME": "Central",
    "Rpt Dist No": "0111",
    "Part 1-2": "1",
    "Crm Cd": "210",
    "Crm Cd Desc": "ROBBERY",
    "Mocodes": "1822 0344 2000 0408",
    "Vict Age": "34",
    "Vict Sex": "F",
    "Vict Descent": "H",
    "Premis Cd": "101",
    "Premis Desc": "STREET",
    "Weapon Used Cd": "102",
    "Weapon Desc": "HAND GUN",
    "Status": "AA",
    "Status Desc": "Adult Arrest",
    "Crm Cd 1": "210",
    "Crm Cd 2": "998",
    "Crm Cd 3": "",
    "Crm Cd 4": "",
    "LOCATION": "700 S  BROADWAY",
    "Cross Street": "7TH",
    "LAT": "34.0443",
    "LON": "-118.2522",
}

THEFT = ROBBERY | {
    "DR_NO": "230100002",
    "Date Rptd": "01/04/2023 12:00:00 AM",
    "DATE OCC": "01/04/2023 12:00:00 AM",
    "TIME OCC": "2350",
    "Part 1-2": "2",
    "Crm Cd": "440",
    "Crm Cd Desc": "THEFT PLAIN",
    "Mocodes": "",
    "Vict Age": "0",
    "Vict Sex": "",
    "Vict Descent": "",
    "Premis Cd": "",
    "Premis Desc": "",
    "Weapon Used Cd": "",
    "Weapon Desc": "",
    "Status": "IC",
    "Status Desc": "Invest Cont",
    "Crm Cd 1": "440",
    "Crm Cd 2": "",
    "LOCATION": "GRAND",
    "Cross Street": "",
    "LAT": "0",
    "LON": "0",
}

CHILD = ROBBERY | {
    "DR_NO": "230100003",
    "Crm Cd": "812",
    "Mocodes": "1258 0527",
    "Vict Age": "9",
    "Weapon Used Cd": "400",
    "Status": "JO",
}


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """An LAPD file with these rows; gzipped when the name says so."""
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as text:
        writer = csv.DictWriter(text, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path
